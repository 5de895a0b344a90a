"""What may be chosen on the sending page, and what it says where a computer does not clean: archives, folders, refusals."""

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pydicom import Dataset, dcmread
from pydicom.uid import UltrasoundImageStorage

from tests.browser.sending import (
    PIECES,
    SEND,
    SIDE,
    Scan,
    choose,
    go_to_send,
    need_engine,
    press,
    receipt_of,
    send,
    stored_at,
)
from tests.imaging.scans import ct_series, ct_slice, to_bytes
from tests.stack import Enrolled, Stack

# Two bytes of 1, as a flat picture has them.
UNTOUCHED = 257
LOOK, FOUND, REMOVED = "Next: look at them", "3. What was found", "4. What will be removed"
# A folder of the browser's own gives the same kind of handle as one of the disk, and no window of the system opens.
OWN_FOLDER = "globalThis.showDirectoryPicker = () => navigator.storage.getDirectory()"
FILL = """async (files) => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("scan", { create: true });
  for (const [name, data] of Object.entries(files)) {
    const file = await (await folder.getFileHandle(name, { create: true })).createWritable();
    await file.write(Uint8Array.from(atob(data), (one) => one.charCodeAt(0)));
    await file.close();
  }
}"""
ONE_CORE = "Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => 1 })"
OUT_OF_MEMORY = "export async function loadPyodide() { throw new RangeError('no memory'); }"
# The worker itself, which runs out of memory over the first file that it cleans.
DYING = (
    "const [told, transfer] =",
    "if (asked.do === 'clean') throw new RangeError('no memory');\n    const [told, transfer] =",
)


def ultrasound() -> Dataset:
    """A picture of the same person and examination on which something may be written."""
    dataset = flat(ct_slice(9, seed="zip"))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.Modality, dataset.SeriesInstanceUID = "US", f"{dataset.SeriesInstanceUID[:62]}.1"
    return dataset


def flat(dataset: Dataset) -> Dataset:
    """The same without anything in its picture that could be read as text; what covers is as dark as its darkest."""
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = bytes(64) + b"\1" * (SIDE * SIDE * 2 - 64)
    return dataset


def zipped(path: Path, *contents: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(contents):
            archive.writestr(f"ZWEISTEIN/{number}", data)
    return str(path)


def look_at(page: Page, *paths: str) -> None:
    page.locator("[data-files]").set_input_files(list(paths))
    press(page, LOOK)
    expect(page.get_by_role("heading", name=FOUND)).to_be_focused(timeout=60_000)


def draw(page: Page) -> str:
    """Draw a box of middle size on the picture that is shown; returns the line that it writes."""
    canvas = page.locator("details[open] .sheet canvas")
    canvas.scroll_into_view_if_needed()
    frame = canvas.bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + frame["width"] / 10, frame["y"] + frame["height"] / 10)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] / 4, frame["y"] + frame["height"] / 4)
    page.mouse.up()
    written = page.locator("details[open]").get_by_label("Boxes to cover")
    expect(written).to_have_value(re.compile(r"^\d+ \d+ \d+ \d+$"))
    return written.input_value()


@pytest.mark.req("R-SEND-13", "R-SEND-04", "R-SEND-09", "R-SEND-12")
def test_members_of_an_archive_go_as_loose_files_would_and_the_receipt_is_signed_printed_and_downloaded(
    stack: Stack, someone: Any, subject: Enrolled, tmp_path: Path
) -> None:
    saul = someone("saul")
    page = saul.go(SEND)
    need_engine(page)
    choose(page, subject)
    # Looked at first, and not meant: nothing of it may come back with the next one.
    look_at(page, zipped(tmp_path / "other.zip", *ct_series(2, seed="not meant", name="DREISTEIN^BERTA")))
    expect(page.locator("[data-person]")).to_contain_text("DREISTEIN^BERTA", timeout=60_000)
    press(page, "Back")
    seen, slices = to_bytes(ultrasound()), [to_bytes(flat(ct_slice(number, seed="zip"))) for number in range(4)]
    look_at(
        page,
        zipped(
            tmp_path / "meant.zip",
            *slices,
            seen,
            b"a letter",
            Path(zipped(tmp_path / "letter.docx", b"text")).read_bytes(),
        ),
    )
    expect(page.get_by_text("5 images in 2 series. 2 files are no DICOM images and stay here.")).to_be_visible(
        timeout=60_000
    )
    expect(page.locator("[data-person]")).to_contain_text("ZWEISTEIN^ALBA · QX99871345 · 11 Feb 1947")
    expect(page.locator("article.series")).to_have_text([re.compile("^CT.*4 images"), re.compile("^US.*1 image$")])
    expect(page.locator("article.series").first.locator("canvas")).to_have_count(3)
    press(page, "Next: what is removed")
    expect(page.get_by_role("heading", name=REMOVED)).to_be_focused(timeout=60_000)
    expect(page.locator("details.series").last).to_contain_text("Something may be written into these pictures.")
    left, top, right, bottom = map(int, draw(page).split())
    saul.look()
    send(page)
    receipt = receipt_of(page)
    expect(page.locator("[data-lines]")).to_contain_text("accepted: 4 of 4.")
    expect(page.locator("[data-lines]")).to_contain_text("1 goes encrypted and is cleaned there.")
    expect(page.get_by_text("What arrived is, byte for byte, what this page sent.")).to_be_visible()
    expect(page.locator("[data-facts]")).to_contain_text(re.compile("Waiting for review *1 image"))
    # Four were cleaned here; the other came as it was, by itself, and waits for a person.
    delivery = page.get_by_role("link", name="Open the delivery").get_attribute("href")
    certificate = page.request.get(page.url.replace(SEND, f"/api{delivery}certificate/")).json()["certificate"]
    waiting = [one["sha256_before"] for one in certificate["files"] if one["decision"] == "waiting"]
    assert (waiting, len(receipt["filed"])) == ([hashlib.sha256(seen).hexdigest()], 4)
    stored = [dcmread(stored_at(stack, row["filed_sha256"])) for row in receipt["filed"]]
    covered = [one.pixel_array[top:bottom, left:right] for one in stored]
    assert [(one.size > 0, (one != UNTOUCHED).all()) for one in covered] == [(True, True)] * 4
    page.get_by_role("link", name="Open the receipt to print or download it").click()
    expect(
        page.get_by_text("under a checkpoint that this installation signed").or_(
            page.get_by_text("It is signed within seconds")
        )
    ).to_be_visible()
    expect(page.locator("dl.facts")).to_contain_text(
        re.compile(r"Received\s+\d\d \w{3} \d{4} \d\d:\d\d:\d\d Europe/Madrid")
    )
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as JSON").click()
    kept = json.loads(download.value.path().read_text())
    assert (kept["sha256"], kept["filed"]) == (receipt["sha256"], receipt["filed"])


@pytest.mark.req("R-SEND-03")
def test_after_a_reload_a_folder_that_was_chosen_is_opened_again_by_itself_for_the_visit_chosen_last(
    stack: Stack, someone: Any, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    saul, other = someone("saul"), stack.enrol(site="sur", staff="saul")
    for script in (OWN_FOLDER, "delete globalThis.WebAssembly"):
        saul.page.add_init_script(script)
    page = saul.go(SEND)
    page.on("dialog", lambda dialog: dialog.accept())
    paths = map(Path, scan("folder").paths)
    page.evaluate(FILL, {path.name: base64.b64encode(path.read_bytes()).decode() for path in paths})
    choose(page, other)
    page.evaluate(
        "() => { globalThis.opening = showDirectoryPicker; showDirectoryPicker = async () => { throw new Error(); }; }"
    )
    page.locator("[data-folder]").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="What was chosen could not be read")).to_be_visible()
    page.evaluate("() => { showDirectoryPicker = opening; }")
    # The input lies under its button, and opens by keyboard as by mouse.
    page.locator("[data-folder]").press("Enter")
    expect(page.locator("[data-chosen]")).to_have_text(re.compile("^5 files, "))
    press(page, "Back")
    choose(page, subject)
    press(page, LOOK)
    expect(page.get_by_role("heading", name=FOUND)).to_be_focused()
    page.reload()
    expect(page.get_by_text(f"You had begun to send for {subject.code}")).to_be_visible()
    press(page, "Go on with it")
    expect(page.get_by_role("heading", name=FOUND)).to_be_focused()
    press(page, "Next: what is removed")
    page.route(PIECES, lambda _never: None)
    with page.expect_request(PIECES):
        send(page)
    page.reload()
    page.unroute(PIECES)
    press(page, "Go on with it")
    expect(page.get_by_role("heading", name=FOUND)).to_be_focused()
    press(page, "Next: what is removed")
    send(page)
    assert len(receipt_of(page)["filed"]) == 5


@pytest.mark.req("R-SEND-03", "R-SEND-11")
def test_a_sending_that_goes_another_way_after_a_reload_gets_a_delivery_of_its_own(
    someone: Any, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    saul, files = someone("saul"), scan("another way").paths
    page = saul.go(SEND)
    need_engine(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("[data-send]").evaluate("(root) => root.removeAttribute('data-worker')")
    choose(page, subject)
    go_to_send(page, files)
    page.route(PIECES, lambda _never: None)
    with page.expect_request(PIECES):
        send(page)
    page.reload()
    page.unroute(PIECES)
    press(page, "Go on with it")
    expect(page.get_by_role("heading", name="2. Which files?")).to_be_focused()
    look_at(page, *files)
    press(page, "Next: what is removed")
    expect(page.get_by_role("alert").filter(has_text="these files went another way")).to_be_focused(timeout=60_000)
    send(page)
    assert len(receipt_of(page)["filed"]) == 5
    expect(page.locator("[data-lines]")).to_contain_text("accepted: 5 of 5.")
    expect(page.locator("[data-lines]")).not_to_contain_text("encrypted")


@pytest.mark.req("R-SEND-11")
@pytest.mark.parametrize(
    ("lacks", "words"),
    [
        ("node", "This installation has no engine that cleans on your computer."),
        ("memory", "This computer has too little memory free to clean here."),
    ],
)
def test_a_computer_that_cannot_clean_says_so_in_words_before_anything_is_sent(
    someone: Any, subject: Enrolled, scan: Callable[..., Scan], lacks: str, words: str
) -> None:
    saul = someone("saul")
    page = saul.go(SEND)
    need_engine(page)
    if lacks == "node":
        # As the page is where nothing was laid out (tests/flows/test_equipping.py).
        page.locator("[data-send]").evaluate("(root) => root.removeAttribute('data-worker')")
    page.route("**/pyodide.mjs", lambda route: route.fulfill(body=OUT_OF_MEMORY, content_type="text/javascript"))
    choose(page, subject)
    page.locator("[data-files]").set_input_files(scan(f"without {lacks}").paths)
    press(page, LOOK)
    expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_text("The files are encrypted the moment they arrive").first).to_be_visible()
    expect(page.get_by_text("looked for on arrival").first).to_be_visible()
    saul.look()


@pytest.mark.req("R-SEND-11")
def test_without_https_the_page_says_so_at_its_first_step(someone: Any, subject: Enrolled) -> None:
    saul = someone("saul")
    # What browsers leave out of a page that came by http from another machine.
    saul.page.add_init_script("delete Crypto.prototype.subtle")
    page = saul.go(f"{SEND}?time_point={subject.visit}")
    press(page, "Next: files")
    expect(page.get_by_role("alert").filter(has_text="This page was opened without https")).to_be_visible()


@pytest.mark.req("R-SEND-11", "R-PAGE-06")
def test_where_memory_ends_while_it_cleans_the_rest_goes_to_the_encrypted_intake(
    stack: Stack, someone: Any, subject: Enrolled, scan: Callable[..., Scan]
) -> None:
    saul = someone("saul")
    saul.page.add_init_script(ONE_CORE)
    page = saul.go(SEND)
    need_engine(page)
    worker = page.locator("[data-worker]").get_attribute("data-worker") or ""
    source = page.request.get(page.url.replace(SEND, worker)).text()
    assert DYING[0] in source
    page.route(f"**{worker}", lambda route: route.fulfill(body=source.replace(*DYING), content_type="text/javascript"))
    choose(page, subject)
    look_at(page, *scan("dying", 6).paths)
    expect(page.get_by_text("6 images in 1 series.")).to_be_visible(timeout=60_000)
    press(page, "Next: what is removed")
    expect(page.get_by_role("heading", name=REMOVED)).to_be_focused(timeout=60_000)
    # No other engine starts in place of it.
    page.route("**/pyodide.mjs", lambda route: route.fulfill(body=OUT_OF_MEMORY, content_type="text/javascript"))
    send(page)
    assert len(receipt_of(page)["filed"]) == 6
    expect(page.locator("[data-lines]")).to_contain_text("6 go encrypted and are cleaned there.")
    # Nothing is left that could read the next scan, and the page says so.
    press(page, "Send another scan")
    # Of another subject, so that its visits are told apart from those that still stand there.
    choose(page, stack.enrol(site="sur", staff="saul"))
    look_at(page, *scan("after").paths)
    expect(page.get_by_text("This computer has too little memory free to clean here.").first).to_be_visible()
    press(page, "Next: what is removed")
    expect(page.get_by_text("Each file is encrypted the moment it arrives; nobody can look at it.")).to_be_visible()
