"""The checks against the charter: the right series, on the right day, of the right person."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from imaging.qc import (
    Finding,
    IdentityMatch,
    InstanceFacts,
    Rule,
    SeriesRequirement,
    Severity,
    TimePointWindow,
    examine,
)

CHEST = SeriesRequirement(name="Chest", modality="CT", body_part="CHEST", min_slices=10, max_slice_thickness_mm=1.5)


def make_series(
    uid: str,
    *,
    count: int = 12,
    modality: str = "CT",
    body_part: str = "CHEST",
    thickness: float | None = 1.0,
) -> list[InstanceFacts]:
    return [
        InstanceFacts(
            sop_instance_uid=f"{uid}.{index:03d}",
            series_instance_uid=uid,
            study_instance_uid="1.4",
            frame_of_reference_uid="1.5",
            modality=modality,
            series_number=int(uid),
            body_part=body_part,
            rows=64,
            columns=64,
            orientation=(1, 0, 0, 0, 1, 0),
            position=(0, 0, 2.5 * index),
            pixel_spacing=(1, 1),
            slice_thickness=thickness,
            study_date=date(2026, 3, 1),
        )
        for index in range(count)
    ]


def check(
    instances: list[InstanceFacts],
    *requirements: SeriesRequirement,
    window: TimePointWindow | None = None,
    study_day: int | None = None,
    identity: IdentityMatch | None = None,
) -> tuple[Finding, ...]:
    return examine(
        instances=instances, requirements=requirements, window=window, study_day=study_day, identity=identity
    )


@pytest.mark.req("R-QC-07")
def test_a_delivery_that_holds_what_the_charter_asks_passes() -> None:
    assert check(make_series("1"), CHEST) == ()


@pytest.mark.req("R-QC-07")
def test_an_empty_delivery_never_passes() -> None:
    empty, absent = check([], CHEST)
    assert (empty.rule, absent.rule) == (Rule.EMPTY, Rule.REQUIRED_SERIES)
    assert {empty.severity, absent.severity} == {Severity.ERROR}


@pytest.mark.req("R-QC-07")
@pytest.mark.parametrize(
    "instances",
    [make_series("1", modality="MR"), make_series("1", body_part="HEAD"), []],
    ids=["other modality", "other body part", "nothing"],
)
def test_a_required_series_that_did_not_come_is_named_with_what_came(instances: list[InstanceFacts]) -> None:
    found = {one.rule: one for one in check(instances, CHEST)}[Rule.REQUIRED_SERIES]
    assert found.sentence.startswith("The series “Chest” (CT CHEST) is required and did not arrive; what came is: ")
    assert (found.severity, found.limit) == (Severity.ERROR, "CT CHEST")


@pytest.mark.req("R-QC-07")
@pytest.mark.parametrize("body_part", ["CHEST", "chest", "THORAX", "CHESTABDPELVIS", "CHEST_ABD", ""])
def test_the_body_part_is_read_as_people_write_it(body_part: str) -> None:
    assert check(make_series("1", body_part=body_part), CHEST) == ()


@pytest.mark.req("R-QC-07")
def test_a_localizer_does_not_stand_in_for_a_series() -> None:
    scout = [replace(one, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")) for one in make_series("1")]
    assert [one.rule for one in check(scout, CHEST)] == [Rule.REQUIRED_SERIES]


@pytest.mark.req("R-QC-07")
def test_the_best_of_several_series_is_taken() -> None:
    instances = [
        *make_series("1", count=3),
        *make_series("2", thickness=5.0),
        *make_series("3"),
        *make_series("4", body_part="HEAD"),
    ]
    assert check(instances, CHEST) == ()


@pytest.mark.req("R-QC-07")
def test_one_series_serves_one_requirement_and_narrow_ones_choose_first() -> None:
    anything = SeriesRequirement(name="Any CT", modality="CT")
    assert check([*make_series("1"), *make_series("2", body_part="HEAD")], anything, CHEST) == ()
    (found,) = check(make_series("1"), anything, CHEST)
    assert "Any CT" in found.sentence


@pytest.mark.req("R-QC-07")
def test_too_few_slices_and_too_thick_ones_are_named_with_numbers() -> None:
    few, thick = check(make_series("1", count=9, thickness=2.0), CHEST)
    assert few.sentence == "Series 1 (CT) has 9 slices, where “Chest” needs at least 10."
    assert thick.sentence == "Series 1 (CT) has slices of 2.00 mm, where “Chest” allows at most 1.50 mm."
    assert (thick.value, thick.limit, thick.severity) == ("2.00 mm", "1.50 mm", Severity.ERROR)


@pytest.mark.req("R-QC-07")
def test_an_unstated_thickness_is_measured_between_the_slices() -> None:
    (found,) = check(make_series("1", thickness=None), CHEST)
    assert found.value == "2.50 mm"


@pytest.mark.req("R-QC-07")
def test_a_thickness_that_cannot_be_known_is_a_warning() -> None:
    instances = [replace(one, position=None) for one in make_series("1", thickness=None)]
    found = {one.rule: one for one in check(instances, CHEST)}[Rule.SLICE_THICKNESS]
    assert (found.severity, found.value) == (Severity.WARNING, "")


@pytest.mark.req("R-QC-07")
def test_a_series_that_may_be_missing_is_not_missed_but_a_poor_one_is_mentioned() -> None:
    optional = replace(CHEST, required=False)
    assert check(make_series("1", modality="MR"), optional) == ()
    (found,) = check(make_series("1", count=4), optional)
    assert (found.rule, found.severity) == (Rule.SLICE_COUNT, Severity.WARNING)


@pytest.mark.req("R-QC-07")
def test_the_frames_of_an_enhanced_image_count_as_slices() -> None:
    enhanced = [replace(make_series("1")[0], frames=12)]
    assert check(enhanced, CHEST) == ()


@pytest.mark.req("R-QC-08")
@pytest.mark.parametrize(
    ("day", "words"),
    [
        (48, "taken on day 48, 1 day before the window of day 49 to day 59"),
        (49, ""),
        (59, ""),
        (62, "taken on day 62, 3 days after the window of day 49 to day 59"),
        (None, "do not say when they were taken; the window is day 49 to day 59"),
    ],
)
def test_the_day_of_the_scan_is_compared_with_its_window(day: int | None, words: str) -> None:
    found = check(make_series("1"), window=TimePointWindow(target_day=56, before=7, after=3), study_day=day)
    assert [one.rule for one in found] == ([Rule.STUDY_DAY] if words else [])
    assert all(words in one.sentence for one in found)


@pytest.mark.req("R-QC-08")
def test_several_studies_and_several_days_are_named() -> None:
    later = [
        replace(one, study_instance_uid="1.8", study_date=date(2026, 3, 1) + timedelta(days=2))
        for one in make_series("2")
    ]
    studies, dates = check([*make_series("1"), *later])
    assert (studies.rule, studies.value) == (Rule.SEVERAL_STUDIES, "2")
    assert dates.sentence == "The images were taken on 2 different days, 2 days apart."


@pytest.mark.req("R-QC-09")
@pytest.mark.parametrize(
    ("identity", "severity"),
    [
        (IdentityMatch.DIFFERS, Severity.ERROR),
        (IdentityMatch.DIFFERS_IN_ONE, Severity.WARNING),
        (IdentityMatch.NOT_COMPARABLE, Severity.INFO),
    ],
)
def test_another_person_than_announced_is_said(identity: IdentityMatch, severity: Severity) -> None:
    (found,) = check(make_series("1"), identity=identity)
    assert (found.rule, found.severity, found.value) == (Rule.IDENTITY, severity, identity)


@pytest.mark.req("R-QC-09")
@pytest.mark.parametrize("identity", [IdentityMatch.SAME, None])
def test_the_same_person_raises_nothing(identity: IdentityMatch | None) -> None:
    assert check(make_series("1"), identity=identity) == ()
