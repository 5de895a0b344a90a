"""Edit checks on the choice of lesions at baseline (RECIST 1.1 sections 3.1 and 4.1)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from endpoints.criteria.recist11 import (
    BaselineNonTarget,
    BaselineTarget,
    LesionKind,
    Method,
    check_baseline,
)

TARGET = BaselineTarget(
    label="T1",
    organ="Liver",
    kind=LesionKind.SOLID,
    diameter_mm=Decimal(30),
    slice_thickness_mm=Decimal("2.5"),
)


def codes(*targets: BaselineTarget) -> list[str]:
    return [finding.code for finding in check_baseline(targets)]


def many(*organs: str, kind: LesionKind = LesionKind.SOLID) -> list[BaselineTarget]:
    return [replace(TARGET, label=f"T{number}", organ=organ, kind=kind) for number, organ in enumerate(organs)]


@pytest.mark.req("R-RECIST-16")
def test_a_good_choice_of_targets_has_no_finding() -> None:
    assert codes(*many("Liver", "liver", "Left lung", "Right lung", "Adrenal gland")) == []


@pytest.mark.req("R-RECIST-16")
def test_a_sixth_target_is_one_too_many() -> None:
    assert codes(*many("liver", "liver", "lung", "lung", "brain", "spleen")) == ["too-many-targets"]


@pytest.mark.req("R-RECIST-16")
@pytest.mark.parametrize(
    "organs",
    [
        ("Liver", "liver", "LIVER"),
        ("Left lung", "Right lung", "Lung, left lower lobe"),
        ("kidney left", "kidneys", "R kidney"),
    ],
)
def test_a_third_target_in_one_organ_is_one_too_many_and_sides_make_no_difference(
    organs: tuple[str, ...],
) -> None:
    assert codes(*many(*organs)) == ["too-many-in-organ"]


@pytest.mark.req("R-RECIST-16")
def test_all_lymph_nodes_are_one_organ() -> None:
    assert codes(*many("Axilla", "Mediastinum", "Groin", kind=LesionKind.NODE)) == ["too-many-in-organ"]


@pytest.mark.req("R-RECIST-17")
@pytest.mark.parametrize(
    ("method", "thickness", "diameter", "is_large_enough"),
    [
        (Method.CT, "5", "10", True),
        (Method.CT, "5", "9.9", False),
        (Method.CT, "7.5", "14.9", False),
        (Method.CT, "7.5", "15", True),
        (Method.MRI, "6", "11.9", False),
        (Method.CALIPER, None, "10", True),
        (Method.CALIPER, None, "9.9", False),
        (Method.CHEST_XRAY, None, "20", True),
        (Method.CHEST_XRAY, None, "19.9", False),
    ],
)
def test_a_target_must_reach_the_minimum_of_its_method(
    method: Method, thickness: str | None, diameter: str, *, is_large_enough: bool
) -> None:
    target = replace(
        TARGET,
        method=method,
        diameter_mm=Decimal(diameter),
        slice_thickness_mm=None if thickness is None else Decimal(thickness),
    )
    assert codes(target) == ([] if is_large_enough else ["too-small"])


@pytest.mark.req("R-RECIST-17")
def test_an_unknown_slice_thickness_is_asked_for() -> None:
    assert codes(replace(TARGET, slice_thickness_mm=None)) == ["slice-thickness-unknown"]


@pytest.mark.req("R-RECIST-17")
@pytest.mark.parametrize(
    ("short_axis", "expected"),
    [("15", []), ("14.9", ["node-too-small"]), ("10", ["node-too-small"]), ("9.9", ["normal-node"])],
)
def test_a_node_is_target_from_15_mm_non_target_from_10_and_normal_below(short_axis: str, expected: list[str]) -> None:
    assert codes(replace(TARGET, kind=LesionKind.NODE, diameter_mm=Decimal(short_axis))) == expected
    lesion = BaselineNonTarget(label="NT1", is_node=True, short_axis_mm=Decimal(short_axis))
    is_normal = expected == ["normal-node"]
    assert [finding.code for finding in check_baseline((), (lesion,))] == ["normal-node"] * is_normal


@pytest.mark.req("R-RECIST-17")
def test_bone_without_soft_tissue_and_irradiated_lesions_are_no_targets() -> None:
    assert codes(replace(TARGET, kind=LesionKind.BONE)) == ["not-measurable"]
    assert codes(replace(TARGET, kind=LesionKind.NEVER_MEASURABLE)) == ["not-measurable"]
    assert codes(replace(TARGET, kind=LesionKind.BONE_WITH_SOFT_TISSUE)) == []
    assert codes(replace(TARGET, is_irradiated=True)) == ["irradiated"]
    assert codes(replace(TARGET, is_irradiated=True, has_progressed_since_irradiation=True)) == []


@pytest.mark.req("R-RECIST-17")
def test_duplicates_and_old_baselines_are_named_with_their_rule() -> None:
    twice = check_baseline([TARGET, TARGET], days_before_start=29)
    assert [finding.code for finding in twice] == ["duplicate-lesion", "baseline-too-early"]
    assert all(finding.rule.startswith("RECIST 1.1 section") for finding in twice)
    assert check_baseline([TARGET], days_before_start=28) == ()
