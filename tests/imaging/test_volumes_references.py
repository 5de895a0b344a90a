"""A segmentation names the series it was drawn on, in the place its kind keeps for that, or stays silent."""

from copy import deepcopy

import pytest
from pydicom import Dataset

from config.demo.phantom import make_seg, to_bytes
from imaging.volumes.references import referenced_series
from tests.imaging.marked_scan import BASE, MARKER, SPEC


def nest(keyword: str, *items: Dataset) -> Dataset:
    outer = Dataset()
    setattr(outer, keyword, list(items))
    return outer


def naming(uid: str) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid
    return series


@pytest.mark.req("R-VOL-05")
def test_a_segmentation_names_its_series() -> None:
    assert referenced_series(to_bytes(make_seg(BASE, (MARKER,)))) == {SPEC.uid("series")}


@pytest.mark.req("R-VOL-06")
def test_a_structure_set_names_every_series_of_its_frames_of_reference() -> None:
    studies = [nest("RTReferencedSeriesSequence", naming("1.2.3")), nest("RTReferencedSeriesSequence", naming("1.2.4"))]
    structures = deepcopy(BASE[0])
    structures.ReferencedFrameOfReferenceSequence = [nest("RTReferencedStudySequence", *studies)]
    assert referenced_series(to_bytes(structures)) == {"1.2.3", "1.2.4"}


@pytest.mark.req("R-VOL-05")
@pytest.mark.parametrize("data", [b"", b"no DICOM", to_bytes(BASE[0])], ids=["nothing", "noise", "an image"])
def test_what_names_no_series_gives_none(data: bytes) -> None:
    assert referenced_series(data) == frozenset()
