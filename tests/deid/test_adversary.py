"""What a fresh pair of eyes found among 15,000 plants of its own: identifiers cut up so that no part looks like one."""

import pytest

import deid
from deid.descriptors import clean_text
from deid.model import Policy
from deid.options import DEFAULT, Option
from deid.person import Person
from deid.vocabulary import admits_coded, admits_text
from tests.deid import builders, planting

KERNEL, MODEL, SOFTWARE = 0x00181210, 0x00081090, 0x00181020
DIVIDED = (
    "+34 612 345 678", "(020) 7946-0958", "078-05-1120", "943 476 5919", "1234.56.782",
    "1953-04-17", "17.04.1953", "04/17/1953", "H 7499 123", "H-74-99-123", "612_345_678",
)  # fmt: skip
REAL = (
    "B30f",
    "Br40d 3",
    "VA40A",
    "07MW18.4",
    "4.1.3.5",
    "Discovery 690",
    "SOMATOM Definition AS+",
    "1.0.0",
    "T1 3D",
    "14.13_2.8.2",
)


@pytest.mark.req("R-ENG-07")
@pytest.mark.parametrize("text", DIVIDED)
def test_a_number_of_a_person_does_not_pass_for_a_kernel_a_model_or_a_version(text: str) -> None:
    assert not any(admits_text(tag, text) for tag in (KERNEL, MODEL, SOFTWARE))


@pytest.mark.req("R-ENG-07")
@pytest.mark.parametrize("term", ["H 7499 123", "943 476 5919", "612_345_678", "092Y"])
def test_a_number_of_a_person_does_not_pass_for_a_coded_term(term: str) -> None:
    assert not admits_coded(term)


@pytest.mark.req("R-ENG-07")
def test_initials_do_not_pass_for_a_model_and_names_of_models_and_versions_do() -> None:
    assert not admits_text(MODEL, "M.G.L.")
    assert admits_text(MODEL, "G.E.")
    kept = [text for text in REAL if any(admits_text(tag, text) for tag in (KERNEL, MODEL, SOFTWARE))]
    assert len(kept) >= len(REAL) - 1, kept


@pytest.mark.req("R-ENG-07")
@pytest.mark.parametrize("text", [*DIVIDED, "612,345,678", "92 years", "92_years", "92Y", "age 93", "aged: 91"])
def test_no_writing_of_a_number_or_an_old_age_stays_in_a_description(text: str) -> None:
    nobody = Person(words=frozenset(), numbers=frozenset())
    for pattern in ("{}", "abdomen_{}_thin", "chest {};axial", "({})abdomen"):
        kept, _gone = clean_text(pattern.format(text), person=nobody)
        assert not any(map(str.isdigit, kept)), kept


@pytest.mark.req("R-ENG-07")
def test_a_description_keeps_its_small_numbers() -> None:
    nobody = Person(words=frozenset(), numbers=frozenset())
    for text in ("T1 3 4", "CT 5 mm 120 kV", "SUV 90 min", "chest 45"):
        assert clean_text(text, person=nobody) == (text, "")


@pytest.mark.req("R-ENG-07")
def test_a_birth_date_written_as_a_kernel_leaves_no_object(key: bytes, trial: deid.ClinicalTrial) -> None:
    dataset = builders.ct()
    dataset.ConvolutionKernel, dataset.ManufacturerModelName = "17.04.1953", "H-74-99-123"
    options = DEFAULT | {Option.CLEAN_DESCRIPTORS}
    made = deid.clean(planting.encode(dataset), key=key, trial=trial, policy=Policy(options=options)).data
    assert b"1953" not in made
    assert b"74-99" not in made
