"""Time-stamps of audit checkpoints: what a service proves, and everything that is not taken for a proof."""

import datetime as dt
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import rfc3161_client
from asn1crypto import cms, core, tsp
from hypothesis import given
from hypothesis import strategies as st

from audit import der, stamps
from audit.stamps import StampFailed
from tests.authority import (
    Answer,
    TimeStampAuthority,
    clock_fixture,  # noqa: F401  a fixture
    clock_url_fixture,  # noqa: F401  a fixture
    make_authority,
    serving,
)
from tests.services import need_program

CHECKPOINT = b"corelab checkpoint\n417\nroot hash\n"


@pytest.fixture(scope="module")
def token(clock: TimeStampAuthority) -> bytes:
    with serving(clock.reply) as url:
        return stamps.fetch(url, CHECKPOINT, timeout=10)


@pytest.mark.req("R-SEAL-11")
def test_a_service_stamps_a_checkpoint_and_the_stamp_proves_its_time(clock: TimeStampAuthority, clock_url: str) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    token = stamps.fetch(clock_url, CHECKPOINT, timeout=10)
    proved = stamps.check(token, CHECKPOINT, roots=[clock.root])
    assert proved.tzinfo is dt.UTC
    assert before <= proved <= dt.datetime.now(dt.UTC)


@pytest.mark.req("R-SEAL-11")
def test_openssl_accepts_the_stored_token_for_the_same_checkpoint(
    clock: TimeStampAuthority,
    token: bytes,
    tmp_path: Path,
) -> None:
    for name, data in {"token": token, "data": CHECKPOINT, "other": b"another", "root": clock.root}.items():
        (tmp_path / name).write_bytes(data)
    verify = [need_program("openssl", "openssl"), "ts", "-verify", "-token_in", "-in", "token", "-CAfile", "root"]
    right = subprocess.run([*verify, "-data", "data"], cwd=tmp_path, capture_output=True, text=True, check=False)
    wrong = subprocess.run([*verify, "-data", "other"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verification: OK" in right.stdout + right.stderr
    assert wrong.returncode != 0


@pytest.mark.req("R-SEAL-11")
def test_a_stamp_holds_in_whichever_order_the_service_lists_its_certificates(
    clock: TimeStampAuthority,
    token: bytes,
) -> None:
    turned = _turn_certificates(token)
    refused = [each for each in (token, turned) if not _is_read_by_the_library(each)]
    assert len(refused) == 1
    for each in (token, turned):
        assert stamps.check(each, CHECKPOINT, roots=[clock.root])


@pytest.mark.req("R-SEAL-12")
def test_a_stamp_proves_no_other_checkpoint_root_or_nonce(
    clock: TimeStampAuthority,
    token: bytes,
    tmp_path: Path,
) -> None:
    foreign = make_authority(tmp_path / "foreign")
    with pytest.raises(StampFailed, match="Mismatch between messages"):
        stamps.check(token, CHECKPOINT + b" ", roots=[clock.root])
    with pytest.raises(StampFailed, match="does not prove this record"):
        stamps.check(token, CHECKPOINT, roots=[foreign.root])
    with pytest.raises(StampFailed, match="Nonce mismatch"):
        stamps.check(token, CHECKPOINT, roots=[clock.root], nonce=1)
    with pytest.raises(StampFailed, match="No root certificate"):
        stamps.check(token, CHECKPOINT, roots=[])
    with pytest.raises(StampFailed, match="PEM"):
        stamps.check(token, CHECKPOINT, roots=[b"-----BEGIN"])


@pytest.mark.req("R-SEAL-12")
def test_no_flipped_bit_of_a_token_makes_it_prove_another_time(clock: TimeStampAuthority, token: bytes) -> None:
    proved = stamps.check(token, CHECKPOINT, roots=[clock.root])
    for place in range(0, len(token), 7):
        flipped = bytearray(token)
        flipped[place] ^= 1 << place % 8
        try:
            assert stamps.check(bytes(flipped), CHECKPOINT, roots=[clock.root]) == proved
        except StampFailed:
            continue


@pytest.mark.req("R-SEAL-12")
@given(rubbish=st.binary(max_size=400), cut=st.integers(min_value=0, max_value=1500))
def test_rubbish_and_torn_tokens_are_refused_in_words(
    clock: TimeStampAuthority,
    token: bytes,
    rubbish: bytes,
    cut: int,
) -> None:
    for damaged in (rubbish, token[:cut][:-1] + rubbish[:1]):
        if damaged != token:
            with pytest.raises(StampFailed):
                stamps.check(damaged, CHECKPOINT, roots=[clock.root])


@pytest.mark.req("R-SEAL-13")
def test_a_service_that_refuses_by_protocol_gives_no_stamp(tmp_path: Path) -> None:
    picky = make_authority(tmp_path / "picky", digests="sha512")
    with serving(picky.reply) as url, pytest.raises(StampFailed, match="refused to stamp"):
        stamps.fetch(url, CHECKPOINT, timeout=10)


@pytest.mark.req("R-SEAL-13")
def test_an_answer_to_an_earlier_question_is_refused(clock: TimeStampAuthority) -> None:
    earlier = clock.reply(stamps.request(CHECKPOINT).der)
    with serving(lambda _: earlier) as url, pytest.raises(StampFailed, match="another question"):
        stamps.fetch(url, CHECKPOINT, timeout=10)


@pytest.mark.req("R-SEAL-13")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, {}, b""), "HTTP 404"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "HTTP 302"),
        ((200, {}, b"<html>Log in to the hotel network</html>"), "no time-stamp"),
        ((200, {}, b"0" * (stamps.LARGEST_REPLY + 1)), "far more"),
        ((200, {"Content-Length": "5000"}, b"0"), "no time-stamp|did not answer"),
    ],
)
def test_what_is_no_answer_is_told_in_words(answer: Answer, words: str) -> None:
    with serving(lambda _: answer) as url, pytest.raises(StampFailed, match=words):
        stamps.fetch(url, CHECKPOINT, timeout=2)


@pytest.mark.req("R-SEAL-13")
def test_a_service_that_is_silent_or_away_costs_no_more_than_the_timeout() -> None:
    def sleepy(_: bytes) -> Answer:
        time.sleep(0.6)
        return 200, {}, b""

    began = time.monotonic()
    with pytest.raises(StampFailed, match="cannot be reached"), serving(sleepy) as url:
        stamps.fetch(url, CHECKPOINT, timeout=0.2)
    with pytest.raises(StampFailed, match="cannot be reached"):
        stamps.fetch("http://127.0.0.1:9/", CHECKPOINT, timeout=0.2)
    assert time.monotonic() - began < 2


@pytest.mark.req("R-SEAL-13")
def test_a_service_that_drips_its_answer_is_given_up_at_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = Thread(target=_drip, args=(listening,))
        dripping.start()
        began = time.monotonic()
        with pytest.raises(StampFailed, match="did not answer in time"):
            stamps.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", CHECKPOINT, timeout=0.4)
        assert time.monotonic() - began < 1.5
        dripping.join()


@pytest.mark.req("R-SEAL-13")
@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/", "clock", ""])
def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(StampFailed, match="must begin with http"):
        stamps.fetch(url, CHECKPOINT, timeout=1)


def test_every_request_has_a_nonce_of_its_own() -> None:
    first, second = stamps.request(CHECKPOINT), stamps.request(CHECKPOINT)
    assert first.nonce != second.nonce
    assert tsp.TimeStampReq.load(first.der)["nonce"].native == first.nonce


@given(parts=st.lists(st.binary(max_size=20)), size=st.sampled_from([0, 127, 128, 129, 255, 256, 0x180, 0xFF80]))
def test_elements_are_put_together_as_asn1crypto_reads_them_and_come_apart_again(parts: list[bytes], size: int) -> None:
    elements = [der.join(der.OCTETS, (part,)) for part in (*parts, bytes(size))]
    whole = der.join(der.SEQUENCE, elements)
    assert der.split(whole) == elements
    assert [each.native for each in core.SequenceOf.load(whole, spec=core.OctetString)] == [*parts, bytes(size)]


@given(rubbish=st.binary(max_size=40))
def test_what_does_not_fit_together_is_a_value_error(rubbish: bytes) -> None:
    try:
        parts = der.split(rubbish)
    except ValueError:
        return
    assert rubbish.endswith(b"".join(parts))


def _drip(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection, suppress(OSError):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"0")
            time.sleep(0.02)


def _turn_certificates(token: bytes) -> bytes:
    listed = cms.ContentInfo.load(token)["content"]["certificates"]
    first, second = (each.dump() for each in listed)
    return token.replace(first + second, second + first)


def _is_read_by_the_library(token: bytes) -> bool:
    body = bytes.fromhex("3003020100") + token
    try:
        rfc3161_client.decode_timestamp_response(b"\x30\x82" + len(body).to_bytes(2) + body)
    except ValueError:
        return False
    return True
