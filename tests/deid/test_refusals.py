"""Fail closed: what cannot be cleaned with certainty is turned away with a sentence, and nothing else happens."""

import time
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_files
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import deid
from deid.elements import Element
from deid.residue import Suspects, require_no_residue, traces_of
from tests.deid import builders, planting

SECONDARY_CAPTURE, ULTRASOUND = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6.1"
PDF, XA, RAW = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.66"
BUNDLED = sorted(path for path in map(str, get_testdata_files()) if Path(path).is_file())
HANG_SECONDS = 20
PHOTO, WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.840.10008.5.1.4.1.1.77.1.6"


def _refusal(data: bytes, key: bytes, trial: deid.ClinicalTrial) -> deid.Rejected | None:
    try:
        deid.clean(data, key=key, trial=trial, policy=deid.Policy())
    except deid.Rejected as refusal:
        return refusal
    return None


def _verdict(data: bytes, key: bytes, trial: deid.ClinicalTrial) -> str:
    """Return `clean` or the code of the refusal, whose reason must be a sentence with a next step."""
    refusal = _refusal(data, key, trial)
    if refusal is None:
        return "clean"
    assert "not let through." in refusal.reason.lower()
    assert "Please" in refusal.reason
    return refusal.code


@pytest.mark.req("R-DEID-14")
@pytest.mark.parametrize(
    ("sop_class", "changes", "expected"),
    [
        (SECONDARY_CAPTURE, {}, "pixels-need-review"),
        (SECONDARY_CAPTURE, {"BurnedInAnnotation": "NO"}, "pixels-need-review"),
        (ULTRASOUND, {}, "pixels-need-review"),
        (ULTRASOUND, {"BurnedInAnnotation": "NO"}, "clean"),
        (ULTRASOUND, {"BurnedInAnnotation": "no"}, "pixels-need-review"),
        (XA, {}, "clean"),
        (XA, {"BurnedInAnnotation": "YES"}, "pixels-need-review"),
        (PHOTO, {}, "pixels-need-review"),
        (WHOLE_SLIDE, {}, "pixels-need-review"),
        (PDF, {}, "document-refused"),
        (RAW, {}, "unknown-object"),
        ("1.2.3.4", {}, "unknown-object"),
        ("", {}, "incomplete"),
        (None, {"BurnedInAnnotation": "YES"}, "pixels-need-review"),
        (None, {"RecognizableVisualFeatures": "YES"}, "pixels-need-review"),
        (None, {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "pixels-need-review"),
        (None, {"ConversionType": "WSD"}, "pixels-need-review"),
        (None, {"StudyInstanceUID": ""}, "incomplete"),
        (None, {"Modality": "ZUCCARELLO"}, "incomplete"),
        (None, {"Rows": 4096}, "pixels-damaged"),
    ],
)
def test_objects_whose_pixels_may_name_someone_are_not_waved_through(
    sop_class: str | None, changes: dict[str, object], expected: str, key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.ct()
    if sop_class is not None:
        dataset.SOPClassUID = sop_class
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    assert _verdict(planting.encode(dataset), key, trial) == expected


@pytest.mark.req("R-DEID-14")
@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagePositionPatient", "RescaleSlope"])
def test_an_identifier_in_place_of_a_number_that_must_be_there_is_refused_and_not_made_up(
    keyword: str, key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.ct()
    setattr(dataset, keyword, "731731731")
    assert _verdict(planting.encode(dataset), key, trial) == "malformed"


@pytest.mark.req("R-DEID-14")
def test_drawings_hidden_in_unused_pixel_bits_are_refused(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)
    assert _verdict(planting.encode(dataset), key, trial) == "pixels-need-review"


@pytest.mark.req("R-DEID-05")
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: Path(path).name)
def test_every_bundled_real_file_is_cleaned_or_refused_and_never_trips_the_residue_search(
    path: str, key: bytes, trial: deid.ClinicalTrial
) -> None:
    started = time.perf_counter()
    verdict = _verdict(Path(path).read_bytes(), key, trial)
    assert verdict != deid.Rejection.RESIDUE
    assert time.perf_counter() - started < HANG_SECONDS


@pytest.mark.req("R-DEID-06")
def test_no_shared_real_scan_is_refused(key: bytes, trial: deid.ClinicalTrial) -> None:
    paths = [*builders.SHARED.glob("sts/*/*/*/*.dcm"), *builders.SHARED.glob("ibsi1_ct/dicom/*/*.dcm")]
    if not paths:
        pytest.skip("the shared test scans are not on this machine")
    assert {_verdict(path.read_bytes(), key, trial) for path in paths} == {"clean"}


@pytest.mark.req("R-DEID-15")
def test_endless_nesting_and_endless_lists_are_refused(key: bytes, trial: deid.ClinicalTrial) -> None:
    head = planting.encode(builders.ct())[:800]
    opening = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    start = 144 + int.from_bytes(head[140:144], "little")
    assert _verdict(head[:start] + opening * 50_000, key, trial) == "too-large"
    assert _verdict(head[:start] + b"\x08\0\x08\0CS\0\0" * 200_000, key, trial) == "too-large"


@pytest.mark.req("R-DEID-15")
@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\0" * 4096, b"\0" * 128 + b"DICM", b"<html>" * 100])
def test_what_is_no_dicom_is_refused_in_words(data: bytes, key: bytes, trial: deid.ClinicalTrial) -> None:
    assert _verdict(data, key, trial) in {"not-dicom", "malformed", "incomplete"}
    with pytest.raises(deid.Rejected):
        deid.identify(data, key=key)


@pytest.mark.req("R-DEID-15")
def test_a_refusal_never_quotes_the_file(
    key: bytes, trial: deid.ClinicalTrial, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = builders.ct()
    dataset.SOPClassUID, dataset.PatientName = "1.2.731731731", "Zuccarello^Quentin"
    with pytest.raises(deid.Rejected) as refusal:
        deid.clean(planting.encode(dataset), key=key, trial=trial, policy=deid.Policy())
    said = repr(refusal.value) + str(refusal.value.__cause__) + caplog.text + capsys.readouterr().err
    assert "731731731" not in said
    assert "ccarello" not in said


@pytest.mark.req("R-DEID-17")
@pytest.mark.parametrize(
    ("removed", "left", "is_hit"),
    [
        (b"Zuccarello^Quentin", b"SCAN ZUCCARELLO", True),
        ("Zuccàrello".encode("latin-1"), b"zuccarello", True),
        (b"ID 731731731", b"731731731", True),
        (b"ID 731731731", b"7317317310", False),
        (b"CHEST^AXIAL", b"CHEST AXIAL", False),
        (b"Lee", b"LEE", False),
        (b"Quentin", b"Zuccarello", False),
    ],
)
def test_a_removed_value_found_in_the_output_stops_the_file(removed: bytes, left: bytes, *, is_hit: bool) -> None:
    suspects = Suspects()
    suspects.add(Element(0x00100010, "PN", removed), vr="PN")
    traces = [traces_of(Element(0x00080070, "LO", left))]
    if not is_hit:
        require_no_residue([suspects], traces=traces, header=b"", own=[])
        return
    with pytest.raises(deid.Rejected) as refusal:
        require_no_residue([suspects], traces=traces, header=b"", own=[])
    assert refusal.value.code == deid.Rejection.RESIDUE


@pytest.mark.req("R-DEID-17")
def test_a_standard_code_that_stays_in_one_place_and_goes_in_another_is_no_residue(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset, code = builders.ct(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113076", "DCM", "Segmentation"
    dataset.AnatomicRegionSequence = Sequence([code])
    dataset.AdmittingDiagnosesCodeSequence = Sequence([code])
    assert _verdict(planting.encode(dataset), key, trial) == "clean"


@pytest.mark.req("R-DEID-17")
def test_a_removed_value_found_in_raw_bytes_or_in_utf_16_stops_the_file() -> None:
    suspects = Suspects()
    suspects.add(Element(0x00104000, "LT", b"Quentin Zuccarello"), vr="LT")
    for header in (b"...QUENTIN ZUCCARELLO...", "xx quentin zuccarello".encode("utf-16-le")):
        with pytest.raises(deid.Rejected):
            require_no_residue([suspects], traces=[], header=header, own=[])
    require_no_residue([suspects], traces=[], header=b"Quentin Zuccarello", own=["Quentin Zuccarello trial"])


@pytest.mark.req("R-DEID-11")
@pytest.mark.parametrize(
    "change",
    [
        {"subject_code": ""},
        {"subject_code": "A^B"},
        {"sponsor": "x" * 65},
        {"site_name": "a\\b"},
        {"protocol_id": "a\n"},
    ],
)
def test_unfit_trial_values_are_a_programming_error(change: dict[str, str], trial: deid.ClinicalTrial) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        replace(trial, **change)


@pytest.mark.req("R-DEID-01")
def test_a_private_sequence_inside_a_kept_item_goes_too(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset, item = builders.ct(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, "1.2.3"
    block = item.private_block(0x0029, "ZUCCARELLO", create=True)
    block.add_new(1, "LO", "Zuccarello")
    dataset.ReferencedImageSequence = Sequence([item])
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=deid.Policy())
    assert b"ccarello" not in result.data.lower()
    kept = builders.read(result.data).ReferencedImageSequence[0]
    assert kept.ReferencedSOPInstanceUID == deid.map_uid(key, "1.2.3")
    assert isinstance(kept, pydicom.Dataset)
