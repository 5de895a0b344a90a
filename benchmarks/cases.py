"""The corpus of good and bad objects against the running product: `-m benchmarks.cases web|dicom|archives|lines`.

With the word `servers` the product runs on PostgreSQL and Redis of its own, else on SQLite and files. Each case is sent
alone; it is right where its answer is what it must be, comes within 15 s and has a reason in words.
Good objects are taken back over DICOMweb and compared.
"""

import io
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import django
import requests

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from benchmarks.called import say, store  # noqa: E402  Django must be set up before
from benchmarks.weighed import Figures, Scales  # noqa: E402
from imaging.dicomweb.multipart import Parts, media_type, require_boundary  # noqa: E402
from tests.announcing import manifest_of  # noqa: E402
from tests.cases import bad, good, pdus  # noqa: E402
from tests.cases.archives import archives  # noqa: E402
from tests.cases.bad import NEVER, Bad  # noqa: E402
from tests.cases.good import FILED, Good  # noqa: E402
from tests.cases.likeness import differences  # noqa: E402
from tests.faults.lab import Lab, founded  # noqa: E402
from tests.flows import small  # noqa: E402
from tests.imaging.stowing import RELATED, body  # noqa: E402
from tests.people import PASSWORD  # noqa: E402
from tests.stack import Session, wait_until  # noqa: E402


def over_web(lab: Lab) -> None:
    """Every object by STOW-RS, named, each a delivery; good ones are taken back."""
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {lab.secret}"
    figures, taken = Figures(), list[tuple[Good, str]]()
    for one in _all():
        begun = time.monotonic()
        answer, ended = _stow(lab, http, one.data)
        seconds = time.monotonic() - begun
        outcome, sentence = _outcome(answer, ended)
        figures.note(_title(one), outcome, seconds, _faults(one, outcome, sentence))
        if isinstance(one, Good) and outcome == FILED:
            taken.append((one, str(ended["id"])))
    figures.tell("STOW-RS", scales.grown)
    _take_back(lab, taken)
    _tell_house(lab)


def _all() -> Iterable[Good | Bad]:
    yield from good.objects()
    yield from bad.objects()


def _title(one: Good | Bad) -> str:
    return one.name if isinstance(one, Good) else f"{one.kind}: {one.name}"


def _stow(lab: Lab, http: requests.Session, data: bytes) -> tuple[requests.Response, dict[str, Any]]:
    named = {"subject": lab.subject, "timepoint": "BL", "complete": "1"}
    kind = {"Content-Type": RELATED}
    address = f"{lab.stack.address}/dicomweb/studies"
    answer = http.post(address, data=body([data]), params=named, headers=kind, timeout=60)
    link = re.search(r"<([^>]*)>", answer.headers.get("Link", ""))
    return answer, _ended(lambda: http.get(link[1], timeout=60).json()) if link and answer.status_code == 202 else {}  # noqa: PLR2004  taken


def _ended(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = ask()
        if told["ended"]:
            return told
        time.sleep(0.05)
    return told


def _outcome(answer: requests.Response, ended: dict[str, Any]) -> tuple[str, str]:
    """How it ended in one word, and the reason in words."""
    if answer.status_code != 202:  # noqa: PLR2004  not taken
        return f"refused at the door, {answer.status_code}", answer.headers.get("Warning", "") or answer.text
    counts = ended.get("counts", {})
    if counts.get("filed"):
        return FILED, "filed"
    refusals = ended.get("refusals") or [{"code": "", "sentence": ended.get("reason", "")}]
    word = "judged" if counts.get("waiting") else str(refusals[0]["code"])
    return word if ended.get("ended") else f"stands at {ended.get('state')}", str(
        refusals[0]["sentence"] or ended["story"]
    )


def _faults(one: Good | Bad, outcome: str, sentence: str) -> Iterable[str]:
    if isinstance(one, Good):
        if one.outcome == FILED and outcome != FILED:
            yield f"not filed: {sentence}"
    elif one.must == NEVER and outcome == FILED:
        yield "filed"
    if len(sentence.split()) < 3 and outcome != FILED:  # noqa: PLR2004  words
        yield "no reason in words"
    if outcome.startswith(("stands", "refused at the door, 5")):
        yield "no definite answer"


def _take_back(lab: Lab, taken: list[tuple[Good, str]]) -> None:
    told = json.loads(lab.told("from tests.cases import house; print(house.deliveries())"))
    viewer, figures = Session(lab.stack.address, "qc_analyst", PASSWORD), Figures()
    for one, delivery in taken:
        (study, series, uid), *_ = told[delivery]["filed"] or [("", "", "")]
        path = f"/trials/{small.CODE}/dicomweb/studies/{study}/series/{series}/instances/{uid}"
        wanted = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        begun = time.monotonic()
        answer = viewer.http.get(lab.stack.address + path, headers={"Accept": wanted}, timeout=60)
        found = differences(one.data, _first_part(answer)) if answer.ok else [f"status {answer.status_code}"]
        figures.note(one.name, "equal" if not found else "differs", time.monotonic() - begun, found)
    figures.tell("WADO-RS, taken back", scales.grown)


def _first_part(answer: requests.Response) -> bytes:
    boundary = require_boundary(media_type(answer.headers["Content-Type"]))
    return next(b"".join(part.body) for part in Parts(io.BytesIO(answer.content).read, boundary=boundary))


def _tell_house(lab: Lab) -> None:
    told = json.loads(lab.told("from tests.cases import house; print(house.deliveries())"))
    states = Counter(one["state"] for one in told.values())
    silent = [key for key, one in told.items() if not one["events"]]
    wordless = [key for key, one in told.items() if not one["sentence"]]
    refused = lab.told("from tests.cases import house; print(house.refused())")
    strays = lab.told("from tests.cases import house; print(house.strays())")
    print(f"  deliveries {dict(states)}; without an event {len(silent)}, without words {len(wordless)}; "
          f"events of refusals at doors {refused}; files outside the store {strays}")  # fmt: skip


def over_dicom(lab: Lab) -> None:
    """Every object by C-STORE, each on an association of its own; whose they are is known by one sent before."""
    figures, http = Figures(), requests.Session()
    http.headers["Authorization"] = f"Bearer {lab.secret}"
    _stow(lab, http, good.written(good.image("CT", seed="first")))
    for one in _all():
        begun = time.monotonic()
        status, comment = store(lab.stack.dicom_port, one.data)
        outcome = "0000" if status == 0 else f"{status:04X}" if status is not None else "none"
        faults = []
        if isinstance(one, Good) and status != 0:
            faults.append("a good object is not taken")
        if status is None:
            faults.append("no answer")
        if status and not comment:
            faults.append("no reason in words")
        if isinstance(one, Bad) and one.kind == "torn" and one.must == NEVER and status == 0:
            faults.append("a torn object is acknowledged")
        figures.note(_title(one), outcome, time.monotonic() - begun, faults)
    with suppress(AssertionError):
        wait_until(lambda: not lab.count().standing, seconds=200)
    figures.tell("C-STORE", scales.grown)
    _tell_house(lab)


def over_pages(lab: Lab) -> None:
    """Archives, and some bad objects, as the browser sends them: announced, in pieces, completed."""
    staff, figures = Session(lab.stack.address, "site_staff", PASSWORD), Figures()
    point = int(lab.told("from tests.cases import house; print(house.time_point())"))
    for one in [*archives(), *list(bad.objects())[::9]]:
        begun = time.monotonic()
        told = _upload(staff, point, one.data)
        counts = told.get("counts", {})
        refusals = told.get("refusals") or [{"code": "", "sentence": told.get("reason", "")}]
        outcome = FILED if counts.get("filed") else str(refusals[0]["code"] or told.get("state"))
        faults = _faults(one, outcome, str(refusals[0]["sentence"]))
        figures.note(_title(one), outcome, time.monotonic() - begun, faults)
    figures.tell("browser's pieces", scales.grown)
    _tell_house(lab)


def _upload(staff: Session, point: int, data: bytes) -> dict[str, Any]:
    opened = staff.api("POST", "/api/deliveries/", json={"time_point": point})
    assert opened.ok, opened.text
    root = f"/api/deliveries/{opened.json()['id']}/"
    assert staff.api("POST", f"{root}manifest/", json=manifest_of([data])).ok
    step = 8 << 20
    for part, at in enumerate(range(0, max(len(data), 1), step)):
        assert staff.api("POST", f"{root}pieces/", files={f"0.{part}": ("x", data[at : at + step])}).ok
    assert staff.api("POST", f"{root}complete/", json={"files": 1, "size": len(data)}).ok
    return _ended(lambda: staff.api("GET", root).json())


def over_lines(lab: Lab) -> None:
    """Malformed PDUs: each line is closed or answered within 15 s, and C-ECHO is answered after all."""
    figures = Figures()
    for one in pdus.malformed(small.AE_TITLE):
        begun = time.monotonic()
        answer = say(lab.stack.dicom_port, one)
        figures.note(one.name, answer, time.monotonic() - begun, ["left open"] if answer == "open" else [])
    assert lab._echoes(), "no C-ECHO after the malformed ones"  # noqa: SLF001  of the same house
    figures.tell("PDUs", scales.grown)
    _tell_house(lab)


SERVERS = "servers"
WAYS = {"web": over_web, "dicom": over_dicom, "archives": over_pages, "lines": over_lines}

if __name__ == "__main__":
    words = sys.argv[1:]
    with founded(with_servers=SERVERS in words, environment={}) as laboratory:
        scales = Scales(laboratory.stack.process.pid)
        scales.start()
        for way in [word for word in words if word != SERVERS] or WAYS:
            WAYS[way](laboratory)
        scales.ends.set()
