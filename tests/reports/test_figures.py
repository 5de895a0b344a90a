"""Waterfall and spider: what they show, and that a strict page may show them."""

from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reportlab.graphics.shapes import Path, Rect

from reports.figures import Bar, Point, Trace, percent, spider, to_svg, waterfall
from reports.figures.looks import LOOKS, UNSETTLED
from reports.panels import panels
from tests.reports import samples

SVG = "{http://www.w3.org/2000/svg}"
BARS = (
    Bar(label="7K3M-0001", change=Decimal("-64.0"), best="PR"),
    Bar(label="7K3M-0002", change=Decimal("36.4"), best="PD"),
    Bar(label="7K3M-0003", change=Decimal("-12.5"), best="SD"),
)
TRACES = (
    Trace(
        label="7K3M-0001",
        best="PR",
        points=(Point(day=-1, change=Decimal(0)), Point(day=56, change=Decimal("-34.4"))),
    ),
)
percents = st.decimals(min_value=-100, max_value=900, places=1)


def _svg(name: str = "one") -> str:
    return to_svg(waterfall.draw(BARS), name=name, title="A title", description="A <description> & more")


@pytest.mark.req("R-REP-05")
def test_an_svg_has_a_role_a_title_and_a_description() -> None:
    root = ET.fromstring(_svg())  # noqa: S314  our own text
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "one-title one-desc"
    assert root.findtext(f"{SVG}title") == "A title"
    assert root.findtext(f"{SVG}desc") == "A <description> & more"


@pytest.mark.req("R-REP-05")
@pytest.mark.parametrize("drawing", [waterfall.draw(BARS), spider.draw(TRACES)])
def test_an_svg_has_no_style_no_script_no_outside_reference_and_no_fixed_size(drawing: object) -> None:
    root = ET.fromstring(to_svg(drawing, name="one", title="t", description="d"))  # noqa: S314  our own text
    attributes = [(name, value) for element in root.iter() for name, value in element.items()]
    names = {name for name, _value in attributes}
    assert "style" not in names
    assert not any(name.endswith("href") or name.startswith("on") for name in names)
    assert not any("url(" in value or "http" in value for _name, value in attributes)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "g", "rect", "path", "text", "polyline", "polygon", "circle",
    }  # fmt: skip
    assert "width" not in root.attrib
    assert root.get("viewBox") == "0 0 510 296"


@pytest.mark.req("R-REP-05")
def test_two_svgs_on_one_page_share_no_id() -> None:
    def ids(text: str) -> set[str | None]:
        return {e.get("id") for e in ET.fromstring(text).iter() if e.get("id")}  # noqa: S314  our own text

    assert ids(_svg("one"))
    assert not ids(_svg("one")) & ids(_svg("two"))


@pytest.mark.req("R-REP-05")
def test_every_response_differs_from_every_other_without_colour() -> None:
    looks = [*LOOKS.values(), UNSETTLED]
    assert len({look.letters for look in looks}) == len(looks)
    assert len({(look.marker, look.dash) for look in looks}) == len(looks)
    assert len({(look.hatch, look.letters) for look in looks}) == len(looks)


@pytest.mark.req("R-REP-05")
def test_bars_stand_from_growth_to_shrinkage_with_letters_and_codes_beside_them() -> None:
    root = ET.fromstring(_svg())  # noqa: S314  our own text
    words = [element.text for element in root.iter(f"{SVG}text")]
    codes = [word for word in words if word and word.startswith("7K3M")]
    assert codes == ["7K3M-0002", "7K3M-0003", "7K3M-0001"]
    assert {"PR", "PD", "SD", "+20 %", "−30 %"} <= set(words)


@pytest.mark.req("R-REP-05")
def test_a_hatch_stays_inside_its_bar() -> None:
    drawing = waterfall.draw(BARS)
    bars = [s for s in drawing.contents if isinstance(s, Rect) and s.fillColor == LOOKS["PR"].fill]
    hatches = [s for s in drawing.contents if isinstance(s, Path)]
    bar = bars[0]
    inside = [
        path
        for path in hatches
        if all(bar.x - 0.01 <= x <= bar.x + bar.width + 0.01 for x in path.points[::2])
        and all(bar.y - 0.01 <= y <= bar.y + bar.height + 0.01 for y in path.points[1::2])
    ]
    assert len(inside) == 1


@pytest.mark.req("R-REP-05")
@settings(max_examples=25, deadline=None)
@given(st.lists(percents, max_size=40))
@example([Decimal(1321 + 4 * number) / 10 for number in range(6)])
@example([Decimal(-100 + 200 * number // 17) for number in range(17)] + [Decimal(100)] * 13)
def test_any_changes_fit_into_both_figures_and_draw_the_same_twice(changes: list[Decimal]) -> None:
    bars = [Bar(label=f"S{i}", change=change, best="SD") for i, change in enumerate(changes)]
    traces = [
        Trace(label=f"S{i}", best="SD", points=(Point(day=0, change=Decimal(0)), Point(day=56, change=change)))
        for i, change in enumerate(changes)
    ]
    for drawing, again in (
        (waterfall.draw(bars), waterfall.draw(bars)),
        (spider.draw(traces), spider.draw(traces)),
    ):
        x1, y1, x2, y2 = drawing.getBounds()
        assert x1 >= 0
        assert y1 >= 0
        assert x2 <= drawing.width
        assert y2 <= drawing.height
        told = {"name": "n", "title": "t", "description": "d"}
        assert to_svg(drawing, **told) == to_svg(again, **told)


def test_the_description_counts_what_the_figure_shows() -> None:
    assert waterfall.describe(BARS) == (
        "Subjects: 3. Best changes from +36.4 % to −64.0 %; 1 at −30 % or below, 1 at +20 % or above."
    )
    assert "followed to day 56" in spider.describe(TRACES)
    assert waterfall.describe([]) == spider.describe([])


@pytest.mark.parametrize(
    ("value", "words"),
    [("-12.5", "−12.5 %"), ("4.0", "+4.0 %"), ("0.0", "0.0 %")],
)
def test_a_change_is_written_with_its_sign(value: str, words: str) -> None:
    assert percent(Decimal(value)) == words


@pytest.mark.req("R-REP-05")
def test_subjects_read_once_share_a_figure_and_subjects_read_twice_get_one_a_reader() -> None:
    once = samples.contents(3, readings=(samples.reading(0), samples.reading(1, reader="Reader 2")))
    twice = samples.contents(3, readings=(samples.reading(0), samples.reading(0, reader="Reader 2")))
    assert [panel.name for panel in panels(once)] == ["waterfall", "spider"]
    assert [panel.name for panel in panels(twice)] == ["waterfall-1", "spider-1", "waterfall-2", "spider-2"]
    assert panels(samples.contents(0, readings=())) == ()
