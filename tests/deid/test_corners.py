"""Corners where identity hides although the table, the type or the language does not say so."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import deid
from deid import DEFAULT_OPTIONS, Option, Policy
from deid.descriptors import clean_text
from deid.elements import Element
from deid.person import Person
from deid.residue import Suspects, require_no_residue, require_no_text_in_pixels, traces_of
from tests.deid import builders, planting

NOBODY = Person(words=frozenset(), numbers=frozenset())
GENEROUS = Policy(
    options=DEFAULT_OPTIONS | {Option.CLEAN_DESCRIPTORS, Option.RETAIN_SAFE_PRIVATE, Option.RETAIN_INSTITUTION_IDENTITY}
)


def _ct(**values: Any) -> Dataset:
    dataset = builders.ct()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _cleaned(dataset: Dataset, key: bytes, trial: deid.ClinicalTrial, policy: Policy = GENEROUS) -> Dataset:
    return builders.read(deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy).data)


@pytest.mark.req("R-ENG-02")
def test_a_name_that_is_sent_as_unknown_bytes_is_still_somebody_s(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = _ct(InstitutionName="Clinic of Zuccarello")
    del dataset.ReferringPhysicianName
    dataset.add_new("ReferringPhysicianName", "UN", b"Zuccarello^Quentin")
    assert "InstitutionName" not in _cleaned(dataset, key, trial)


@pytest.mark.req("R-ENG-02")
def test_an_item_with_a_character_set_of_its_own_is_read_by_it(key: bytes, trial: deid.ClinicalTrial) -> None:
    inner = Dataset()
    inner.SpecificCharacterSet, inner.InstitutionName = "ISO_IR 144", "Клиника Достоевский"
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    dataset = _ct(SpecificCharacterSet="ISO_IR 192", PatientName="Достоевский^Фёдор")
    dataset.ReferencedImageSequence = Sequence([inner])
    data = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=GENEROUS).data
    assert "Достоевский".encode("iso8859_5") not in data
    assert "Достоевский".encode() not in data
    assert "Достоевский".encode("iso8859_5").decode("latin-1").encode() not in data


@pytest.mark.req("R-ENG-02")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("CT CHEST 93Y", "CT CHEST"),
        ("CHEST 101 years", "CHEST"),
        ("CHEST 45 years", "CHEST 45 years"),
        ("chest (961) 23 45", "chest"),
    ],
)
def test_ages_over_89_and_bracketed_telephones_leave_a_description(text: str, kept: str) -> None:
    assert clean_text(text, person=NOBODY)[0] == kept


@pytest.mark.req("R-ENG-02")
def test_a_report_loses_the_age_and_the_birth_date_that_it_tells_as_content(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.report()
    age, birth, size, units, measured = Dataset(), Dataset(), Dataset(), Dataset(), Dataset()
    for item, kind, code, meaning in (
        (age, "NUM", "121033", "Subject Age"),
        (birth, "DATE", "121031", "Subject Birth Date"),
        (size, "NUM", "121206", "Distance"),
    ):
        name = Dataset()
        name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = code, "DCM", meaning
        item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = "CONTAINS", kind, Sequence([name])
    units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = "mm", "UCUM", "mm"
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "93", Sequence([units])
    age.MeasuredValueSequence = size.MeasuredValueSequence = Sequence([measured])
    birth.Date = "19310102"
    dataset.ContentSequence = Sequence([age, birth, size])
    kept = _cleaned(dataset, key, trial).ContentSequence
    assert [item.ConceptNameCodeSequence[0].CodeValue for item in kept] == ["121206"]


@pytest.mark.req("R-ENG-02")
def test_initials_do_not_pass_as_a_coded_word(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = _ct(PatientName="Zuccarello^Quentin", BodyPartExamined="QZ", ScanOptions="AX")
    kept = _cleaned(dataset, key, trial)
    assert "BodyPartExamined" not in kept
    assert kept.ScanOptions == "AX"


@pytest.mark.req("R-ENG-02")
def test_the_time_zone_stays_with_the_times_it_explains_and_nothing_else_passes_there(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    assert _cleaned(_ct(TimezoneOffsetFromUTC="+0100"), key, trial).TimezoneOffsetFromUTC == "+0100"
    assert "TimezoneOffsetFromUTC" not in _cleaned(_ct(TimezoneOffsetFromUTC="QUENTIN"), key, trial)
    without_dates = Policy(options=frozenset())
    assert "TimezoneOffsetFromUTC" not in _cleaned(_ct(TimezoneOffsetFromUTC="+0100"), key, trial, without_dates)


@pytest.mark.req("R-ENG-02")
def test_text_off_the_table_is_cleaned_like_a_description_and_dropped_where_none_may_stay(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.segmentation([builders.ct()])
    dataset.SegmentSequence[0].SegmentLabel = "Liver lesion of Zuccarello"
    assert _cleaned(dataset, key, trial).SegmentSequence[0].SegmentLabel == "Liver lesion"
    assert _cleaned(dataset, key, trial, Policy()).SegmentSequence[0].SegmentLabel == "Segment 1"


@pytest.mark.req("R-ENG-02")
def test_the_creator_of_a_safe_private_block_is_no_residue_of_a_removed_word(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = _ct(StationName="HELIOS")
    dataset.private_block(0x0045, "GEMS_HELIOS_01", create=True).add_new(0x01, "SS", 4)
    assert _cleaned(dataset, key, trial).private_block(0x0045, "GEMS_HELIOS_01")[0x01].value == 4


def _is_found(removed: str, written: bytes, charset: str = "utf-8") -> bool:
    suspects = Suspects()
    suspects.add(Element(0x00100020, "LO", removed.encode(charset)), vr="LO", text=removed)
    try:
        require_no_residue([suspects], traces=[], header=written, own=[])
    except deid.Rejected:
        return True
    return False


@pytest.mark.req("R-ENG-05")
@pytest.mark.parametrize(
    ("removed", "written", "is_found"),
    [
        ("Zucc", b"..zucc..", True),
        ("Zucc", b"..zuccini..", False),
        ("A1234", b"id a1234.", True),
        ("CHEST", b"chest", False),
        ("CT01", b"ct01", False),
        ("Фёдор", "..Фёдор".lower().encode(), True),
        ("Zuccarello^Quentin", b"..quentin..", True),
        ("Zuccarello", "a Zuccarello".encode("utf-16-le"), True),
        ("Zuccarello", "a Zuccarello".encode("utf-16-be"), True),
    ],
)
def test_each_removed_value_of_four_characters_is_looked_for_in_the_written_bytes(
    removed: str, written: bytes, *, is_found: bool
) -> None:
    assert _is_found(removed, written, "iso8859_5" if removed == "Фёдор" else "utf-8") == is_found


@pytest.mark.req("R-ENG-05")
def test_four_digits_alone_are_looked_for_in_texts_and_not_in_measures() -> None:
    suspects = Suspects()
    suspects.add(Element(0x00100020, "LO", b"4711"), vr="LO")
    require_no_residue([suspects], traces=[traces_of(Element(0x00181151, "IS", b"4711"))], header=b"", own=[])
    with pytest.raises(deid.Rejected):
        require_no_residue([suspects], traces=[traces_of(Element(0x00081090, "LO", b"X 4711"))], header=b"", own=[])


@pytest.mark.req("R-ENG-05")
def test_a_removed_value_that_pixels_spell_is_found_at_any_place() -> None:
    suspects = Suspects()
    suspects.add(Element(0x00100010, "PN", b"Zuccarello"), vr="PN")
    for place in range(8):
        with pytest.raises(deid.Rejected):
            require_no_text_in_pixels(bytes(place) + b"ZUCCARELLO" + bytes(64), suspects=[suspects])
    require_no_text_in_pixels(b"\x41\x02" * 512, suspects=[suspects])


@pytest.mark.req("R-ENG-05")
def test_an_object_whose_pixels_spell_the_name_is_refused(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = _ct(PatientName="Zuccarello^Quentin")
    dataset.PixelData = b"ZUCCARELLO QUENTIN" + dataset.PixelData[18:]
    with pytest.raises(deid.Rejected) as refusal:
        _cleaned(dataset, key, trial)
    assert refusal.value.code == deid.Rejection.RESIDUE
