"""The target lesion table: from one visit's diameters and what went before to a target response."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from endpoints.criteria.findings import ZERO, Response, Ruling, TargetFinding

PROGRESSION_MM = Decimal(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSum:
    """The diameters of one visit; `total_mm` is None as soon as one target was not evaluated."""

    measured_mm: Decimal
    missing: tuple[str, ...]
    are_all_gone: bool
    is_disease_seen: bool

    @property
    def total_mm(self) -> Decimal | None:
        return None if self.missing else self.measured_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPast:
    """What earlier visits leave: `nadir_mm` is the smallest complete earlier sum, baseline included."""

    baseline_mm: Decimal
    nadir_mm: Decimal
    does_cr_stand: bool
    is_pr_held: bool


def add_up(targets: Iterable[TargetFinding]) -> TargetSum:
    """Add the diameters in mm (RECIST 1.1 section 4.3.1: longest diameter, short axis for nodes)."""
    findings = tuple(targets)
    return TargetSum(
        measured_mm=sum((finding.size_mm or ZERO for finding in findings), ZERO),
        missing=tuple(sorted(finding.label for finding in findings if finding.size_mm is None)),
        are_all_gone=all(finding.is_gone for finding in findings),
        is_disease_seen=any(finding.is_seen for finding in findings),
    )


def respond(now: TargetSum, past: TargetPast) -> Ruling:
    """Return the first row of the target table that applies (RECIST 1.1 sections 4.3.1 and 4.3.2).

    1 all gone: CR. 2 disease seen again after a CR that stands: PD. 3 at least 5 mm and 20 % above nadir: PD,
    even if some targets are missing. 4 a target missing: NE. 5 at least 30 % below baseline: PR.
    6 PR was held and the policy keeps it: PR. 7 otherwise: SD.
    """
    for row in _ROWS:
        ruling = row(now, past)
        if ruling is not None:
            return ruling
    return Ruling(
        response=Response.SD,
        reason=f"Target row 7: the sum of {mm(now.measured_mm)} is neither 30 % below baseline "
        f"({mm(past.baseline_mm)}) nor 5 mm and 20 % above the nadir ({mm(past.nadir_mm)}): SD.",
    )


def mm(value: Decimal) -> str:
    """Write a length without trailing zeros or exponent."""
    return f"{value.normalize():f} mm"


def _row_1(now: TargetSum, _past: TargetPast) -> Ruling | None:
    if not now.are_all_gone:
        return None
    rest = f" (normal nodes leave a sum of {mm(now.measured_mm)})" if now.measured_mm else ""
    return Ruling(
        response=Response.CR,
        reason=f"Target row 1: every non-nodal target is gone, every nodal one below 10 mm{rest}: CR.",
    )


def _row_2(now: TargetSum, past: TargetPast) -> Ruling | None:
    if not (past.does_cr_stand and now.is_disease_seen):
        return None
    return Ruling(
        response=Response.PD,
        reason="Target row 2: target disease is seen again after a complete response: PD.",
    )


def _row_3(now: TargetSum, past: TargetPast) -> Ruling | None:
    rise = now.measured_mm - past.nadir_mm
    if rise < PROGRESSION_MM or now.measured_mm * 100 < past.nadir_mm * 120:
        return None
    alone = " by the measured lesions alone" if now.missing else ""
    return Ruling(
        response=Response.PD,
        reason=f"Target row 3: the sum of {mm(now.measured_mm)} is {mm(rise)} above the nadir of "
        f"{mm(past.nadir_mm)}, which reaches both 5 mm and 20 %{alone}: PD.",
    )


def _row_4(now: TargetSum, _past: TargetPast) -> Ruling | None:
    if not now.missing:
        return None
    return Ruling(
        response=Response.NE,
        reason=f"Target row 4: not evaluated: {', '.join(now.missing)}; PD is not certain without: NE.",
    )


def _row_5(now: TargetSum, past: TargetPast) -> Ruling | None:
    if now.measured_mm * 100 > past.baseline_mm * 70:
        return None
    return Ruling(
        response=Response.PR,
        reason=f"Target row 5: the sum of {mm(now.measured_mm)} is at least 30 % below the baseline of "
        f"{mm(past.baseline_mm)}: PR.",
    )


def _row_6(now: TargetSum, past: TargetPast) -> Ruling | None:
    if not past.is_pr_held:
        return None
    return Ruling(
        response=Response.PR,
        reason=f"Target row 6: the sum of {mm(now.measured_mm)} is no longer 30 % below the baseline of "
        f"{mm(past.baseline_mm)}, but a partial response was held and has not become PD: PR.",
    )


_ROWS: tuple[Callable[[TargetSum, TargetPast], Ruling | None], ...] = (
    _row_1,
    _row_2,
    _row_3,
    _row_4,
    _row_5,
    _row_6,
)
