"""The main job in a real browser: a trial is founded, a scan of one's own goes the whole road, a report comes out."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.imaging.scans import PLANTED, ct_series
from tests.stack import Stack

SEATS = (
    ("nora", "site_staff"),
    ("quim", "qc_analyst"),
    ("rosa", "reader"),
    ("silvia", "sponsor"),
    ("marta", "monitor"),
)


def today(person: Any) -> str:
    return str(person.page.evaluate("() => new Date().toISOString().slice(0, 10)"))


def found_trial(carmen: Any) -> None:
    carmen.go("/trials/new/")
    carmen.look()
    carmen.fill(code="FJORD", title="Our own trial", protocol_number="FJ-1", sponsor_name="Northlight")
    carmen.page.locator("main form button[type=submit]").click()
    expect(carmen.page.get_by_role("heading", level=1)).to_contain_text("Our own trial")


def write_charter(carmen: Any) -> None:
    page = carmen.go("/trials/FJORD/charter/")
    carmen.look()
    form = page.locator("form", has=page.get_by_role("button", name="Add the time point"))
    for name, value in (
        ("code", "BL"),
        ("name", "Baseline"),
        ("day", "0"),
        ("window_before", "7"),
        ("window_after", "7"),
    ):
        form.locator(f"[name$='{name}']").last.fill(value)
    form.get_by_role("button", name="Add the time point").click()
    series = page.locator("form[action$='/series/']")
    page.locator("details", has=series).locator("summary").click()
    series.locator("[name$='-name']").fill("CT chest")
    series.locator("[name$='modality']").fill("CT")
    series.locator("[name$='minimum_slices']").fill("4")
    series.get_by_role("button", name="Add the series").click()
    page.get_by_role("link", name="Sign and approve").click()
    carmen.look()
    carmen.sign("Sign and approve")
    expect(page.get_by_text("The charter is approved and frozen.")).to_be_visible()


def bring_people(carmen: Any) -> None:
    page = carmen.go("/trials/FJORD/")
    carmen.page.locator("form[action$='/open/'] button").click()
    carmen.go("/trials/FJORD/sites/new/")
    carmen.look()
    carmen.fill(number="01", code="norte", name="Hospital Norte")
    page.locator("main form button[type=submit]").click()
    for username, role in SEATS:
        carmen.go("/trials/FJORD/people/new/")
        carmen.fill(user=username, starts=today(carmen))
        page.locator("[name$='role']").select_option(role)
        if role == "monitor":
            # Who visits, visits until a day.
            carmen.fill(ends=today(carmen))
        if role == "site_staff":
            page.locator("[name$='trial_site']").select_option(index=1)
        page.locator("main form button[type=submit]").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Sites and people")
    carmen.look()
    carmen.go("/trials/FJORD/consent-forms/new/")
    carmen.fill(version="1.0", approved_on=today(carmen))
    for box in page.locator("[name$='scopes']").all():
        box.check()
    for basis in page.locator("select[name^='basis_']").all():
        basis.select_option("research")
    page.locator("main form button[type=submit]").click()
    carmen.look()
    page.locator("[name$='trial_site']").select_option(index=0)
    carmen.fill(language="es", on=today(carmen))
    carmen.press("Record this approval")
    expect(page.get_by_text("The approval is recorded")).to_be_visible()


def see_paper(person: Any, paper: Path) -> None:
    """Tick the checklist and have the browser take the fingerprint of the scan."""
    page = person.page
    for box in page.locator("[name$='checks']").all():
        box.check()
    page.locator("input[type=file]").set_input_files(str(paper))
    expect(page.locator("[name$='scan_sha256']")).to_have_value(re.compile("^[0-9a-f]{64}$"))
    person.fill(scan_pages="3")


def confirm_consent(marta: Any, paper: Path) -> None:
    """As the second person, on the scan that lies at the site."""
    page = marta.go("/trials/FJORD/subjects/")
    page.locator("main tbody a").first.click()
    page.get_by_role("link", name="Check").click()
    marta.look()
    see_paper(marta, paper)
    marta.press("Confirm")
    expect(page.get_by_text("The check is recorded.")).to_be_visible()
    marta.look()


def register(nora: Any, paper: Path) -> None:
    page = nora.go("/trials/FJORD/subjects/new/")
    nora.look()
    nora.fill(day_zero=today(nora))
    for box in page.locator("[name$='scopes']").all():
        box.check()
    page.locator("input[name$='on'][type=date]").last.fill(today(nora))
    nora.fill(language="es")
    see_paper(nora, paper)
    page.locator("main form button[type=submit]").click()
    expect(page.get_by_text("Note the code")).to_be_visible()


def send_a_scan(nora: Any, folder: Path) -> None:
    page = nora.go("/trials/FJORD/send/")
    nora.look()
    page.locator("[name$='time_point']").select_option(index=1)
    nora.press("Next: files")
    expect(page.get_by_role("heading", name="2. Which files?")).to_be_visible()
    page.locator("[data-files]").set_input_files([str(path) for path in sorted(folder.iterdir())])
    expect(page.locator("[data-chosen]")).to_contain_text("6 files")
    for step in ("Next: look at them", "Next: what is removed", "Send"):
        # As long as an engine takes to start on a busy machine.
        page.get_by_role("button", name=step, exact=True).click(timeout=180_000)
    expect(page.locator("[data-outcome]")).to_contain_text("The images are filed and checked.", timeout=120_000)
    nora.look()
    page.get_by_role("link", name="Open the delivery").click()
    page.wait_for_url(re.compile(r"/deliveries/[0-9a-f-]{36}/"))
    expect(page.get_by_text("filed and checked").first).to_be_visible(timeout=60_000)
    nora.look()
    page.get_by_role("link", name="Receipt").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    nora.look()
    assert not [planted for planted in PLANTED if planted in page.content()]


def accept(quim: Any) -> None:
    page = quim.go("/trials/FJORD/")
    page.locator("main a[href^='/time-points/']").first.click()
    quim.look()
    page.get_by_role("link", name="series").first.click()
    expect(page.locator(".viewer img")).to_be_visible()
    quim.look()
    page.keyboard.press("PageDown")
    page.go_back()
    page.get_by_label("accept for reading").check()
    quim.press("Go on to sign")
    quim.look()
    quim.sign("Sign the verdict", password="not my password")
    expect(page.get_by_text("That is not your password")).to_be_visible()
    quim.sign("Sign the verdict")
    expect(page.get_by_text("Your verdict was signed")).to_be_visible()


def assign(carmen: Any) -> None:
    page = carmen.go("/trials/FJORD/reads/")
    carmen.look()
    form = page.locator("form[action$='/assign/']").first
    form.locator("select").select_option(label="Rosa Reader")
    form.locator("button").click()


def read(rosa: Any) -> None:
    page = rosa.go("/reads/")
    row = page.locator("tbody tr", has_text="FJORD")
    row.locator("a, button").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("CASE-")
    rosa.look()
    page.locator("[name='organ']").fill("right lung")
    page.locator("form[action$='/lesions/'] button").click()
    expect(page.get_by_text("T01").first).to_be_visible()
    page.locator("[name='value']").first.fill("23.4")
    page.locator("form[action$='/measurements/'] button").first.click()
    expect(page.get_by_text("23.4 mm").first).to_be_visible()
    for word in ("Hospital Norte", "norte", "nora"):
        assert word not in page.content()
    page.get_by_label("Comment").fill("one clear lesion")
    rosa.press("Sign and lock…")
    expect(page.get_by_text("one clear lesion").first).to_be_visible()
    for word in ("Hospital Norte", "norte", "nora"):
        assert word not in page.content()
    rosa.look()
    rosa.sign("Sign and lock this read")
    expect(page.get_by_text("The read is signed and locked.")).to_be_visible()
    expect(page.get_by_text("baseline", exact=False).first).to_be_visible()
    rosa.look()


def report(carmen: Any) -> None:
    page = carmen.go("/trials/FJORD/reports/")
    carmen.look()
    carmen.press("Build")
    carmen.look()
    page.get_by_role("link", name="Sign and release…").click()
    carmen.look()
    carmen.sign("Sign and release")
    expect(page.get_by_text("The report is signed and released.")).to_be_visible()
    carmen.look()
    # It comes by itself, once a checkpoint covers the release and the worker has sealed.
    expect(page.get_by_role("link", name="Download the PDF")).to_be_visible(timeout=60_000)
    carmen.look()


def take(silvia: Any, folder: Path) -> None:
    page = silvia.go("/trials/FJORD/results/")
    silvia.look()
    silvia.go("/trials/FJORD/reports/")
    page.locator("tbody a").first.click()
    silvia.look()
    with page.expect_download() as waiting:
        page.locator("a[href$='/report.pdf']").first.click()
    report = folder / "report.pdf"
    waiting.value.save_as(report)
    page.get_by_role("link", name="Verify a report").first.click()
    silvia.look()
    page.get_by_label("The report, as a PDF").set_input_files(report)
    silvia.press("Verify")
    expect(page.get_by_text("Everything holds.")).to_be_visible()
    silvia.look()
    forged = folder / "forged.pdf"
    forged.write_bytes(report.read_bytes() + b"% one more page")
    page.get_by_label("The report, as a PDF").set_input_files(forged)
    silvia.press("Verify")
    expect(page.get_by_text("Do not rely on this file.", exact=True)).to_be_visible()
    silvia.look()


@pytest.mark.req("R-FLOW-01", "R-UI-10")
def test_a_newcomer_takes_a_scan_of_their_own_down_the_whole_road(stack: Stack, someone: Any, tmp_path: Path) -> None:
    for number, data in enumerate(ct_series(6, seed="browser")):
        (tmp_path / f"IM{number}").write_bytes(data)
    paper = tmp_path.with_suffix(".pdf")
    paper.write_bytes(b"a signed form, scanned at the site")
    carmen, nora = someone("carmen"), someone("nora")
    found_trial(carmen)
    write_charter(carmen)
    bring_people(carmen)
    register(nora, paper)
    confirm_consent(someone("marta"), paper)
    send_a_scan(nora, tmp_path)
    accept(someone("quim"))
    assign(carmen)
    read(someone("rosa"))
    report(carmen)
    take(someone("silvia"), tmp_path)
    page = carmen.go("/trials/FJORD/audit/")
    expect(page.locator("tbody").get_by_text("report.downloaded").first).to_be_visible()
    carmen.look()


@pytest.mark.req("R-UI-11")
@pytest.mark.parametrize(
    ("who", "paths"),
    [
        (
            "carmen",
            ("/", "/trials/THORAX/", "/trials/THORAX/subjects/", "/trials/THORAX/results/", "/trials/THORAX/audit/"),
        ),
        ("nora", ("/", "/trials/THORAX/", "/trials/MIXED/deliveries/", "/trials/THORAX/send/")),
        ("rosa", ("/", "/reads/")),
        ("silvia", ("/", "/trials/THORAX/results/", "/trials/THORAX/reports/")),
        ("otto", ("/",)),
    ],
)
def test_every_page_fits_a_narrow_screen_and_satisfies_axe(someone: Any, who: str, paths: tuple[str, ...]) -> None:
    person = someone(who, width=390)
    for path in paths:
        page = person.go(path)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, path
        person.look()
