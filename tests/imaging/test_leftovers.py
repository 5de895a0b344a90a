"""What a killed process leaves: a delivery whose line is gone goes on at once, and nothing stays that no row names."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from imaging import archive, quarantine
from imaging.dicom_node.reception import SUCCESS, Reception
from imaging.models import Submission
from imaging.services import housekeeping
from imaging.vault import Stage
from imaging.vault.writing import TEMPORARY_PREFIX
from tests.cast import Cast
from tests.imaging.reception import opened, store
from tests.imaging.scans import ct_series, drive

pytestmark = pytest.mark.django_db
State = Submission.State


def begun(cast: Cast, *, objects: int = 1) -> tuple[Reception, Submission]:
    line = opened("ALBA_PACS")
    assert {store(line, data) for data in ct_series(objects)} == {SUCCESS}
    submission = Submission.objects.get()
    return line, submission


def is_silent(submission: Submission) -> None:
    Submission.objects.filter(pk=submission.pk).update(active_at=timezone.now() - dt.timedelta(seconds=20))


def places(settings: Any, submission: Submission) -> set[str]:
    found = Path(settings.QUARANTINE_ROOT / str(submission.pk) / Stage.RECEIVED).glob("*/*")
    return {path.name for path in found}


def leave(submission: Submission) -> None:
    """What a node that is killed between sealing and recording leaves, and one that is killed while it writes."""
    quarantine.sealer(submission).seal(number=7, part=0, data=b"never recorded")
    quarantine.sealer(submission).seal(number=0, part=1, data=b"never recorded")
    folder = Path(quarantine.vault()._root) / str(submission.pk) / Stage.RECEIVED / "000000"
    (folder / f"{TEMPORARY_PREFIX}half").write_bytes(b"half")


@pytest.mark.req("R-FAULT-08")
def test_a_delivery_goes_on_as_soon_as_the_line_that_brought_it_is_gone(cast: Cast) -> None:
    line, submission = begun(cast)
    is_silent(submission)
    housekeeping.close_silent()
    submission.refresh_from_db()
    assert submission.state == State.RECEIVING, "who is silent for a while may go on"
    # As the kernel does when the node is killed.
    line._let_go()
    housekeeping.close_silent()
    submission.refresh_from_db()
    assert submission.state == State.SORTING


@pytest.mark.req("R-FAULT-08")
def test_a_delivery_whose_line_was_lost_before_anything_was_recorded_leaves_nothing(cast: Cast, settings: Any) -> None:
    line = opened("ALBA_PACS")
    with line._lock:
        line._open()
    submission = Submission.objects.get()
    quarantine.sealer(submission).seal(number=0, part=0, data=b"never recorded")
    line._let_go()
    is_silent(submission)
    housekeeping.close_silent()
    submission.refresh_from_db()
    assert submission.state == State.DISCARDED
    assert not [path for path in settings.QUARANTINE_ROOT.iterdir() if path.name.startswith(str(submission.pk))]


@pytest.mark.req("R-FAULT-02")
def test_what_was_sealed_and_never_recorded_is_gone_once_the_delivery_is_worked_on(cast: Cast, settings: Any) -> None:
    line, submission = begun(cast, objects=2)
    leave(submission)
    line.close()
    done = drive(submission)
    assert done.state == State.UNASSIGNED
    assert places(settings, submission) == {"00000000.00000", "00000001.00000"}
    assert quarantine.read_whole(done.files.get(number=0)) == ct_series(1)[0]


@pytest.mark.req("R-FAULT-02")
def test_a_start_sweeps_every_half_and_everything_that_no_row_names(cast: Cast, settings: Any) -> None:
    _line, submission = begun(cast)
    leave(submission)
    sha256 = archive.store(b"whole")
    half = archive.path_of(sha256).with_name(f".{sha256}.half")
    half.write_bytes(b"wh")
    housekeeping.tidy_after_stop()
    assert places(settings, submission) == {"00000000.00000"}
    assert (half.exists(), archive.load(sha256)) == (False, b"whole")
    submission.refresh_from_db()
    assert submission.state == State.RECEIVING
