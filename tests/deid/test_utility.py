"""What a reader needs comes through: measures no module asks for, long numbers of physics, the words of each language."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import UID

import deid
from deid import Option, Policy
from deid.descriptors import clean_text
from deid.person import Person
from deid.vocabulary import admits_coded, admits_text
from tests.deid import builders, planting

WHOLE_SLIDE, BULK_ANNOTATIONS = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.840.10008.5.1.4.1.1.91.1"
OPHTHALMIC_TOMOGRAPHY, JPEG = "1.2.840.10008.5.1.4.1.1.77.1.5.4", "1.2.840.10008.1.2.4.50"
BASIC = Policy(options=frozenset())
FILTER_TYPE = 0x00181160


def _of_kind(sop_class: str, dataset: Dataset) -> Dataset:
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    return dataset


def _cleaned(dataset: Dataset, key: bytes, trial: deid.ClinicalTrial, policy: Policy | None = None) -> Dataset:
    return builders.read(deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy or Policy()).data)


@pytest.mark.req("R-DEID-06")
def test_a_measure_stays_where_no_module_of_the_object_asks_for_it_and_a_text_does_not(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.ct()
    dataset.ParallelReductionFactorInPlane, dataset.EchoTime, dataset.CollimatorType = 2.5, "4.6", "PARA"
    dataset.TransducerData, dataset.EquipmentCoordinateSystemIdentification = "ZUCCARELLO", "ISOCENTER"
    dataset.DateOfSecondaryCapture, dataset.DisplacementReferenceLabel = "20240229", "Zuccarello"
    kept = _cleaned(dataset, key, trial)
    assert (kept.ParallelReductionFactorInPlane, kept.EchoTime, kept.CollimatorType) == (2.5, 4.6, "PARA")
    assert "TransducerData" not in kept
    assert "DisplacementReferenceLabel" not in kept
    assert kept.DateOfSecondaryCapture != "20240229"
    assert "DateOfSecondaryCapture" not in _cleaned(dataset, key, trial, BASIC)


@pytest.mark.req("R-DEID-09")
def test_a_reference_resolves_where_no_module_of_the_object_asks_for_it(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset, source = _of_kind(OPHTHALMIC_TOMOGRAPHY, builders.ct()), Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    dataset.SourceImageSequence = Sequence([source])
    kept = _cleaned(dataset, key, trial).SourceImageSequence[0]
    assert kept.ReferencedSOPInstanceUID == deid.map_uid(key, "1.2.3.4")
    assert kept.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.req("R-DEID-07")
def test_a_uid_that_the_table_wants_replaced_becomes_the_trial_s_own(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset, group = _of_kind(BULK_ANNOTATIONS, builders.ct()), Dataset()
    group.AnnotationGroupUID = "1.2.3.5"
    dataset.AnnotationGroupSequence = Sequence([group])
    kept = _cleaned(dataset, key, trial).AnnotationGroupSequence[0]
    assert kept.AnnotationGroupUID == deid.map_uid(key, "1.2.3.5")


@pytest.mark.req("R-DEID-06")
def test_the_half_life_of_zirconium_and_a_large_calibration_factor_stay(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.pet()
    dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife = "282240"
    dataset.DoseCalibrationFactor = "26784100"
    kept = _cleaned(dataset, key, trial)
    assert kept.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife == 282240
    assert kept.DoseCalibrationFactor == 26784100


def _report_of(volume: str) -> Dataset:
    def code(value: str, scheme: str, meaning: str) -> Sequence:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
        return Sequence([item])

    dataset, content, measured = builders.report(), Dataset(), Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = volume, code("mm3", "UCUM", "cubic millimeter")
    content.RelationshipType, content.ValueType = "CONTAINS", "NUM"
    content.ConceptNameCodeSequence = code("118565006", "SCT", "Volume")
    content.MeasuredValueSequence = Sequence([measured])
    dataset.ContentSequence = Sequence([content])
    dataset.PatientID = "7730194"
    return dataset


@pytest.mark.req("R-DEID-06")
def test_a_volume_of_many_cubic_millimetres_is_no_identifier_but_the_person_s_number_is(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    content = _cleaned(_report_of("123456.7"), key, trial).ContentSequence[0]
    assert content.MeasuredValueSequence[0].NumericValue == 123456.7
    for number in ("7730194", "98731017"):
        with pytest.raises(deid.Rejected):
            _cleaned(_report_of(number), key, trial)


@pytest.mark.req("R-DEID-06")
def test_the_number_of_a_stack_stays_and_a_name_in_its_place_does_not(key: bytes, trial: deid.ClinicalTrial) -> None:
    for written, is_kept in (("2", True), ("Zuccarello", False)):
        dataset = builders.enhanced([builders.ct(0), builders.ct(1)])
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            frame.FrameContentSequence[0].StackID = written
        kept = _cleaned(dataset, key, trial).PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
        assert (kept.StackID == written) == is_kept


def _signed(frame: bytes, comment: bytes, *, is_2000: bool) -> bytes:
    split = 4 + int.from_bytes(frame[4:6], "big") if is_2000 else 2
    text = (b"\0\1" if is_2000 else b"") + comment
    segment = (b"\xff\x64" if is_2000 else b"\xff\xfe") + (len(text) + 2).to_bytes(2, "big") + text
    return frame[:split] + segment + frame[split:]


@pytest.mark.req("R-DEID-10")
@pytest.mark.parametrize(
    ("comment", "is_kept"),
    [
        (b"Created by OpenJPEG version 2.5.0", True),
        (b"Kakadu-v5.2.1", True),
        (b"Lavc58.134.100", True),
        (b"Created by OpenJPEG version 2.5.0 for Zuccarello", False),
        (b"Kakadu-v731.731.731.731.731", False),
        (b"Zuccarello", False),
    ],
)
def test_a_frame_signed_by_its_encoder_alone_comes_out_bit_by_bit(
    key: bytes, trial: deid.ClinicalTrial, *, comment: bytes, is_kept: bool
) -> None:
    for name, is_2000 in (("MR_small_jp2klossless.dcm", True), ("MR_small_jpeg_ls_lossless.dcm", False)):
        dataset = builders.bundled(name)
        expected = dataset.pixel_array
        bare = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=Policy()).data
        frame = next(generate_frames(builders.read(bare).PixelData, number_of_frames=1))
        dataset.PixelData = encapsulate([_signed(frame, comment, is_2000=is_2000)])
        kept = _cleaned(dataset, key, trial)
        assert (comment in kept.PixelData) == is_kept
        np.testing.assert_array_equal(kept.pixel_array, expected)


@pytest.mark.req("R-DEID-10")
@pytest.mark.parametrize(
    ("body", "is_kept"),
    [
        (b"JFIF\0\x01\x01\x01\0\x48\0\x48\0\0", True),
        (b"JFIF\0\x01\x01\x01\0\x48\0\x48\x01\x01abc", False),
        (b"JFXX\0\x10Zuccarello", False),
    ],
)
def test_the_shape_of_a_jpeg_s_pixels_stays_and_a_thumbnail_does_not(
    key: bytes, trial: deid.ClinicalTrial, *, body: bytes, is_kept: bool
) -> None:
    dataset = builders.bundled("SC_rgb_jpeg_gdcm.dcm")
    _of_kind("1.2.840.10008.5.1.4.1.1.12.1", dataset).Modality = "XA"
    dataset.ConversionType = "DRW"
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    segment = b"\xff\xe0" + (len(body) + 2).to_bytes(2, "big") + body
    dataset.PixelData = encapsulate([frame[:2] + segment + frame[2:]])
    assert (segment in _cleaned(dataset, key, trial).PixelData) == is_kept


@pytest.mark.req("R-DEID-13")
def test_every_characteristic_the_table_keeps_stays_by_option_and_none_without(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset, group = builders.ct(), Dataset()
    dataset.PatientSexNeutered, dataset.SmokingStatus = "UNALTERED", "NO"
    group.CodeValue, group.CodingSchemeDesignator, group.CodeMeaning = "413773004", "SCT", "Zuccarello"
    dataset.EthnicGroupCodeSequence = Sequence([group])
    kept = _cleaned(dataset, key, trial, Policy(options=frozenset({Option.RETAIN_PATIENT_CHARACTERISTICS})))
    assert (kept.PatientSexNeutered, kept.SmokingStatus) == ("UNALTERED", "NO")
    assert "Zuccarello" not in str(kept)
    without = _cleaned(dataset, key, trial, BASIC)
    assert not without.get("PatientSexNeutered")
    assert "EthnicGroupCodeSequence" not in without


@pytest.mark.req("R-DEID-22")
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("RM cráneo sin contraste", "RM craneo sin contraste"),
        ("TAC TÓRAX de Zuccarello", "TAC TORAX"),
        ("MRT Schädel nativ", "MRT Schadel nativ"),
        ("MRI hersenen met contrast", "MRI hersenen met contrast"),
        ("Řezníček CHEST", "CHEST"),
        ("0.984:1", "0.984:1"),
        ("0.98412:1", ""),
        ("10:15", "10 15"),
    ],
)
def test_words_of_radiology_are_known_in_each_language_without_their_accents(written: str, kept: str) -> None:
    nobody = Person(words=frozenset(), numbers=frozenset())
    assert clean_text(written, person=nobody)[0] == kept


@pytest.mark.req("R-DEID-22")
def test_a_word_of_radiology_with_its_accent_goes_where_it_is_the_person_s_name() -> None:
    person = Person(words=frozenset({"craneo"}), numbers=frozenset())
    assert clean_text("RM cráneo", person=person)[0] == "RM"


@pytest.mark.req("R-DEID-21")
@pytest.mark.parametrize("term", ["SMART mA", "HELIX", "35CMX43CM", "XYZ_EC", "FAST_GEMS"])
def test_coded_strings_of_scanners_pass(term: str) -> None:
    assert admits_coded(term)


@pytest.mark.req("R-DEID-13")
@pytest.mark.parametrize("term", ["CHEST 091Y", "CHEST 91Y", "091Y CHEST", "Zuccarello", "SMART zuccarello"])
def test_an_age_or_a_name_beside_a_coded_word_does_not_pass(term: str) -> None:
    assert not admits_coded(term)


@pytest.mark.req("R-DEID-21")
def test_half_a_telephone_number_is_no_version() -> None:
    assert not admits_text(FILTER_TYPE, "CHEST (555) 123-")
    assert admits_text(FILTER_TYPE, "CHEST 555")


@pytest.mark.req("R-DEID-14")
@pytest.mark.parametrize(
    ("burned_in", "label", "flavour", "is_let_through"),
    [
        ("NO", "NO", "VOLUME", True),
        ("NO", "YES", "VOLUME", False),
        ("YES", "NO", "VOLUME", False),
        ("NO", "NO", "LABEL", False),
        ("NO", "NO", "OVERVIEW", False),
    ],
)
def test_a_slide_passes_when_it_says_that_neither_label_nor_writing_is_seen(
    key: bytes, trial: deid.ClinicalTrial, *, burned_in: str, label: str, flavour: str, is_let_through: bool
) -> None:
    dataset = _of_kind(WHOLE_SLIDE, builders.ct())
    dataset.BurnedInAnnotation, dataset.SpecimenLabelInImage = burned_in, label
    dataset.ImageType = ["ORIGINAL", "PRIMARY", flavour, "NONE"]
    data = planting.encode(dataset)
    if is_let_through:
        assert deid.clean(data, key=key, trial=trial, policy=Policy()).has_pixels
    else:
        with pytest.raises(deid.Rejected, match="may show a name"):
            deid.clean(data, key=key, trial=trial, policy=Policy())
