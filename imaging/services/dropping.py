"""Files of a delivery that a person had destroyed: their sealed bytes go, and with the last of them the key."""

from collections.abc import Sequence

from django.db import transaction

from imaging import quarantine
from imaging.models import IncomingFile, Submission
from imaging.services import road, sorting
from imaging.vault import Stage

_GONE = (IncomingFile.State.FILED, IncomingFile.State.DISCARDED, IncomingFile.State.EXPANDED)
_AT_REST = (Submission.State.QUARANTINED, Submission.State.UNASSIGNED, Submission.State.REVIEW)


def drop(submission: Submission, files: Sequence[IncomingFile]) -> None:
    """Discard files of a delivery at rest, held by the caller's transaction; their bytes go once it is over."""
    IncomingFile.objects.filter(pk__in=[file.pk for file in files]).update(state=IncomingFile.State.DISCARDED)
    if submission.files.exclude(state__in=_GONE).exists():
        transaction.on_commit(lambda: _erase(submission, files))
        return
    Submission.objects.filter(pk=submission.pk).update(wrapped_key=b"")
    sorting.forget(submission)
    if submission.state in _AT_REST:
        road.move(submission, expected=Submission.State(submission.state), to=Submission.State.DISCARDED)
    transaction.on_commit(lambda: quarantine.destroy(submission))


def _erase(submission: Submission, files: Sequence[IncomingFile]) -> None:
    for file in files:
        quarantine.vault().drop(str(submission.pk), file.number, Stage.RECEIVED)
        quarantine.vault().drop(str(submission.pk), file.number, Stage.CLEANED)
