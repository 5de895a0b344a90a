"""Receiving: who may send what for whom, bytes sealed before anything looks at them, and what people do with it."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import admit
from audit.services import record
from imaging import quarantine
from imaging.models import IncomingFile, Submission
from imaging.services import quotas, reserve, road
from imaging.services.pieces import Piece
from imaging.vault import PART_SIZE, PlainPart
from trials import access
from trials.agreement import Gate
from trials.models import TimePoint, Trial, TrialSite
from trials.roles import Act
from trials.services import consent

log = logging.getLogger("corelab.receiving")

MAXIMUM_BYTES = 8 * 1024**3

State = Submission.State
# What the site's browser says of files that it cleaned, by number.
Claims: TypeAlias = Mapping[int, dict[str, Any]]


def start(*, by: Actor, time_point: TimePoint, size: int = 0, files: int = 0) -> Submission:
    """Open a delivery from the browser for one time point; `size` bytes and `files` as far as they are known.

    Raises ValidationError where the trial is not open, consent does not cover imaging, or a scan was accepted already;
    `quota` where a share is full.
    """
    by = access.require(by, Act.SUBMISSION_SEND, time_point)
    site = time_point.subject.trial_site
    # Before the transaction: the event of a full share must outlive the refusal.
    quotas.require_room(by=by, trial_site=site, more=quotas.Room(size=size, files=files, deliveries=1))
    return _start(by, time_point, site)


@transaction.atomic
def _start(by: Actor, time_point: TimePoint, site: TrialSite) -> Submission:
    refuse_closed(time_point)
    submission = begin(by=by, trial_site=site, time_point=time_point, door=Submission.Door.BROWSER)
    record(
        by=by,
        act="delivery.started",
        obj=submission,
        trial_code=site.trial.code,
        after={"subject": time_point.subject.code, "time_point": time_point.scheduled.code},
    )
    return submission


@transaction.atomic
def start_unassigned(*, by: Actor, trial_site: TrialSite) -> Submission:
    """Open a delivery from a known DICOM sender that has room; a person names subject and time point later."""
    admit(by)
    submission = begin(by=by, trial_site=trial_site, time_point=None, door=Submission.Door.DICOM)
    record(
        by=by,
        act="delivery.started",
        obj=submission,
        trial_code=trial_site.trial.code,
        after={"door": "dicom"},
    )
    return submission


def begin(*, by: Actor, trial_site: TrialSite, time_point: TimePoint | None, door: Submission.Door) -> Submission:
    return Submission.objects.create(
        trial_site=trial_site,
        time_point=time_point,
        door=door,
        state_since=timezone.now(),
        active_at=timezone.now(),
        wrapped_key=quarantine.vault().new_wrapped_key(),
        sent_by=by.id,
    )


def refuse_closed(time_point: TimePoint) -> None:
    site = time_point.subject.trial_site
    if site.trial.state != Trial.State.OPEN or site.state != TrialSite.State.OPEN:
        raise ValidationError(_("This trial or site does not take scans now. Nothing was sent."), code="not-open")
    if time_point.state == TimePoint.State.ACCEPTED:
        raise ValidationError(
            _("A scan for this time point was accepted already. Ask the coordinator if it must be replaced."),
            code="accepted",
        )
    consent.require(time_point.subject, Gate.RECEIVE, time_point=time_point)


def receive(*, by: Actor, submission: Submission, pieces: Sequence[Piece], claims: Claims | None = None) -> int:
    """Seal the pieces durably, then record them; returns how many were new. Safe to repeat after a cut line.

    Raises ValidationError where the delivery takes no more, consent ended meanwhile, or a piece is out of order,
    changed, or over a limit; `quota` where a share is full, `no-room` where the disk is.
    """
    by = require_sender(by, submission)
    if submission.time_point is not None:
        consent.require(submission.time_point.subject, Gate.RECEIVE, time_point=submission.time_point)
    for piece in pieces:
        _refuse_size(piece)
    # Held, not in a transaction: a slow disk must not stop the database's only writer.
    with quarantine.held(submission):
        files = _files(submission, pieces, claims or {})
        quotas.require_room(by=by, trial_site=submission.trial_site, more=_more(files, pieces))
        fresh = _fresh(submission, files, pieces)
        with transaction.atomic():
            _count(submission, files, sum(len(piece.data) for piece in fresh))
            _note(files.values())
    return len(fresh)


def _fresh(submission: Submission, files: dict[int, IncomingFile], pieces: Sequence[Piece]) -> list[Piece]:
    """Judge all pieces, then seal what is new of them; return those. Raises ValidationError (`no-room`)."""
    fresh = [piece for piece in sorted(pieces, key=_place) if _is_fresh(files[piece.number], piece)]
    parts = [PlainPart(number=piece.number, part=piece.part, data=piece.data) for piece in fresh]
    try:
        quarantine.sealer(submission).seal_all(parts)
    except OSError as failure:
        log.exception("a piece could not be stored: the sender may try again")
        raise reserve.no_room() from failure
    return fresh


def _place(piece: Piece) -> tuple[int, int]:
    return piece.number, piece.part


def require_sender(by: Actor, submission: Submission) -> Actor:
    """Raise where somebody else opened the delivery (`wrong-state`), or it takes no more."""
    if by.user_id is not None:
        by = access.require(by, Act.SUBMISSION_SEND, submission)
    else:
        admit(by)
    if submission.sent_by != by.id or submission.state != State.RECEIVING:
        raise closed()
    return by


def closed() -> ValidationError:
    return ValidationError(_("This delivery does not take more files. Start a new one."), code="wrong-state")


def _refuse_size(piece: Piece) -> None:
    if not 0 <= piece.number < quarantine.MAXIMUM_FILES:
        raise ValidationError(_("Too many files in one delivery. Divide it."), code="too-many")
    if not 0 <= piece.part <= MAXIMUM_BYTES // PART_SIZE or len(piece.data) > PART_SIZE:
        raise ValidationError(_("A piece of a file is larger than agreed."), code="too-large")


def _files(submission: Submission, pieces: Sequence[Piece], claims: Claims) -> dict[int, IncomingFile]:
    """The files that the pieces belong to: recorded ones, and new ones not saved yet."""
    numbers = {piece.number for piece in pieces}
    known = {file.number: file for file in submission.files.filter(number__in=numbers, inside__isnull=True)}
    new = {
        number: IncomingFile(submission=submission, number=number, size=0, claim=claims.get(number))
        for number in numbers - set(known)
    }
    return known | new


def _more(files: dict[int, IncomingFile], pieces: Sequence[Piece]) -> quotas.Room:
    """What the pieces add where they are new."""
    size = sum(len(piece.data) for piece in pieces if piece.part >= len(files[piece.number].parts))
    return quotas.Room(size=size, files=sum(file.pk is None for file in files.values()))


def _is_fresh(file: IncomingFile, piece: Piece) -> bool:
    """Judge a piece before anything is written; add it to its file where it is new."""
    if piece.part < len(file.parts):
        if piece.sha256 != file.part_hashes[piece.part]:
            raise ValidationError(_("A file changed while it was sent. Start the delivery anew."), code="changed")
        return False
    if piece.part > len(file.parts):
        raise ValidationError(_("A piece of a file is missing. Send it again."), code="out-of-order")
    _add(file, piece)
    return True


def _add(file: IncomingFile, piece: Piece) -> None:
    file.parts.append(len(piece.data))
    file.part_hashes.append(piece.sha256)
    file.size += len(piece.data)
    # Of a file in several parts the hash is taken when it is opened.
    file.sha256 = piece.sha256 if piece.part == 0 else ""


def _count(submission: Submission, files: dict[int, IncomingFile], size: int) -> None:
    """Hold the delivery's row: what arrives after it was closed or discarded is refused, not lost."""
    row = road.lock(submission)
    if row.state != State.RECEIVING:
        raise closed()
    if row.bytes_received + size > MAXIMUM_BYTES:
        raise ValidationError(_("More than one delivery can hold. Divide it."), code="too-large")
    added = sum(file.pk is None for file in files.values())
    Submission.objects.filter(pk=row.pk).update(
        bytes_received=row.bytes_received + size,
        files_received=row.files_received + added,
        active_at=timezone.now(),
    )


def _note(files: Collection[IncomingFile]) -> None:
    kept = [file for file in files if file.pk is not None]
    IncomingFile.objects.bulk_create([file for file in files if file.pk is None])
    IncomingFile.objects.bulk_update(kept, ["size", "parts", "part_hashes", "sha256"])


@transaction.atomic
def complete(*, by: Actor, submission: Submission, files: int, size: int) -> Submission:
    """Close the delivery: all `files` and `size` bytes must have arrived; then the road begins. Safe to repeat.

    Raises ValidationError (`incomplete`) naming how many are missing; nothing is lost, they can still be sent.
    """
    submission = road.lock(submission)
    if submission.sent_by == by.id and submission.received_at and submission.state != State.DISCARDED:
        # The answer to the first call was lost on its way.
        return submission
    require_sender(by, submission)
    if submission.time_point is not None:
        refuse_closed(submission.time_point)
    _refuse_incomplete(submission, files, size)
    return _close(by, submission, State.RECEIVED if submission.time_point_id else State.SORTING)


def _refuse_incomplete(submission: Submission, files: int, size: int) -> None:
    if not files:
        raise ValidationError(_("There was no file to send."), code="empty")
    numbers = set(submission.files.values_list("number", flat=True))
    if missing := set(range(files)) - numbers:
        raise ValidationError(
            _("Of %(files)s files %(arrived)s arrived. Send the missing ones; what arrived is kept."),
            code="incomplete",
            params={"files": files, "arrived": files - len(missing)},
        )
    if submission.bytes_received != size or len(numbers) != files:
        raise ValidationError(
            _(
                "What arrived is not of the size that was announced, so a file is incomplete or changed meanwhile. "
                "Start a new delivery; this one is kept encrypted until it is discarded."
            ),
            code="differs",
        )


@transaction.atomic
def close_association(*, by: Actor, submission: Submission) -> Submission:
    """End a machine's delivery when its line ended or fell silent; what was acknowledged is all there."""
    admit(by)
    submission = road.lock(submission)
    if not submission.files.exists():
        return _close(by, submission, State.DISCARDED)
    return _close(by, submission, State.RECEIVED if submission.time_point_id else State.SORTING)


def _close(by: Actor, submission: Submission, to: Submission.State) -> Submission:
    road.move(submission, expected=State.RECEIVING, to=to)
    Submission.objects.filter(pk=submission.pk).update(received_at=timezone.now())
    submission.manifests.all().delete()  # all that was announced has come, or never will
    if by.user_id is not None:
        by = access.require(by, Act.SUBMISSION_SEND, submission)
    record(
        by=by,
        act="delivery.received",
        obj=submission,
        trial_code=submission.trial_site.trial.code,
        after={"files": submission.files.count(), "state": to},
    )
    submission.refresh_from_db()
    return submission
