"""What the archive found wrong, and two images with one identity, seen and decided in a real browser."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import tab_to
from tests.browser.test_privacy import see
from tests.flows.test_running import send_zip
from tests.imaging.scans import PLANTED, ct_series, ct_slice, to_bytes
from tests.stack import Session, Stack, wait_until


def other_pixels(number: int, seed: str) -> bytes:
    dataset = ct_slice(number, seed=seed)
    pixels = dataset.pixel_array.copy()
    pixels[9, 9] += 1
    dataset.PixelData = pixels.tobytes()
    return to_bytes(dataset)


def deliver(site: Session, visit: str, files: list[bytes]) -> str:
    delivery = send_zip(site, visit, files)
    wait_until(lambda: site.api("GET", f"/api/deliveries/{delivery}/").json()["ended"], seconds=150)
    return delivery


@pytest.mark.req("R-ARC-13")
def test_damage_and_conflict_are_seen_and_decided_by_keyboard(stack: Stack, someone: Any) -> None:
    site = stack.session("nora")
    visit = stack.enrol().visit
    filed = deliver(site, visit, ct_series(4, seed="custody"))
    rival = deliver(site, visit, [other_pixels(1, "custody"), *ct_series(4, seed="custody")[2:]])
    receipt = site.api("GET", f"/api/deliveries/{filed}/receipt/").json()
    sha256 = receipt["filed"][0]["filed_sha256"]
    stored = stack.home / "archive" / sha256[:2] / sha256[2:4] / sha256
    data = stored.read_bytes()
    stored.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    try:
        scrub = stack.manage("scrub_archive")
        assert (scrub.returncode, scrub.stdout.count("changed on disk")) == (1, 1), scrub.stderr
        for width in (1280, 390):
            carmen = someone("carmen", width=width)
            for path in ("/trials/THORAX/archive/", f"/deliveries/{rival}/conflicts/", "/trials/THORAX/deliveries/"):
                page = carmen.go(path)
                see(carmen, path)
                assert not [planted for planted in PLANTED if planted in page.content()]
    finally:
        stored.write_bytes(data)
    page = carmen.go(f"/deliveries/{rival}/conflicts/")
    tab_to(page, "Keep the filed images; destroy the new files")
    page.keyboard.press("Space")
    tab_to(page, "Reason")
    page.keyboard.type("The second export was filtered.")
    tab_to(page, "Decide")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your decision on 1 image was recorded.")).to_be_visible()
    whole = stack.manage("scrub_archive")
    assert "0 damaged" in whole.stdout
    assert whole.returncode == 0
