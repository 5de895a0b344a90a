"""Good objects come out valid and usable: pixels, references, geometry, provenance, facts."""

import io
from datetime import date

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import deid
from tests.deid import builders, planting


def _clean(dataset: Dataset, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy) -> Dataset:
    return builders.read(deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy).data)


@pytest.mark.req("R-DEID-09")
def test_a_structure_set_still_points_to_its_cleaned_slices_and_keeps_its_contours(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    slices = [builders.ct(index) for index in range(2)]
    dataset = builders.structures()
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = slices[0].SOPClassUID, slices[0].SOPInstanceUID
    contour.ContourImageSequence = Sequence([image])
    cleaned = _clean(dataset, key, trial, policy)
    target = _clean(slices[0], key, trial, policy)
    kept = cleaned.ROIContourSequence[0].ContourSequence[0]
    assert kept.ContourImageSequence[0].ReferencedSOPInstanceUID == target.SOPInstanceUID
    assert kept.ContourImageSequence[0].ReferencedSOPClassUID == target.SOPClassUID
    assert kept.ContourData == contour.ContourData
    assert len(cleaned.ROIContourSequence) == len(dataset.ROIContourSequence)
    assert [roi.ROIName for roi in cleaned.StructureSetROISequence] == [
        f"ROI {roi.ROINumber}" for roi in dataset.StructureSetROISequence
    ]
    assert cleaned.StructureSetLabel == "REMOVED"


@pytest.mark.req("R-DEID-09")
def test_a_segmentation_opens_in_highdicom_with_the_same_voxels_on_the_cleaned_slices(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    slices = [builders.ct(index) for index in range(3)]
    dataset = builders.segmentation(slices)
    data = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy).data
    segmentation = hd.seg.segread(io.BytesIO(data))
    uids = [_clean(part, key, trial, policy).SOPInstanceUID for part in slices]
    voxels = segmentation.get_pixels_by_source_instance(source_sop_instance_uids=uids)
    assert voxels.shape[:3] == (3, slices[0].Rows, slices[0].Columns)
    assert voxels.sum() == 3 * 20 * 20
    description = segmentation.get_segment_description(1)
    assert description.segment_label == "Segment 1"
    assert description.segmented_property_type.value == "108369006"
    assert b"ccarello" not in data


@pytest.mark.req("R-DEID-09")
def test_a_presentation_state_keeps_its_references_and_loses_its_drawings(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    slices = [builders.ct(index) for index in range(2)]
    cleaned = _clean(builders.presentation_state(slices), key, trial, policy)
    referenced = cleaned.ReferencedSeriesSequence[0].ReferencedImageSequence
    uids = [_clean(part, key, trial, policy).SOPInstanceUID for part in slices]
    assert [image.ReferencedSOPInstanceUID for image in referenced] == uids
    assert "GraphicAnnotationSequence" not in cleaned
    assert cleaned.ContentLabel == "OTHER"


@pytest.mark.req("R-DEID-09")
def test_a_report_keeps_standard_concepts_and_references_and_loses_text_and_people(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    result = deid.clean(planting.encode(builders.report()), key=key, trial=trial, policy=policy)
    cleaned = builders.read(result.data)
    kinds = _value_types(cleaned)
    assert "IMAGE" in kinds
    assert not {"TEXT", "PNAME"} & set(kinds)
    assert cleaned.VerificationFlag == "UNVERIFIED"
    assert "113104" in result.method_codes


def _value_types(item: Dataset) -> list[str]:
    found = [str(item.get("ValueType", ""))]
    for child in item.get("ContentSequence", []):
        found += _value_types(child)
    return found


@pytest.mark.req("R-DEID-09")
def test_a_multi_frame_object_keeps_its_functional_groups_and_its_geometry(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    original = builders.enhanced([builders.ct(index) for index in range(3)])
    result = deid.clean(planting.encode(original), key=key, trial=trial, policy=policy)
    before, after = (hd.image.Image.from_dataset(part) for part in (original, builders.read(result.data)))
    np.testing.assert_allclose(after.get_volume().affine, before.get_volume().affine)
    np.testing.assert_array_equal(after.get_volume().array, before.get_volume().array)
    assert result.facts.frames == 3
    assert result.facts.pixel_spacing == (0.661468, 0.661468)
    assert len(result.facts.position) == 3


@pytest.mark.req("R-DEID-10")
@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
     "693_J2KI.dcm", "rtdose.dcm", "rtdose_rle.dcm", "MR_small_bigendian.dcm"],
)  # fmt: skip
def test_pixels_are_the_same_to_the_last_bit(
    name: str, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    original = builders.bundled(name)
    cleaned = _clean_bundled(name, key, trial, policy)
    np.testing.assert_array_equal(cleaned.pixel_array, original.pixel_array)
    if original.file_meta.TransferSyntaxUID.is_compressed:
        assert cleaned.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID


def _clean_bundled(name: str, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy) -> Dataset:
    path = pydicom.data.get_testdata_file(name)
    with open(str(path), "rb") as file:  # noqa: PTH123  pydicom gives a text path
        return builders.read(deid.clean(file.read(), key=key, trial=trial, policy=policy).data)


@pytest.mark.req("R-DEID-11")
def test_the_clinical_trial_modules_and_the_record_of_the_method_are_complete(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.ct()
    dataset.ClinicalTrialSubjectReadingID = "Zuccarello"
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    cleaned = builders.read(result.data)
    assert str(cleaned.PatientName) == cleaned.PatientID == cleaned.ClinicalTrialSubjectID == trial.subject_code
    assert cleaned.ClinicalTrialSponsorName == trial.sponsor
    assert cleaned.ClinicalTrialProtocolID == trial.protocol_id
    assert cleaned.ClinicalTrialProtocolName == trial.protocol_name
    assert cleaned.ClinicalTrialSiteID == trial.site_id
    assert cleaned.ClinicalTrialSiteName == trial.site_name
    assert cleaned.ClinicalTrialTimePointID == trial.time_point_id
    assert cleaned.ClinicalTrialCoordinatingCenterName == trial.coordinating_center
    assert "ClinicalTrialSubjectReadingID" not in cleaned
    assert cleaned.PatientIdentityRemoved == "YES"
    assert cleaned.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in cleaned.DeidentificationMethodCodeSequence]
    assert tuple(codes) == result.method_codes == ("113100", "113107")
    assert all(len(line) <= 64 for line in cleaned.DeidentificationMethod)
    assert result.policy_digest[:16] in cleaned.DeidentificationMethod[2]
    assert cleaned.PatientBirthDate == ""


@pytest.mark.req("R-DEID-11")
def test_preamble_and_file_meta_are_written_afresh(key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy) -> None:
    dataset = builders.ct()
    dataset.file_meta.SourceApplicationEntityTitle = "ZUCCARELLO"
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    cleaned = builders.read(result.data)
    assert result.data[:128] == bytes(128)
    assert cleaned.file_meta.ImplementationClassUID.startswith("2.25.")
    assert cleaned.file_meta.ImplementationVersionName == f"CORELAB_{deid.engine_version()}"
    assert cleaned.file_meta.MediaStorageSOPInstanceUID == cleaned.SOPInstanceUID
    assert "SourceApplicationEntityTitle" not in cleaned.file_meta


@pytest.mark.req("R-DEID-08")
def test_all_dates_of_one_subject_move_together_and_times_stay(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.pet()
    cleaned = _clean(dataset, key, trial, policy)
    days = deid.shift_days(key, trial.subject_code)
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        before, after = (date.fromisoformat(d[keyword].value) for d in (dataset, cleaned))
        assert (after - before).days == days
    assert cleaned.AcquisitionTime == dataset.AcquisitionTime
    dose = cleaned.RadiopharmaceuticalInformationSequence[0]
    started = date.fromisoformat(str(dose.RadiopharmaceuticalStartDateTime)[:8])
    assert (started - date(2004, 1, 19)).days == days
    assert str(dose.RadiopharmaceuticalStartTime) == "081500"


@pytest.mark.req("R-DEID-13")
def test_weight_and_capped_age_are_kept_only_when_the_policy_says_so(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.pet()
    plain = _clean(dataset, key, trial, policy)
    assert not {"PatientWeight", "PatientSize", "PatientAge"} & {element.keyword for element in plain}
    keeping = deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.RETAIN_PATIENT_CHARACTERISTICS})
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=keeping)
    cleaned = builders.read(result.data)
    assert (cleaned.PatientWeight, cleaned.PatientSize, cleaned.PatientAge) == (81.5, 1.75, "089Y")
    assert cleaned.PatientSex == "O"
    assert "113108" in result.method_codes
    assert result.policy_digest != policy.digest
    assert cleaned.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose == 370_000_000


@pytest.mark.req("R-DEID-16")
def test_the_same_input_gives_the_same_bytes_and_another_key_other_identifiers(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    data = planting.encode(builders.ct())
    first = deid.clean(data, key=key, trial=trial, policy=policy)
    again = deid.clean(data, key=key, trial=trial, policy=policy)
    other = deid.clean(data, key=key[::-1], trial=trial, policy=policy)
    assert first.data == again.data
    assert first.facts.sop_instance_uid != other.facts.sop_instance_uid
    assert first.facts.study_date != other.facts.study_date


@pytest.mark.req("R-DEID-16")
def test_cleaning_an_already_cleaned_object_works_and_keeps_the_pixels(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    first = deid.clean(planting.encode(builders.ct()), key=key, trial=trial, policy=policy)
    second = deid.clean(first.data, key=key, trial=trial, policy=policy)
    one, two = builders.read(first.data), builders.read(second.data)
    assert one.PixelData == two.PixelData
    assert {element.tag for element in one} == {element.tag for element in two}


@pytest.mark.req("R-DEID-12")
def test_facts_tell_what_quality_control_needs(key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy) -> None:
    facts = deid.clean(planting.encode(builders.ct()), key=key, trial=trial, policy=policy).facts
    assert (facts.modality, facts.rows, facts.columns, facts.frames) == ("CT", 128, 128, 1)
    assert facts.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert facts.slice_thickness == 5.0
    assert facts.kvp == 120.0
    assert facts.pixel_spacing == (0.661468, 0.661468)
    assert facts.orientation == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert facts.has_pixels
    assert facts.has_contrast
    assert facts.manufacturer == "GE MEDICAL SYSTEMS"
    assert facts.convolution_kernel == "STANDARD"


@pytest.mark.req("R-DEID-21")
def test_standard_codes_get_their_standard_meaning_and_local_codes_go(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset = builders.ct()
    known, local = Dataset(), Dataset()
    known.CodeValue, known.CodingSchemeDesignator, known.CodeMeaning = "51185008", "SCT", "Chest of Zuccarello"
    local.CodeValue, local.CodingSchemeDesignator, local.CodeMeaning = "ZUCC1", "99LOCAL", "Mr Zuccarello"
    dataset.AnatomicRegionSequence = Sequence([known])
    dataset.ProcedureCodeSequence = Sequence([local])
    cleaned = _clean(dataset, key, trial, policy)
    assert cleaned.AnatomicRegionSequence[0].CodeMeaning == "Thoracic structure (body structure)"
    assert "ProcedureCodeSequence" not in cleaned


@pytest.mark.req("R-DEID-06")
@pytest.mark.parametrize("series", ["STS_008/CT", "STS_008/PET", "STS_008/MR_T1", "STS_025/CT"])
def test_a_real_sarcoma_series_stays_a_regular_volume_for_highdicom(
    series: str, key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    folder = builders.SHARED / "sts" / series / "image"
    if not folder.is_dir():
        pytest.skip("the shared test scans are not on this machine")
    cleaned = [
        builders.read(deid.clean(path.read_bytes(), key=key, trial=trial, policy=policy).data)
        for path in sorted(folder.iterdir())
    ]
    originals = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    volume, before = (hd.get_volume_from_series(series) for series in (cleaned, originals))
    np.testing.assert_allclose(volume.affine, before.affine)
    np.testing.assert_array_equal(volume.array, before.array)
    assert len({part.SeriesInstanceUID for part in cleaned}) == 1


@pytest.mark.req("R-DEID-06")
def test_a_real_structure_set_keeps_its_contours_and_references(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    folder = builders.SHARED / "sts" / "STS_008" / "CT"
    if not folder.is_dir():
        pytest.skip("the shared test scans are not on this machine")
    original = pydicom.dcmread(folder / "mask" / "RS.dcm")
    cleaned = _clean(original, key, trial, policy)
    before, after = (part.ROIContourSequence[0].ContourSequence for part in (original, cleaned))
    for one, two in zip(before, after, strict=True):
        assert one.ContourData == two.ContourData
        uid = one.ContourImageSequence[0].ReferencedSOPInstanceUID
        assert two.ContourImageSequence[0].ReferencedSOPInstanceUID == deid.map_uid(key, uid)
