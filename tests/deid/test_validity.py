"""A cleaned object is as valid as the original was: no new error for dciodvfy, nothing needed lost, references whole."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import deid
from deid.dictionary import allowed_vrs
from deid.elements import Item, values_of
from deid.engine import read_source
from deid.plan import Place, Plan, plan_for
from tests.deid import mutants
from tests.deid.objects import BUNDLED, MADE

TOOL = "dciodvfy"
POLICIES = {
    "default": deid.Policy(),
    "basic": deid.Policy(options=frozenset()),
    "every option": mutants.POLICY,
}
# Type 1 in modules that go as a whole (deid/data/supplement.json): graphic annotations and their layers.
DROPPED = {"00700001", "00700060"}


def errors(data: bytes, folder: Path) -> set[str]:
    """Return what the tool calls an error, without the values it quotes and the places it counts."""
    path = folder / "object.dcm"
    path.write_bytes(data)
    said = subprocess.run([TOOL, str(path)], capture_output=True, check=False).stderr.decode("latin-1")
    return {_bare(line) for line in said.splitlines() if line.startswith("Error")}


def _bare(line: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[=<(][^>)]*[>)]|[\d.]+", "", line))


def _cleaned(data: bytes, policy: deid.Policy, key: bytes, trial: deid.ClinicalTrial) -> bytes | None:
    try:
        return deid.clean(data, key=key, trial=trial, policy=policy).data
    except deid.Rejected:
        return None


@pytest.fixture
def _tool() -> None:
    if shutil.which(TOOL) is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not on this machine")


@pytest.mark.req("R-ENG-03")
@pytest.mark.usefixtures("_tool")
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", MADE)
def test_an_object_made_by_code_has_no_new_error(
    kind: str, policy: str, key: bytes, trial: deid.ClinicalTrial, tmp_path: Path
) -> None:
    data = MADE[kind]()
    cleaned = _cleaned(data, POLICIES[policy], key, trial)
    assert cleaned is not None
    assert errors(cleaned, tmp_path) - errors(data, tmp_path) == set()


@pytest.mark.req("R-ENG-03")
@pytest.mark.usefixtures("_tool")
@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_an_object_of_the_pydicom_package_has_no_new_error(
    name: str, key: bytes, trial: deid.ClinicalTrial, tmp_path: Path
) -> None:
    data = BUNDLED[name].read_bytes()
    cleaned = _cleaned(data, POLICIES["every option"], key, trial)
    assert cleaned is None or errors(cleaned, tmp_path) - errors(data, tmp_path) == set()


def _lost(before: Item, after: Item, plan: Plan, place: Place) -> Iterator[str]:
    """Yield the attributes of type 1 and 2 that an item had and has no more, at any depth where no item went."""
    for tag, element in before.items():
        kept, kind = after.get(tag), plan.type_of(place, tag)
        is_filled = bool(element.items or element.value or element.fragments)
        if kind in {"1", "2"} and (kept is None or (kind == "1" and is_filled and not (kept.items or kept.value))):
            yield f"{tag:08X}"
        pairs = zip(element.items or (), (kept.items if kept else None) or (), strict=False)
        if kept is not None and len(kept.items or ()) == len(element.items or ()):
            for one, two in pairs:
                yield from _lost(one, two, plan, plan.rule(place, tag).place)


def _uids(item: Item) -> Iterator[str]:
    for element in item.values():
        for inner in element.items or ():
            yield from _uids(inner)
        yield from values_of(element) if "UI" in {element.vr, *allowed_vrs(element.tag)} else ()


@pytest.mark.req("R-ENG-04")
@pytest.mark.parametrize("name", [*MADE, *sorted(BUNDLED)])
def test_nothing_an_object_needs_is_lost_and_every_reference_still_means_what_it_meant(
    name: str, key: bytes, trial: deid.ClinicalTrial
) -> None:
    data = MADE[name]() if name in MADE else BUNDLED[name].read_bytes()
    cleaned = _cleaned(data, POLICIES["default"], key, trial)
    if cleaned is None:
        return
    before, after = read_source(data).item, read_source(cleaned).item
    plan = plan_for(values_of(before[0x00080016])[0], POLICIES["default"])
    assert set(_lost(before, after, plan, plan.root)) <= DROPPED
    assert set(_uids(after)) <= {deid.map_uid(key, uid) for uid in _uids(before)}
