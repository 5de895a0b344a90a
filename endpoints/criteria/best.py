"""Best overall response over all visits, with or without confirmation, and the day of progression."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from endpoints.criteria.confirmation import RESPONDERS, Point, find_confirming
from endpoints.criteria.errors import CriteriaError
from endpoints.criteria.findings import Response
from endpoints.criteria.policy import CrThenReappears, NoVisit, Policy
from endpoints.criteria.responses import VisitResponse

_STABLE = frozenset({Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD})


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOverall:
    """The best overall response, the visit that gave it and, for CR and PR, the visit that confirmed it."""

    response: Response
    visit_code: str | None
    confirmed_by: str | None
    explanation: str


def best_overall(
    responses: Sequence[VisitResponse], policy: Policy, *, new_therapy_day: int | None = None
) -> BestOverall:
    """Return the best overall response (RECIST 1.1 section 4.6 and table 3).

    Nothing counts after the first PD, nor after `new_therapy_day`, the start of another anticancer therapy.
    Raises CriteriaError when the responses are not in order of day.
    """
    counted = _count(responses, policy, new_therapy_day)
    if not counted:
        return _name_absence(policy)
    for find in (_find_cr, _find_pr, _find_sd, _find_pd):
        best = find(counted, policy)
        if best is not None:
            return best
    return BestOverall(
        response=Response.NE,
        visit_code=counted[0].code,
        confirmed_by=None,
        explanation="No visit could be evaluated, or none lasted the minimum time for stable disease: NE.",
    )


def progression_day(responses: Sequence[VisitResponse], *, new_therapy_day: int | None = None) -> int | None:
    """Return the day of the first PD, dated back where `assess` did so, or None (RECIST 1.1, 4.3.5)."""
    _check_order(responses)
    days = (response.day for response in responses if response.overall is Response.PD)
    return next((day for day in days if new_therapy_day is None or day <= new_therapy_day), None)


def _check_order(responses: Sequence[VisitResponse]) -> None:
    if any(later.day <= earlier.day for earlier, later in pairwise(responses)):
        raise CriteriaError("The responses are not in order of day.")


def _count(
    responses: Sequence[VisitResponse], policy: Policy, new_therapy_day: int | None
) -> tuple[VisitResponse, ...]:
    """Return the responses that count, each complete response followed by disease settled by the policy."""
    _check_order(responses)
    counted: tuple[VisitResponse, ...] = ()
    for response in responses:
        if new_therapy_day is not None and response.day > new_therapy_day:
            break
        counted = _settle_cr((*counted, response), policy)
        if counted[-1].overall is Response.PD:
            break
    return counted


def _settle_cr(counted: tuple[VisitResponse, ...], policy: Policy) -> tuple[VisitResponse, ...]:
    """Apply the row "CR, then disease": PD now, or the unconfirmed CR re-read as PR (RECIST 1.1 table 3)."""
    *earlier, last = counted
    if not _shows_disease(last) or all(response.overall is not Response.CR for response in earlier):
        return counted
    is_rereadable = last.overall is not Response.SD and not _find_confirmed_cr(earlier, policy)
    if policy.cr_then_reappears is CrThenReappears.PROGRESSION or not is_rereadable:
        return (*earlier, replace(last, overall=Response.PD))
    reread = (
        replace(response, overall=Response.PR if response.target else Response.NON_CR_NON_PD)
        if response.overall is Response.CR
        else response
        for response in earlier
    )
    return (*reread, last)


def _shows_disease(response: VisitResponse) -> bool:
    """Whether disease is positively seen; targets gone with non-targets not evaluated shows none."""
    is_unknown = response.target is Response.CR and response.non_target is Response.NE
    return response.overall in _STABLE - {Response.CR} and not is_unknown


def _find_cr(counted: Sequence[VisitResponse], policy: Policy) -> BestOverall | None:
    if policy.confirmation_required:
        return _find_confirmed_cr(counted, policy)
    return _find_first(counted, Response.CR)


def _find_pr(counted: Sequence[VisitResponse], policy: Policy) -> BestOverall | None:
    if policy.confirmation_required:
        points = [_to_point(response, unknown_as=Response.CR) for response in counted]
        return _find_confirmed(counted, points, RESPONDERS, policy)
    return _find_first(counted, Response.PR)


def _find_confirmed_cr(counted: Sequence[VisitResponse], policy: Policy) -> BestOverall | None:
    points = [_to_point(response, unknown_as=Response.NE) for response in counted]
    return _find_confirmed(counted, points, frozenset({Response.CR}), policy)


def _to_point(response: VisitResponse, *, unknown_as: Response) -> Point:
    """Targets gone with non-targets not evaluated neither confirms nor refutes CR, and confirms PR."""
    is_unknown = response.overall is Response.PR and not _shows_disease(response)
    return Point(day=response.day, response=unknown_as if is_unknown else response.overall)


def _find_confirmed(
    counted: Sequence[VisitResponse], points: Sequence[Point], wanted: frozenset[Response], policy: Policy
) -> BestOverall | None:
    for index, point in enumerate(points):
        later = find_confirming(points, first=index, wanted=wanted, policy=policy) if point.response in wanted else None
        if later is not None:
            response = Response.PR if Response.PR in wanted else Response.CR
            return BestOverall(
                response=response,
                visit_code=counted[index].code,
                confirmed_by=counted[later].code,
                explanation=f"{point.response.value} at visit {counted[index].code}, confirmed at visit "
                f"{counted[later].code}, {points[later].day - point.day} days later: {response.value}.",
            )
    return None


def _find_first(counted: Sequence[VisitResponse], wanted: Response) -> BestOverall | None:
    for response in counted:
        if response.overall is wanted:
            return _name(response, wanted, f"First {wanted.value} at visit {response.code}")
    return None


def _find_sd(counted: Sequence[VisitResponse], policy: Policy) -> BestOverall | None:
    """Stable disease, or non-CR/non-PD without targets, needs one such visit at the minimum time or later."""
    for response in counted:
        lasted = response.day - policy.start_day
        if response.overall in _STABLE and lasted >= policy.minimum_sd_days:
            is_measurable = response.target is not None or response.overall is Response.SD
            best = Response.SD if is_measurable else Response.NON_CR_NON_PD
            words = f"{response.overall.value} at visit {response.code}, {lasted} days from the start"
            return _name(response, best, f"{words} and not confirmed as more")
    return None


def _find_pd(counted: Sequence[VisitResponse], _policy: Policy) -> BestOverall | None:
    return _find_first(counted, Response.PD)


def _name(visit: VisitResponse, response: Response, words: str) -> BestOverall:
    return BestOverall(
        response=response,
        visit_code=visit.code,
        confirmed_by=None,
        explanation=f"{words}: {response.value}.",
    )


def _name_absence(policy: Policy) -> BestOverall:
    response = Response.NE if policy.no_visit is NoVisit.NOT_EVALUABLE else Response.MISSING
    return BestOverall(
        response=response,
        visit_code=None,
        confirmed_by=None,
        explanation=f"No visit after baseline counts: {response.value}.",
    )
