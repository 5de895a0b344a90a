"""What the page on the DICOM node says is what the node does."""

import pytest

from imaging.services.committing import Reason
from tests.imaging import dicom_conformance


@pytest.mark.req("R-QR-12")
def test_the_conformance_page_of_the_node_says_what_the_program_does() -> None:
    assert dicom_conformance.PAGE.read_text(encoding="utf-8") == dicom_conformance.page()
    assert set(dicom_conformance.REASONS) == set(Reason)
