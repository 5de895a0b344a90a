"""Filing cleaned objects under their content hash, after consent was asked again; then the intake key is destroyed."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from deid import engine_version, shift_days
from imaging import archive, quarantine
from imaging.models import IncomingFile, Instance, Series, Study, Submission
from imaging.qc import IdentityMatch
from imaging.selectors import digest_of_filed
from imaging.services import conflicts, pixels, recognition, resending, road
from imaging.services.asking import go_on
from imaging.vault import Stage
from trials.agreement import Gate
from trials.keys import cleaning_key
from trials.models import Subject, TimePoint
from trials.services import consent, timepoints

State = IncomingFile.State
# Rows a transaction: many enough to be quick, few enough that other writers wait milliseconds.
_BATCH = 50
# What stays in quarantine, with the key: refused for good, or until a person has looked at it.
_KEPT = (State.REFUSED, State.WAITING, State.RECEIVED)


def file(by: Actor, submission: Submission) -> None:
    """Stage CLEANED → FILED, batch by batch: consent, person and state are asked in the transaction of each.

    Raises ValidationError where consent was taken back, the images are of another person, or a scan of this time
    point was accepted meanwhile.
    """
    time_point = submission.time_point
    if time_point is None:
        raise ValidationError(_("Nobody has named the subject of this delivery."), code="unassigned")
    for batch in _batches(list(submission.files.filter(state=State.CLEANED))):
        # Bytes first, rows after: a row always has its file, and a file without a row is never served.
        try:
            stored = {each.pk: _store(submission, each) for each in batch}
            _file_batch(by, submission, time_point, batch, stored)
        except ValidationError:
            _take_back(batch)
            raise
        _take_back(batch)
    _finish(by, submission, time_point)


def _take_back(batch: Sequence[IncomingFile]) -> None:
    """Leave no bytes in the archive of what was refused at the last moment, or is filed in another form already."""
    hashes = {each.cleaned_sha256 for each in batch}
    for sha256 in hashes - set(Instance.every.filter(sha256__in=hashes).values_list("sha256", flat=True)):
        archive.remove(sha256)


def _batches(files: Sequence[IncomingFile]) -> Iterator[Sequence[IncomingFile]]:
    for start in range(0, len(files), _BATCH):
        yield files[start : start + _BATCH]


@transaction.atomic
def _file_batch(
    by: Actor, submission: Submission, time_point: TimePoint, batch: Sequence[IncomingFile], stored: dict[int, int]
) -> None:
    _hold(submission, time_point)
    last_day = consent.last_collection_day(time_point.subject)
    for each in batch:
        if last_day is not None and _acquired_on(time_point.subject, each) > last_day:
            _refuse_later(each)
        else:
            _enter(submission, time_point, each, size=stored[each.pk])
        each.save(update_fields=["state", "refusal_code", "refusal"])
    filed = [each.facts["sop_instance_uid"] for each in batch if each.state == State.FILED]
    after = {"filed": len(filed), "refused": len(batch) - len(filed), "time_point": time_point.scheduled.code}
    record(by=by, act="images.filed", obj=submission, trial_code=submission.trial_site.trial.code, after=after)
    if filed and time_point.state != TimePoint.State.RECEIVED:
        timepoints.move(by=by, time_point=time_point, to=TimePoint.State.RECEIVED)


def _hold(submission: Submission, time_point: TimePoint) -> None:
    """Hold subject and time point until the batch is written, and ask everything that may have changed meanwhile."""
    subject = (
        Subject.objects.select_for_update(of=("self",))
        .select_related("trial_site__trial")
        .get(pk=time_point.subject_id)
    )
    # Its day zero may have been corrected since the claim, and days are counted from it.
    time_point.subject = subject
    time_point.state = TimePoint.objects.select_for_update().get(pk=time_point.pk).state
    if time_point.state == TimePoint.State.ACCEPTED:
        raise ValidationError(
            _(
                "A scan of this time point was accepted while this one was on its way, so no more of it was filed. It "
                "is kept encrypted. Ask the coordinator whether it must replace the accepted one, or discard it."
            ),
            code="accepted",
        )
    consent.require(subject, Gate.FILE, time_point=time_point)
    _recognise(submission, subject)


def _recognise(submission: Submission, subject: Subject) -> None:
    """Compare again, since another first delivery of this subject may have been filed meanwhile; then remember."""
    told = recognition.told_in(submission)
    match = recognition.compare(subject, told)
    recognition.refuse_another(match)
    if match is not IdentityMatch.SAME:
        Submission.objects.filter(pk=submission.pk, identity__in=("", IdentityMatch.FIRST)).update(identity=match)
    for name, token in told.columns.items():
        setattr(subject, name, getattr(subject, name) or token)
    subject.save(update_fields=list(told.columns))


def _store(submission: Submission, incoming: IncomingFile) -> int:
    go_on(submission)
    data = quarantine.read_whole(incoming, stage=Stage.CLEANED)
    if archive.store(data) != incoming.cleaned_sha256:
        raise archive.ArchiveDamaged("cleaned bytes changed inside the quarantine")
    return len(data)


def _enter(submission: Submission, time_point: TimePoint, incoming: IncomingFile, *, size: int) -> None:
    facts = incoming.facts
    known = Instance.every.filter(uid=facts["sop_instance_uid"]).select_related("series__study").first()
    if known is not None:
        _meet(known, time_point, incoming)
        return
    series = _series(_study(time_point, facts), facts)
    if series is None:
        _refuse_elsewhere(incoming)
        return
    Instance.objects.create(
        series=series,
        submission=submission,
        uid=facts["sop_instance_uid"],
        sop_class_uid=facts["sop_class_uid"],
        number=facts["instance_number"],
        sha256=incoming.cleaned_sha256,
        received_sha256=incoming.sha256,
        size=size,
        # What was done to it stands in the certificate of its delivery.
        facts={name: value for name, value in facts.items() if name != "cleaning"},
        engine_version=engine_version(),
        policy_digest=facts["policy_digest"],
    )
    incoming.state = State.FILED


def _meet(known: Instance, time_point: TimePoint, incoming: IncomingFile) -> None:
    """Receive an object whose SOP Instance UID is filed: equal is harmless, anything else a conflict (S14)."""
    if known.series.study.time_point_id != time_point.pk:
        _refuse_elsewhere(incoming)
        return
    resending.lift(known)
    if known.sha256 == incoming.cleaned_sha256 or known.received_sha256 == incoming.sha256:
        incoming.state = State.FILED
    else:
        conflicts.note(known, incoming)


def _acquired_on(subject: Subject, incoming: IncomingFile) -> dt.date:
    """Return the true day of the image; where it has none, the first of all days: the investigator's word counts."""
    day = study_day(subject, incoming.facts)
    return dt.date.min if day is None else subject.day_zero + dt.timedelta(days=day)


def _refuse_later(incoming: IncomingFile) -> None:
    incoming.state, incoming.refusal_code = State.REFUSED, "after-withdrawal"
    incoming.refusal = str(
        _(
            "This image was acquired after consent was withdrawn. It was not filed and is kept encrypted until "
            "somebody discards it. Discard it, and send nothing acquired after that day."
        )
    )


def _refuse_elsewhere(incoming: IncomingFile) -> None:
    incoming.state, incoming.refusal_code = State.REFUSED, "other-time-point"
    incoming.refusal = str(
        _(
            "This image belongs to a study that is filed under another time point or subject. It is kept encrypted "
            "and was not filed. Check subject and time point, then discard it and send the right scan."
        )
    )


def _study(time_point: TimePoint, facts: dict[str, Any]) -> Study | None:
    study, _made = Study.objects.get_or_create(
        uid=str(facts["study_instance_uid"]),
        defaults={
            "time_point": time_point,
            "study_day": study_day(time_point.subject, facts),
        },
    )
    return study if study.time_point_id == time_point.pk else None


def study_day(subject: Subject, facts: dict[str, Any]) -> int | None:
    """Return true days from the subject's day zero to the scan, from its date as filed; None where there is none."""
    if not facts["study_date"]:
        return None
    is_moved = not facts.get("has_true_dates", False)
    key = cleaning_key(subject.trial_site.trial, subject_code=subject.code)
    moved = shift_days(key, subject.code) if is_moved else 0
    return (dt.date.fromisoformat(facts["study_date"]) - dt.timedelta(days=moved) - subject.day_zero).days


def _series(study: Study | None, facts: dict[str, Any]) -> Series | None:
    if study is None:
        return None
    series, _made = Series.objects.get_or_create(
        uid=str(facts["series_instance_uid"]),
        defaults={
            "study": study,
            "modality": facts["modality"],
            "number": facts["series_number"],
            "body_part": str(facts["body_part"])[:16],
            "frame_of_reference_uid": facts["frame_of_reference_uid"],
        },
    )
    return series if series.study_id == study.pk else None


@transaction.atomic
def _finish(by: Actor, submission: Submission, time_point: TimePoint) -> None:
    road.lock(submission)
    filed = submission.files.filter(state=State.FILED).count()
    refused = submission.files.filter(state=State.REFUSED).count()
    if submission.files.filter(state__in=(State.RECEIVED, State.CLEANED)).exists():
        raise RuntimeError("a file was neither filed nor refused: its key must not be destroyed")
    if not filed and submission.files.filter(state=State.WAITING).exists():
        road.move(submission, expected=Submission.State.CLEANED, to=Submission.State.REVIEW)
        pixels.take_up(submission)
        return
    if not filed:
        raise ValidationError(_no_file(submission), code="nothing-filed")
    after = {
        "filed": filed,
        "refused": refused,
        "time_point": time_point.scheduled.code,
        "receipt": digest_of_filed(submission),
    }
    record(by=by, act="scan.filed", obj=submission, trial_code=submission.trial_site.trial.code, after=after)
    resending.supersede(by=by, successor=submission)
    kept = submission.files.filter(state__in=_KEPT)
    if not kept.exists():
        Submission.objects.filter(pk=submission.pk).update(wrapped_key=b"")
    road.move(submission, expected=Submission.State.CLEANED, to=Submission.State.FILED)
    transaction.on_commit(lambda: empty(submission))


def _no_file(submission: Submission) -> str:
    reasons = submission.files.filter(state=State.REFUSED).values_list("refusal", flat=True).distinct()[:3]
    return str(_("No image of this delivery could be filed. All is kept encrypted.")) + " " + " ".join(reasons)


def empty(submission: Submission) -> None:
    """Remove what is filed from the quarantine; refused and waiting files stay, encrypted, until a person decides."""
    kept = submission.files.filter(state__in=_KEPT)
    if not kept.exists():
        quarantine.destroy(submission)
        return
    for done in submission.files.filter(state=State.FILED):
        quarantine.vault().drop(str(submission.pk), done.number, Stage.RECEIVED)
        quarantine.vault().drop(str(submission.pk), done.number, Stage.CLEANED)
    for held in kept:
        quarantine.vault().drop(str(submission.pk), held.number, Stage.CLEANED)
