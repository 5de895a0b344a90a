"""How files come to the sending page: dropped by the file manager, listed late, and again where a delivery took no more."""

import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Person
from tests.browser.sending import PIECES, SEND, Scan, choose, go_to_send, need_engine, press, receipt_of, send
from tests.imaging.scans import ct_series
from tests.stack import Enrolled, Stack

LOOK, FOUND = "Next: look at them", "3. What was found"
KEYS = re.compile(r"/api/deliveries/([0-9a-f-]{36})/cleaning/$")
# A browser hands out the entries of a folder a hundred at a time.
LETTERS = 101
NO_ENGINE = "delete globalThis.WebAssembly"
NO_HANDLES = "delete DataTransferItem.prototype.getAsFileSystemHandle"
# A folder whose listing waits for us, as that of a slow network drive.
SLOW_FOLDER = """
globalThis.showDirectoryPicker = async () => ({
  kind: "directory",
  async* values() {
    await new Promise((resolve) => { globalThis.list = resolve; });
    yield { kind: "file", getFile: async () => new File(["one"], "one.dcm") };
    document.documentElement.dataset.listed = "";
  },
});
"""


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders of the disk onto the page, as a file manager hands them over."""
    frame = page.locator("[data-drop]").bounding_box()
    assert frame is not None
    wire = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        wire.send("Input.dispatchDragEvent", {"type": kind, "x": frame["x"] + 9, "y": frame["y"] + 9, "data": data})
    wire.detach()


@pytest.mark.req("R-SEND-05", "R-SEND-13")
@pytest.mark.parametrize("script", ["", NO_HANDLES], ids=["by handles", "by entries"])
def test_a_folder_is_dropped_with_all_that_lies_below_it_and_read_on_this_computer(
    someone: Any, subject: Enrolled, tmp_path: Path, script: str
) -> None:
    folder = tmp_path / "ZWEISTEIN ALBA"
    for number, data in enumerate(ct_series(5, seed="dropped")):
        place = folder / "CT" / str(number % 2)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.dcm").write_bytes(data)
    (folder / "letters").mkdir()
    for number in range(LETTERS):
        (folder / "letters" / f"{number}.txt").write_bytes(b"Dear colleague")
    (folder / ".DS_Store").write_bytes(b"of the system")
    (folder / "empty.dcm").touch()
    saul = someone("saul")
    saul.page.add_init_script(script)
    page = saul.go(SEND)
    need_engine(page)
    choose(page, subject)
    drop(page, folder)
    expect(page.locator("[data-chosen]")).to_have_text(re.compile(f"^{LETTERS + 5} files, "))
    press(page, LOOK)
    expect(page.get_by_text(f"5 images in 1 series. {LETTERS} files are no DICOM images and stay here.")).to_be_visible(
        timeout=60_000
    )
    assert not saul.complaints


@pytest.mark.req("R-SEND-13", "R-SEND-16")
def test_a_lone_packed_archive_that_is_dropped_is_opened_at_the_intake_and_its_receipt_folds_and_prints_its_hashes(
    someone: Any, subject: Enrolled, tmp_path: Path
) -> None:
    path = tmp_path / "scan.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for number, data in enumerate(ct_series(4, seed="packed")):
            member = tarfile.TarInfo(f"ZWEISTEIN/{number}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    page = someone("saul").go(SEND)
    need_engine(page)
    choose(page, subject)
    drop(page, path)
    expect(page.locator("[data-chosen]")).to_have_text(re.compile("^1 file, "))
    press(page, LOOK)
    expect(
        page.get_by_text("1 file cannot be read on this computer: it goes to the core laboratory encrypted")
    ).to_be_visible(timeout=60_000)
    press(page, "Next: what is removed")
    expect(page.get_by_text("Each file is encrypted the moment it arrives; nobody can look at it.")).to_be_visible()
    send(page)
    last = receipt_of(page)["filed"][3]
    page.get_by_role("link", name="Open the receipt to print or download it").click()
    hashed = page.get_by_text(last["filed_sha256"])
    expect(page.get_by_text("4 objects with their hashes")).to_be_visible()
    expect(hashed).to_be_hidden()
    page.emulate_media(media="print")
    expect(hashed).to_be_visible()
    page.emulate_media(media="screen")
    expect(hashed).to_be_hidden()
    page.locator("details.hashes summary").press("Enter")
    expect(hashed).to_be_visible()


@pytest.mark.req("R-UI-12")
def test_files_that_are_listed_late_do_not_take_the_place_of_those_that_are_looked_at(
    someone: Any, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    saul = someone("saul")
    for script in (NO_ENGINE, SLOW_FOLDER):
        saul.page.add_init_script(script)
    page = saul.go(SEND)
    choose(page, subject)
    page.locator("[data-folder]").press("Enter")
    page.locator("[data-files]").set_input_files(scan("meant").paths)
    press(page, LOOK)
    expect(page.get_by_role("heading", name=FOUND)).to_be_focused()
    page.evaluate("() => list()")
    expect(page.locator("html")).to_have_attribute("data-listed", "")
    # What waits for the listing has run once another task comes by.
    page.evaluate("() => new Promise((resolve) => { setTimeout(resolve); })")
    press(page, "Back")
    expect(page.locator("[data-chosen]")).to_have_text(re.compile("^5 files, "))
    press(page, LOOK)
    expect(page.get_by_text(re.compile("^5 files of .* are chosen"))).to_be_visible()


@pytest.mark.req("R-UI-12", "R-PAGE-01")
def test_where_a_delivery_takes_no_more_the_next_try_opens_one_of_its_own_and_asks_for_its_keys(
    someone: Any, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    page, asked = someone("saul").go(SEND), list[str]()
    need_engine(page)
    page.on("request", lambda request: asked.extend(KEYS.findall(request.url)))
    choose(page, subject)
    go_to_send(page, scan("ended").paths)
    problem = {"title": "Bad Request", "status": 400, "detail": "This delivery does not take more files."}
    page.route(PIECES, lambda route: route.fulfill(status=400, content_type="application/problem+json", json=problem))
    send(page)
    expect(page.get_by_role("alert").filter(has_text="This delivery does not take more files.")).to_be_visible()
    page.unroute(PIECES)
    press(page, "Go on")
    receipt = receipt_of(page)
    assert len(receipt["filed"]) == 5
    assert (len(asked), len(set(asked)), asked[-1]) == (2, 2, receipt["delivery"])


@pytest.mark.req("R-SEND-11")
def test_without_scripts_files_are_chosen_and_sent_by_a_plain_form(
    stack: Stack, browser: Browser, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 900}, java_script_enabled=False)
    page = Person(context, stack.address).sign_in("saul").go(SEND)
    # Nothing is offered that needs a script: a drop would open the file in place of the page, and names would travel.
    expect(page.locator("noscript .notice")).to_be_visible()
    for words in ("Drop a folder", "Nothing chosen yet.", "File names stay on this computer"):
        expect(page.get_by_text(words)).to_be_hidden()
    page.get_by_label("Code of the subject").fill(subject.code)
    press(page, "Find")
    page.locator("[name=time_point]").select_option(value=subject.visit)
    # Roles and labels within <noscript> are not looked at by Playwright.
    page.locator("noscript input[type=file]").set_input_files(scan("plain").paths)
    page.locator("noscript button").click()
    expect(page).to_have_url(re.compile("/deliveries/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    context.close()
