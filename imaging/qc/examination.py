"""All checks in their order: the one pure question that a delivery is asked."""

from collections.abc import Callable, Sequence

from imaging.qc.delivery import Delivery, Findings
from imaging.qc.doubles import check_pixels_present, check_same_pixels, check_same_uid
from imaging.qc.facts import (
    Finding,
    IdentityMatch,
    InstanceFacts,
    SeriesRequirement,
    Severity,
    TimePointWindow,
)
from imaging.qc.geometry import (
    check_frame_of_reference,
    check_geometry_present,
    check_matrix,
    check_orientation,
    check_pixel_spacing,
)
from imaging.qc.required import check_required
from imaging.qc.series import gather_series
from imaging.qc.spacing import check_duplicate_positions, check_gaps, check_tilt, check_variable_spacing
from imaging.qc.visit import check_identity, check_not_empty, check_one_study, check_study_day

RULES: tuple[Callable[[Delivery], Findings], ...] = (
    check_not_empty,
    check_identity,
    check_required,
    check_same_uid,
    check_pixels_present,
    check_geometry_present,
    check_orientation,
    check_pixel_spacing,
    check_matrix,
    check_frame_of_reference,
    check_duplicate_positions,
    check_gaps,
    check_variable_spacing,
    check_tilt,
    check_same_pixels,
    check_one_study,
    check_study_day,
)

_WEIGHT = tuple(Severity)


def examine(
    *,
    instances: Sequence[InstanceFacts],
    requirements: Sequence[SeriesRequirement],
    window: TimePointWindow | None,
    study_day: int | None,
    identity: IdentityMatch | None,
) -> tuple[Finding, ...]:
    """Ask every rule; errors first, then in the order of rules and series, whatever the order of input.

    `study_day` is the trial day of the scan; None for window, day or identity means it is not known.
    """
    delivery = Delivery(
        instances=tuple(sorted(instances, key=lambda one: (one.sop_instance_uid, one.sha256))),
        series=gather_series(instances),
        requirements=tuple(requirements),
        window=window,
        study_day=study_day,
        identity=identity,
    )
    found = [finding for rule in RULES for finding in rule(delivery)]
    return tuple(sorted(found, key=lambda one: _WEIGHT.index(one.severity)))
