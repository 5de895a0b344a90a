"""Damaged and hostile files get a definite answer in bounded time and memory; `-m benchmarks.mutated` is the long form."""

import pytest

import deid
from tests.deid import mutants

SEED = 20261122
MUTANTS = 60


def _judged(name: str, data: bytes, *, key: bytes, trial: deid.ClinicalTrial) -> str:
    verdict = mutants.judge(data, key=key, trial=trial)
    assert verdict.answer in {"clean", "refused"}, (name, verdict)
    assert verdict.seconds < mutants.SECONDS, (name, verdict)
    assert verdict.mebibytes < mutants.MIB, (name, verdict)
    return verdict.answer


@pytest.mark.req("R-ENG-01")
def test_damaged_objects_are_cleaned_or_refused_within_time_and_memory(key: bytes, trial: deid.ClinicalTrial) -> None:
    answers = [_judged(name, data, key=key, trial=trial) for name, data in mutants.mutants(MUTANTS, seed=SEED)]
    assert {"clean", "refused"} == set(answers)


@pytest.mark.req("R-ENG-01")
@pytest.mark.filterwarnings("ignore::UserWarning")  # as below
def test_what_was_made_against_readers_gets_an_answer_within_time_and_memory(
    key: bytes, trial: deid.ClinicalTrial
) -> None:
    answers = {name: _judged(name, data, key=key, trial=trial) for name, data in mutants.hostile()}
    refused = {"empty", "one byte short", "half the pixels", "40000 closed sequences", "endless items"}
    assert {answers[name] for name in refused} == {"refused"}
    cleaned = {"no meta", "executable preamble", "60 closed sequences"}
    assert {answers[name] for name in cleaned} == {"clean"}


@pytest.mark.req("R-ENG-01")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, which writes what is planted here
def test_a_uid_that_is_a_path_never_becomes_a_file_name(key: bytes, trial: deid.ClinicalTrial) -> None:
    data = dict(mutants.wrong_types())["SOPInstanceUID as UI: '../../../../etc/passwd'"]
    for options in (deid.DEFAULT_OPTIONS, deid.DEFAULT_OPTIONS | {deid.Option.RETAIN_UIDS}):
        cleaned = deid.clean(data, key=key, trial=trial, policy=deid.Policy(options=options))
        assert cleaned.sop_instance_uid == deid.map_uid(key, "../../../../etc/passwd")
        assert b"passwd" not in cleaned.data
