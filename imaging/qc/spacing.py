"""Rules that the slices of a series follow each other evenly: no gap, no two at one place, no shear."""

from imaging.qc.delivery import Delivery, Findings, finding
from imaging.qc.facts import Finding, Rule, Severity
from imaging.qc.series import SeriesFacts
from imaging.qc.stack import Stack

_NAMED = 5


def check_gaps(delivery: Delivery) -> Findings:
    """Name every place where a slice is missing, with the slices on both sides."""
    for series, stack in delivery.stacks:
        for step in stack.gaps:
            yield finding(
                Rule.GAP,
                Severity.ERROR,
                f"{series.label} has a gap of {step.length:.1f} mm between slices {step.after} and "
                f"{step.after + 1}, where {stack.expected_step:.1f} mm was expected.",
                series=series,
                value=f"{step.length:.2f} mm",
                limit=f"{stack.expected_step:.2f} mm",
            )


def check_variable_spacing(delivery: Delivery) -> Findings:
    """Name a series whose slice distance changes along the way."""
    for series, stack in delivery.stacks:
        if stack.has_variable_spacing:
            lengths = [step.length for step in stack.steps]
            yield finding(
                Rule.VARIABLE_SPACING,
                Severity.ERROR,
                f"{series.label} has slices between {min(lengths):.2f} and {max(lengths):.2f} mm apart, "
                f"where one distance ({stack.expected_step:.2f} mm) was expected.",
                series=series,
                value=f"{min(lengths):.2f} to {max(lengths):.2f} mm",
                limit=f"{stack.expected_step:.2f} mm",
            )


def check_duplicate_positions(delivery: Delivery) -> Findings:
    """Name slices that share a place; a whole stack repeated (phases, echoes) is only noted."""
    for series, stack in delivery.stacks:
        if stack.is_repeated_whole:
            yield _note_repeats(series, stack)
        elif stack.has_duplicates:
            yield _report_duplicates(series, stack)


def check_tilt(delivery: Delivery) -> Findings:
    """Name a series whose slices are shifted sideways, as with a tilted gantry (endpoints section 7)."""
    for series, stack in delivery.stacks:
        if stack.is_tilted:
            yield finding(
                Rule.TILT,
                Severity.ERROR,
                f"{series.label} was taken with a tilted gantry: its slices are shifted by up to "
                f"{stack.shift_mm:.1f} mm ({stack.tilt_degrees:.1f} degrees), where 0.5 mm is allowed.",
                series=series,
                value=f"{stack.shift_mm:.2f} mm",
                limit="0.50 mm",
            )


def _note_repeats(series: SeriesFacts, stack: Stack) -> Finding:
    times = stack.copies[0]
    return finding(
        Rule.DUPLICATE_POSITION,
        Severity.INFO,
        f"{series.label} shows each of its {len(stack.places)} slice positions {times} times, "
        "as several phases or echoes do.",
        series=series,
        value=times,
        limit=1,
    )


def _report_duplicates(series: SeriesFacts, stack: Stack) -> Finding:
    doubled = [place for place, count in enumerate(stack.copies, start=1) if count > 1]
    where = ", ".join(map(str, doubled[:_NAMED])) + (" and others" if len(doubled) > _NAMED else "")
    return finding(
        Rule.DUPLICATE_POSITION,
        Severity.ERROR,
        f"{series.label} has more than one image at slice position {where}, where one each was expected.",
        series=series,
        value=len(doubled),
        limit=0,
    )
