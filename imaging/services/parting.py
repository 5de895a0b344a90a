"""Parting a delivery whose files are of several persons or visits: each part becomes a delivery of its own.

Its files are sealed once more under the new delivery's key before one transaction makes it and gives it their rows;
then what lay under the old one goes. A worker that is killed in between leaves bytes that no row names: the next one
writes the same places again, and what was given already is not looked at any more.
"""

import uuid
from collections.abc import Callable, Collection, Sequence

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.actor import Actor
from audit.services import record
from imaging import quarantine
from imaging.models import IncomingFile, StowDelivery, Submission
from imaging.services import road
from imaging.services.asking import go_on

State = Submission.State
Files = Collection[int]


def part_off(by: Actor, submission: Submission, parts: Sequence[Files], *, reason: str) -> None:
    """Make deliveries of these parts of one that is sorted, given as keys of its files; `reason` stands in the trail.

    What is in no part stays, and else the largest part does. Raises ValidationError (`wrong-state`) where another
    worker was faster.
    """
    has_more = submission.files.count() > sum(map(len, parts))
    stays = () if has_more else max(parts, key=len)
    for part in parts:
        if part is not stays:
            _part_off_one(by, submission, part, reason)
    # What went: it is sealed elsewhere, and no row names it here.
    quarantine.forget_unrecorded(submission)


def _part_off_one(by: Actor, submission: Submission, part: Files, reason: str) -> None:
    made = _begin(submission)
    # One worker at a time: what lies in a place is sealed under one key, whoever else believes to have the lease.
    with quarantine.held(made):
        _require_untouched(submission, made)
        files = list(submission.files.filter(pk__in=part))
        _seal(files, made, tick=lambda: go_on(submission))
        _hand_over(by, submission, made, files, reason)


@transaction.atomic
def _require_untouched(submission: Submission, made: Submission) -> None:
    """Ask under the delivery's lock, for which another's transaction that nobody hears of any more is waited for."""
    if road.lock(submission).state != State.SORTING or Submission.objects.filter(pk=made.pk).exists():
        raise road.moved_on()


def _begin(submission: Submission) -> Submission:
    """The delivery of the next part, not saved; who was killed began the same, so that its place is used again."""
    return Submission(
        pk=uuid.uuid5(submission.pk, str(submission.parts.count())),
        parted_from=submission,
        trial_site=submission.trial_site,
        door=submission.door,
        sent_by=submission.sent_by,
        state_since=timezone.now(),
        active_at=submission.active_at,
        received_at=submission.received_at,
        wrapped_key=quarantine.vault().new_wrapped_key(),
    )


def _seal(files: Collection[IncomingFile], made: Submission, *, tick: Callable[[], None]) -> None:
    try:
        quarantine.seal_again(files, into=made, tick=tick)
    except Exception:
        # As when the disk is full; the originals lie where they did.
        quarantine.vault().destroy(str(made.pk))
        raise


@transaction.atomic
def _hand_over(
    by: Actor, submission: Submission, made: Submission, files: Collection[IncomingFile], reason: str
) -> None:
    if road.lock(submission).state != State.SORTING:
        raise road.moved_on()
    made.files_received, made.bytes_received = len(files), sum(file.size for file in files)
    made.save(force_insert=True)
    rows = IncomingFile.objects.filter(pk__in=[file.pk for file in files], submission=submission)
    # What was noted for comparing is bound to its delivery: the new one notes its own.
    if rows.update(submission=made, facts={}) != len(files):
        raise road.moved_on()
    Submission.objects.filter(pk=submission.pk).update(
        files_received=F("files_received") - made.files_received,
        bytes_received=F("bytes_received") - made.bytes_received,
    )
    _let_its_sender_ask(submission, made)
    _tell(by, submission, made, reason)
    road.move(made, expected=State.RECEIVING, to=State.SORTING)


def _let_its_sender_ask(submission: Submission, made: Submission) -> None:
    for sent in StowDelivery.objects.filter(submission=submission):
        StowDelivery.objects.create(submission=made, token=sent.token, mark=sent.mark, next_number=sent.next_number)


def _tell(by: Actor, submission: Submission, made: Submission, reason: str) -> None:
    code = submission.trial_site.trial.code
    started = {"door": made.door, "parted_from": str(submission.pk)}
    record(by=by, act="delivery.started", obj=made, trial_code=code, after=started)
    after = {"delivery": str(made.pk), "files": made.files_received}
    record(by=by, act="delivery.parted", obj=submission, trial_code=code, after=after, reason=reason)
