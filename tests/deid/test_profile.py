"""Profiles: what may be chosen, what lint says of it, what it does to an object, and that SUV survives it."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import UID

import deid
from deid import DEFAULT_OPTIONS, Option, Policy, Rejected
from deid.__main__ import main
from deid.choices import Choices, TagAction, TagRule, read_choices
from deid.comparison import compare
from deid.examples import Example, example
from deid.lint import Severity, errors_of, lint
from deid.plan import Deed, deeds_anywhere
from deid.profile import Profile, parse_profile, read_profile
from deid.tables import rows
from tests.deid import builders, planting

SUV = DEFAULT_OPTIONS | {Option.RETAIN_PATIENT_CHARACTERISTICS, Option.RETAIN_SAFE_PRIVATE}
# Off the table: Filter Material; on it: Series Description, Patient Comments; needed: Rows; private; nobody's.
TAGS = [0x00187050, 0x0008103E, 0x00104000, 0x00280010, 0x00091010, 0x00080070, 0x00181030, 0x00189004, 0x00080003]
RULES = st.builds(
    TagRule, tag=st.sampled_from(TAGS), action=st.sampled_from(TagAction), reason=st.sampled_from(["", "as agreed"])
)
CHOICES = st.builds(
    Choices,
    options=st.frozensets(st.sampled_from(Option)),
    admits_unknown=st.booleans(),
    words=st.frozensets(st.text("abcxyz1", min_size=1, max_size=6), max_size=4),
    tag_rules=st.lists(RULES, max_size=4, unique_by=lambda rule: rule.tag).map(lambda found: tuple(sorted(found))),
)
TAKEN = {Deed.REMOVE, Deed.EMPTY, Deed.DUMMY}


def rule(tag: int, action: TagAction, reason: str = "as agreed") -> TagRule:
    return TagRule(tag=tag, action=action, reason=reason)


def only(tag: int, action: TagAction, **other: object) -> Policy:
    return Policy(tag_rules=(rule(tag, action),), **other)  # type: ignore[arg-type]  # fields of the policy by name


def errors(choices: Choices, *, measures_suv: bool = False) -> tuple[str, ...]:
    return errors_of(lint(choices, measures_suv=measures_suv))


@pytest.mark.req("R-PROF-01")
@given(choices=CHOICES, version=st.integers(1, 99), suv=st.booleans())
def test_a_profile_comes_back_from_its_file_as_it_was(choices: Choices, version: int, *, suv: bool) -> None:
    assert read_choices(json.loads(json.dumps(choices.told))) == choices
    if len(choices.options & {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}) < 2:
        policy = Policy.of(choices, name="TUNDRA", version=version)
        told = Profile(policy=policy, measures_suv=suv, texts={"sponsor": "Northlight"}).told
        again = parse_profile(json.loads(json.dumps(told)))
        assert again.told == told
        assert (again.policy, again.policy.digest, again.measures_suv) == (policy, policy.digest, suv)


@pytest.mark.req("R-PROF-01")
@pytest.mark.parametrize(
    "told",
    [
        {"unknown_objects": "maybe"}, {"words": 3}, {"tags": [{"tag": "(0008,103E)"}]}, {"more": 1}, [],
        {"tags": [{"tag": "series", "action": "keep", "reason": "x"}]}, {"options": 5}, {"version": "two"},
        {"tags": [{"tag": "(0008,103E)", "action": "hide", "reason": "x"}]}, {"tags": ["(0008,103E)"]},
        {"options": ["retain-full-dates", "retain-modified-dates"]},
    ],
)  # fmt: skip
def test_a_profile_of_another_shape_is_refused_in_words(told: object) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_profile(told)


@pytest.mark.req("R-PROF-02")
@given(choices=CHOICES, suv=st.booleans())
def test_lint_is_a_pure_function_whose_sound_choices_can_be_executed(choices: Choices, *, suv: bool) -> None:
    found = lint(choices, measures_suv=suv, has_defacer=True)
    assert found == lint(choices, measures_suv=suv, has_defacer=True)
    assert all(each.sentence[-1] in ".?" for each in found)
    if not errors_of(found):
        Policy.of(choices, name="x", version=1)
        for each in choices.tag_rules:
            deeds = deeds_anywhere(choices, each.tag)
            assert each.action is TagAction.KEEP or deeds <= TAKEN
            if each.action is TagAction.KEEP and each.tag not in rows():
                assert not deeds & TAKEN


@pytest.mark.req("R-PROF-02")
@pytest.mark.parametrize(
    ("choices", "word"),
    [
        (Choices(options=frozenset(Option)), "either kept in full or moved"),
        (only(0x00104000, TagAction.KEEP), "choose clean-descriptors"),
        (only(0x00100010, TagAction.KEEP), "no option of the standard keeps it"),
        (only(0x60003000, TagAction.KEEP), "cannot be kept"),
        (only(0x00280010, TagAction.REMOVE), "cannot be removed"),
        (only(0x7FE00010, TagAction.REMOVE), "cannot be removed"),
        (only(0x00091010, TagAction.REMOVE), "private"),
        (only(0x00080003, TagAction.REMOVE), "no attribute of the standard"),
        (Choices(tag_rules=(rule(0x00187050, TagAction.REMOVE, " "),)), "say why"),
        (
            Choices(tag_rules=(rule(0x00187050, TagAction.KEEP), rule(0x00187050, TagAction.REMOVE))),
            "one attribute, one decision",
        ),
        (Choices(words=frozenset({"ab"})), "no word"),
        (Choices(words=frozenset(f"w{'x' * n}" for n in range(600))), "more than"),
    ],
)
def test_what_cannot_be_executed_truthfully_is_an_error(choices: Choices, word: str) -> None:
    assert any(word in sentence for sentence in errors(choices)), errors(choices)


@pytest.mark.req("R-PROF-02")
@pytest.mark.parametrize(
    ("choices", "word"),
    [
        (only(0x00100010, TagAction.REMOVE), "does nothing"),
        (only(0x00181151, TagAction.KEEP), "does nothing"),
        (Choices(words=frozenset({"plutonia"})), "do nothing"),
        (Choices(words=frozenset({"liver"}), options=DEFAULT_OPTIONS | {Option.CLEAN_DESCRIPTORS}), "stay already"),
        (Choices(admits_unknown=True), "all pictures have in common"),
        (Choices(options=frozenset()), "on which day"),
        (only(0x00080020, TagAction.REMOVE), "on which day"),
        (Choices(options=DEFAULT_OPTIONS | {Option.RETAIN_UIDS}), "retain-uids"),
        (
            Choices(
                options=DEFAULT_OPTIONS | {Option.CLEAN_GRAPHICS},
                tag_rules=tuple(
                    rule(tag, TagAction.REMOVE) for tag, row in sorted(rows().items()) if "g" in row.letters
                ),
            ),
            "clean-graphics does nothing",
        ),
    ],
)
def test_what_is_odd_is_a_warning_and_blocks_nothing(choices: Choices, word: str) -> None:
    found = [each for each in lint(choices, measures_suv=False) if word in each.sentence]
    assert {each.severity for each in found} == {Severity.WARNING}


@pytest.mark.req("R-PROF-03")
def test_a_line_keeps_recognised_words_of_an_attribute_that_no_row_rules(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    dataset.HangingProtocolDescription = "CHEST Zuccarello"  # of no CT
    data = planting.encode(dataset)
    bare = builders.read(deid.clean(data, key=key, trial=trial, policy=Policy()).data)
    cleaned = builders.read(deid.clean(data, key=key, trial=trial, policy=only(0x00720004, TagAction.KEEP)).data)
    assert "HangingProtocolDescription" not in bare
    assert cleaned.HangingProtocolDescription == "CHEST"


@pytest.mark.req("R-PROF-03")
def test_a_line_removes_what_an_object_can_do_without_and_leaves_a_stand_in_where_it_cannot(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = builders.ct()
    dataset.Manufacturer = "GE MEDICAL SYSTEMS"
    gone = tuple(rule(tag, TagAction.REMOVE) for tag in (0x00080070, 0x00180060, 0x00280010, 0x00181151))
    result = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=Policy(tag_rules=gone))
    cleaned = builders.read(result.data)
    assert cleaned.Manufacturer == ""  # type 2 of a CT image
    assert cleaned.KVP is None  # type 2 too
    assert "XRayTubeCurrent" not in cleaned  # type 3
    assert cleaned.Rows == dataset.Rows  # nothing can do without: lint refuses the line, and it is not executed


@pytest.mark.req("R-PROF-04")
def test_a_trials_own_word_stays_unless_it_names_the_person(key: bytes, trial: deid.ClinicalTrial) -> None:
    options = DEFAULT_OPTIONS | {Option.CLEAN_DESCRIPTORS}
    dataset = builders.ct()
    dataset.PatientName, dataset.PatientComments = "Zuccarello^Quentin", "plutonia again"
    dataset.SeriesDescription = "CHEST plutonia zuccarello"
    policy = Policy(options=options, words=frozenset({"plutonia", "zuccarello"}))
    cleaned = builders.read(deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy).data)
    assert cleaned.SeriesDescription == "CHEST plutonia"
    bare = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=Policy(options=options))
    assert builders.read(bare.data).SeriesDescription == "CHEST"


def _of_unknown_kind(uid: str, *, burned_in: str = "NO") -> bytes:
    dataset = builders.ct()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(uid)
    dataset.BurnedInAnnotation = burned_in
    dataset.FilterType = "COPPER"
    return planting.encode(dataset)


@pytest.mark.req("R-PROF-05")
def test_an_unknown_kind_is_taken_only_where_the_trial_says_so_and_keeps_what_all_pictures_share(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    data = _of_unknown_kind("1.3.12.2.1107.5.9.1")
    with pytest.raises(Rejected, match="not known"):
        deid.clean(data, key=key, trial=trial, policy=Policy())
    cleaned = builders.read(deid.clean(data, key=key, trial=trial, policy=Policy(admits_unknown=True)).data)
    assert cleaned.SOPClassUID == cleaned.file_meta.MediaStorageSOPClassUID == "1.3.12.2.1107.5.9.1"
    assert cleaned.PixelData == builders.ct().PixelData
    assert cleaned.ImagePositionPatient == builders.ct().ImagePositionPatient
    assert "FilterType" not in cleaned
    assert cleaned.PatientName == trial.subject_code


@pytest.mark.req("R-PROF-05")
@pytest.mark.parametrize(("uid", "burned_in"), [("1.3.12.2.1107.5.9.1", "YES"), ("1.3.12.2.1107.5.9.1", ""),
                                               ("1.2.3.4711", "NO")])  # fmt: skip
def test_an_unknown_kind_of_nobody_or_with_doubtful_pixels_stays_out(
    uid: str, burned_in: str, key: bytes, trial: deid.ClinicalTrial
) -> None:
    with pytest.raises(Rejected):
        deid.clean(_of_unknown_kind(uid, burned_in=burned_in), key=key, trial=trial, policy=Policy(admits_unknown=True))


def _moment(date: str, time: str) -> dt.datetime:
    return dt.datetime.strptime(date + time.split(".", maxsplit=1)[0], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)


def suv_factor(dataset: Dataset) -> float:
    """What a stored value is multiplied with for SUVbw in g/ml (QIBA FDG-PET vendor-neutral pseudo-code)."""
    if dataset.Units == "CNTS":
        philips = dataset.private_block(0x7053, "Philips PET Private Group")
        if 0x00 in philips:
            return float(philips[0x00].value)
    dose = dataset.RadiopharmaceuticalInformationSequence[0]
    start = _moment(dose.RadiopharmaceuticalStartDateTime[:8], dose.RadiopharmaceuticalStartDateTime[8:])
    scan = _moment(dataset.SeriesDate, dataset.SeriesTime)
    activity = float(dose.RadionuclideTotalDose)
    if dataset.Manufacturer.startswith("GE"):
        ge = dataset.private_block(0x0009, "GEMS_PETD_01")
        scan = _moment(ge[0x0D].value[:8], ge[0x0D].value[8:])
        activity = float(ge[0x38].value) * 1e6
    decayed = activity * 2 ** (-(scan - start).total_seconds() / float(dose.RadionuclideHalfLife))
    scale = (
        float(dataset.private_block(0x7053, "Philips PET Private Group")[0x09].value) if dataset.Units == "CNTS" else 1
    )
    return scale * float(dataset.PatientWeight) * 1000 / decayed


def _pet(maker: str) -> Dataset:
    dataset = builders.pet()
    dataset.Manufacturer, dataset.SeriesDate, dataset.SeriesTime = "SIEMENS", "20040120", "001500"
    # The day turns between injection and scan.
    dose = dataset.RadiopharmaceuticalInformationSequence[0]
    dose.RadiopharmaceuticalStartDateTime = "20040119231500"
    if maker.startswith("Philips"):
        dataset.Manufacturer, dataset.Units = "PHILIPS", "CNTS"
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x09, "DS", "1.73")
        if maker == "Philips":
            block.add_new(0x00, "DS", "0.000342")
    if maker == "GE":
        dataset.Manufacturer = "GE MEDICAL SYSTEMS"
        block = dataset.private_block(0x0009, "GEMS_PETD_01", create=True)
        block.add_new(0x0D, "DT", "20040120001500")
        block.add_new(0x38, "FL", 371.5)
    return dataset


@pytest.mark.req("R-PROF-06")
@pytest.mark.parametrize("maker", ["Siemens", "Philips", "Philips without a factor", "GE"])
@pytest.mark.parametrize("dates", [Option.RETAIN_MODIFIED_DATES, Option.RETAIN_FULL_DATES])
def test_a_cleaned_pet_image_gives_the_same_suv(
    maker: str, dates: Option, key: bytes, trial: deid.ClinicalTrial
) -> None:
    dataset = _pet(maker)
    policy = Policy(options=SUV - {Option.RETAIN_MODIFIED_DATES} | {dates})
    assert errors(policy, measures_suv=True) == ()
    cleaned = builders.read(deid.clean(planting.encode(dataset), key=key, trial=trial, policy=policy).data)
    assert (cleaned.SeriesDate == "20040120") is (dates is Option.RETAIN_FULL_DATES)
    assert suv_factor(cleaned) == pytest.approx(suv_factor(dataset), rel=1e-9)
    assert float(cleaned.RescaleSlope) == float(dataset.RescaleSlope)
    assert cleaned.PixelData == dataset.PixelData


@pytest.mark.req("R-PROF-06")
@pytest.mark.parametrize(
    ("choices", "word"),
    [
        (Choices(options=SUV - {Option.RETAIN_PATIENT_CHARACTERISTICS}), "Patient's Weight"),
        (Choices(options=SUV - {Option.RETAIN_MODIFIED_DATES}), "Radiopharmaceutical Start DateTime"),
        (Choices(options=SUV - {Option.RETAIN_SAFE_PRIVATE}), "(7053,1000)"),
        *(
            (Choices(options=SUV, tag_rules=(rule(tag, TagAction.REMOVE),)), name)
            for tag, name in (
                (0x00181074, "Total Dose"), (0x00181075, "Half Life"), (0x00101030, "Weight"), (0x00080031, "Series Time"),
                (0x00181072, "Start Time"), (0x00540016, "Information Sequence"), (0x00541006, "SUV Type"),
            )
        ),
    ],
)  # fmt: skip
def test_a_trial_that_measures_suv_may_not_drop_what_suv_needs(choices: Choices, word: str) -> None:
    assert any(word in sentence for sentence in errors(choices, measures_suv=True))
    assert not any(word in sentence and sentence.startswith("SUV") for sentence in errors(choices))


@pytest.mark.req("R-PROF-07")
@pytest.mark.parametrize("kind", Example)
@settings(max_examples=15)
@given(choices=CHOICES)
def test_a_made_up_object_of_each_kind_comes_out_beside_what_it_was(kind: Example, choices: Choices) -> None:
    choices = replace(choices, options=choices.options - {Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES})
    if errors(choices):
        choices = Choices()
    telling = {Option.RETAIN_UIDS, Option.RETAIN_INSTITUTION_IDENTITY, Option.RETAIN_DEVICE_IDENTITY}
    policy = Policy.of(choices, name="x", version=1)
    nobody = deid.ClinicalTrial("S", "P", "", "1", "", "AB-1", "", "", "")
    compared = compare(example(kind), key=b"k" * 32, trial=nobody, policy=policy)
    by_path = {row.path: row for row in compared.rows}
    assert by_path["(0010,0010)"].before == "Example^Eva Maria"
    assert by_path["(0010,0010)"].after == "AB-1"
    assert by_path["(0012,0062)"].before is None
    assert b"Eva" not in compared.cleaned.data
    assert b"4711" not in compared.cleaned.data
    if choices.options.isdisjoint(telling):
        assert b"North" not in compared.cleaned.data


@pytest.mark.req("R-PROF-07")
def test_of_a_report_the_items_that_stay_stand_beside_their_own_originals() -> None:
    nobody = deid.ClinicalTrial("S", "P", "", "1", "", "AB-1", "", "", "")
    compared = compare(example(Example.SR), key=b"k" * 32, trial=nobody, policy=Policy())
    by_path = {row.path: row for row in compared.rows}
    assert by_path["(0040,A730)[1] (0040,A160)"].after is None
    assert by_path["(0040,A730)[2] (0040,A168)[1] (0008,0100)"].after == "4147007"
    meaning = by_path["(0040,A730)[2] (0040,A168)[1] (0008,0104)"]
    assert meaning.before == "Mass in Eva's lung"
    assert meaning.after
    assert "Eva" not in meaning.after
    assert by_path["(0040,A730)[3] (0040,A123)"].after is None


@pytest.mark.req("R-PROF-01")
def test_the_command_line_takes_a_profile_explains_by_it_and_certifies_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = Policy.of(
        Choices(options=DEFAULT_OPTIONS | {Option.CLEAN_DESCRIPTORS}, words=frozenset({"plutonia"}),
                tag_rules=(rule(0x00080070, TagAction.REMOVE),)),
        name="TUNDRA", version=4,
    )  # fmt: skip
    (tmp_path / "p.json").write_text(json.dumps(Profile(policy=policy).told))
    assert read_profile(tmp_path / "p.json").policy == policy
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(example(Example.CT))
    (tmp_path / "key").write_text("ab" * 32)
    (tmp_path / "key").chmod(0o600)
    options = ["--profile", str(tmp_path / "p.json")]
    assert main(["explain", str(tmp_path / "in" / "a.dcm"), *options]) == 0
    assert "the profile says remove: as agreed" in capsys.readouterr().out
    report = tmp_path / "report.json"
    folders = [str(tmp_path / "in"), str(tmp_path / "out"), "--key-file", str(tmp_path / "key")]
    assert main(["clean", *folders, "--report", str(report), *options]) == 0
    told = json.loads(report.read_text())
    assert told["policy_sha256"] == policy.digest
    assert told["profile"]["words"] == ["plutonia"]
    assert (told["profile"]["name"], told["profile"]["version"]) == ("TUNDRA", 4)
    assert told["actions"]["(0008,0070)"] == {"emptied": 1}
    assert "Example" not in report.read_text()


@pytest.mark.req("R-PROF-02")
def test_the_command_line_refuses_a_profile_with_an_error_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"measures_suv": True}))
    assert main(["explain", str(tmp_path / "none.dcm"), "--profile", str(tmp_path / "p.json")]) == 2
    assert "SUV needs" in capsys.readouterr().err
