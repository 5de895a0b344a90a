"""A scan that came without a name: seen beside the visits it could belong to, and assigned by keyboard."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.hands import tab_to
from tests.browser.test_privacy import see
from tests.imaging.scans import PLANTED, ct_series
from tests.stack import Stack
from tests.wire.test_dicom import storescu, waiting


@pytest.mark.req("R-SORT-03")
def test_a_scan_without_a_name_is_compared_and_assigned_by_keyboard(stack: Stack, someone: Any, tmp_path: Path) -> None:
    enrolled, coordinator = stack.enrol(), stack.session("carmen")
    before = set(waiting(coordinator))
    for number, data in enumerate(ct_series(4, seed="sorting", name="VIERSTEIN^ADA", patient_id="QX55443322")):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    assert storescu(stack, tmp_path).returncode == 0
    stack.wait(lambda: set(waiting(coordinator)) - before)
    (delivery,) = set(waiting(coordinator)) - before
    for width in (390, 1280):
        carmen = someone("carmen", width=width)
        page = carmen.go(f"/deliveries/{delivery}/")
        expect(page.get_by_role("heading", name="Visits it could belong to")).to_be_visible()
        see(carmen, "sorting")
        assert not [planted for planted in (*PLANTED, "VIERSTEIN", "QX55443322") if planted in page.content()]
    tab_to(page, f"Assign to {enrolled.code}, Baseline")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Sent for subject {enrolled.code}, Baseline.")).to_be_visible()
