"""Walks the visits in order and gives each its response."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from endpoints.criteria import confirmation, histories, nontargets, overall, restatements, targets
from endpoints.criteria.findings import NewLesionState, Response, Ruling, Visit
from endpoints.criteria.policy import Policy, PrAfterPr
from endpoints.criteria.responses import Rulings, Sums, VisitResponse, describe

# A complete response is only re-read as partial for disease that itself is no more than a partial response.
_REREADABLE = frozenset({Response.PR, Response.NON_CR_NON_PD})


def assess(visits: Sequence[Visit], policy: Policy) -> tuple[VisitResponse, ...]:
    """Return one response per visit after the first, which is the baseline (RECIST 1.1 sections 4.3 and 4.4).

    Raises CriteriaError when the visits are out of order or their lesions are not those of baseline.
    """
    histories.check(visits)
    responses: tuple[VisitResponse, ...] = ()
    for index, visit in enumerate(visits[1:], start=1):
        responses = _add(visits[:index], responses, visit, policy)
    return restatements.date_back(responses, visits[1:])


def _add(
    past: Sequence[Visit], earlier: tuple[VisitResponse, ...], visit: Visit, policy: Policy
) -> tuple[VisitResponse, ...]:
    reread = restatements.reread_cr(earlier, past[1:], visit, policy)
    if reread != earlier:
        # The re-read PR must not itself hold this visit at PR.
        response = _respond(past[0], reread, visit, replace(policy, pr_after_pr=PrAfterPr.STRICT))
        if response.overall in _REREADABLE:
            return (*reread, response)
    return (*earlier, _respond(past[0], earlier, visit, policy))


def sum_of_diameters(visit: Visit) -> Decimal | None:
    """Return the sum of target diameters in mm; None without targets or when one was not evaluated."""
    return targets.add_up(visit.targets).total_mm if visit.targets else None


def _respond(baseline: Visit, earlier: Sequence[VisitResponse], visit: Visit, policy: Policy) -> VisitResponse:
    does_cr_stand = _does_cr_stand(earlier)
    target = _rule_targets(baseline, earlier, visit, policy)
    non_target = nontargets.respond(visit.non_targets, markers=visit.markers, does_cr_stand=does_cr_stand)
    has_new_lesion = any(lesion.state is NewLesionState.UNEQUIVOCAL for lesion in visit.new_lesions)
    whole = overall.decide(
        target=target.response if target else None,
        non_target=non_target.response if non_target else None,
        has_new_lesion=has_new_lesion,
        is_disease_back=does_cr_stand and restatements.is_non_target_back(visit),
    )
    return describe(
        visit,
        sums=Sums(now=sum_of_diameters(visit), baseline=sum_of_diameters(baseline), nadir=_nadir(baseline, earlier)),
        rulings=Rulings(target=target, non_target=non_target, whole=whole),
        has_new_lesion=has_new_lesion,
    )


def _rule_targets(baseline: Visit, earlier: Sequence[VisitResponse], visit: Visit, policy: Policy) -> Ruling | None:
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
    return min([start, *(response.sum_mm for response in earlier if response.sum_mm is not None)])


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
