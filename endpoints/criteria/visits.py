"""Walks the visits in order and gives each its response, restating earlier ones where the criteria say so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from endpoints.criteria import confirmation, histories, nontargets, overall, targets
from endpoints.criteria.findings import (
    TOO_SMALL_MM,
    ZERO,
    LesionState,
    NewLesionState,
    Response,
    Ruling,
    Visit,
)
from endpoints.criteria.policy import CrThenReappears, Policy, PrAfterPr


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitResponse:
    """The response at one visit after baseline; lengths in mm, percentages to 0.1 for display only.

    `sum_mm` is None when a target was not evaluated or there are none; `target` and `non_target` are None when
    baseline had no such lesions. `overall_as_read` is what the visit gave with the visits up to then;
    `overall` is what it counts as with all visits, and differs only when an equivocal new lesion was confirmed
    later (PD dated back) or a complete response was re-read as partial.
    """

    code: str
    day: int
    sum_mm: Decimal | None
    baseline_mm: Decimal | None
    nadir_mm: Decimal | None
    change_from_baseline_pct: Decimal | None
    change_from_nadir_mm: Decimal | None
    change_from_nadir_pct: Decimal | None
    target: Response | None
    non_target: Response | None
    new_lesion: bool
    overall: Response
    overall_as_read: Response
    explanation: str


def assess(visits: Sequence[Visit], policy: Policy) -> tuple[VisitResponse, ...]:
    """Return one response per visit after the first, which is the baseline (RECIST 1.1 sections 4.3 and 4.4).

    Raises CriteriaError when the visits are out of order or their lesions are not those of baseline.
    """
    histories.check(visits)
    responses: tuple[VisitResponse, ...] = ()
    for index, visit in enumerate(visits[1:], start=1):
        responses = _reread_cr(responses, visits[1:index], visit, policy)
        responses = (*responses, _respond(visits[0], responses, visit, policy))
    return _date_back(responses, visits[1:])


def sum_of_diameters(visit: Visit) -> Decimal | None:
    """Return the sum of target diameters in mm; None without targets or when one was not evaluated."""
    return targets.add_up(visit.targets).total_mm if visit.targets else None


def _respond(
    baseline: Visit, earlier: Sequence[VisitResponse], visit: Visit, policy: Policy
) -> VisitResponse:
    does_cr_stand = _does_cr_stand(earlier)
    target = _rule_targets(baseline, earlier, visit, policy)
    non_target = nontargets.respond(
        visit.non_targets, markers=visit.markers, does_cr_stand=does_cr_stand
    )
    has_new_lesion = any(lesion.state is NewLesionState.UNEQUIVOCAL for lesion in visit.new_lesions)
    whole = overall.decide(
        target=target.response if target else None,
        non_target=non_target.response if non_target else None,
        has_new_lesion=has_new_lesion,
        is_disease_back=does_cr_stand and _is_non_target_seen(visit, does_cr_stand=True),
    )
    return _describe(
        visit,
        sums=_Sums(
            now=sum_of_diameters(visit), baseline=sum_of_diameters(baseline), nadir=_nadir(baseline, earlier)
        ),
        rulings=_Rulings(target=target, non_target=non_target, whole=whole),
        has_new_lesion=has_new_lesion,
    )


def _rule_targets(
    baseline: Visit, earlier: Sequence[VisitResponse], visit: Visit, policy: Policy
) -> Ruling | None:
    start, nadir = sum_of_diameters(baseline), _nadir(baseline, earlier)
    if start is None or nadir is None:
        return None
    past = targets.TargetPast(
        baseline_mm=start,
        nadir_mm=nadir,
        does_cr_stand=_does_cr_stand(earlier),
        is_pr_held=_is_pr_held(earlier, policy),
    )
    return targets.respond(targets.add_up(visit.targets), past)


def _nadir(baseline: Visit, earlier: Iterable[VisitResponse]) -> Decimal | None:
    """Return the smallest complete sum so far, baseline included (RECIST 1.1 section 4.3.1)."""
    start = sum_of_diameters(baseline)
    if start is None:
        return None
    return min(start, *(response.sum_mm for response in earlier if response.sum_mm is not None), start)


def _does_cr_stand(earlier: Iterable[VisitResponse]) -> bool:
    """Whether disease seen now would be disease that came back (EORTC: after an overall CR)."""
    return any(response.overall is Response.CR for response in earlier)


def _is_pr_held(earlier: Sequence[VisitResponse], policy: Policy) -> bool:
    """Whether a partial response was reached, and confirmed where the protocol asks for it (EORTC)."""
    if policy.pr_after_pr is PrAfterPr.STRICT:
        return False
    points = [
        confirmation.Point(day=response.day, response=response.target)
        for response in earlier
        if response.target is not None
    ]
    if policy.confirmation_required:
        return confirmation.has_confirmed(points, wanted=confirmation.RESPONDERS, policy=policy)
    return any(point.response in confirmation.RESPONDERS for point in points)


def _is_non_target_seen(visit: Visit, *, does_cr_stand: bool) -> bool:
    return any(nontargets.is_seen(finding, does_cr_stand=does_cr_stand) for finding in visit.non_targets)


def _reread_cr(
    earlier: tuple[VisitResponse, ...], past: Sequence[Visit], visit: Visit, policy: Policy
) -> tuple[VisitResponse, ...]:
    """Re-read a complete response as partial when disease is seen again (RECIST 1.1 table 3, footnote).

    Only an unconfirmed one: a complete response seen twice at the confirmation interval stands.
    """
    seen = targets.add_up(visit.targets).is_disease_seen or _is_non_target_seen(visit, does_cr_stand=True)
    if policy.cr_then_reappears is CrThenReappears.PROGRESSION or not seen:
        return earlier
    points = [confirmation.Point(day=response.day, response=response.overall) for response in earlier]
    if confirmation.has_confirmed(points, wanted=frozenset({Response.CR}), policy=policy):
        return earlier
    return tuple(
        _reread(response, before, visit) if response.overall is Response.CR else response
        for response, before in zip(earlier, past, strict=True)
    )


def _reread(response: VisitResponse, before: Visit, visit: Visit) -> VisitResponse:
    """Count each lesion that is seen again as too small to measure (5 mm) where it had been called absent."""
    seen = {finding.label for finding in visit.targets if finding.is_seen}
    absent = {finding.label for finding in before.targets if finding.state is LesionState.ABSENT}
    is_target = bool(seen) and response.target is not None
    return replace(
        response,
        sum_mm=None if response.sum_mm is None else response.sum_mm + TOO_SMALL_MM * len(seen & absent),
        target=Response.PR if is_target else response.target,
        non_target=response.non_target if is_target else Response.NON_CR_NON_PD,
        overall=Response.NON_CR_NON_PD if response.target is None else Response.PR,
        explanation=f"{response.explanation} Re-read: disease is seen again at visit {visit.code}, so small "
        "lesions were probably still there and the complete response counts as a partial one "
        "(lesions seen again count 5 mm here).",
    )


def _date_back(
    responses: Sequence[VisitResponse], visits: Sequence[Visit]
) -> tuple[VisitResponse, ...]:
    """Date PD back to where a new lesion was first seen, once it is unequivocal (RECIST 1.1 section 4.3.5)."""
    confirmed_at: dict[str, str] = {}
    for visit in reversed(visits):
        confirmed_at |= {
            lesion.label: visit.code
            for lesion in visit.new_lesions
            if lesion.state is NewLesionState.UNEQUIVOCAL
        }
    return tuple(
        _progress_early(response, visit, confirmed_at)
        for response, visit in zip(responses, visits, strict=True)
    )


def _progress_early(
    response: VisitResponse, visit: Visit, confirmed_at: dict[str, str]
) -> VisitResponse:
    proven = sorted(lesion.label for lesion in visit.new_lesions if lesion.label in confirmed_at)
    if not proven or response.overall is Response.PD:
        return response
    return replace(
        response,
        overall=Response.PD,
        explanation=f"{response.explanation} Dated back: new lesion {proven[0]}, equivocal here, became "
        f"unequivocal at visit {confirmed_at[proven[0]]}: PD from this visit on.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    now: Decimal | None
    baseline: Decimal | None
    nadir: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rulings:
    target: Ruling | None
    non_target: Ruling | None
    whole: Ruling


def _describe(visit: Visit, *, sums: _Sums, rulings: _Rulings, has_new_lesion: bool) -> VisitResponse:
    reasons = [ruling.reason for ruling in (rulings.target, rulings.non_target, rulings.whole) if ruling]
    known = sums.now is not None and sums.nadir is not None
    return VisitResponse(
        code=visit.code,
        day=visit.day,
        sum_mm=sums.now,
        baseline_mm=sums.baseline,
        nadir_mm=sums.nadir,
        change_from_baseline_pct=_percent(sums.now, sums.baseline),
        change_from_nadir_mm=(sums.now or ZERO) - (sums.nadir or ZERO) if known else None,
        change_from_nadir_pct=_percent(sums.now, sums.nadir),
        target=rulings.target.response if rulings.target else None,
        non_target=rulings.non_target.response if rulings.non_target else None,
        new_lesion=has_new_lesion,
        overall=rulings.whole.response,
        overall_as_read=rulings.whole.response,
        explanation=" ".join(reasons),
    )


def _percent(value: Decimal | None, reference: Decimal | None) -> Decimal | None:
    """Return the change in percent to 0.1, half to even; None against a sum of 0."""
    if value is None or not reference:
        return None
    return ((value - reference) * 100 / reference).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN)
