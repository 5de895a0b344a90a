"""Each option of PS3.15 keeps what it names and nothing else; the record says exactly what was chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import deid
from deid import DEFAULT_OPTIONS, Option, Policy
from deid.descriptors import clean_text
from deid.person import Person, person_of
from tests.deid import builders, planting
from tests.deid.test_planted import KINDS, _lenient_pydicom, _planted

__all__ = ["_lenient_pydicom"]
# These keep texts as they stand, except those that name a person.
VERBATIM = {Option.RETAIN_DEVICE_IDENTITY, Option.RETAIN_INSTITUTION_IDENTITY}
CODES = {
    Option.CLEAN_GRAPHICS: "113103",
    Option.CLEAN_DESCRIPTORS: "113105",
    Option.RETAIN_FULL_DATES: "113106",
    Option.RETAIN_MODIFIED_DATES: "113107",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "113108",
    Option.RETAIN_DEVICE_IDENTITY: "113109",
    Option.RETAIN_UIDS: "113110",
    Option.RETAIN_SAFE_PRIVATE: "113111",
    Option.RETAIN_INSTITUTION_IDENTITY: "113112",
}
NOBODY = Person(words=frozenset(), numbers=frozenset())


def policy_with(*options: Option) -> Policy:
    base = DEFAULT_OPTIONS - ({Option.RETAIN_MODIFIED_DATES} if Option.RETAIN_FULL_DATES in options else set())
    return Policy(options=base | set(options))


def cleaned(dataset: Dataset, key: bytes, trial: deid.ClinicalTrial, *options: Option) -> Dataset:
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy_with(*options))
    return builders.read(result.data)


@pytest.mark.req("R-DEID-26")
@pytest.mark.parametrize("kind", KINDS)
def test_no_option_lets_a_planted_word_or_number_through(kind: str, key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset, plants = _planted(kind)
    options = policy_with(*(set(CODES) - VERBATIM - {Option.RETAIN_FULL_DATES, Option.RETAIN_UIDS}))
    result = deid.clean(planting.encode(dataset, plants), key=key, trial=trial, policy=options)
    assert plants.found_in(result.data) == []


@pytest.mark.req("R-DEID-26")
@pytest.mark.parametrize("option", sorted(CODES))
def test_the_record_names_the_options_that_were_executed_and_no_other(
    option: Option, key: bytes, trial: deid.ClinicalTrial
) -> None:
    codes = {item.CodeValue for item in cleaned(builders.ct(), key, trial, option).DeidentificationMethodCodeSequence}
    dates = set() if option is Option.RETAIN_FULL_DATES else {"113107"}
    assert codes == {"113100", CODES[option]} | dates


@pytest.mark.req("R-DEID-26")
def test_dates_stay_move_or_go_and_the_record_says_which(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    dataset.PatientBirthDate = birth = "19530417"
    day = dataset.StudyDate
    full = cleaned(dataset, key, trial, Option.RETAIN_FULL_DATES)
    moved = cleaned(dataset, key, trial)
    data = planting.encode(dataset)
    gone = builders.read(deid.clean(data, key=key, trial=trial, policy=Policy(options=frozenset())).data)
    assert (full.StudyDate, full.LongitudinalTemporalInformationModified) == (day, "UNMODIFIED")
    assert (moved.StudyDate != day, moved.LongitudinalTemporalInformationModified) == (True, "MODIFIED")
    assert (gone.StudyDate, gone.LongitudinalTemporalInformationModified) == ("", "REMOVED")
    assert birth not in {full.PatientBirthDate, moved.PatientBirthDate, gone.PatientBirthDate}


def _cleaned_before(*codes: tuple[str, str, str], removed: str = "YES", dates: str = "") -> Dataset:
    """Return an object that says it was de-identified by others: codes as scheme, value and meaning."""
    dataset = builders.ct()
    dataset.PatientIdentityRemoved, dataset.DeidentificationMethod = removed, "by Dr. Zuccarello"
    if dates:
        dataset.LongitudinalTemporalInformationModified = dates
    items = [Dataset() for _ in codes]
    for item, (scheme, value, meaning) in zip(items, codes, strict=True):
        item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning = scheme, value, meaning
        item.CodingSchemeVersion = "Zuccarello"
    dataset.DeidentificationMethodCodeSequence = Sequence(items)
    return dataset


@pytest.mark.req("R-DEID-28")
def test_codes_of_an_earlier_de_identification_are_told_on_before_ours_in_the_standard_s_words(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = _cleaned_before(
        ("DCM", "113108", "kept for Zuccarello"), ("DCM", "113100", "Basic"), ("99ZUC", "113109", "Zuccarello's own"),
        ("DCM", "121311", "Localizer"), ("DCM", "113101", "Clean Pixel Data Option"),
    )  # fmt: skip
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy_with())
    made = builders.read(result.data)
    codes = made.DeidentificationMethodCodeSequence
    assert [item.CodeValue for item in codes] == ["113101", "113108", "113100", "113107"]
    assert codes[1].CodeMeaning == "Retain Patient Characteristics Option"
    assert len(codes[1]) == 3
    assert made.DeidentificationMethod[-1] == "First 2 method codes as received, not executed here"
    assert result.method_codes == ("113100", "113107")
    assert "BurnedInAnnotation" not in made
    assert b"uccarello" not in result.data


@pytest.mark.req("R-DEID-28")
def test_an_object_cleaned_twice_by_the_same_rules_says_it_once(key: bytes, trial: deid.ClinicalTrial) -> None:
    once = deid.clean(planting.encode(builders.ct()), key=key, trial=trial, policy=policy_with()).data
    twice = builders.read(deid.clean(once, key=key, trial=trial, policy=policy_with()).data)
    assert [item.CodeValue for item in twice.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert len(twice.DeidentificationMethod) == 3


@pytest.mark.req("R-DEID-28")
def test_codes_of_an_object_that_does_not_say_it_was_de_identified_are_not_believed(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = _cleaned_before(("DCM", "113108", "Retain Patient Characteristics Option"), removed="NO")
    codes = [item.CodeValue for item in cleaned(dataset, key, trial).DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107"]


@pytest.mark.req("R-DEID-28")
@pytest.mark.parametrize(
    ("before", "after"), [("", "UNMODIFIED"), ("UNMODIFIED", "UNMODIFIED"), ("MODIFIED", "MODIFIED"),
                          ("REMOVED", "REMOVED"), ("ZUCCARELLO", "UNMODIFIED")]
)  # fmt: skip
def test_dates_that_others_moved_stay_moved_ones_when_they_are_kept_in_full(
    before: str, after: str, key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = _cleaned_before(("DCM", "113100", "Basic"), dates=before)
    assert cleaned(dataset, key, trial, Option.RETAIN_FULL_DATES).LongitudinalTemporalInformationModified == after


@pytest.mark.req("R-DEID-26")
def test_dates_are_either_kept_or_moved() -> None:
    with pytest.raises(ValueError, match="either"):
        Policy(options=frozenset({Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}))


@pytest.mark.req("R-DEID-26")
def test_retained_uids_are_those_of_the_sender_everywhere(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    referenced = Dataset()
    referenced.ReferencedSOPClassUID, referenced.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5"
    dataset.ReferencedImageSequence = Sequence([referenced])
    kept = cleaned(dataset, key, trial, Option.RETAIN_UIDS)
    assert kept.SOPInstanceUID == dataset.SOPInstanceUID == kept.file_meta.MediaStorageSOPInstanceUID
    assert kept.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.5"


@pytest.mark.req("R-DEID-26")
def test_device_and_institution_stay_as_written_unless_they_name_the_person(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.ct()
    dataset.PatientName, dataset.SpecificCharacterSet = "Muñoz^Ana", "ISO_IR 100"
    dataset.DeviceSerialNumber, dataset.StationName = "CT-4711234", "SCANNER TWO"
    dataset.InstitutionName, dataset.InstitutionAddress = "Hospital Clínico, Área 7", "Calle Munoz 3"
    both = cleaned(dataset, key, trial, Option.RETAIN_DEVICE_IDENTITY, Option.RETAIN_INSTITUTION_IDENTITY)
    assert (both.DeviceSerialNumber, both.StationName) == ("CT-4711234", "SCANNER TWO")
    assert both.InstitutionName == "Hospital Clínico, Área 7"
    assert "InstitutionAddress" not in both
    plain = cleaned(dataset, key, trial)
    assert not {"DeviceSerialNumber", "StationName", "InstitutionName"} & set(plain.dir())


@pytest.mark.req("R-DEID-22")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("CT CHEST/ABDOMEN W CONTRAST", "CT CHEST/ABDOMEN W CONTRAST"),
        ("AX T2 FLAIR 3mm", "AX T2 FLAIR 3mm"),
        ("Follow up of Zuccarello, Quentin", "Follow up"),
        ("thorax (Dr. Huber) 12.03.2024", "thorax"),
        ("call +34 963 86 27 00 or q.z@example.org", ""),
        ("DNI 12345678Z NIE X1234567L", ""),
        ("SSN 123-45-6789 BSN 111222333", ""),
        ("MR Brain QZ", "MR Brain"),
        ("chest of zuccarello", "chest"),
        ("Müller chest Muller", "chest"),
    ],
)
def test_of_a_description_only_recognised_words_stay(text: str, kept: str) -> None:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Zuccarello^Quentin", "PAT-555", "19530417"
    source = deid.engine.read_source(planting.encode(_with(dataset)))
    assert clean_text(text, person=person_of(source.item))[0] == kept


def _with(told: Dataset) -> Dataset:
    dataset = builders.ct()
    dataset.update(told)
    return dataset


@pytest.mark.req("R-DEID-22")
@given(st.text(max_size=80))
def test_whatever_is_typed_the_rest_is_ascii_without_long_numbers_and_stays_when_cleaned_again(text: str) -> None:
    kept, _ = clean_text(text, person=NOBODY)
    assert kept.isascii()
    assert sum(map(str.isdigit, kept)) < 5 or not any(len(run) > 3 for run in kept.replace(" ", "").split("-"))
    assert clean_text(kept, person=NOBODY)[0] == kept


@pytest.mark.req("R-DEID-22")
def test_clean_descriptors_keep_what_a_reader_needs_and_lose_the_name(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    dataset.PatientName = "Zuccarello^Quentin"
    dataset.SeriesDescription, dataset.StudyDescription = "AX CHEST Zuccarello", "CT CHEST 20240312"
    kept = cleaned(dataset, key, trial, Option.CLEAN_DESCRIPTORS)
    assert (kept.SeriesDescription, kept.StudyDescription) == ("AX CHEST", "CT CHEST")


@pytest.mark.req("R-DEID-23")
def test_safe_private_values_stay_under_their_creator_and_all_others_go(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.pet()
    philips = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
    philips.add_new(0x00, "DS", "0.000276")
    philips.add_new(0x09, "DS", "1.5")
    philips.add_new(0x0A, "LO", "Zuccarello")
    other = dataset.private_block(0x7053, "SOMEBODY ELSE", create=True)
    other.add_new(0x00, "DS", "5.5")
    orphan = Dataset()
    orphan.add_new((0x7053, 0x3000), "DS", "7.5")
    dataset.update(orphan)
    kept = cleaned(dataset, key, trial, Option.RETAIN_SAFE_PRIVATE)
    block = kept.private_block(0x7053, "Philips PET Private Group")
    assert (float(block[0x00].value), float(block[0x09].value)) == (0.000276, 1.5)
    left = {int(element.tag) for element in kept if element.tag.group == 0x7053}
    assert left == {0x70530010, 0x70531000, 0x70531009}
    assert not any(element.tag.is_private for element in cleaned(dataset, key, trial))


@pytest.mark.req("R-DEID-23")
def test_private_dates_that_stay_move_with_all_others(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.pet()
    block = dataset.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x3B, "DT", f"{dataset.StudyDate}101500")
    kept = cleaned(dataset, key, trial, Option.RETAIN_SAFE_PRIVATE)
    assert kept.private_block(0x0009, "GEMS_PETD_01")[0x3B].value == f"{kept.StudyDate}101500"


@pytest.mark.req("R-DEID-23")
def test_safe_private_values_are_found_in_items_too(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    inner = Dataset()
    block = inner.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "800")
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5"
    dataset.ReferencedImageSequence = Sequence([inner])
    kept = cleaned(dataset, key, trial, Option.RETAIN_SAFE_PRIVATE).ReferencedImageSequence[0]
    assert kept.private_block(0x0019, "SIEMENS MR HEADER")[0x0C].value == 800


@pytest.mark.req("R-DEID-26")
def test_clean_graphics_keep_lines_and_lose_every_text(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.presentation_state([builders.ct(0)])
    line, text, annotation, layer = Dataset(), Dataset(), Dataset(), Dataset()
    line.GraphicAnnotationUnits, line.GraphicDimensions, line.NumberOfGraphicPoints = "PIXEL", 2, 2
    line.GraphicData, line.GraphicType = [1.0, 1.0, 5.0, 5.0], "POLYLINE"
    text.UnformattedTextValue = "Zuccarello Quentin"
    annotation.GraphicLayer, layer.GraphicLayer, layer.GraphicLayerOrder = "LAYER", "LAYER", 1
    annotation.GraphicObjectSequence, annotation.TextObjectSequence = Sequence([line]), Sequence([text])
    dataset.GraphicAnnotationSequence, dataset.GraphicLayerSequence = Sequence([annotation]), Sequence([layer])
    kept = cleaned(dataset, key, trial, Option.CLEAN_GRAPHICS)
    assert list(kept.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData) == [1.0, 1.0, 5.0, 5.0]
    assert "TextObjectSequence" not in kept.GraphicAnnotationSequence[0]
    assert "GraphicAnnotationSequence" not in cleaned(dataset, key, trial)
