"""Names, numbers, dates and UIDs planted in all that a site may send: afterwards none of them is anywhere.

A home of its own, so that it can be searched after everything has been written and the last process has ended.
"""

import base64
import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import prepared
from tests.announcing import manifest_of
from tests.cast import PASSWORD, TODAY
from tests.deid import planting
from tests.flows import corpus, small
from tests.flows.corpus import Sender
from tests.flows.hunting import Hunt, Passing, Watch, forms_of, views, walk
from tests.reports.pdftext import text_of
from tests.services import need_program
from tests.stack import Session, Stack, start, stop, wait_until

ROLES = (*small.PEOPLE, "operator")
# What is printed at the end beside log lines; the blank one is Celery's.
FAREWELL = ("", "worker: Warm shutdown (MainProcess)", "Corelab has stopped.")
# What a page of ours never holds: the strict policy would not run it, and somebody would loosen the policy for it.
INLINE = re.compile(
    rb"<script(?![^>]*\s(?:src|nonce)=)|<style[\s>]|\sstyle=\"|\son[a-z]+=\"|javascript:", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Sent:
    """What happened: the stage after its end, what was sent, what every role saw, and where it was written."""

    stack: Stack
    hunt: Hunt
    word: str
    originals: dict[str, bytes]
    states: dict[str, dict[str, Any]]
    pages: dict[str, dict[str, bytes]]
    dump: str
    passing: Passing
    measured: int
    # Told to the installation by its environment.
    keys: tuple[bytes, ...]


class Site:
    """The site's staff and machines, who send carelessly."""

    def __init__(self, stack: Stack, sender: Sender, folder: Path) -> None:
        self.stack, self.sender, self.folder = stack, sender, folder
        self.staff = stack.session("site_staff")
        self.originals: dict[str, bytes] = {}

    def visit(self, number: int, code: str) -> int:
        """The time point `code` of the subject at place `number`."""
        rows = self.staff.get(f"/api/trials/{small.CODE}/time-points/?code={code}").json()["results"]
        return int(sorted(rows, key=lambda row: int(row["id"]))[number]["id"])

    def send(self, time_point: int, files: dict[str, bytes], *, complete: bool = True) -> str:
        """Send by the browser's protocol, the files under their own names."""
        opened = self.staff.api("POST", "/api/deliveries/", json={"time_point": time_point})
        assert opened.status_code == 201, opened.text
        root = f"/api/deliveries/{opened.json()['id']}/"
        assert self.staff.api("POST", f"{root}manifest/", json=manifest_of(files.values())).ok
        for number, (name, data) in enumerate(files.items()):
            self.originals[name] = data
            answer = self.staff.api("POST", f"{root}pieces/", files={f"{number}.0": (name, data)})
            assert answer.json() == {"taken": 1}
        if complete:
            told = {"files": len(files), "size": sum(map(len, files.values()))}
            assert self.staff.api("POST", f"{root}complete/", json=told).status_code == 202
        return str(opened.json()["id"])

    def send_plainly(self, time_point: int, files: dict[str, bytes]) -> str:
        """Send by the form that needs no JavaScript."""
        self.originals |= files
        address = f"/trials/{small.CODE}/send/"
        parts = [("files", (name, data)) for name, data in files.items()]
        return self.staff.post(address, files=parts, time_point=str(time_point)).url.rstrip("/").rpartition("/")[2]

    def store(self, files: list[bytes], *, calling: str = small.AE_TITLE) -> int:
        """Send with dcmtk, from files with planted names; returns its exit code."""
        where = self.folder / self.sender.plants.word()
        where.mkdir()
        for data in files:
            name = self.sender.file_name("dcm")
            self.originals[name] = data
            (where / name).write_bytes(data)
        program = [need_program("storescu", "dcmtk"), "-aet", calling, "-aec", "CORELAB", "+sd", "+r"]
        return subprocess.run(
            [*program, "127.0.0.1", str(self.stack.dicom_port), str(where)], check=False, capture_output=True
        ).returncode

    def knock(self) -> None:
        """Ask for what does not exist, in planted words: nothing of a question belongs into a log either."""
        word, number = self.sender.plants.word(), self.sender.plants.number()
        for path in (f"/{word}/", f"/subjects/{number}/", f"/trials/{word}/?name={word}", f"/api/deliveries/{number}/"):
            assert self.staff.get(path).status_code == 404
        assert self.staff.api("POST", "/api/deliveries/", json={"time_point": word}).status_code == 400
        assert self.staff.api("POST", f"/api/deliveries/?{word}", data=f"{{{word}").status_code in (400, 415)
        assert not Session(self.stack.address, word, number).get("/trials/").ok
        self.staff.get(f"/{word}%0d%0a%1b[2J%e2%80%a8{number}/", headers={"X-Request-ID": f"{word} {number}"})

    def send_into_a_fault(self, delivery: str) -> None:
        """Send by every door while the quarantine cannot be written: each answers that it is our fault, and logs it."""
        quarantine, aside = self.stack.home / "quarantine", self.stack.home / "quarantine-aside"
        name, data = self.sender.file_name("dcm"), self.sender.note()
        self.originals[name] = data
        told = self.staff.api("POST", f"/api/deliveries/{delivery}/manifest/", json=manifest_of([data])).json()
        (standing,) = told["files"]
        quarantine.rename(aside)
        quarantine.write_bytes(b"")
        try:
            root = f"/api/deliveries/{delivery}/pieces/"
            answer = self.staff.api(
                "POST", f"{root}?{self.sender.plants.word()}", files={f"{standing['number']}.0": (name, data)}
            )
            assert answer.status_code == 500
            with corpus.lenient():
                self.store([corpus.foreign_scan(self.sender, "ISO_IR 100")[0]])
        finally:
            quarantine.unlink()
            aside.rename(quarantine)

    def wait(self, *deliveries: str) -> None:
        for delivery in deliveries:
            wait_until(lambda each=delivery: self.told(each)["ended"], seconds=240)

    def told(self, delivery: str) -> dict[str, Any]:
        told: dict[str, Any] = self.staff.api("GET", f"/api/deliveries/{delivery}/").json()
        return told


def _send_everything(site: Site) -> dict[str, str]:
    sender = site.sender
    scan = corpus.whole_scan(sender)
    site.originals |= scan
    packed = corpus.packed(sender, scan)
    other, third = corpus.foreign_scan(sender, "ISO_IR 100"), corpus.foreign_scan(sender, "ISO_IR 192")
    with corpus.lenient():
        picture = sender.encode(corpus.ultrasound(sender), sender.person())
    mixed = {sender.file_name("dcm"): data for data in (*other[:2], *third[:2])}
    sent = {
        "whole": site.send(
            site.visit(0, "BL"), {sender.file_name("zip"): packed, sender.file_name("txt"): sender.note()}
        ),
        "refused": site.send_plainly(
            site.visit(2, "BL"), {sender.file_name("dcm"): picture, sender.file_name("txt"): sender.note()}
        ),
        "two persons": site.send(site.visit(2, "FU1"), mixed),
        "never ended": site.send(site.visit(2, "FU2"), {sender.file_name("dcm"): third[0]}, complete=False),
    }
    assert site.store(other) == 0
    assert site.store(third[:1], calling=sender.plants.word()) != 0, "a stranger's call must be refused"
    site.knock()
    return sent | {"stored": _assign(site)}


def _assign(site: Site) -> str:
    """Name the subject of what came by DICOM, as the coordinator."""
    coordinator, address = site.stack.session("coordinator"), f"/trials/{small.CODE}/deliveries/"

    def waiting() -> list[str]:
        links = coordinator.get(address).text.split('href="/deliveries/')[1:]
        pages = {link.split('/"')[0] for link in links}
        return [page for page in pages if "/assign/" in coordinator.get(f"/deliveries/{page}/").text]

    wait_until(waiting)
    (delivery,) = waiting()
    page = f"/deliveries/{delivery}/"
    assert coordinator.post(f"{page}assign/", page=page, time_point=str(site.visit(1, "BL"))).ok
    return delivery


def _judge_pictures(analyst: Session, delivery: str) -> None:
    """Look at what waits of this delivery, and let none of it through."""
    rows = analyst.get(f"/trials/{small.CODE}/pictures/").text.split('href="/pictures/')[1:]
    waiting = [row.split("/")[0] for row in rows if delivery[:8] in row.split("</a>")[0]]
    assert waiting
    for review in waiting:
        page = f"/pictures/{review}/"
        seen = analyst.get(page).text.partition('name="seen"')[2].partition('value="')[2].partition('"')[0]
        analyst.sign(f"{page}decide/", page=page, verdict="refused", comment="not of this trial", seen=seen)


def _work(stack: Stack, time_points: list[int]) -> None:
    """What people do afterwards, so that every table and page has rows: verdict, measuring, reading, report."""
    analyst, coordinator, reader = (stack.session(name) for name in ("qc_analyst", "coordinator", "reader"))
    for time_point in time_points:
        page = f"/time-points/{time_point}/"
        seen = analyst.get(page).text.partition('name="seen"')[2].partition('value="')[2].partition('"')[0]
        analyst.sign(f"{page}decide/", page=page, verdict="accepted", comment="", seen=seen)
    # Two SEG and one RTSTRUCT.
    wait_until(lambda: _ended_measuring(stack.home) == 3, seconds=300, log=stack.log)
    reads = f"/trials/{small.CODE}/reads/"
    chosen = coordinator.get(reads).text.partition('name="reader"')[2].partition('<option value="')[2]
    chosen = chosen.partition('<option value="')[2] if chosen.startswith('"') else chosen
    assert coordinator.post(f"{reads}assign-all/", page=reads, reader=chosen.split('"')[0]).ok
    for case in {link.split('/"')[0] for link in reader.get("/reads/").text.split('action="/reads/')[1:]}:
        reader.post(f"/reads/{case.removesuffix('/open')}/open/", page="/reads/")
    reports = f"/trials/{small.CODE}/reports/"
    assert coordinator.post(f"{reports}build/", page=reports, cut_off=str(TODAY)).ok


def _look(stack: Stack, role: str, deliveries: dict[str, str]) -> dict[str, bytes]:
    """Everything this role can open by links, and the addresses of the deliveries whether linked or not."""
    session = stack.session(role)
    direct = [f"/api/trials/{small.CODE}/{part}/" for part in ("subjects", "time-points", "results")]
    for delivery in deliveries.values():
        direct += [f"/deliveries/{delivery}/{part}" for part in ("", "state/", "receipt/")]
        direct += [f"/api/deliveries/{delivery}/{part}" for part in ("", "pieces/", "receipt/")]
    seen = walk(session, "/", "/reads/", "/operator/", f"/trials/{small.CODE}/audit/", *direct)
    audit = f"/trials/{small.CODE}/audit/"
    return seen | {"export": session.post(f"{audit}export/", page=audit).content}


def _ended_measuring(home: Path) -> int:
    return _count(home, "SELECT count(*) FROM endpoints_segmentationrun WHERE state <> 'measuring'")


def _count(home: Path, question: str) -> int:
    """Ask the database beside the product."""
    with sqlite3.connect(f"file:{home / 'corelab.sqlite3'}?mode=ro", uri=True) as database:
        return int(database.execute(question).fetchone()[0])


def _play(stack: Stack, site: Site, watch: Watch, keys: tuple[bytes, ...]) -> Sent:
    deliveries = _send_everything(site)
    site.wait(*(deliveries[name] for name in ("whole", "refused", "two persons", "stored")))
    _judge_pictures(stack.session("qc_analyst"), deliveries["whole"])
    _work(stack, [site.visit(0, "BL"), site.visit(1, "BL")])
    page = f"/deliveries/{deliveries['two persons']}/"
    pages = {role: _look(stack, role, deliveries) for role in ROLES}
    site.send_into_a_fault(deliveries["never ended"])
    assert site.staff.post(f"{page}discard/", page=page, reason="sent by mistake").ok
    return Sent(
        stack=stack,
        hunt=Hunt.after(site.sender, secrets=(*keys, PASSWORD.encode())),
        word=site.sender.plants.words[0],
        originals=site.originals,
        states={name: site.told(delivery) for name, delivery in deliveries.items()},
        pages=pages,
        dump=stack.manage("dumpdata").stdout,
        passing=watch.end(),
        measured=_count(stack.home, "SELECT count(*) FROM endpoints_segmentation"),
        keys=keys,
    )


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    home, temporary = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("temporary")
    keys = secrets.token_bytes(32), secrets.token_bytes(32)
    session, wrapping = (base64.b64encode(key).decode() for key in keys)
    told = {"CORELAB_SECRET_KEY": session, "CORELAB_KEY_ENCRYPTION_KEY": wrapping, "TMPDIR": str(temporary)}
    prepared.lay(home, **told)
    stack = start(home, "--no-demo", password=PASSWORD, **told)
    watch = Watch(stack, temporary)
    try:
        small.seed(stack, number_of_subjects=3)
        watch.start()
        played = _play(stack, Site(stack, Sender(), tmp_path_factory.mktemp("site")), watch, keys)
    finally:
        stop(stack)
    return played


@pytest.mark.req("R-FLOW-04")
def test_the_search_finds_plants_in_all_that_was_sent_and_in_every_coding(sent: Sent, tmp_path: Path) -> None:
    assert len(sent.originals) > 20
    assert not [name for name, data in sent.originals.items() if not sent.hunt.found(data)]
    assert not [name for name in sent.originals if not sent.hunt.found(name.encode())]
    word, uid = sent.word, min(sent.hunt.uids)
    codings = [word.encode("utf-16-le"), base64.b64encode(b"xx" + word.encode()), b"ab" + zlib.compress(word.encode())]
    codings += [uid, "Günthersdöttir".encode(), b'"G\\u00fcnthersd\\u00f6ttir"', "勅使河原".encode("shift_jis")]
    codings += [planting.BIRTH.encode(), "てしがわら".encode(), *forms_of(sent.keys[0]), PASSWORD.encode()]
    for number, coded in enumerate(codings):
        (tmp_path / f"{number}.bin").write_bytes(b"\0\1" + coded + b"\xff")
    assert set(sent.hunt.in_files(tmp_path)) == {f"{number}.bin" for number in range(len(codings))}


@pytest.mark.req("R-FLOW-04")
def test_the_deliveries_took_the_roads_they_were_meant_to_take(sent: Sent) -> None:
    whole = sent.states["whole"]
    assert (whole["state"], whole["counts"]["filed"]) == ("checked", 12), whole
    assert {refusal["code"] for refusal in whole["refusals"]} >= {"not-dicom", "malformed", "pixels-refused"}, whole
    assert (sent.states["stored"]["state"], sent.states["stored"]["counts"]) == ("checked", {"filed": 5})
    assert sent.states["refused"]["state"] == "review"
    assert sent.states["two persons"]["state"] == "discarded"
    assert sent.states["never ended"]["state"] == "receiving"
    assert sent.measured >= 1


@pytest.mark.req("R-FLOW-04")
def test_nothing_planted_is_left_in_any_file_or_file_name_of_the_home(sent: Sent) -> None:
    files = [path for path in sent.stack.home.rglob("*") if path.is_file()]
    assert {"archive", "quarantine", "reports", "run.log"} <= {
        path.relative_to(sent.stack.home).parts[0] for path in files
    }
    assert sent.hunt.in_files(sent.stack.home) == {}


@pytest.mark.req("R-FLOW-04")
def test_nothing_planted_is_in_a_dump_of_the_database(sent: Sent) -> None:
    for model in ("imaging.incomingfile", "imaging.instance", "endpoints.segmentation", "endpoints.read"):
        assert model in sent.dump
    assert sent.hunt.found(sent.dump.encode()) == set()


@pytest.mark.req("R-FLOW-04")
def test_the_roles_saw_deliveries_pictures_findings_and_reports(sent: Sent) -> None:
    """What the search below goes through is not empty."""
    whole, stored = (sent.states[name]["id"] for name in ("whole", "stored"))
    for role in ("coordinator", "site_staff", "qc_analyst", "data_protection_officer"):
        assert sent.pages[role][f"/api/deliveries/{whole}/receipt/"].count(b'"filed_sha256"') == 12
        assert b"HTML" in sent.pages[role][f"/deliveries/{stored}/receipt/"].upper()
    for role in ("coordinator", "site_staff", "qc_analyst", "monitor", "reader"):
        assert [page for page in sent.pages[role].values() if b"\x89PNG" in page], role
    for role in ("coordinator", "monitor", "data_protection_officer"):
        assert b"scan.filed" in sent.pages[role]["export"]
    assert _report(sent).startswith(b"%PDF")


def _report(sent: Sent) -> bytes:
    (page,) = [page for address, page in sent.pages["coordinator"].items() if address.endswith("report.pdf")]
    return page[page.index(b"%PDF") :]


@pytest.mark.req("R-FLOW-04")
def test_nothing_planted_is_printed_in_the_report(sent: Sent, tmp_path: Path) -> None:
    text = text_of(_report(sent), tmp_path)
    assert small.CODE in text
    assert sent.hunt.found(text.encode()) == set()


@pytest.mark.req("R-FLOW-04")
@pytest.mark.parametrize("role", ROLES)
def test_nothing_planted_is_on_any_page_or_in_any_answer_of_a_role(sent: Sent, role: str) -> None:
    pages = sent.pages[role]
    assert len(pages) > 20
    assert {address: found for address, page in pages.items() if (found := sent.hunt.found(page))} == {}


@pytest.mark.req("R-FLOW-05")
def test_nothing_planted_lay_in_a_file_that_a_process_wrote_or_held_elsewhere(sent: Sent) -> None:
    """The worker's pool shares a little memory through deleted files, and the file broker takes a message from there."""
    assert found_in(sent, sent.passing.files) == {}
    known = re.compile(r"/pymp-|/\d+_[0-9a-f-]{36}\.\w+\.msg( \(deleted\))?$")
    assert not [place for place in sent.passing.files if not known.search(place)]


def found_in(sent: Sent, places: dict[str, bytes]) -> dict[str, set[bytes]]:
    return {place: found for place, content in places.items() if (found := sent.hunt.found(content))}


@pytest.mark.req("R-SEC-12", "R-SEC-16")
def test_no_job_carries_more_than_an_id_of_ours(sent: Sent) -> None:
    bodies = [view for message in sent.passing.messages.values() for view in views(message)]
    assert [body for body in bodies if b"imaging.tasks.advance" in body], "jobs were seen while they waited"
    assert found_in(sent, sent.passing.messages) == {}


@pytest.mark.req("R-SEC-12", "R-SEC-16")
def test_no_command_line_names_a_person_or_holds_a_secret(sent: Sent) -> None:
    commands = sent.passing.commands
    for word in (b"serve", b"dicom_node", b"seal_audit", b"celery"):
        assert [command for command in commands.values() if word in command], word
    assert found_in(sent, commands) == {}


@pytest.mark.req("R-SEC-12", "R-SEC-14")
def test_the_log_of_a_run_with_faults_holds_whole_lines_and_no_address_that_was_asked_for(sent: Sent) -> None:
    lines = (sent.stack.home / "run.log").read_text().partition("Ctrl-C stops everything.\n")[2].splitlines()
    assert lines[-1] == "Corelab has stopped."
    logged = [line for line in lines if line not in FAREWELL]
    told = [json.loads(line) for line in logged]
    assert all(line.isascii() and line.isprintable() for line in logged)
    assert {"at", "level", "logger", "message"} <= set.intersection(*(set(one) for one in told))
    assert [one for one in told if one["logger"] == "django.request" and "error" in one], "the fault was logged"
    assert [one for one in told if one["logger"] == "corelab.dicom" and "error" in one], "and that of the DICOM door"
    assert not [line for line in logged if "/api/deliveries" in line or "GET /" in line or "POST /" in line]


@pytest.mark.req("R-SEC-10")
@pytest.mark.parametrize("role", ROLES)
def test_every_page_of_a_role_carries_the_strict_policy_and_nothing_that_needs_a_looser_one(
    sent: Sent, role: str
) -> None:
    pages = {address: page for address, page in sent.pages[role].items() if b"text/html" in page[:3000]}
    assert len(pages) > 10
    for address, page in pages.items():
        policy = re.search(rb"'Content-Security-Policy': \"([^\"]+)\"", page)
        assert policy, address
        # The page that cleans scans in a worker compiles WebAssembly.
        allowed = policy[1].replace(b" 'wasm-unsafe-eval'", b"") if "/send/" in address else policy[1]
        assert b"unsafe" not in allowed, address
        assert b"default-src 'self'" in policy[1], address
        if not address.startswith("/operator/"):
            assert INLINE.search(page) is None, address


@pytest.mark.req("R-SEC-15")
def test_files_are_handed_out_under_names_of_ours(sent: Sent) -> None:
    named = re.compile(rb"filename=\\?\"?([^\"'\\]+)")
    names = {name for pages in sent.pages.values() for page in pages.values() for name in named.findall(page[:3000])}
    assert names
    ours = re.compile(rb"NORDA-(?:report-\d+|profile-\d+|audit)\.(?:pdf|json|csv|jsonl)|corelab-root\.pem")
    assert {name for name in names if not ours.fullmatch(name)} == set()


@pytest.mark.req("R-SEC-16")
def test_keys_of_the_environment_are_written_nowhere_and_those_in_files_only_there(sent: Sent) -> None:
    """The home, dump, pages, jobs and command lines are searched for them above; here are the keys made in files."""
    folder = sent.stack.home / "keys"
    assert not (folder / "session.key").exists()
    held = [path for path in folder.rglob("*") if path.is_file()]
    assert held
    assert {oct(path.stat().st_mode & 0o777) for path in held if path.suffix in (".key", ".pem")} <= {"0o600"}
    made = (folder / "seal.key").read_bytes().strip()
    hunt = Hunt(frozenset(), frozenset(), frozenset(), frozenset(forms_of(base64.b64decode(made)) | {made}))
    assert hunt.in_files(sent.stack.home) == {"keys/seal.key": hunt.found(made)}
    assert hunt.found(sent.dump.encode()) == set()


@contextmanager
def process_that_holds(content: bytes, home: Path, temporary: Path) -> Iterator[None]:
    """A child of the installation in `home` with `content` in its arguments and in a deleted file that it keeps open."""
    program = "import os, sys, time; f = open(sys.argv[1], 'rb'); os.unlink(sys.argv[1]); print('ready', flush=True)"
    with tempfile.NamedTemporaryFile(dir=temporary, delete=False) as file:
        file.write(content)
    command = [sys.executable, "-c", f"{program}; time.sleep(60)", file.name, content.decode()]
    environment = os.environ | {"CORELAB_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


@pytest.mark.req("R-SEC-13")
def test_the_watch_finds_a_plant_in_each_place_where_none_was_found_above(sent: Sent, tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    (home / "broker").mkdir(parents=True)
    temporary.mkdir()
    job = json.dumps({"body": base64.b64encode(json.dumps([sent.word]).encode()).decode()})
    (home / "broker" / "1_road.msg").write_text(job)
    (home / "run.log").write_text(f'{{"message": "Not Found: /{sent.word}/"}}\n')
    (home / f"{sent.word}.part").write_bytes(b"")
    watch = Watch(Stack("", 0, home, None, home / "run.log"), temporary)  # type: ignore[arg-type]  # only the home is asked
    with process_that_holds(sent.word.encode(), home, temporary):
        watch.start()
        wait_until(lambda: watch.seen.files and watch.seen.commands and watch.seen.messages)
        seen = watch.end()
    for places in (seen.files, seen.commands, seen.messages):
        assert {word for found in found_in(sent, places).values() for word in found} == {sent.word.lower().encode()}
    assert set(sent.hunt.in_files(home)) == {"broker/1_road.msg", "run.log", f"{sent.word}.part"}
    assert sent.hunt.found(sent.dump.replace("NORDA", sent.word, 1).encode()) == {sent.word.lower().encode()}


@pytest.mark.req("R-SEC-13")
def test_chance_writes_no_plant_into_sealed_or_compressed_bytes(sent: Sent) -> None:
    noise = secrets.token_bytes(8 * 1024 * 1024)
    packed = zlib.compress(base64.b64encode(noise))
    assert sent.hunt.found(noise + packed) == set()
    assert min(map(len, sent.hunt.foreign | sent.hunt.secrets)) >= 8
    middle = len(noise) // 2
    assert sent.hunt.found(noise[:middle] + sent.word.encode() + noise[middle:]) == {sent.word.lower().encode()}
