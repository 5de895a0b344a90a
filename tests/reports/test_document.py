"""The PDF, read back with poppler: complete, paged, embedded and the same bytes."""

from dataclasses import replace
from pathlib import Path

import pytest

from reports.contents import Contents, from_plain, to_plain
from reports.document import render
from reports.document.letters import printable
from reports.methods import describe
from tests.reports import samples
from tests.reports.pdftext import fonts_of, pages_of, text_of

SHA256 = "e" * 64


def _pdf(contents: Contents, *, is_released: bool = True) -> bytes:
    signature = samples.RELEASE if is_released else None
    return render(contents, contents_sha256=SHA256, signature=signature)


@pytest.mark.req("R-REP-01")
def test_the_document_says_what_it_is_made_from(tmp_path: Path) -> None:
    text = text_of(_pdf(samples.contents()), tmp_path)
    for words in (
        "Imaging results: TUNDRA",
        "Ice & fire",
        "TUNDRA-001",
        "Northlight",
        "end of 01 Mar 2026 (UTC)",
        "02 Mar 2026 09:30:00 UTC",
        SHA256,
        "c" * 64,
        "event 417",
        "f" * 64,
        "How to verify this report",
        "Corelab",
    ):
        assert words in text


@pytest.mark.req("R-REP-02")
def test_every_subject_stands_in_it_with_sums_changes_responses_and_reasons(tmp_path: Path) -> None:
    contents = samples.contents()
    text = text_of(_pdf(contents), tmp_path)
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    for reading in contents.readings:
        name = f"{reading.subject} · site {reading.site} · {reading.reader}"
        at = next(index for index, line in enumerate(lines) if line.startswith(name))
        for visit, line in zip(reading.visits, lines[at + 1 : at + 4], strict=True):
            assert line.startswith(f"{visit.code} {visit.day}")
            assert f"{visit.sum_mm}" in line or visit.is_baseline
            assert line.endswith("baseline" if visit.is_baseline else visit.overall)
    assert "Target row 5: the sum of 28.8 mm" in text
    assert text.count("a" * 64) == len(contents.readings)
    assert "9.6000" in text
    assert "d" * 64 in text


@pytest.mark.req("R-REP-07")
def test_who_is_left_out_is_told_by_code_and_reason(tmp_path: Path) -> None:
    text = text_of(_pdf(samples.contents()), tmp_path)
    assert "1: 7K3M-0900" in text
    assert "1: 7K3M-0901 (consent was withdrawn)" in text
    assert "1: 7K3M-0901 (14 Feb 2026)" in text


@pytest.mark.req("R-REP-09")
def test_a_released_document_shows_the_signature_and_an_unreleased_one_warns_on_every_page(tmp_path: Path) -> None:
    released = pages_of(_pdf(samples.contents()), tmp_path)
    assert "Signed by Clara Coordinator on 02 Mar 2026 09:30:00 UTC" in released[0]
    assert "Meaning: I approve this record." in released[0]
    unreleased = pages_of(_pdf(samples.contents(), is_released=False), tmp_path)
    assert "Nobody has signed it" in unreleased[0]
    assert all("NOT RELEASED" in page for page in unreleased)
    assert not any("NOT RELEASED" in page for page in released)


@pytest.mark.req("R-REP-03")
def test_the_same_contents_make_the_same_bytes_even_after_a_journey_through_json() -> None:
    contents = samples.contents()
    assert from_plain(to_plain(contents)) == contents
    assert _pdf(contents) == _pdf(from_plain(to_plain(contents)))
    assert _pdf(contents) != _pdf(contents, is_released=False)


@pytest.mark.req("R-REP-04")
def test_every_font_is_embedded(tmp_path: Path) -> None:
    fonts = fonts_of(_pdf(samples.contents()), tmp_path)
    assert fonts
    assert all(line.split()[-5] == "yes" for line in fonts)


@pytest.mark.req("R-REP-04", "R-REP-12")
def test_a_hundred_subjects_fill_pages_that_all_repeat_their_head(tmp_path: Path) -> None:
    contents = samples.contents(100)
    pages = pages_of(_pdf(contents), tmp_path)
    assert len(pages) > 10
    for number, page in enumerate(pages, start=1):
        assert f"page {number} of {len(pages)}" in page
    tables = [page for page in pages if "7K3M-0050 · " in page or "7K3M-0090 · " in page]
    assert len(tables) == 4
    assert all("Time point" in page for page in tables)


@pytest.mark.req("R-REP-04")
def test_letters_the_font_lacks_lose_their_accent_or_are_named(tmp_path: Path) -> None:
    assert printable("Żaneta Ðorđe – Müller") == "Zaneta Ðorđe – Müller"
    assert printable("α") == "[U+03B1]"
    assert "Zaneta" in text_of(_pdf(samples.contents(title="The Żaneta <trial>")), tmp_path)
    assert "<trial>" in text_of(_pdf(samples.contents(title="The Żaneta <trial>")), tmp_path)


@pytest.mark.req("R-REP-04")
def test_a_subject_with_more_visits_than_a_page_holds_is_split_over_pages(tmp_path: Path) -> None:
    first = samples.reading(0)
    many = tuple(replace(first.visits[1], code=f"FU{index:03d}", day=56 * index) for index in range(1, 121))
    contents = samples.contents(1, readings=(replace(first, visits=(first.visits[0], *many)),))
    text = text_of(_pdf(contents), tmp_path)
    assert all(text.count(f"{visit.code} ") >= 2 for visit in many)


def test_a_report_without_any_read_is_still_a_document(tmp_path: Path) -> None:
    text = text_of(_pdf(samples.contents(0, readings=())), tmp_path)
    assert "No read was locked by the cut-off." in text


def test_the_methods_follow_the_charter() -> None:
    confirmed, not_confirmed = (
        " ".join(describe(samples.charter(confirmation_required=required))) for required in (True, False)
    )
    assert "at least 28 days later confirms them" in confirmed
    assert "without confirmation" in not_confirmed
    assert "SD counts from 42 days" in confirmed


def test_contents_of_another_format_are_refused() -> None:
    with pytest.raises(ValueError, match="another format"):
        from_plain(to_plain(samples.contents()) | {"format": "corelab-report-0"})
