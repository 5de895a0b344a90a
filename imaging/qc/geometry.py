"""Rules that the slices of a series speak of one and the same grid."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from imaging.qc.delivery import Delivery, Findings, counted, finding
from imaging.qc.facts import InstanceFacts, Orientation, Rule, Severity
from imaging.qc.series import SeriesFacts
from imaging.qc.stack import is_parallel, is_sound

_NEEDS_GEOMETRY = frozenset({"CT", "MR", "PT"})


def check_geometry_present(delivery: Delivery) -> Findings:
    """Name sectional images without position, orientation (sound ones) or pixel spacing."""
    for series in delivery.series:
        bare = [one for one in series.instances if not _has_geometry(one)]
        is_needed = series.modality in _NEEDS_GEOMETRY and not series.is_localizer
        if is_needed and bare:
            yield finding(
                Rule.NO_GEOMETRY,
                Severity.ERROR,
                f"{series.label} has {len(bare)} of {counted(len(series.instances), 'image')} that do not "
                "say where they lie in the body or how large a pixel is, so nothing can be measured.",
                series=series,
                value=len(bare),
                limit=0,
            )


def check_orientation(delivery: Delivery) -> Findings:
    """Name a series whose slices look in different directions."""
    for series in delivery.series:
        seen = [one.orientation for one in series.instances if one.orientation is not None]
        turned = len(seen) - _largest_parallel_group(seen)
        if turned and not series.is_localizer:
            yield finding(
                Rule.ORIENTATION,
                Severity.ERROR,
                f"{series.label} has {turned} of {counted(len(seen), 'image')} turned against the others.",
                series=series,
                value=turned,
                limit=0,
            )


def check_pixel_spacing(delivery: Delivery) -> Findings:
    """Name a series with more than one pixel size."""
    yield from _report_mixed(delivery, Rule.PIXEL_SPACING, "pixel sizes (mm)", _spacing)


def check_matrix(delivery: Delivery) -> Findings:
    """Name a series with more than one image size."""
    yield from _report_mixed(delivery, Rule.MATRIX, "image sizes (pixels)", _matrix)


def check_frame_of_reference(delivery: Delivery) -> Findings:
    """Name a series whose positions belong to more than one coordinate system (PS3.3 C.7.4.1)."""
    for series in delivery.series:
        frames = {one.frame_of_reference_uid for one in series.instances}
        if len(frames) > 1:
            yield finding(
                Rule.FRAME_OF_REFERENCE,
                Severity.ERROR,
                f"{series.label} uses {len(frames)} coordinate systems (frames of reference), where one was "
                "expected; positions in it cannot be compared.",
                series=series,
                value=len(frames),
                limit=1,
            )


def _report_mixed(delivery: Delivery, rule: Rule, what: str, key: Callable[[InstanceFacts], Hashable]) -> Findings:
    for series in delivery.series:
        seen = _count(series, key)
        if len(seen) > 1 and not series.is_localizer:
            listed = ", ".join(f"{value} ({counted(count, 'image')})" for value, count in sorted(seen.items()))
            yield finding(
                rule,
                Severity.ERROR,
                f"{series.label} mixes {what}: {listed}.",
                series=series,
                value=listed,
                limit="one",
            )


def _count(series: SeriesFacts, key: Callable[[InstanceFacts], Hashable]) -> Counter[str]:
    seen = Counter(key(one) for one in series.instances)
    return Counter({str(value): count for value, count in seen.items() if value})


def _largest_parallel_group(seen: Sequence[Orientation]) -> int:
    groups: list[list[Orientation]] = []
    for orientation in seen:
        group = next((group for group in groups if is_parallel(group[0], orientation)), None)
        if group is None:
            groups.append([orientation])
        else:
            group.append(orientation)
    return max(map(len, groups), default=0)


def _spacing(one: InstanceFacts) -> str:
    return " x ".join(f"{length:.4f}" for length in one.pixel_spacing or ())


def _matrix(one: InstanceFacts) -> str:
    return f"{one.columns} x {one.rows}" if one.rows and one.columns else ""


def _has_geometry(one: InstanceFacts) -> bool:
    if one.frames > 1:
        return True
    is_complete = one.position is not None and one.pixel_spacing is not None and one.frame_of_reference_uid
    return bool(is_complete and one.orientation is not None and is_sound(one.orientation))
