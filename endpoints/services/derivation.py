"""From locked reads to responses and endpoints: the pure criteria do the thinking, this module keeps the evidence."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import canonical, record
from endpoints.criteria import recist11
from endpoints.models import EndpointResult, Lesion, Measurement, Read, Response
from endpoints.selectors.days import day_of
from trials.models import Charter, Subject, User
from trials.selectors import approved_charter

State = Measurement.State
_TARGETS = {
    State.MEASURED: recist11.LesionState.MEASURED,
    State.TOO_SMALL: recist11.LesionState.TOO_SMALL,
    State.ABSENT: recist11.LesionState.ABSENT,
    State.NOT_EVALUATED: recist11.LesionState.NOT_EVALUATED,
}
_NON_TARGETS = {
    State.PRESENT: recist11.NonTargetState.PRESENT,
    State.ABSENT: recist11.NonTargetState.ABSENT,
    State.PROGRESSED: recist11.NonTargetState.PROGRESSED,
    State.NOT_EVALUATED: recist11.NonTargetState.NOT_EVALUATED,
}
# A new lesion that is gone or not seen this time says nothing at this visit.
_NEW = {
    State.EQUIVOCAL: recist11.NewLesionState.EQUIVOCAL,
    State.UNEQUIVOCAL: recist11.NewLesionState.UNEQUIVOCAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Basis:
    """What one derivation stands on and is stamped with."""

    charter: Charter
    policy: recist11.Policy
    visits: tuple[recist11.Visit, ...]
    input_sha256: str
    at: dt.datetime


@transaction.atomic
def derive(*, by: Actor, subject: Subject, reader: User, at: dt.datetime) -> EndpointResult | None:
    """Derive every response and the best overall response anew from all locked reads of one reader.

    Rows are added with the time `at`, the latest counts: later visits may restate earlier ones. Returns None before
    the first follow-up. `by` was already asked by the calling service. Raises ValidationError (`criteria`) where the
    reads contradict each other.
    """
    reads = _locked_reads(subject, reader)
    basis = _basis(subject, reads, at)
    try:
        responses = recist11.assess(basis.visits, basis.policy)
        best = recist11.best_overall(responses, basis.policy) if responses else None
    except recist11.CriteriaError as error:
        raise ValidationError(
            _("No response can be derived, so nothing was locked: %(why)s Tell the coordinator."),
            code="criteria",
            params={"why": str(error)},
        ) from None
    _keep(by, _baseline_row(reads[0], basis))
    for read, response in zip(reads[1:], responses, strict=True):
        _keep(by, _response_row(read, response, basis))
    return _keep_best(by, subject, reader, best, basis) if best else None


def _locked_reads(subject: Subject, reader: User) -> list[Read]:
    reads = Read.objects.filter(
        assignment__time_point__subject=subject, assignment__reader=reader, state=Read.State.LOCKED
    ).order_by("assignment__position")
    return list(reads.select_related("assignment__time_point__scheduled"))


def _basis(subject: Subject, reads: Sequence[Read], at: dt.datetime) -> _Basis:
    charter = approved_charter(subject.trial_site.trial)
    policy = recist11.Policy(
        confirmation_required=charter.confirmation_required,
        confirmation_days=charter.confirmation_days,
        minimum_sd_days=charter.minimum_sd_days,
    )
    visits = tuple(_visit(read) for read in reads)
    told = {
        "criteria": recist11.VERSION,
        "charter": charter.document_sha256,
        "policy": asdict(policy),
        "visits": [asdict(visit) for visit in visits],
    }
    return _Basis(
        charter=charter,
        policy=policy,
        visits=visits,
        input_sha256=hashlib.sha256(canonical(told).encode()).hexdigest(),
        at=at,
    )


def _visit(read: Read) -> recist11.Visit:
    rows = list(read.measurements.select_related("lesion").order_by("lesion__label"))
    time_point = read.assignment.time_point
    return recist11.Visit(
        code=time_point.scheduled.code,
        day=day_of(time_point).day,
        targets=tuple(_target(row) for row in rows if row.lesion.kind == Lesion.Kind.TARGET),
        non_targets=tuple(_non_target(row) for row in rows if row.lesion.kind == Lesion.Kind.NON_TARGET),
        new_lesions=tuple(
            recist11.NewLesionFinding(label=row.lesion.label, state=_NEW[State(row.state)])
            for row in rows
            if row.lesion.kind == Lesion.Kind.NEW and State(row.state) in _NEW
        ),
    )


def _target(row: Measurement) -> recist11.TargetFinding:
    return recist11.TargetFinding(
        label=row.lesion.label,
        is_node=row.lesion.is_node,
        state=_TARGETS[State(row.state)],
        diameter_mm=row.value,
    )


def _non_target(row: Measurement) -> recist11.NonTargetFinding:
    is_normal_node = row.lesion.is_node and row.state == State.ABSENT
    state = recist11.NonTargetState.NORMAL_NODE if is_normal_node else _NON_TARGETS[State(row.state)]
    return recist11.NonTargetFinding(label=row.lesion.label, is_node=row.lesion.is_node, state=state)


def _baseline_row(read: Read, basis: _Basis) -> Response:
    baseline = basis.visits[0]
    total = recist11.sum_of_diameters(baseline)
    return Response(
        read=read,
        target="",
        non_target="",
        new_lesion=False,
        overall=Response.Value.BASELINE,
        sum_mm=total,
        nadir_mm=total,
        explanation=f"Baseline: {len(baseline.targets)} target and {len(baseline.non_targets)} non-target lesions"
        + ("." if total is None else f", sum of diameters {total:.1f} mm."),
        criteria_version=recist11.VERSION,
        input_sha256=basis.input_sha256,
        derived_at=basis.at,
    )


def _response_row(read: Read, response: recist11.VisitResponse, basis: _Basis) -> Response:
    return Response(
        read=read,
        target=response.target or "",
        non_target=response.non_target or "",
        new_lesion=response.new_lesion,
        overall=response.overall,
        sum_mm=response.sum_mm,
        nadir_mm=response.nadir_mm,
        change_from_baseline=response.change_from_baseline_pct,
        explanation=response.explanation,
        criteria_version=recist11.VERSION,
        input_sha256=basis.input_sha256,
        derived_at=basis.at,
    )


def _keep(by: Actor, row: Response) -> None:
    row.save(force_insert=True)
    after = {"overall": row.overall, "sum_mm": row.sum_mm, "input_sha256": row.input_sha256}
    trial_code = row.read.assignment.time_point.subject.trial_site.trial.code
    record(by=by, act="response.derived", obj=row, trial_code=trial_code, after=after)


def _keep_best(by: Actor, subject: Subject, reader: User, best: recist11.BestOverall, basis: _Basis) -> EndpointResult:
    row = EndpointResult.objects.create(
        subject=subject,
        reader=reader,
        kind=EndpointResult.Kind.BEST_OVERALL_RESPONSE,
        value=best.response,
        explanation=best.explanation,
        charter=basis.charter,
        criteria_version=recist11.VERSION,
        input_sha256=basis.input_sha256,
        derived_at=basis.at,
    )
    after = {"value": row.value, "charter": basis.charter.version, "input_sha256": row.input_sha256}
    record(by=by, act="endpoint.derived", obj=row, trial_code=subject.trial_site.trial.code, after=after)
    return row
