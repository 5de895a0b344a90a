"""Which figures a report has: one pair for all, or one pair a reader where subjects were read twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reportlab.graphics.shapes import Drawing

from reports.contents import Contents, Reading
from reports.figures import Bar, Point, Trace, spider, waterfall


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One figure: `name` is an id unique in its report, `description` says in words what is to be seen."""

    name: str
    title: str
    description: str
    drawing: Drawing


def panels(contents: Contents) -> tuple[Panel, ...]:
    """Return waterfall and spider for each group of readings; none where no change is measured."""
    drawn = [reading for reading in contents.readings if reading.best_change is not None]
    is_read_twice = len({reading.subject for reading in drawn}) < len(drawn)
    if not is_read_twice:
        return _pair(drawn, suffix="", whose="") if drawn else ()
    pairs = (
        _pair([r for r in drawn if r.reader == reader], suffix=f"-{index}", whose=f", {reader}")
        for index, reader in enumerate(contents.readers, start=1)
        if any(r.reader == reader for r in drawn)
    )
    return tuple(panel for pair in pairs for panel in pair)


def _pair(readings: Sequence[Reading], *, suffix: str, whose: str) -> tuple[Panel, ...]:
    bars = [_bar(reading) for reading in readings]
    traces = [_trace(reading) for reading in readings]
    return (
        Panel(
            name=f"waterfall{suffix}",
            title=f"Best change of the sum of diameters from baseline{whose}",
            description=waterfall.describe(bars),
            drawing=waterfall.draw(bars),
        ),
        Panel(
            name=f"spider{suffix}",
            title=f"Change of the sum of diameters over time{whose}",
            description=spider.describe(traces),
            drawing=spider.draw(traces),
        ),
    )


def _bar(reading: Reading) -> Bar:
    return Bar(label=reading.subject, change=reading.best_change or Decimal(0), best=_best(reading))


def _trace(reading: Reading) -> Trace:
    changes = ((visit.day, Decimal(0) if visit.is_baseline else visit.change_pct) for visit in reading.visits)
    points = [Point(day=day, change=change) for day, change in changes if change is not None]
    return Trace(label=reading.subject, best=_best(reading), points=tuple(points))


def _best(reading: Reading) -> str:
    return reading.best.value if reading.best else ""
