"""The gateway as a program of its own against the running product: the whole road, a cut line, and what crossed it."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.imaging.scans import PLANTED, ct_slice, to_bytes
from tests.people import TODAY
from tests.stack import ROOT, Stack
from tests.wire import gate
from tests.wire.norda import Norda
from tests.wire.proxy import Wire, tapped

SLICES, REQUEST = 30, 10
# The product's own program, with requests so short that one can be cut between them.
PROGRAM = (
    "import sys; from deid.gateway import sending; from deid.__main__ import main; "
    f"sending.MOST_OBJECTS = {REQUEST}; raise SystemExit(main(sys.argv[1:]))"
)


@pytest.fixture(scope="module")
def norda(stack: Stack) -> Norda:
    return gate.found(stack)


@pytest.fixture
def wire(norda: Norda) -> Iterator[Wire]:
    with tapped(norda.stack.address) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(norda: Norda, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a hospital: a baseline, a follow-up, somebody else's scan, and the token."""
    place = tmp_path_factory.mktemp("site")
    (place / "token").write_text(norda.secret)
    (place / "token").chmod(0o600)
    for seed in ("baseline", "follow-up"):
        write(place / seed, seed)
    write(place / "stranger", "stranger", name="UNBEKANNT^ODO", patient_id="ZZ55512")
    return place


def write(folder: Path, seed: str, **told: Any) -> None:
    (folder / "ZWEISTEIN").mkdir(parents=True)
    for number in range(SLICES):
        (folder / "ZWEISTEIN" / f"{number}.dcm").write_bytes(to_bytes(ct_slice(number, seed=seed, **told)))


def send(site: Path, wire: Wire, folder: str, *more: str, **named: str) -> "subprocess.CompletedProcess[str]":
    place = ["--to", wire.address, "--token", str(site / "token")]
    whose = [word for name, told in named.items() for word in (f"--{name}", told)]
    kept = ["--key-file", str(site / "key"), "--receipt", str(site / "receipt.json"), "--wait", "240"]
    command = [sys.executable, "-c", PROGRAM, "send", str(site / folder), *place, *whose, *kept, *more]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=500)


def receipt_of(site: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((site / "receipt.json").read_text())
    return told


def state_of(norda: Norda) -> list[str]:
    return gate.ask(norda, f"print_state('{norda.subject}')").split("|")


def originals(seed: str) -> set[bytes]:
    return {ct_slice(number, seed=seed).SOPInstanceUID.encode() for number in range(SLICES)}


@pytest.mark.req("R-GATEWAY-10", "R-GATEWAY-05", "R-GATEWAY-06", "R-GATEWAY-01")
def test_a_folder_goes_the_whole_road_over_a_line_that_is_cut_and_no_name_crosses_it(
    norda: Norda, site: Path, wire: Wire
) -> None:
    # Enough for the first request, not for the second; then every line is cut at once.
    wire.left = 600_000
    cut = send(site, wire, "baseline", "--patience", "3", subject=norda.subject, timepoint="BL")
    assert (cut.returncode, wire.cuts > 2) == (1, True), cut.stderr
    assert "Run the same command again" in cut.stderr
    assert receipt_of(site)["counts"]["taken"] == REQUEST
    before, wire.left = len(wire.said), None
    done = send(site, wire, "baseline", subject=norda.subject, timepoint="BL")
    assert done.returncode == 0, done.stdout + done.stderr
    told = receipt_of(site)
    assert (told["counts"]["taken"], told["counts"]["taken by an earlier run"]) == (SLICES - REQUEST, REQUEST)
    assert len(wire.said) - before < 45_000 * (SLICES - REQUEST)
    assert [each["answer"]["state"] for each in told["deliveries"]] == ["checked"]
    assert told["deliveries"][0]["answer"]["counts"] == {"filed": SLICES}
    crossed = bytes(wire.said)
    assert not [word for word in PLANTED if word.encode() in crossed]
    assert not [uid for uid in originals("baseline") if uid in crossed]
    assert norda.secret.encode() in crossed
    assert norda.secret not in cut.stdout + cut.stderr + done.stdout + done.stderr + str(told)
    # Each object is what the receipt says it was when it left the house.
    uids = {each["sop_instance_uid"] for each in told["objects"]}
    assert len(uids) == SLICES
    assert all(uid.encode() in crossed for uid in uids)
    images, answers, days = state_of(norda)
    assert (images, answers) == (str(SLICES), "first")
    # As true as of a scan that came in the browser: CT_small was acquired on that day.
    assert days == str((dt.date(2004, 1, 19) - TODAY).days)


@pytest.mark.req("R-GATEWAY-10", "R-GATEWAY-04")
def test_the_next_scan_is_known_as_the_same_person_s_and_a_stranger_s_is_not_filed(
    norda: Norda, site: Path, wire: Wire
) -> None:
    done = send(site, wire, "follow-up", subject=norda.subject, timepoint="FU1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert state_of(norda)[:2] == [str(2 * SLICES), "first,same"]
    here = send(site, wire, "stranger", subject=norda.subject, timepoint="FU2")
    assert (here.returncode, "another person" in here.stderr) == (2, True)
    assert b"POST" not in wire.said.rpartition(b"FU2")[0].rpartition(b"complete=1")[2]
    # Without what this machine remembers, Corelab is the one that tells them apart.
    other = ["--state", str(site / "other"), "--same-person"]
    there = send(site, wire, "stranger", *other, subject=norda.subject, timepoint="FU2")
    assert (there.returncode, "another person" in there.stdout) == (1, True), there.stderr
    assert receipt_of(site)["deliveries"][0]["answer"]["state"] == "quarantined"
    assert state_of(norda)[0] == str(2 * SLICES)


@pytest.mark.req("R-GATEWAY-10", "R-GATEWAY-05")
def test_what_is_sent_again_as_a_whole_harms_nothing(norda: Norda, site: Path, wire: Wire) -> None:
    again = ["--state", str(site / "lost"), "--same-person"]
    done = send(site, wire, "baseline", *again, subject=norda.subject, timepoint="BL")
    assert done.returncode == 0, done.stdout + done.stderr
    assert receipt_of(site)["counts"]["taken"] == SLICES
    assert state_of(norda)[0] == str(2 * SLICES)


@pytest.mark.req("R-GATEWAY-03")
def test_a_foreign_time_point_and_a_token_that_is_none_end_before_anything_is_sent(
    norda: Norda, site: Path, wire: Wire
) -> None:
    none = send(site, wire, "baseline", subject="0000-0000", timepoint="BL")
    assert (none.returncode, "no such subject" in none.stderr) == (2, True), none.stderr
    (site / "wrong").write_text("cls_" + "A" * 48)
    (site / "wrong").chmod(0o600)
    wrong = send(site, wire, "baseline", "--token", str(site / "wrong"), subject=norda.subject, timepoint="BL")
    assert (wrong.returncode, "token in force" in wrong.stderr) == (2, True), wrong.stderr
    assert b"POST" not in wire.said
