"""Where each frame lies, alike from single-frame and enhanced headers, and why frames may not stack."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydicom import Dataset

from imaging.frames.opening import UNREADABLE
from imaging.qc.facts import Orientation, Position
from imaging.qc.stack import Stack, build_stack, is_parallel, is_sound
from imaging.volumes.grid import Cause, VolumeRefused

_SPACING_TOLERANCE = 1e-4
_SHORTEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Geometry of one frame: PS3.3 C.7.6.2 and C.7.6.16.2.3/4, mm in LPS."""

    sop_instance_uid: str
    frame_number: int
    orientation: Orientation
    position: Position
    pixel_spacing: tuple[float, float]


def planes_of(dataset: Dataset) -> tuple[Plane, ...]:
    """Give one plane per frame; raises VolumeRefused where the header does not say."""
    try:
        return tuple(_read_planes(dataset))
    except UNREADABLE:
        raise VolumeRefused(
            Cause.NOT_A_VOLUME,
            "Some images do not say where in the body they lie, so they make no volume.",
        ) from None


def refuse_unless_stacked(datasets: Sequence[Dataset], planes: Sequence[Plane]) -> None:
    """Name the first cause, in a fixed order, why these planes are no box of voxels; raises VolumeRefused."""
    _refuse_mixed(datasets, planes)
    if not is_sound(planes[0].orientation):
        raise VolumeRefused(Cause.NOT_A_VOLUME, "The directions stated in the image headers are not at right angles.")
    stack = build_stack(orientation=planes[0].orientation, positions=[plane.position for plane in planes])
    fault = _fault(stack)
    if fault:
        raise fault


def _read_planes(dataset: Dataset) -> Iterator[Plane]:
    uid = str(dataset.SOPInstanceUID)
    if "SharedFunctionalGroupsSequence" not in dataset:
        yield _plane(uid, 1, _only_frame(dataset), dataset, dataset)
        return
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence, start=1):
        position, orientation, measures = (
            _group(name, group, shared)
            for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
        )
        yield _plane(uid, number, position, orientation, measures)


def _only_frame(dataset: Dataset) -> Dataset:
    if int(dataset.get("NumberOfFrames") or 1) != 1:
        raise ValueError
    return dataset


def _group(name: str, group: Dataset, shared: Dataset) -> Dataset:
    return cast("Dataset", (group if name in group else shared)[name].value[0])


def _plane(uid: str, number: int, position: Dataset, orientation: Dataset, measures: Dataset) -> Plane:
    return Plane(
        sop_instance_uid=uid,
        frame_number=number,
        orientation=cast("Orientation", _floats(orientation.ImageOrientationPatient, 6)),
        position=cast("Position", _floats(position.ImagePositionPatient, 3)),
        pixel_spacing=cast("tuple[float, float]", _floats(measures.PixelSpacing, 2)),
    )


def _floats(values: Any, length: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != length:
        raise ValueError
    return numbers


def _refuse_mixed(datasets: Sequence[Dataset], planes: Sequence[Plane]) -> None:
    named = {
        "series": "SeriesInstanceUID",
        "frames of reference": "FrameOfReferenceUID",
        "kinds of image": "Modality",
        "numbers of rows": "Rows",
        "numbers of columns": "Columns",
    }
    mixed = [words for words, keyword in named.items() if len({str(one.get(keyword)) for one in datasets}) > 1]
    first = planes[0]
    if not all(is_parallel(first.orientation, plane.orientation) for plane in planes):
        mixed.append("slice directions")
    if not all(_is_same_spacing(first.pixel_spacing, plane.pixel_spacing) for plane in planes):
        mixed.append("pixel sizes")
    if mixed:
        raise VolumeRefused(Cause.MIXED, f"The images have different {' and '.join(mixed)}, so they make no volume.")


def _is_same_spacing(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1])) <= _SPACING_TOLERANCE


def _fault(stack: Stack) -> VolumeRefused | None:
    if len(stack.places) < _SHORTEST:
        return VolumeRefused(Cause.NOT_A_VOLUME, "The images lie at one single place, so they make no volume.")
    if stack.has_duplicates:
        return VolumeRefused(Cause.DUPLICATE, _describe_duplicates(stack))
    if stack.is_tilted:
        return VolumeRefused(Cause.TILT, _describe_tilt(stack))
    if stack.has_variable_spacing:
        return VolumeRefused(Cause.SPACING, _describe_spacing(stack))
    if stack.gaps:
        return VolumeRefused(Cause.GAP, _describe_gap(stack))
    return None


def _describe_duplicates(stack: Stack) -> str:
    doubled = sum(count > 1 for count in stack.copies)
    return f"{doubled} of {len(stack.places)} slice positions hold more than one image; one each was expected."


def _describe_tilt(stack: Stack) -> str:
    return (
        f"The slices are shifted sideways by up to {stack.shift_mm:.1f} mm "
        f"({stack.tilt_degrees:.1f} degrees), as with a tilted gantry."
    )


def _describe_spacing(stack: Stack) -> str:
    lengths = [step.length for step in stack.steps]
    return f"The slices lie {min(lengths):.2f} to {max(lengths):.2f} mm apart instead of at one distance."


def _describe_gap(stack: Stack) -> str:
    gap = stack.gaps[0]
    return (
        f"A gap of {gap.length:.1f} mm lies between slices {gap.after} and {gap.after + 1}, "
        f"where {stack.expected_step:.1f} mm was expected."
    )
