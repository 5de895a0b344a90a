"""A site's own pages, its DICOM line, and the quarantine desk of the core laboratory, in a real browser."""

import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import expect
from pynetdicom import AE

from tests.browser.hands import tab_to
from tests.browser.test_custody import deliver
from tests.browser.test_privacy import see
from tests.imaging.scans import PLANTED, ct_series
from tests.services import need_program
from tests.stack import Stack, free_port

VERIFICATION = "1.2.840.10008.1.1"


@pytest.mark.req("R-DESK-03")
def test_from_my_site_to_a_refused_file_and_a_resend_that_supersedes(stack: Stack, someone: Any) -> None:
    site, visit = stack.session("nora"), stack.enrol().visit
    images = ct_series(4, seed="resend")
    first = deliver(site, visit, [b"no image at all", *images])
    for width in (1280, 390):
        nora = someone("nora", width=width)
        expect(nora.page.get_by_role("heading", level=1)).to_have_text(re.compile("My sites?"))
        see(nora, "/")
        page = nora.go(f"/deliveries/{first}/")
        see(nora, f"/deliveries/{first}/")
        assert not [planted for planted in PLANTED if planted in page.content()]
    expect(page.get_by_text("What to do next:")).to_be_visible()
    tab_to(page, "Reason")
    page.keyboard.type("One file was no image.")
    tab_to(page, "Send it again")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/send/"))
    second = deliver(site, visit, images)
    nora.go(f"/deliveries/{first}/")
    expect(page.get_by_text("Superseded by")).to_be_visible()
    see(nora, f"/deliveries/{first}/")
    page.get_by_role("link", name=f"delivery {second[:8]}").click()
    expect(page.get_by_text("It took the place of")).to_be_visible()


@pytest.mark.req("R-DESK-05")
def test_at_the_desk_held_files_are_destroyed_by_keyboard_under_a_signature(stack: Stack, someone: Any) -> None:
    site, visit = stack.session("nora"), stack.enrol().visit
    held = deliver(site, visit, [b"nothing to see", *ct_series(2, seed="desk")])
    for width in (1280, 390):
        carmen = someone("carmen", width=width)
        for path in ("/trials/THORAX/quarantine/", f"/deliveries/{held}/quarantine/"):
            page = carmen.go(path)
            see(carmen, path)
            assert not [planted for planted in PLANTED if planted in page.content()]
    tab_to(page, "send back: ask the site; the files stay sealed")
    page.keyboard.press("ArrowDown")
    tab_to(page, "Reason")
    page.keyboard.type("No image, by the site's own word.")
    tab_to(page, "Go on to sign")
    page.keyboard.press("Enter")
    carmen.sign("Sign the decision")
    expect(page.get_by_text("Your decision was signed and recorded.")).to_be_visible()
    carmen.go(f"/deliveries/{held}/quarantine/")
    expect(page.get_by_text("Nothing of this delivery is held back.")).to_be_visible()


@pytest.mark.req("R-SITE-04")
def test_a_site_tests_its_line_both_ways_and_reads_what_came_of_it(stack: Stack, someone: Any) -> None:
    saul, coordinator = someone("saul"), stack.session("carmen")
    saul.page.locator("a[href^='/trials/THORAX/sites/']").click()
    address = saul.page.url.removeprefix(stack.address)
    door = address.replace("/dicom/", "/door/")
    port = free_port()
    peer = AE(ae_title="SUR_PACS")
    peer.add_supported_context(VERIFICATION)
    server = peer.start_server(("127.0.0.1", port), block=False)
    assert server is not None
    try:
        told = {"networks": "", "certificate": "", "reason": "the PACS listens here"}
        assert coordinator.post(door, host="127.0.0.1", port=str(port), **told).ok
        page = saul.go(address)
        saul.press("Test now (C-ECHO)")
        expect(page.get_by_text("It answered: the line works")).to_be_visible()
    finally:
        server.shutdown()
        coordinator.post(door, host="", port="", **told)
    echo = [need_program("echoscu", "dcmtk"), "-aec", "CORELAB", "-aet", "SUR_PACS", "127.0.0.1"]
    assert subprocess.run([*echo, str(stack.dicom_port)], check=False).returncode == 0
    wrong = [*echo[:2], "CORELAP", *echo[3:], str(stack.dicom_port)]
    assert subprocess.run(wrong, check=False, capture_output=True).returncode != 0
    stack.wait(lambda: "another AE title" in saul.go(address).content())
    expect(page.get_by_text("answered; no image was sent").first).to_be_visible()
    see(saul, address)
    narrow = someone("saul", width=390)
    narrow.go(address)
    see(narrow, address)
