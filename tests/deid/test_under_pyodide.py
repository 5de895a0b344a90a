"""The engine as the site's browser runs it gives, byte by byte, what it gives here: every object, in one run of node."""

import hashlib
import json
import subprocess
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import deid
from config import equipping
from deid.page.bridge import Bridge
from deid.page.limits import LARGEST
from deid.page.thumbs import SIDE
from deid.profile import Profile
from imaging.equipment import laid_out
from tests.deid.objects import everything
from tests.deid.test_page import Given
from tests.services import lacking, need_program

CLEANER = equipping.PROJECT / "config" / "static" / "corelab" / "cleaner.js"
PROFILE = Profile(policy=deid.Policy(options=deid.DEFAULT_OPTIONS | {deid.Option.CLEAN_PIXEL_DATA}))
# What is compared of an answer: hashes and codes.
COMPARED = (
    "is", "why", "code", "sentence", "sha256", "series", "sop", "claim", "head", "kind", "width", "members", "sealed",
    "rows", "blob",
)  # fmt: skip
BOX = {"x": 1, "y": 1, "width": 4, "height": 3}


@pytest.fixture(scope="module")
def node() -> str:
    path = need_program("node", "nodejs")
    if not (equipping.UNPACKED / equipping.LOADED[0]).exists():
        lacking("Pyodide was not fetched: python -m config.equipping, which needs npm")
    return path


def asked(objects: dict[str, bytes], folder: Path) -> list[dict[str, Any]]:
    tasks = []
    for number, data in enumerate(objects.values()):
        path = folder / f"{number}"
        path.write_bytes(data)
        verbs = ("read", "clean", "thumb", "explain") if number < 100 else ("clean",)
        tasks += [{"do": verb, "number": number, "path": str(path)} for verb in verbs]
        if number < 100:
            tasks.append({"do": "clean", "number": number, "path": str(path), "boxes": [BOX]})
    return [*tasks, *asked_of_members(list(objects.values())[:8], folder / "members.zip")]


def asked_of_members(contents: list[bytes], path: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(contents):
            archive.writestr(f"{number}", data)
    told: dict[str, Any] = {"number": 1_000_000, "path": str(path)}
    parts = [told | {"member": place, "size": len(data)} for place, data in enumerate(contents)]
    return [told | {"do": "read"}, *(part | {"do": verb} for part in parts for verb in ("read", "clean", "original"))]


def answered_here(tasks: list[dict[str, Any]], keys: str) -> list[dict[str, Any]]:
    bridge = Bridge()
    bridge.open(keys)
    return [answer_here(bridge, task) for task in tasks]


def answer_here(bridge: Bridge, task: dict[str, Any]) -> dict[str, Any]:
    data = Path(task["path"]).read_bytes()
    is_archive = data.startswith(b"PK")
    opened = bridge.unpack(len(data), lambda start, end: Given(data[start:end])).told if is_archive else {}
    if is_archive and "member" not in task:
        return opened
    given = Given(bridge.member(task["member"], LARGEST).data if is_archive else data)
    verb = task["do"]
    if verb == "original":
        return {"is": "original", "blob": hashlib.sha256(given.data).hexdigest()}
    if verb == "read":
        return bridge.read(given, len(given.data)).told
    if verb == "thumb":
        return bridge.thumb(given, SIDE).told
    if verb == "explain":
        return bridge.explain(given).told
    return bridge.clean(given, json.dumps(task.get("boxes", []))).told


def compared(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in COMPARED if name in told}


@pytest.mark.req("R-PAGE-08")
def test_every_object_is_cleaned_or_refused_under_pyodide_as_here(
    node: str, trial: deid.ClinicalTrial, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    equipping.lay_out(served)
    laid = laid_out(served)
    assert laid is not None
    keys = json.dumps(
        {
            "key": bytes(range(32)).hex(),
            "common_key": bytes(range(1, 33)).hex(),
            "trial": asdict(trial),
            "profile": PROFILE.told,
            "policy": PROFILE.policy.digest,
            "engine": deid.engine_version(),
        }
    )
    start = {"do": "start", **laid, "home": laid["home"].lstrip("/"), "engine": laid["engine"].lstrip("/")}
    tasks = asked(everything(), tmp_path)
    lines = "\n".join(json.dumps(task) for task in [start, {"do": "open", "keys": keys}, *tasks])
    command = [node, str(Path(__file__).with_name("worker.mjs")), str(CLEANER), str(served)]
    said = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    ready, opened, *answers = map(json.loads, said.splitlines())
    assert (ready["is"], opened) == ("ready", {"is": "open"})
    assert len(answers) == len(tasks)
    for task, there, here in zip(tasks, answers, answered_here(tasks, keys), strict=True):
        assert compared(there) == compared(here), task
        # The bytes that travel are those that were hashed.
        assert there.get("bytes") == here.get("sha256"), task
