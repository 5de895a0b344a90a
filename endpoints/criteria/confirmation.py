"""Whether a response seen once was seen again late enough, with nothing in between that undoes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from endpoints.criteria.findings import Response
from endpoints.criteria.policy import Policy

RESPONDERS = frozenset({Response.CR, Response.PR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One response on one day."""

    day: int
    response: Response


def find_confirming(points: Sequence[Point], *, first: int, wanted: frozenset[Response], policy: Policy) -> int | None:
    """Return the index of the visit that confirms `points[first]`, or None (RECIST 1.1 section 4.6, table 3).

    The confirming response is among `wanted`, at least `confirmation_days` later, with at most
    `max_ne_between` NE and (for PR) `max_sd_between` SD in between. Disease after a CR has been
    settled before (see `best`), so it is not looked for here.
    """
    spare = {Response.NE: policy.max_ne_between, Response.SD: policy.max_sd_between}
    if Response.PR not in wanted:
        spare[Response.SD] = 0
    for index, point in enumerate(points[first + 1 :], start=first + 1):
        if point.response in wanted:
            if point.day - points[first].day >= policy.confirmation_days:
                return index
        elif spare.get(point.response, 0) == 0:
            return None
        else:
            spare[point.response] -= 1
    return None


def has_confirmed(points: Sequence[Point], *, wanted: frozenset[Response], policy: Policy) -> bool:
    """Whether any of the points among `wanted` is confirmed by a later one."""
    return any(
        find_confirming(points, first=index, wanted=wanted, policy=policy) is not None
        for index, point in enumerate(points)
        if point.response in wanted
    )
