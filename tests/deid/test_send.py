"""The gateway against a small real server: what stops it, what it sends, and what it tells."""

import datetime as dt
import email.utils
import hashlib
import ipaddress
import itertools
import json
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import UID

from deid.__main__ import main
from deid.gateway import line as wires
from deid.gateway import sending
from deid.gateway.address import parse_address
from deid.gateway.cleaning import changed, name_of, pieces_of
from deid.gateway.expectation import Requirement, shortfalls
from deid.gateway.ledger import Known, Ledger, Sent
from deid.gateway.line import Line
from deid.gateway.survey import Found
from deid.identity import IdentityTokens, identify, read_tokens
from deid.person import Person
from tests.deid import builders, planting
from tests.deid.door import DELIVERY, Door, Fault, expectation, opened_door

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "cls_" + "T0ken-of-the-site_" * 2 + "abcdefghijkl"
NAMES = ("ZWEISTEIN", "QX99871345", "19470211", "Hospital Inventado")
SUBJECT = "7KXM-2PQR"


def scan(number: int = 0, **told: str) -> Dataset:
    dataset = builders.ct(number)
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "ZWEISTEIN^ALBA", "QX99871345", "19470211"
    dataset.InstitutionName = "Hospital Inventado"
    for name, value in told.items():
        setattr(dataset, name, value)
    return dataset


def write(path: Path, dataset: Dataset) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(planting.encode(dataset))


@pytest.fixture
def door() -> Iterator[Door]:
    with opened_door() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three images, a token, and a line that is impatient but counts its pauses."""
    for number in range(3):
        write(tmp_path / "in" / f"{number}.dcm", scan(number))
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "token").chmod(0o600)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    plain = Line.__init__

    def made(self: Line, **told: Any) -> None:
        plain(self, **told, sleep=waited.append)

    monkeypatch.setattr(Line, "__init__", made)
    return waited


def send(folder: Path, door: Door, *more: str, subject: str = SUBJECT) -> int:
    receipt = ["--receipt", str(folder / "receipt.json")]
    named = ["--subject", subject, "--timepoint", "BL", "--token", str(folder / "token")]
    return main(["send", str(folder / "in"), "--to", door.address, *named, *receipt, "--wait", "5", *more])


def receipt_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "receipt.json").read_text())
    return told


def posts(door: Door) -> list[str]:
    return [each for each in door.requests if each.startswith("POST")]


@pytest.mark.req("R-GATEWAY-01")
def test_a_folder_is_cleaned_under_a_key_of_the_site_and_sent(folder: Path, door: Door) -> None:
    assert send(folder, door) == 0
    objects = [builders.read(data) for data in door.objects]
    assert len(objects) == 3
    assert len({str(each.PatientID) for each in objects}) == 1
    sent = b"".join(door.objects)
    assert not [name for name in NAMES if name.encode() in sent]
    assert not [uid for number in range(3) if (uid := scan(number).SOPInstanceUID).encode() in sent]
    assert {each.PatientIdentityRemoved for each in objects} == {"YES"}
    key = folder / "home" / "corelab" / "site-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert posts(door) == [f"POST /dicomweb/studies?subject={SUBJECT}&timepoint=BL&complete=1"]


@pytest.mark.req("R-GATEWAY-01")
def test_dates_are_moved_by_corelab_alone_so_that_visits_can_be_counted(folder: Path, door: Door) -> None:
    assert send(folder, door) == 0
    (one, *_rest) = [builders.read(data) for data in door.objects]
    assert (one.StudyDate, one.LongitudinalTemporalInformationModified) == (scan().StudyDate, "UNMODIFIED")
    door.expected = expectation(profile={"options": []})
    door.objects.clear()
    assert send(folder, door, "--state", str(folder / "other")) == 0
    assert builders.read(door.objects[0]).StudyDate == ""


@pytest.mark.req("R-GATEWAY-04")
def test_a_second_scan_goes_under_the_same_name_and_another_trial_sees_another(folder: Path, door: Door) -> None:
    assert send(folder, door) == 0
    write(folder / "in" / "0.dcm", scan(7, PatientID="qx-998 71345", PatientName="Zweistein^Alba"))
    door.expected = expectation(knows_person=True)
    assert send(folder, door) == 0
    assert len({str(builders.read(data).PatientID) for data in door.objects}) == 1
    door.expected = expectation(trial="TAIGA")
    assert send(folder, door, "--state", str(folder / "other")) == 0
    assert len({str(builders.read(data).PatientID) for data in door.objects}) == 2


@pytest.mark.req("R-GATEWAY-04")
@given(st.binary(min_size=32, max_size=32), st.text())
def test_a_name_outside_is_the_same_each_time_and_no_word_and_no_number(key: bytes, token: str) -> None:
    name = name_of(token, key=key)
    assert name == name_of(token, key=key)
    assert len(name) == 20
    assert all(sign.isalpha() != other.isalpha() for sign, other in itertools.pairwise(name))
    assert not Person(words=frozenset({"ct", "mr"}), numbers=frozenset({"123"})).is_told_by(name)


@pytest.mark.req("R-GATEWAY-04")
def test_two_persons_in_a_folder_stop_everything_and_the_strays_are_named(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "in" / "deep" / "stray.dcm", scan(9, PatientID="other", PatientName="Nobody^Else"))
    assert send(folder, door, "--anyway") == 2
    said = capsys.readouterr().err
    assert "2 persons" in said
    assert "deep/stray.dcm" in said
    assert not door.objects


@pytest.mark.req("R-GATEWAY-04")
def test_another_person_than_the_subject_s_earlier_scans_is_stopped_at_the_site(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(folder, door) == 0
    door.expected, before = expectation(knows_person=True), len(door.objects)
    assert send(folder, door, "--anyway", subject="9999-XXXX") == 2
    assert f"as subject {SUBJECT}" in capsys.readouterr().err
    for number in range(3):
        write(folder / "in" / f"{number}.dcm", scan(number, PatientID="other", PatientName="Nobody^Else"))
    assert send(folder, door, "--anyway", "--same-person") == 2
    assert "another person" in capsys.readouterr().err
    assert len(door.objects) == before
    # Where Corelab filed nothing of the first, it was a mistake that somebody discarded.
    door.expected = expectation()
    assert send(folder, door) == 0


@pytest.mark.req("R-GATEWAY-04")
def test_a_subject_whom_corelab_cannot_recognise_yet_is_sent_only_on_somebody_s_word(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    door.expected = expectation(knows_person=True)
    assert send(folder, door) == 2
    assert "Send one scan of this subject the other way first" in capsys.readouterr().err
    assert send(folder, door, "--anyway") == 2
    assert send(folder, door, "--same-person") == 0


@pytest.mark.req("R-GATEWAY-04", "R-GATEWAY-11")
def test_corelab_is_told_whose_scans_they_are_by_the_key_it_gave_and_the_key_is_kept_nowhere(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    key = bytes(range(32))
    door.expected = expectation(knows_person=True, recognises=True, common_key=key.hex())
    assert send(folder, door) == 0
    (told,) = door.persons
    assert read_tokens(told) == identify(planting.encode(scan()), key=key)
    assert f"GET /dicomweb/expected?subject={SUBJECT}&timepoint=BL&equip=1" in door.requests
    said = capsys.readouterr()
    kept = [path.read_text() for path in folder.rglob("*") if path.is_file() and path.suffix != ".dcm"]
    assert len(kept) == 4
    secrets = (key.hex(), *told.split("."))
    assert not [text for text in (said.out, said.err, *kept, *door.requests) for word in secrets if word in text]


@pytest.mark.req("R-GATEWAY-11")
def test_a_number_or_name_that_is_spelt_in_several_ways_is_not_told(folder: Path, door: Door) -> None:
    write(folder / "in" / "0.dcm", scan(7, PatientID="another number"))
    door.expected = expectation(common_key="00" * 32)
    assert send(folder, door) == 0
    (told,) = door.persons
    assert (read_tokens(told).patient_id, len(read_tokens(told).person)) == ("", 64)


@pytest.mark.req("R-GATEWAY-11")
@pytest.mark.parametrize("key", ["00" * 16, "none", 7])
def test_a_key_that_is_none_ends_the_run_before_anything_is_sent(folder: Path, door: Door, key: object) -> None:
    door.expected = expectation(common_key=key)
    assert send(folder, door) == 2
    assert not posts(door)


@pytest.mark.req("R-GATEWAY-02")
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://corelab.example.org", "use https"),
        ("ftp://corelab.example.org", "not one like"),
        ("corelab.example.org", "not one like"),
        ("https://user:word@corelab.example.org", "no user and no password"),
        ("https://corelab.example.org/?token=1", "not one like"),
        ("https://corelab.example.org:99999", "no number"),
        ("https://corelab.example.org/a b", "signs"),
    ],
)
def test_an_address_that_is_unsafe_or_none_is_refused(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_address(address)


@pytest.mark.req("R-GATEWAY-02")
def test_an_address_is_taken_with_or_without_the_door_and_this_machine_without_tls() -> None:
    for told in ("https://c.example/lab", "https://c.example/lab/dicomweb", "https://c.example/lab/dicomweb/studies/"):
        assert str(parse_address(told)) == "https://c.example:443/lab"
    for told in ("http://localhost:8000", "http://127.0.0.1:8000/", "http://[::1]:8000"):
        assert parse_address(told).port == 8000


@pytest.mark.req("R-GATEWAY-02")
@pytest.mark.parametrize(
    ("mode", "content"), [(0o640, TOKEN), (0o604, TOKEN), (0o600, "two words\nof text"), (0o600, "")]
)
def test_a_token_that_others_can_read_or_that_is_none_is_refused_and_not_shown(
    folder: Path, door: Door, mode: int, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "token").write_text(content)
    (folder / "token").chmod(mode)
    assert send(folder, door) == 2
    assert not content or content not in capsys.readouterr().err
    assert not door.requests


@pytest.mark.req("R-GATEWAY-05")
@given(st.integers(0, 5), st.floats(0, 1))
def test_a_state_that_is_cut_anywhere_keeps_every_whole_line(lines: int, place: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state"
        with Ledger(path) as ledger:
            ledger.remember(Known(name="A1", tokens=frozenset({"t"})), trial="T", subject="S")
            for number in range(lines):
                ledger.acknowledge([Sent(mark=str(number), uid="2.25.1", sha256="0", delivery="/d")])
        data = path.read_bytes()
        kept = data[: round(place * len(data))]
        path.write_bytes(kept)
        with Ledger(path) as again:
            assert list(again.sent) == [str(number) for number in range(kept.count(b"\n") - 1)]
            assert (again.person(trial="T", subject="S") is not None) == (b"\n" in kept)
            again.acknowledge([Sent(mark="more", uid="2.25.2", sha256="0", delivery="/d")])
        with Ledger(path) as last:
            assert "more" in last.sent


@pytest.mark.req("R-GATEWAY-07", "R-GATEWAY-01")
def test_without_numpy_and_django_pictures_with_writing_stay_and_all_others_go(folder: Path, door: Door) -> None:
    door.expected = expectation(profile={"options": ["clean-pixel-data", "retain-modified-dates"]})
    write(folder / "in" / "kept.dcm", scan(6, BurnedInAnnotation="YES"))
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'cv2', 'django', 'requests', 'cryptography'))); "
        "from deid.__main__ import main; raise SystemExit(main(sys.argv[1:]))"
    )
    done = apart(folder, door, program, "--key-file", str(folder / "key"))
    assert done.returncode == 1, done.stderr
    assert "kept.dcm: This picture may show a name, and the parts that read text" in done.stdout
    assert len(door.objects) == 3


@pytest.mark.req("R-GATEWAY-02")
def test_a_token_on_the_command_line_is_not_repeated(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(folder, door, "--token", TOKEN) == 2
    said = capsys.readouterr()
    assert "have it revoked" in said.err
    assert TOKEN not in said.out + said.err


@pytest.mark.req("R-GATEWAY-05")
def test_a_disk_that_is_full_for_the_state_stops_the_run_and_nothing_is_lost(folder: Path, door: Door) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)); "
    program = limit + "import sys; from deid.__main__ import main; raise SystemExit(main(sys.argv[1:]))"
    done = apart(folder, door, program, "--state", str(folder / "state"), "--key-file", str(folder / "key"))
    assert done.returncode == 1, done.stderr
    assert "state file could not be written" in done.stderr
    assert send(folder, door, "--state", str(folder / "state"), "--key-file", str(folder / "key")) == 0
    assert len({builders.read(data).SOPInstanceUID for data in door.objects}) == 3


@pytest.mark.req("R-GATEWAY-02")
def test_the_token_goes_to_the_server_alone(folder: Path, door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    door.faults.extend([Fault(status=403, sentence="no")])
    assert send(folder, door) == 1
    assert door.tokens == {f"Bearer {TOKEN}"}
    said = capsys.readouterr()
    written = [path.read_text() for path in folder.rglob("*") if path.suffix in {".json", ".sent"}]
    assert len(written) == 2
    assert not [text for text in (said.out, said.err, *written) if TOKEN in text]
    assert TOKEN not in repr(Line(address=parse_address(door.address), token=TOKEN))


@pytest.mark.req("R-GATEWAY-02")
def test_only_a_certificate_that_is_trusted_and_in_date_gets_token_and_images(
    folder: Path, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    good, old = certificate(folder / "good.pem", days=2), certificate(folder / "old.pem", days=-2)
    with opened_door(certificate=good) as door:
        assert send(folder, door) == 2
        assert "cannot be trusted" in capsys.readouterr().err
        assert send(folder, door, "--ca", str(good)) == 0
        assert len(door.objects) == 3
        elsewhere = replace(door, address=door.address.replace("127.0.0.1", "localhost"))
        assert send(folder, elsewhere, "--ca", str(good)) == 2
    with opened_door(certificate=old) as door:
        assert send(folder, door, "--ca", str(old)) == 2
        assert "clock of this machine" in capsys.readouterr().err
        assert (door.requests, pauses) == ([], [])


def certificate(path: Path, *, days: int) -> Path:
    """Write key and certificate of 127.0.0.1 that holds until so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corelab")]), dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - dt.timedelta(9)).not_valid_after(now + dt.timedelta(days))
    signed = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(plain + signed.public_bytes(Encoding.PEM))
    return path


@pytest.mark.req("R-GATEWAY-03")
@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_what_corelab_refuses_beforehand_is_said_in_its_words_and_nothing_is_sent(
    folder: Path, door: Door, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    door.expected, door.expected_status = {"detail": "Consent was withdrawn. Nothing was taken."}, status
    assert send(folder, door) == 2
    assert "Consent was withdrawn. Nothing was taken." in capsys.readouterr().err
    assert not posts(door)
    assert not (folder / "home").exists()


@pytest.mark.req("R-GATEWAY-03")
@pytest.mark.parametrize(
    "told", [{}, {"trial": "T"}, expectation(profile={"options": ["all"]}), expectation(requirements=[1])]
)
def test_an_expectation_that_is_not_understood_sends_nothing(folder: Path, door: Door, told: dict[str, Any]) -> None:
    door.expected = told
    assert send(folder, door) == 2
    assert not posts(door)


@pytest.mark.req("R-GATEWAY-03")
def test_a_folder_that_is_not_what_the_charter_expects_is_sent_only_anyway(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"name": "Liver", "modality": "MR", "minimum_slices": 20, "required": True}
    door.expected = expectation(requirements=[asked])
    assert send(folder, door) == 2
    assert "“Liver” (MR) with at least 20 images; there is none" in capsys.readouterr().err
    assert not posts(door)
    assert send(folder, door, "--anyway") == 0
    assert len(door.objects) == 3


def found(series: str, modality: str = "CT") -> Found:
    tokens = IdentityTokens(patient_id="a", person="b")
    place: Any = {"path": Path(series), "name": series, "sha256": "", "size": 1, "stamp": (0, 0, 0)}
    return Found(**place, tokens=tokens, common_tokens=None, series=series, modality=modality)


@pytest.mark.req("R-GATEWAY-03")
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)), st.lists(st.integers(1, 9), max_size=4))
def test_each_series_serves_one_requirement_and_the_larger_ones_first(sizes: dict[str, int], asked: list[int]) -> None:
    files = [found(series) for series, size in sizes.items() for _ in range(size)]
    requirements = [
        Requirement(name=str(number), modality="CT", minimum_slices=least, is_required=True)
        for number, least in enumerate(asked)
    ]
    have, want = sorted(sizes.values(), reverse=True), sorted(asked, reverse=True)
    is_enough = len(have) >= len(want) and all(one >= other for one, other in zip(have, want, strict=False))
    assert (not shortfalls(requirements, files)) == is_enough


@pytest.mark.req("R-GATEWAY-05")
def test_a_second_run_sends_only_what_was_not_acknowledged(
    folder: Path, door: Door, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_OBJECTS", 1)
    cuts = [Fault(cut_after=2_000) for _ in range(len(wires.PAUSES) + 1)]
    door.faults.extend([Fault(), *cuts])
    assert send(folder, door) == 1
    taken = len(door.objects)
    assert taken == 1
    assert receipt_of(folder)["counts"]["taken"] == taken
    door.faults.clear()
    assert send(folder, door) == 0
    assert len(door.objects) == 3
    assert receipt_of(folder)["counts"]["taken by an earlier run"] == taken
    door.requests.clear()
    assert send(folder, door) == 0
    assert (posts(door), len(door.objects)) == ([], 3)


@pytest.mark.req("R-GATEWAY-05")
def test_the_state_holds_no_identity_is_its_owner_s_and_survives_a_torn_line(folder: Path, door: Door) -> None:
    assert send(folder, door) == 0
    state = folder / "home" / "corelab" / "site-key.sent"
    text = state.read_text()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    originals = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "in").iterdir()]
    assert not [word for word in (*NAMES, *originals, str(scan().SOPInstanceUID), ".dcm") if word in text]
    state.write_text(text + '{"kind": "sent", "ma')
    assert send(folder, door) == 0
    assert (len(door.objects), state.read_text()) == (3, text)


@pytest.mark.req("R-GATEWAY-05")
def test_a_state_that_is_open_foreign_or_in_use_is_not_used(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    state = folder / "state"
    for content in ("nonsense\n", "[]\n", '{"kind": "sent"}\n'):
        state.write_text(content)
        state.chmod(0o600)
        assert send(folder, door, "--state", str(state)) == 2
        assert "not one that this program wrote" in capsys.readouterr().err
    state.write_text("")
    state.chmod(0o644)
    assert send(folder, door, "--state", str(state)) == 2
    state.chmod(0o600)
    with Ledger(state):
        assert send(folder, door, "--state", str(state)) == 2
    assert "another run" in capsys.readouterr().err
    assert not posts(door)


@pytest.mark.req("R-GATEWAY-05")
def test_what_corelab_discarded_is_sent_again(folder: Path, door: Door) -> None:
    assert send(folder, door) == 0
    door.status = {"state": "discarded", "sentence": "discarded", "ended": True}
    assert send(folder, door) == 1
    assert len(door.objects) == 6


@pytest.mark.req("R-GATEWAY-06")
def test_a_busy_server_is_asked_again_with_growing_pauses_and_as_it_wishes(
    folder: Path, door: Door, pauses: list[float]
) -> None:
    now = dt.datetime(2031, 5, 4, 12, 0, 0, tzinfo=dt.UTC)
    door.skew = email.utils.format_datetime(now, usegmt=True)
    later = email.utils.format_datetime(now + dt.timedelta(seconds=90), usegmt=True)
    door.faults.extend(
        [
            Fault(status=503),
            Fault(status=502),
            Fault(status=503, headers={"Retry-After": "45"}),
            Fault(status=429, headers={"Retry-After": later}),
            Fault(status=503, headers={"Retry-After": "99999"}),
            Fault(cut_after=1_000),
        ]
    )
    assert send(folder, door) == 0
    assert len(door.objects) == 3
    assert 0.75 <= pauses[0] <= 1.25
    assert 1.5 <= pauses[1] <= 2.5
    assert pauses[2:5] == [45.0, 90.0, 300.0]
    assert 24.0 <= pauses[5] <= 40.0


@pytest.mark.req("R-GATEWAY-06")
def test_a_clock_that_is_wrong_is_told_and_harms_nothing(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    door.skew = email.utils.format_datetime(dt.datetime(2031, 5, 4, 12, 0, 0, tzinfo=dt.UTC), usegmt=True)
    assert send(folder, door) == 0
    assert "clock" in capsys.readouterr().err


@pytest.mark.req("R-GATEWAY-06")
def test_a_line_that_stays_lost_ends_with_a_sentence_and_a_receipt(
    folder: Path, door: Door, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    door.faults.extend(Fault(cut_after=500) for _ in range(20))
    assert send(folder, door) == 1
    assert "Run the same command again" in capsys.readouterr().err
    assert len(pauses) == len(wires.PAUSES)
    told = receipt_of(folder)
    assert told["counts"]["not sent"] == 3
    assert "tried 8 times" in told["trouble"]


@pytest.mark.req("R-GATEWAY-06")
def test_a_server_that_is_not_there_is_told_before_anything(
    folder: Path, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(folder, Door(address="http://127.0.0.1:9")) == 2
    assert "could not be reached" in capsys.readouterr().err


@pytest.mark.req("R-GATEWAY-06")
@pytest.mark.parametrize(
    ("status", "words"), [(507, "no room at Corelab"), (401, "ended"), (403, "ended"), (400, "ended")]
)
def test_a_door_that_closes_in_the_middle_stops_the_run_with_its_words(  # noqa: PLR0917  fixtures
    folder: Path,
    door: Door,
    status: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sending, "MOST_OBJECTS", 1)
    door.refused = {}
    door.faults.extend([Fault(status=status, sentence="The token ended.")])
    assert send(folder, door) == 1
    assert words in capsys.readouterr().err
    assert len(posts(door)) == 1
    assert receipt_of(folder)["counts"]["not sent"] == 3


@pytest.mark.req("R-GATEWAY-07")
def test_one_object_without_room_is_kept_for_the_next_run(folder: Path, door: Door) -> None:
    door.refused = {1: (0xA700, "There is no room for it now.")}
    assert send(folder, door) == 1
    assert receipt_of(folder)["counts"] == {
        "taken": 2, "taken by an earlier run": 0, "refused": 0, "not sent": 1, "left aside": 0
    }  # fmt: skip
    door.refused = {}
    assert send(folder, door) == 0
    assert len(door.objects) == 3


@pytest.mark.req("R-GATEWAY-07")
def test_bad_files_are_named_with_their_reason_and_the_others_are_sent(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    good = planting.encode(scan(4))
    (folder / "in" / "letter.txt").write_text("not a scan")
    (folder / "in" / "empty.dcm").write_bytes(b"")
    (folder / "in" / "cut.dcm").write_bytes(good[:-1_000])
    (folder / "in" / "copy.dcm").write_bytes((folder / "in" / "0.dcm").read_bytes())
    write(folder / "in" / "nobody.dcm", scan(5, PatientID="", PatientName=""))
    write(folder / "in" / "kept.dcm", scan(6, BurnedInAnnotation="YES"))
    (folder / "in" / "link.dcm").symlink_to(folder / "nowhere")
    assert send(folder, door) == 1
    said = capsys.readouterr().out
    for name in ("letter.txt", "empty.dcm", "cut.dcm", "nobody.dcm", "kept.dcm"):
        assert f"{name}: " in said
    assert len(door.objects) == 3
    told = receipt_of(folder)
    assert (told["counts"]["refused"], told["counts"]["left aside"]) == (5, 1)
    assert all(each["reason"] for each in told["objects"] if each["answer"] == "refused")


@pytest.mark.req("R-GATEWAY-07")
def test_an_object_that_corelab_refuses_is_told_with_its_reason_and_not_counted_as_taken(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    door.refused = {0: (0xC000, "This part is not a DICOM file.")}
    assert send(folder, door) == 1
    assert "0.dcm: This part is not a DICOM file." in capsys.readouterr().out
    assert receipt_of(folder)["counts"]["taken"] == 2


@pytest.mark.req("R-GATEWAY-06")
def test_consent_that_ends_in_the_middle_stops_the_run(
    folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sending, "MOST_OBJECTS", 1)
    door.refused = {0: (0x0124, "Consent of this subject was withdrawn.")}
    assert send(folder, door) == 1
    assert "Consent of this subject was withdrawn." in capsys.readouterr().out
    assert len(posts(door)) == 1
    counts = receipt_of(folder)["counts"]
    assert (counts["refused"], counts["not sent"]) == (1, 2)


@pytest.mark.req("R-GATEWAY-08")
def test_a_bar_is_drawn_for_a_person_at_a_terminal_alone(
    folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(folder, door) == 0
    assert "[#" not in capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert send(folder, door, "--state", str(folder / "other")) == 0
    assert capsys.readouterr().err.count("] 3 of 3\n") == 2


@pytest.mark.req("R-GATEWAY-07")
def test_a_file_that_changes_after_it_was_looked_at_is_not_sent(
    folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = sending.Sending.send_all

    def late(self: sending.Sending, found: list[Found]) -> None:
        write(folder / "in" / "1.dcm", scan(1, PatientID="other", PatientName="Nobody^Else"))
        plain(self, found)

    monkeypatch.setattr(sending.Sending, "send_all", late)
    assert send(folder, door) == 1
    assert len(door.objects) == 2
    assert [each["code"] for each in receipt_of(folder)["objects"] if "code" in each] == ["changed"]


@pytest.mark.req("R-GATEWAY-07")
def test_a_file_that_shrinks_on_its_way_breaks_the_request_off_and_the_rest_goes_again(
    folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = pieces_of

    def shrinking(cleaned: Any) -> Iterator[Any]:
        pieces = iter(plain(cleaned))
        yield next(pieces)
        if cleaned.item[0x00200013].value.strip() == b"2":
            raise changed()
        yield from pieces

    monkeypatch.setattr(sending, "pieces_of", shrinking)
    assert send(folder, door) == 1
    assert sorted(int(builders.read(data).InstanceNumber) for data in door.objects) == [1, 3]


@pytest.mark.req("R-GATEWAY-08")
def test_the_receipt_tells_each_object_before_and_after_and_how_it_ended(
    folder: Path, door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send(folder, door) == 0
    told = receipt_of(folder)
    sent = {hashlib.sha256(data).hexdigest(): builders.read(data).SOPInstanceUID for data in door.objects}
    assert {each["sha256_after"]: each["sop_instance_uid"] for each in told["objects"]} == sent
    before = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "in").iterdir()}
    assert {each["sha256_before"] for each in told["objects"]} == before
    assert told["deliveries"] == [{"address": DELIVERY, "answer": door.status}]
    assert (told["trial"], told["site"], told["subject"], told["time_point"]) == ("TUNDRA", "01", SUBJECT, "BL")
    assert stat.S_IMODE((folder / "receipt.json").stat().st_mode) == 0o600
    assert not [name for name in (*NAMES, ".dcm") if name in (folder / "receipt.json").read_text()]
    assert "3 taken, 0 taken by an earlier run, 0 refused, 0 not sent" in capsys.readouterr().out


@pytest.mark.req("R-GATEWAY-08")
@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"state": "checked", "ended": True}, 0),
        ({"state": "review", "ended": True}, 0),
        ({"state": "cleaned", "ended": False}, 0),
        ({"state": "quarantined", "ended": True, "reason": "These images are of another person."}, 1),
        ({"state": "discarded", "ended": True}, 1),
        ({"state": "checked", "ended": True, "refusals": [{"count": 2, "sentence": "Damaged."}]}, 1),
    ],
)
def test_the_exit_code_says_whether_all_of_it_was_taken(
    folder: Path, door: Door, status: dict[str, Any], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    door.status = {"sentence": "it stands so"} | status
    assert send(folder, door, "--wait", "0") == code
    said = capsys.readouterr().out
    assert "it stands so" in said
    assert str(status.get("reason", "")) in said


@pytest.mark.req("R-GATEWAY-08")
def test_a_receipt_inside_the_source_or_an_empty_source_is_wrong_use(folder: Path, door: Door) -> None:
    assert send(folder, door, "--receipt", str(folder / "in" / "r.json")) == 2
    for path in (folder / "in").iterdir():
        path.unlink()
    assert send(folder, door) == 2
    (folder / "in").rmdir()
    assert send(folder, door) == 2
    assert not posts(door)


@pytest.mark.req("R-GATEWAY-09")
def test_requests_are_bounded_and_memory_stays_flat(folder: Path, door: Door) -> None:
    small = grown(folder, door, images=3)
    door.objects.clear()
    large = grown(folder, door, images=18)
    assert len(door.objects) == 18
    assert door.largest < sending.MOST_BYTES + (1 << 20)
    assert large - small < 16, f"{large} MiB for 144 MiB, {small} MiB for 24"


def grown(folder: Path, door: Door, *, images: int) -> int:
    """Send images of 8 MiB from a process of its own; return the most memory it held, in MiB."""
    dataset = scan()
    dataset.Rows = dataset.Columns = 2048
    for number in range(images):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number + 1}")
        dataset.PixelData = bytes([number]) * (8 << 20)
        write(folder / "in" / f"{number}.dcm", dataset)
    program = (
        "import sys; from pathlib import Path; from deid.__main__ import main; code = main(sys.argv[1:]); "
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]); raise SystemExit(code)"
    )
    state = ["--state", str(folder / f"state-{images}"), "--key-file", str(folder / "key")]
    done = apart(folder, door, program, *state)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]) // 1024


def apart(folder: Path, door: Door, program: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """Send from a process of its own."""
    named = ["--subject", SUBJECT, "--timepoint", "BL", "--token", str(folder / "token"), *more]
    words = [sys.executable, "-c", program, "send", str(folder / "in"), "--to", door.address, *named]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
