"""Rules that the series came which the charter asks for, with enough and thin enough slices."""

from collections.abc import Iterator
from dataclasses import dataclass

from imaging.qc.delivery import Delivery, Findings, counted, finding, stack_of
from imaging.qc.facts import Rule, SeriesRequirement, Severity
from imaging.qc.series import SeriesFacts

_THICKNESS_TOLERANCE_MM = 0.005
_SAME_PART = {"THORAX": "CHEST", "TORSO": "CHESTABDPELVIS"}


@dataclass(frozen=True, slots=True)
class Match:
    """A requirement and the best series for it, if any."""

    requirement: SeriesRequirement
    series: SeriesFacts | None


def check_required(delivery: Delivery) -> Findings:
    """Compare each requirement with its best series; each series serves one requirement only."""
    for match in match_requirements(delivery):
        if match.series is None:
            yield from _report_absent(match.requirement, delivery)
        else:
            yield from _check_count(match.requirement, match.series)
            yield from _check_thickness(match.requirement, match.series)


def match_requirements(delivery: Delivery) -> Iterator[Match]:
    """Match mandatory and narrow requirements first, so that a wide one cannot take their series."""
    free = list(delivery.series)
    for requirement in sorted(delivery.requirements, key=lambda one: (not one.required, not one.body_part)):
        fitting = [series for series in free if _fits(requirement, series)]
        best = max(fitting, key=lambda series: _rank(requirement, series), default=None)
        if best:
            free.remove(best)
        yield Match(requirement, best)


def thickness_of(series: SeriesFacts) -> float | None:
    """Thickest slice in mm by the header, else the usual distance of slices, else None."""
    stated = [one.slice_thickness for one in series.instances if one.slice_thickness]
    if stated:
        return max(stated)
    stack = stack_of(series)
    return stack.expected_step if stack and stack.expected_step else None


def _fits(requirement: SeriesRequirement, series: SeriesFacts) -> bool:
    part = series.instances[0].body_part
    return not series.is_localizer and serves(requirement, modality=series.modality, body_part=part)


def serves(requirement: SeriesRequirement, *, modality: str, body_part: str) -> bool:
    """Whether a series of this modality and body part may be the one that is asked for."""
    if modality != requirement.modality:
        return False
    asked, stated = _letters(requirement.body_part), _letters(body_part)
    # Many scanners leave the body part empty: such a series may serve, a contrary one may not.
    return not asked or not stated or asked in stated or stated in asked


def _rank(requirement: SeriesRequirement, series: SeriesFacts) -> tuple[bool, bool, bool, int]:
    thickness, limit = thickness_of(series), requirement.max_slice_thickness_mm
    is_thin = limit is None or (thickness is not None and thickness <= limit + _THICKNESS_TOLERANCE_MM)
    states_part = bool(series.instances[0].body_part)
    return (series.slice_count >= requirement.min_slices, is_thin, states_part, series.slice_count)


def _letters(body_part: str) -> str:
    letters = "".join(letter for letter in body_part.upper() if letter.isalpha())
    return _SAME_PART.get(letters, letters)


def _report_absent(requirement: SeriesRequirement, delivery: Delivery) -> Findings:
    if not requirement.required:
        return
    asked = " ".join(part for part in (requirement.modality, requirement.body_part) if part)
    came = ", ".join(series.label for series in delivery.series) or "nothing"
    yield finding(
        Rule.REQUIRED_SERIES,
        Severity.ERROR,
        f"The series “{requirement.name}” ({asked}) is required and did not arrive; what came is: {came}.",
        value=came,
        limit=asked,
    )


def _check_count(requirement: SeriesRequirement, series: SeriesFacts) -> Findings:
    if series.slice_count < requirement.min_slices:
        yield finding(
            Rule.SLICE_COUNT,
            _severity(requirement),
            f"{series.label} has {counted(series.slice_count, 'slice')}, where “{requirement.name}” "
            f"needs at least {requirement.min_slices}.",
            series=series,
            value=series.slice_count,
            limit=requirement.min_slices,
        )


def _check_thickness(requirement: SeriesRequirement, series: SeriesFacts) -> Findings:
    limit, thickness = requirement.max_slice_thickness_mm, thickness_of(series)
    if limit is None or (thickness is not None and thickness <= limit + _THICKNESS_TOLERANCE_MM):
        return
    has = "does not say how thick its slices are" if thickness is None else f"has slices of {thickness:.2f} mm"
    yield finding(
        Rule.SLICE_THICKNESS,
        Severity.WARNING if thickness is None else _severity(requirement),
        f"{series.label} {has}, where “{requirement.name}” allows at most {limit:.2f} mm.",
        series=series,
        value="" if thickness is None else f"{thickness:.2f} mm",
        limit=f"{limit:.2f} mm",
    )


def _severity(requirement: SeriesRequirement) -> Severity:
    return Severity.ERROR if requirement.required else Severity.WARNING
