"""The rules are data: the table is complete, and every row of it is executed."""

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence

import deid
from deid.build_tables import compare
from deid.plan import Deed, plan_for
from deid.tables import objects, read_json, rows, table_edition
from deid.vocabulary import admits_coded, admits_text, standard_meaning
from tests.deid import builders, planting

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
PASSES = {Deed.KEEP, Deed.CHECK_TERM, Deed.CHECK_TEXT, Deed.CHECK_NUMBER}


@pytest.mark.req("R-DEID-20")
def test_the_table_has_all_656_rows_and_says_which_edition_it_is() -> None:
    raw = read_json("rules.json")
    assert raw["count"] == 656
    assert len(raw["rows"]) + len(raw["patterns"]) == 656
    assert table_edition().startswith("2025b+9 rows of 2026c")


@pytest.mark.req("R-DEID-20")
def test_every_supplement_row_gives_a_reason() -> None:
    supplement = read_json("supplement.json")["rows"]
    assert all(len(reason) > 10 for _, reason in supplement.values())
    assert all(int(tag, 16) in rows() for tag in supplement)


@pytest.mark.req("R-DEID-20")
def test_no_row_of_the_table_lets_a_value_pass_at_any_place_of_any_kind_of_object(policy: deid.Policy) -> None:
    wrong = []
    for sop_class in objects().iods:
        plan = plan_for(sop_class, policy)
        for tag, row in rows().items():
            deed = plan.rule(plan.root, tag).deed
            if deed in PASSES or (deed is Deed.SHIFT and "m" not in row.letters):
                wrong.append((sop_class, hex(tag), deed))
    assert wrong == []


@pytest.mark.req("R-DEID-20")
def test_text_that_no_list_names_never_passes_at_any_place_of_any_kind_of_object(policy: deid.Policy) -> None:
    texts = {"LO", "SH", "LT", "ST", "UT", "UC", "PN", "UR", "AE", "UN"}
    for sop_class in list(objects().iods)[:60]:
        plan = plan_for(sop_class, policy)
        for node in plan.root:
            for tag in objects().nodes[node]:
                rule = plan.rule(plan.root, tag)
                assert rule.vr not in texts or rule.deed not in {Deed.KEEP, Deed.CHECK_TERM, Deed.MAP}


@pytest.mark.req("R-DEID-12")
def test_compound_actions_follow_the_type_in_the_object(policy: deid.Policy) -> None:
    plan = plan_for(CT_STORAGE, policy)
    assert plan.rule(plan.root, 0x00080080).deed is Deed.REMOVE, "Institution Name X/Z/D, type 3"
    assert plan.rule(plan.root, 0x00180010).deed is Deed.EMPTY, "Contrast Agent Z/D, type 2"
    assert plan.rule(plan.root, 0x00080050).deed is Deed.EMPTY, "Accession Number Z, type 2"
    assert plan.rule(plan.root, 0x00080020).deed is Deed.SHIFT, "Study Date under modified dates"
    assert plan.rule(plan.root, 0x00020010).deed is Deed.REMOVE, "file meta in the data set"
    assert plan.rule((), 0x00181030).deed is Deed.REMOVE, "unknown place"


@pytest.mark.req("R-DEID-12")
def test_every_table_attribute_of_a_ct_is_gone_emptied_or_replaced_in_the_file(
    key: bytes, trial: deid.ClinicalTrial, policy: deid.Policy
) -> None:
    dataset, plants, planted = builders.ct(), planting.Plants(), []
    for tag in rows():
        if tag >> 16 in {0, 2} or tag in planting.KEPT:
            continue
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            continue
        value = Sequence([]) if vr == "SQ" else plants.value(vr, tag)
        if value is not None:
            dataset[tag] = DataElement(tag, vr, value, validation_mode=0)
            planted.append(tag)
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy)
    assert len(planted) > 500
    assert plants.found_in(result.data) == []


@pytest.mark.req("R-DEID-21")
@pytest.mark.parametrize(
    ("term", "passes"),
    [
        ("ORIGINAL", True), ("AXIAL", True), ("HFS", True), ("MONOCHROME2", True), ("YBR_FULL_422", True),
        ("ISO_10918_1", True), ("CSA MPR", True), ("ISO_IR 192", True), ("WHOLE BODY", True), ("0001", True), ("", True),
        ("ZUCCARELLO", False), ("SMITH", False), ("Axial", False), ("12345678", False), ("DOE JOHN", False),
    ],
)  # fmt: skip
def test_coded_strings_pass_only_in_the_standard_s_words(term: str, *, passes: bool) -> None:
    assert admits_coded(term) is passes


@pytest.mark.req("R-DEID-21")
@pytest.mark.parametrize(
    ("tag", "text", "passes"),
    [
        (0x00080070, "SIEMENS", True), (0x00080070, "GE MEDICAL SYSTEMS", True), (0x00080070, "Dr. Zuccarello", False),
        (0x00081090, "SOMATOM Definition AS+", True), (0x00081090, "LightSpeed VCT", True),
        (0x00081090, "LightSpeed of Miller", False), (0x00181210, "B30f", True), (0x00181210, "STANDARD", True),
        (0x00181210, "Zuccarello", False), (0x00541103, "OSEM3D 4i24s", True), (0x00181020, "syngo CT VA44A", True),
        (0x00181020, "731731731", False), (0x00104000, "STANDARD", False),
    ],
)  # fmt: skip
def test_listed_texts_pass_only_in_reviewed_words(tag: int, text: str, *, passes: bool) -> None:
    assert admits_text(tag, text) is passes


@pytest.mark.req("R-DEID-21")
def test_meanings_come_from_the_standard() -> None:
    assert standard_meaning("DCM", "113100") == "Basic Application Confidentiality Profile"
    assert standard_meaning("SRT", "T-D3000") == standard_meaning("SCT", "51185008")
    assert standard_meaning("99LOCAL", "113100") is None


@pytest.mark.req("R-DEID-20")
def test_a_new_edition_is_compared_row_by_row_with_ours() -> None:
    held, new = {"00100010": "Z", "00100020": "Z"}, {"00100010": "X", "00100030": "Z"}
    assert list(compare(held, new)) == ["(0010,0010)\tZ\tX\n", "(0010,0020)\tZ\t-\n", "(0010,0030)\t-\tZ\n"]
