"""Where a later visit changes what an earlier one counts as: complete responses re-read, PD dated back."""

from collections.abc import Sequence
from dataclasses import replace

from endpoints.criteria import confirmation, nontargets, targets
from endpoints.criteria.findings import LesionState, NewLesionState, Response, Visit
from endpoints.criteria.policy import CrThenReappears, Policy
from endpoints.criteria.responses import VisitResponse


def reread_cr(
    earlier: tuple[VisitResponse, ...], past: Sequence[Visit], visit: Visit, policy: Policy
) -> tuple[VisitResponse, ...]:
    """Re-read complete responses as partial when `visit` shows disease again (RECIST 1.1 table 3, footnote).

    Only unconfirmed ones and only where the policy says so; otherwise `earlier` comes back as it is. A sum in
    which a lesion seen again had counted as absent is no longer known, so it cannot be the nadir.
    """
    is_seen = targets.add_up(visit.targets).is_disease_seen or is_non_target_back(visit)
    if policy.cr_then_reappears is CrThenReappears.PROGRESSION or not is_seen:
        return earlier
    points = [confirmation.Point(day=response.day, response=response.overall) for response in earlier]
    if confirmation.has_confirmed(points, wanted=frozenset({Response.CR}), policy=policy):
        return earlier
    return tuple(
        _reread(response, before, visit) if response.overall is Response.CR else response
        for response, before in zip(earlier, past, strict=True)
    )


def is_non_target_back(visit: Visit) -> bool:
    """Whether non-target disease is seen again after a complete response."""
    return any(nontargets.is_seen(finding, does_cr_stand=True) for finding in visit.non_targets)


def date_back(responses: Sequence[VisitResponse], visits: Sequence[Visit]) -> tuple[VisitResponse, ...]:
    """Date PD back to where a new lesion was first seen, once it is unequivocal (RECIST 1.1, 4.3.5)."""
    confirmed_at = {
        lesion.label: visit.code
        for visit in reversed(visits)
        for lesion in visit.new_lesions
        if lesion.state is NewLesionState.UNEQUIVOCAL
    }
    return tuple(
        _progress_early(response, visit, confirmed_at) for response, visit in zip(responses, visits, strict=True)
    )


def _reread(response: VisitResponse, before: Visit, visit: Visit) -> VisitResponse:
    seen = {finding.label for finding in visit.targets if finding.is_seen}
    absent = {finding.label for finding in before.targets if finding.state is LesionState.ABSENT}
    return replace(
        response,
        sum_mm=None if seen & absent else response.sum_mm,
        change_from_baseline_pct=None if seen & absent else response.change_from_baseline_pct,
        change_from_nadir_mm=None if seen & absent else response.change_from_nadir_mm,
        change_from_nadir_pct=None if seen & absent else response.change_from_nadir_pct,
        target=Response.PR if seen else response.target,
        non_target=response.non_target if seen else Response.NON_CR_NON_PD,
        overall=Response.NON_CR_NON_PD if response.target is None else Response.PR,
        explanation=f"{response.explanation} Re-read: disease is seen again at visit {visit.code}, so small "
        "lesions were probably still there and the complete response counts as a partial one.",
    )


def _progress_early(response: VisitResponse, visit: Visit, confirmed_at: dict[str, str]) -> VisitResponse:
    proven = sorted(lesion.label for lesion in visit.new_lesions if lesion.label in confirmed_at)
    if not proven or response.overall is Response.PD:
        return response
    return replace(
        response,
        overall=Response.PD,
        explanation=f"{response.explanation} Dated back: new lesion {proven[0]}, equivocal here, became "
        f"unequivocal at visit {confirmed_at[proven[0]]}: PD from this visit on.",
    )
