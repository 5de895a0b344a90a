"""Everything one examination looks at, gathered once."""

from collections.abc import Iterator
from dataclasses import dataclass

from imaging.qc.facts import (
    Finding,
    IdentityMatch,
    InstanceFacts,
    Rule,
    SeriesRequirement,
    Severity,
    TimePointWindow,
)
from imaging.qc.series import SeriesFacts
from imaging.qc.stack import Stack, build_stack, is_parallel, is_sound

Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The facts of one time point's delivery and what the charter expects of it."""

    instances: tuple[InstanceFacts, ...]
    series: tuple[SeriesFacts, ...]
    requirements: tuple[SeriesRequirement, ...]
    window: TimePointWindow | None
    study_day: int | None
    identity: IdentityMatch | None

    @property
    def stacks(self) -> Iterator[tuple[SeriesFacts, Stack]]:
        """Every series whose slices can be put on one normal; others are named by the geometry rules."""
        for series in self.series:
            stack = stack_of(series)
            if stack:
                yield series, stack


def stack_of(series: SeriesFacts) -> Stack | None:
    """Give the stack of a series, or None where none is expected or the headers do not allow one."""
    if not series.should_be_a_stack:
        return None
    orientation = series.instances[0].orientation
    positions = [one.position for one in series.instances if one.position is not None]
    if orientation is None or not is_sound(orientation) or len(positions) != len(series.instances):
        return None
    if any(one.orientation is None or not is_parallel(orientation, one.orientation) for one in series.instances):
        return None
    return build_stack(orientation=orientation, positions=positions)


def finding(
    rule: Rule,
    severity: Severity,
    sentence: str,
    *,
    series: SeriesFacts | None = None,
    value: object = "",
    limit: object = "",
) -> Finding:
    """Write a finding; without a series it concerns the whole delivery."""
    return Finding(
        rule=rule,
        severity=severity,
        series_instance_uid=series.uid if series else "",
        value=str(value),
        limit=str(limit),
        sentence=sentence,
    )


def counted(number: int, noun: str) -> str:
    """Write a number with its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
