"""The checks on slices: every fault is named with numbers, and good series raise nothing."""

import random
from collections.abc import Callable
from dataclasses import replace
from math import cos, radians, sin, tan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.qc import Finding, InstanceFacts, Rule, Severity, examine
from imaging.qc.stack import build_stack

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def make_slice(index: int, *, step: float = 1.0) -> InstanceFacts:
    return InstanceFacts(
        sop_instance_uid=f"1.2.{index:04d}",
        series_instance_uid="1.3",
        study_instance_uid="1.4",
        frame_of_reference_uid="1.5",
        modality="CT",
        series_number=3,
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        rows=512,
        columns=512,
        orientation=AXIAL,
        position=(-100.0, -90.0, 20.0 + index * step),
        pixel_spacing=(0.7, 0.7),
        slice_thickness=1.0,
        sha256=f"file {index}",
        pixel_sha256=f"pixels {index}",
    )


def make_series(count: int = 20) -> list[InstanceFacts]:
    return [make_slice(index) for index in range(count)]


def check(instances: list[InstanceFacts]) -> tuple[Finding, ...]:
    return examine(instances=instances, requirements=(), window=None, study_day=None, identity=None)


def the_only(instances: list[InstanceFacts]) -> Finding:
    (found,) = check(instances)
    return found


def shift(one: InstanceFacts, *, y: float = 0.0, z: float = 0.0) -> InstanceFacts:
    assert one.position
    return replace(one, position=(one.position[0], one.position[1] + y, one.position[2] + z))


@pytest.mark.req("R-QC-01")
def test_a_good_series_raises_nothing() -> None:
    assert check(make_series()) == ()


@pytest.mark.req("R-QC-02")
def test_a_missing_slice_is_named_with_its_neighbours_and_distances() -> None:
    series = [shift(one, z=4.0 if index > 11 else 0.0) for index, one in enumerate(make_series())]
    found = the_only(series)
    assert found.rule is Rule.GAP
    assert found.sentence == ("Series 3 (CT) has a gap of 5.0 mm between slices 12 and 13, where 1.0 mm was expected.")
    assert (found.value, found.limit, found.severity) == ("5.00 mm", "1.00 mm", Severity.ERROR)


@pytest.mark.req("R-QC-02")
@settings(max_examples=40, deadline=None)
@given(missing=st.sets(st.integers(1, 38), min_size=1, max_size=4), chance=st.randoms(use_true_random=False))
def test_every_hole_in_a_series_is_found_whatever_the_order(missing: set[int], chance: random.Random) -> None:
    series = [one for index, one in enumerate(make_series(40)) if index not in missing]
    chance.shuffle(series)
    holes = sum(index - 1 not in missing for index in missing)
    assert [found.rule for found in check(series)] == [Rule.GAP] * holes


@pytest.mark.req("R-QC-02")
@pytest.mark.parametrize("image_type", [("ORIGINAL", "PRIMARY", "LOCALIZER"), ("DERIVED", "SECONDARY", "SCOUT")])
def test_a_localizer_is_not_asked_for_an_even_stack(image_type: tuple[str, ...]) -> None:
    series = [replace(one, image_type=image_type) for one in (make_slice(0), make_slice(5), make_slice(6))]
    assert (
        check(
            [
                *series,
                replace(series[0], sop_instance_uid="1.2.9", pixel_sha256="", orientation=(0, 1, 0, 0, 0, -1)),
            ]
        )
        == ()
    )


@pytest.mark.req("R-QC-02")
def test_a_single_slice_has_no_gap() -> None:
    assert check([make_slice(0)]) == ()


@pytest.mark.req("R-QC-02")
def test_a_chest_film_is_not_asked_for_geometry() -> None:
    films = [
        replace(make_slice(i), modality="DX", orientation=None, position=None, frame_of_reference_uid="")
        for i in range(3)
    ]
    assert check(films) == ()


@pytest.mark.req("R-QC-02")
@pytest.mark.parametrize("step", [0.6, 0.625, 1.25, 3.27, 5.0])
def test_header_rounding_to_a_tenth_of_a_millimetre_is_no_finding(step: float) -> None:
    series = [shift(make_slice(i, step=0.0), z=round(i * step, 1)) for i in range(40)]
    assert check(series) == ()


@pytest.mark.req("R-QC-02")
@pytest.mark.parametrize("step", [0.2, 0.3, 0.625, 1.25, 5.0])
def test_a_hole_is_found_at_any_slice_distance_despite_rounding(step: float) -> None:
    digits = 2 if step < 0.5 else 1
    series = [shift(make_slice(i, step=0.0), z=round(i * step, digits)) for i in range(40) if i != 17]
    found = the_only(series)
    assert found.rule is Rule.GAP
    assert "between slices 17 and 18" in found.sentence


@pytest.mark.req("R-QC-03")
def test_variable_spacing_is_named_with_its_range() -> None:
    series = [shift(one, z=0.02 * index**2) for index, one in enumerate(make_series())]
    found = the_only(series)
    assert found.rule is Rule.VARIABLE_SPACING
    assert "between 1.02 and 1.74 mm apart" in found.sentence


@pytest.mark.req("R-QC-03")
def test_a_tilted_gantry_is_named_with_its_angle() -> None:
    series = [shift(one, y=tan(radians(20)) * index) for index, one in enumerate(make_series())]
    found = the_only(series)
    assert found.rule is Rule.TILT
    assert "up to 6.9 mm (20.0 degrees)" in found.sentence


@pytest.mark.req("R-QC-03")
@given(st.floats(0, 6.2), st.integers(3, 60), st.floats(0.3, 8))
def test_an_oblique_series_is_as_good_as_an_axial_one(angle: float, count: int, step: float) -> None:
    orientation = (1.0, 0.0, 0.0, 0.0, cos(angle), sin(angle))
    positions = [(5.0, -sin(angle) * k * step, cos(angle) * k * step) for k in range(count)]
    stack = build_stack(orientation=orientation, positions=positions[::-1])
    assert not any((stack.odd_steps, stack.is_tilted, stack.has_duplicates))
    assert stack.expected_step == pytest.approx(step)


@pytest.mark.req("R-QC-04")
def test_two_images_at_one_place_are_named() -> None:
    twin = replace(make_slice(4), sop_instance_uid="1.2.9999", sha256="x", pixel_sha256="y")
    found = the_only([*make_series(), twin])
    assert found.rule is Rule.DUPLICATE_POSITION
    assert found.severity is Severity.ERROR
    assert "more than one image at slice position 5," in found.sentence


@pytest.mark.req("R-QC-04")
def test_several_phases_are_noted_and_their_gaps_still_seen() -> None:
    phases = [
        replace(make_slice(i), sop_instance_uid=f"1.{phase}.{i}", pixel_sha256=f"{phase} {i}")
        for phase in range(3)
        for i in (0, 1, 2, 3, 5, 6, 7, 8)
    ]
    gap, note = check(phases)
    assert (gap.rule, note.rule, note.severity) == (Rule.GAP, Rule.DUPLICATE_POSITION, Severity.INFO)
    assert "each of its 8 slice positions 3 times" in note.sentence


@pytest.mark.req("R-QC-05")
def test_the_same_pixels_under_another_uid_are_named() -> None:
    series = make_series()
    series[7] = replace(series[7], pixel_sha256=series[3].pixel_sha256)
    found = the_only(series)
    assert (found.rule, found.severity) == (Rule.SAME_PIXELS, Severity.WARNING)
    assert found.sentence == "Series 3 (CT) holds 1 image whose pixels equal those of another image."


@pytest.mark.req("R-QC-05")
def test_one_uid_with_two_contents_is_an_error_and_an_equal_copy_is_not() -> None:
    series = make_series()
    other = replace(series[0], sha256="other", pixel_sha256="other")
    assert Rule.SAME_UID in {found.rule for found in check([*series, other])}
    assert Rule.SAME_UID not in {found.rule for found in check([*series, series[0]])}


@pytest.mark.req("R-QC-05")
def test_images_without_pixels_are_named() -> None:
    series = make_series()
    series[2] = replace(series[2], has_pixels=False)
    found = the_only(series)
    assert found.sentence == "Series 3 (CT) has 1 of 20 images without any pixels."


@pytest.mark.req("R-QC-06")
@pytest.mark.parametrize(
    ("change", "rule", "words"),
    [
        (lambda one: replace(one, rows=256), Rule.MATRIX, "512 x 256 (1 image), 512 x 512 (19 images)"),
        (lambda one: replace(one, pixel_spacing=(0.8, 0.8)), Rule.PIXEL_SPACING, "0.8000 x 0.8000 (1 image)"),
        (
            lambda one: replace(one, orientation=(0, 1, 0, 0, 0, -1)),
            Rule.ORIENTATION,
            "1 of 20 images turned",
        ),
        (
            lambda one: replace(one, frame_of_reference_uid="9"),
            Rule.FRAME_OF_REFERENCE,
            "2 coordinate systems",
        ),
        (lambda one: replace(one, position=None), Rule.NO_GEOMETRY, "1 of 20 images"),
        (lambda one: replace(one, pixel_spacing=None), Rule.NO_GEOMETRY, "1 of 20 images"),
        (lambda one: replace(one, orientation=(1, 0, 0, 1, 0, 0)), Rule.NO_GEOMETRY, "1 of 20 images"),
    ],
)
def test_one_image_unlike_the_others_is_named(
    change: Callable[[InstanceFacts], InstanceFacts], rule: Rule, words: str
) -> None:
    series = make_series()
    series[0] = change(series[0])
    named = {found.rule: found for found in check(series)}
    assert words in named[rule].sentence
    assert named[rule].severity is Severity.ERROR


@pytest.mark.req("R-QC-01")
@given(st.randoms(use_true_random=False))
def test_findings_do_not_depend_on_the_order_of_arrival(chance: random.Random) -> None:
    other = [replace(one, series_instance_uid="1.9", series_number=4) for one in make_series(6)]
    first = [shift(one, y=index) for index, one in enumerate(make_series())]
    instances = [*first[:5], *first[7:], *other[:2], *other[4:], replace(first[0], pixel_sha256="pixels 9")]
    expected = check(instances)
    assert len(expected) > 3
    assert [found.severity for found in expected] == sorted(
        (found.severity for found in expected), key=list(Severity).index
    )
    chance.shuffle(instances)
    assert check(instances) == expected
