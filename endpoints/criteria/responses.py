"""The record of one visit's response, and how sums and rulings are put into it."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from endpoints.criteria.findings import Response, Ruling, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitResponse:
    """The response at one visit after baseline; lengths in mm, percentages to 0.1 for display only.

    `sum_mm` is None when a target was not evaluated or there are none; `target` and `non_target` are None
    when baseline had no such lesions. `overall_as_read` is what the visit gave with the visits up to then;
    `overall` is what it counts as with all visits, and differs only when an equivocal new lesion was
    confirmed later (PD dated back) or a complete response was re-read as partial.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """The sum of a visit, of baseline and the nadir before the visit, in mm."""

    now: Decimal | None
    baseline: Decimal | None
    nadir: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulings:
    """What the three tables said."""

    target: Ruling | None
    non_target: Ruling | None
    whole: Ruling


def describe(visit: Visit, *, sums: Sums, rulings: Rulings, has_new_lesion: bool) -> VisitResponse:
    """Put sums and rulings together, with the changes against baseline and nadir."""
    reasons = [ruling.reason for ruling in (rulings.target, rulings.non_target, rulings.whole) if ruling]
    return VisitResponse(
        code=visit.code,
        day=visit.day,
        sum_mm=sums.now,
        baseline_mm=sums.baseline,
        nadir_mm=sums.nadir,
        change_from_baseline_pct=_percent(sums.now, sums.baseline),
        change_from_nadir_mm=_subtract(sums.now, sums.nadir),
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


def _subtract(value: Decimal | None, reference: Decimal | None) -> Decimal | None:
    return None if value is None or reference is None else value - reference
