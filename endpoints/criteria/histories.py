"""Refuses a history of visits that contradicts itself before any response is derived from it."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from endpoints.criteria.errors import CriteriaError
from endpoints.criteria.findings import (
    ZERO,
    LesionState,
    NonTargetFinding,
    NonTargetState,
    TargetFinding,
    Visit,
)


def check(visits: Sequence[Visit]) -> None:
    """Raise CriteriaError unless `visits` is a baseline and later visits of its lesions, in order of day."""
    if not visits:
        raise CriteriaError("There is no baseline visit, so no response can be derived.")
    _check_order(visits)
    for visit in visits:
        _check_labels(visit)
        _check_merges(visit)
    _check_baseline(visits[0])
    for visit in visits[1:]:
        _check_same_lesions(visits[0], visit)


def _check_order(visits: Sequence[Visit]) -> None:
    for earlier, later in pairwise(visits):
        if later.day <= earlier.day:
            raise CriteriaError(f"Visit {later.code} does not lie after visit {earlier.code}; order them by day.")
    if len({visit.code for visit in visits}) < len(visits):
        raise CriteriaError("Two visits carry the same code.")


def _check_labels(visit: Visit) -> None:
    for findings in (visit.targets, visit.non_targets, visit.new_lesions):
        labels = [finding.label for finding in findings]
        if len(set(labels)) < len(labels):
            raise CriteriaError(f"Visit {visit.code} has two findings for the same lesion.")


def _check_merges(visit: Visit) -> None:
    states = {finding.label: finding.state for finding in visit.targets}
    for finding in visit.targets:
        if finding.merged_into and states.get(finding.merged_into) in {None, LesionState.MERGED}:
            raise CriteriaError(
                f"Visit {visit.code}: lesion {finding.label} merged with {finding.merged_into}, "
                "which is not a target lesion with findings of its own at that visit."
            )


def _check_baseline(visit: Visit) -> None:
    for target in visit.targets:
        if target.state is not LesionState.MEASURED or target.size_mm == ZERO:
            raise CriteriaError(f"Target lesion {target.label} has no measured diameter at baseline.")
    for non_target in visit.non_targets:
        if non_target.state is not NonTargetState.PRESENT:
            raise CriteriaError(f"Non-target lesion {non_target.label} is not present at baseline.")
    if visit.new_lesions:
        raise CriteriaError("A lesion seen at baseline cannot be a new lesion.")


def _check_same_lesions(baseline: Visit, visit: Visit) -> None:
    for kind, before, now in (
        ("target", baseline.targets, visit.targets),
        ("non-target", baseline.non_targets, visit.non_targets),
    ):
        if _identities(before) != _identities(now):
            raise CriteriaError(
                f"The {kind} lesions at visit {visit.code} are not those of baseline. Give a finding for "
                f"each baseline {kind} (not evaluated or absent where it applies) and list the rest as new."
            )
    known = {label for label, _ in _identities(baseline.targets) | _identities(baseline.non_targets)}
    if known & {finding.label for finding in visit.new_lesions}:
        raise CriteriaError(f"Visit {visit.code} lists a baseline lesion as new.")


def _identities(findings: Iterable[TargetFinding | NonTargetFinding]) -> set[tuple[str, bool]]:
    return {(finding.label, finding.is_node) for finding in findings}
