"""Reading what a report says, and which reports a person may see."""

import datetime as dt
import platform
from collections.abc import Iterable
from importlib import metadata

from django.db.models import QuerySet
from django.utils import timezone

from audit.actor import Actor
from audit.selectors import head, signatures
from audit.version import VERSION
from endpoints.models import Read
from endpoints.selectors import BestRow, SegmentRow, SubjectRow, TimePointRow, subject_rows
from endpoints.services.reads import is_as_signed as read_is_as_signed
from imaging.models import QCDecision
from imaging.services.quality import is_as_signed as decision_is_as_signed
from reports.contents import (
    FORMAT,
    AuditHead,
    Best,
    CharterFacts,
    Contents,
    Counts,
    Exclusion,
    PlannedVisit,
    Reading,
    SignatureFacts,
    TrialFacts,
    Version,
    Visit,
    Volume,
    Withdrawal,
)
from reports.methods import describe
from reports.models import Download, Report
from trials import access
from trials.agreement import Gate, Standing, State, Why
from trials.models import Charter, Consent, Subject, Trial
from trials.roles import Act
from trials.selectors import approved_charter, subjects_of
from trials.services.charters import is_as_signed as charter_is_as_signed
from trials.services.consent import answers, standings

_LIBRARIES = ("Django", "highdicom", "numpy", "pydicom", "pyradiomics", "reportlab", "scipy", "SimpleITK")
WITHDRAWN = "consent was withdrawn"
NOT_COVERED = "consent does not cover giving results to the sponsor"
_EXCLUDED = {
    Why.WITHDRAWN: WITHDRAWN,
    Why.NEVER_VALID: "there never was a valid consent",
    Why.RESTRICTED: "use of the data is restricted (GDPR 18)",
}


def freeze(trial: Trial, *, cut_off: dt.date, number: int) -> Contents:
    """Return everything a report of the trial says at the end of the UTC day `cut_off`.

    Subjects whose consent does not cover giving results to the sponsor now are left out and listed by code; those who
    withdrew but whose results stay are listed with date and level.
    Raises Charter.DoesNotExist before the first approval.
    """
    audit = head()
    facts = _charter(approved_charter(trial))
    rows = subject_rows(trial, cut_off)
    shown = [row for row in rows if row.may_be_exported]
    readings = tuple(_reading(row) for row in shown if row.time_points)
    withdrawn = withdrawals(trial)
    excluded = _exclusions(trial, rows)
    unread = tuple(sorted({row.subject_code for row in shown} - {reading.subject for reading in readings}))
    return Contents(
        format=FORMAT,
        number=number,
        frozen_at=timezone.now(),
        cut_off=cut_off,
        trial=_trial(trial),
        charter=facts,
        counts=_count(rows, readings=readings, unread=unread, excluded=excluded, withdrawn=withdrawn),
        methods=describe(facts),
        readings=readings,
        volumes=_volumes(shown),
        unread=unread,
        withdrawn=withdrawn,
        excluded=excluded,
        software=_software(readings),
        audit=AuditHead(sequence=audit.sequence, hash=audit.hash),
    )


def _trial(trial: Trial) -> TrialFacts:
    return TrialFacts(
        code=trial.code,
        title=trial.title,
        protocol_number=trial.protocol_number,
        sponsor=trial.sponsor.name,
    )


def _charter(charter: Charter) -> CharterFacts:
    approval = signatures(charter).last()
    if approval is None:
        raise Charter.DoesNotExist("an approved charter carries a signature")
    return CharterFacts(
        version=charter.version,
        document_sha256=charter.document_sha256,
        approval=SignatureFacts(
            printed_name=approval.printed_name,
            at=approval.at,
            meaning=approval.get_meaning_display(),
            record_sha256=approval.record_sha256,
        ),
        criteria=charter.criteria,
        confirmation_required=charter.confirmation_required,
        confirmation_days=charter.confirmation_days,
        minimum_sd_days=charter.minimum_sd_days,
        schedule=tuple(
            PlannedVisit(
                code=planned.code,
                name=planned.name,
                day=planned.day,
                window_before=planned.window_before,
                window_after=planned.window_after,
            )
            for planned in charter.time_points.all()
        ),
    )


def _reading(row: SubjectRow) -> Reading:
    return Reading(
        subject=row.subject_code,
        site=row.site_number,
        reader=f"Reader {row.reader.removeprefix('R')}",
        best=_best(row.best) if row.best else None,
        visits=tuple(_visit(point) for point in row.time_points),
    )


def _best(best: BestRow) -> Best:
    return Best(
        value=best.value,
        explanation=best.explanation,
        charter_version=best.charter_version,
        criteria_version=best.criteria_version,
        input_sha256=best.input_sha256,
    )


def _visit(point: TimePointRow) -> Visit:
    """Leave the reader's free comment behind: nobody can promise what a free text holds."""
    return Visit(
        code=point.code,
        day=point.day,
        is_day_planned=point.is_day_planned,
        sum_mm=point.sum_mm,
        nadir_mm=point.nadir_mm,
        change_pct=point.change_pct,
        target=point.target,
        non_target=point.non_target,
        new_lesion=point.new_lesion,
        overall=point.overall,
        explanation=point.explanation,
        criteria_version=point.criteria_version,
        input_sha256=point.input_sha256,
        read_sha256=point.record_sha256,
    )


def _volumes(rows: Iterable[SubjectRow]) -> tuple[Volume, ...]:
    """Each segment once, whoever read the time point."""
    found = {
        (row.subject_code, point.day, point.code, segment.instance_uid, segment.number): _volume(row, point, segment)
        for row in rows
        for point in row.time_points
        for segment in point.segments
    }
    return tuple(found[key] for key in sorted(found))


def _volume(row: SubjectRow, point: TimePointRow, segment: SegmentRow) -> Volume:
    return Volume(
        subject=row.subject_code,
        time_point=point.code,
        label=segment.label,
        voxels=segment.voxels,
        volume_ml=segment.volume_ml,
        longest_axial_mm=segment.longest_axial_mm,
        short_axis_mm=segment.short_axis_mm,
        software=tuple(Version(name=name, version=version) for name, version in sorted(segment.software.items())),
        input_sha256=segment.input_sha256,
    )


def withdrawals(trial: Trial) -> tuple[Withdrawal, ...]:
    """Return every withdrawal in force, by subject: what each report and export of today must carry."""
    rows = Consent.objects.filter(subject__trial_site__trial=trial, kind=Consent.Kind.WITHDRAWN)
    subjects = list(subjects_of(trial).filter(pk__in=rows.values("subject")).order_by("code"))
    found = standings(subjects)
    return tuple(told for subject in subjects if (told := _withdrawal(subject, found[subject.pk])))


def _withdrawal(subject: Subject, standing: Standing) -> Withdrawal | None:
    if standing.level and standing.withdrawn_on:
        return Withdrawal(subject=subject.code, on=standing.withdrawn_on, level=standing.level)
    gone = sorted(m.value for m, each in standing.modules.items() if each.state is State.WITHDRAWN)
    latest = subject.consents.filter(kind=Consent.Kind.WITHDRAWN).order_by("-id").first()
    return Withdrawal(subject=subject.code, on=latest.on, modules=tuple(gone)) if gone and latest else None


def _exclusions(trial: Trial, rows: Iterable[SubjectRow]) -> tuple[Exclusion, ...]:
    codes = {row.subject_code for row in rows if not row.may_be_exported}
    subjects = list(subjects_of(trial).filter(code__in=codes).order_by("code"))
    told = answers(subjects, Gate.EXPORT)
    return tuple(Exclusion(subject=s.code, reason=_EXCLUDED.get(told[s.pk].why, NOT_COVERED)) for s in subjects)


def _count(
    rows: Iterable[SubjectRow],
    *,
    readings: tuple[Reading, ...],
    unread: tuple[str, ...],
    excluded: tuple[Exclusion, ...],
    withdrawn: tuple[Withdrawal, ...],
) -> Counts:
    return Counts(
        registered=len({row.subject_code for row in rows}),
        reported=len({reading.subject for reading in readings}),
        unread=len(unread),
        excluded=len(excluded),
        withdrawn=len(withdrawn),
        locked_reads=sum(len(reading.visits) for reading in readings),
    )


def _software(readings: Iterable[Reading]) -> tuple[Version, ...]:
    criteria = sorted({visit.criteria_version for reading in readings for visit in reading.visits} - {""})
    return (
        Version(name="Corelab", version=VERSION),
        *(Version(name="Response criteria", version=version) for version in criteria),
        Version(name="Python", version=platform.python_version()),
        *(Version(name=name, version=metadata.version(name)) for name in _LIBRARIES),
    )


def void_signatures(trial: Trial) -> tuple[str, ...]:
    """Name every record of the trial in force that changed after it was signed: charter, verdicts and reads."""
    charters = trial.charters.filter(state=Charter.State.APPROVED)
    decisions = QCDecision.objects.filter(time_point__subject__trial_site__trial=trial).select_related("time_point")
    latest = {decision.time_point_id: decision for decision in decisions.order_by("id")}
    locked = Read.objects.filter(assignment__time_point__subject__trial_site__trial=trial, state=Read.State.LOCKED)
    found = [
        *((each, charter_is_as_signed(each)) for each in charters),
        *((each, decision_is_as_signed(each)) for each in latest.values()),
        *((each, read_is_as_signed(each)) for each in locked.select_related("assignment")),
    ]
    return tuple(str(record) for record, holds in found if not holds)


def next_number(trial: Trial) -> int:
    """The number of the trial's next report; they count from 1 and none is ever taken back."""
    return trial.reports.count() + 1


def shown_reports(actor: Actor) -> QuerySet[Report]:
    """The reports a person may see: who cannot build them sees the released ones alone."""
    built = access.within(actor, Report.objects.all(), act=Act.REPORT_BUILD)
    released = access.visible(actor, Report.objects.all()).filter(state=Report.State.RELEASED)
    return (built | released).select_related("trial__sponsor", "charter")


def without_consent(trial: Trial, contents: Contents) -> tuple[str, ...]:
    """Those of whom the contents tell although they may not (any more), or without their withdrawal beside it."""
    gone = {told.subject for told in withdrawn_since(trial, contents)} | closed(trial, contents)
    return tuple(code for code in contents.subjects if code in gone)


def withdrawn_since(trial: Trial, contents: Contents) -> tuple[Withdrawal, ...]:
    """Return what of the subjects told of was taken back and does not stand in the contents: their mark (3c)."""
    listed = {(told.subject, told.level, told.modules) for told in contents.withdrawn}
    return tuple(
        told
        for told in withdrawals(trial)
        if told.subject in contents.subjects and (told.subject, told.level, told.modules) not in listed
    )


def closed(trial: Trial, contents: Contents) -> frozenset[str]:
    """Those of whom the contents tell and of whom nothing may be handed out now."""
    subjects = list(subjects_of(trial).filter(code__in=contents.subjects))
    told = answers(subjects, Gate.EXPORT)
    return frozenset(s.code for s in subjects if not told[s.pk].is_open)


def downloads_of(actor: Actor, report: Report) -> QuerySet[Download]:
    """Who took the report: all of them for those who may see the audit trail, else the actor's own."""
    taken = report.downloads.all()
    return taken if access.may(actor, Act.AUDIT_VIEW, report) else taken.filter(taken_by=actor.id)
