"""A real home, really copied, really restored: what was erased since the copy does not come back."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import prepared
from tests.stack import ROOT, environment_of, free_port

# Sets the cast on a stage of its own and files one scan; told as JSON on the last line.
STAGE = """
import json, django
django.setup()
from audit.context import acting
from tests.cast import _set_stage
from tests.people import STAGE, STAGE_REASON
from tests.imaging.scans import baseline_of, ct_series, drive, send
from imaging.models import Instance
with acting(STAGE, reason=STAGE_REASON):
    cast = _set_stage()
    filed = drive(send(cast.alba, baseline_of(cast), ct_series()))
    other = send(cast.alba, cast.subject_a.time_points.get(scheduled__code="FU1"), ct_series(seed="two"))
    cast.subject_a.refresh_from_db()
    told = {
        "code": cast.subject_a.code,
        "token": cast.subject_a.person_token,
        "waiting": str(other.pk),
        "images": list(Instance.objects.values_list("sha256", flat=True)),
    }
print(json.dumps(told))
"""
# Two people erase, images and all: a law demands it.
ERASE = """
import sys, django
django.setup()
from audit.context import acting
from privacy.models import Erasure
from tests.people import STAGE
from tests.privacy.conftest import confirm, decide, wish
from tests.privacy.leaving import leave
from trials.models import Subject, User
people = {user.username: user for user in User.objects.all()}
with acting(STAGE, reason="a test"):
    subject = Subject.objects.get(code=sys.argv[1])
    leave(subject)
with acting(STAGE, reason="a test"):
    asked = wish(level=Erasure.Level.EVERYTHING, ground=Erasure.Ground.LEGAL_DUTY)
    erasure = decide(people["dora"], subject.trial_site.trial, subject, asked)
with acting(STAGE, reason="a test"):
    confirm(people["clara"], erasure)
"""
ASK = """
import json, sys, django
django.setup()
from audit.selectors import Wanted, trial_events
from privacy.models import Erasure, Tombstone
from imaging.models import Submission
from trials.models import Subject
subject = Subject.objects.get(code=sys.argv[1])
print(json.dumps({
    "token": subject.person_token,
    "keys": [len(bytes(one.wrapped_key)) for one in Submission.objects.filter(time_point__subject=subject)],
    "tombstones": Tombstone.objects.count(),
    "done": Erasure.objects.filter(state="done").count(),
    "acts": list(trial_events(trial_code="TUNDRA", wanted=Wanted(act="erasure.reapplied")).values_list("actor_id", flat=True)),
}))
"""


class House:
    """A home with commands of its own; the file of erasures lies outside of it."""

    def __init__(self, folder: Path) -> None:
        self.home, self.outside = folder / "home", folder / "outside" / "erasures.jsonl"
        self.home.mkdir()
        self.port = free_port()

    def environment(self) -> dict[str, str]:
        told = environment_of(self.home, CORELAB_ERASURES=str(self.outside), CORELAB_PORT=str(self.port))
        return told | {"DJANGO_SETTINGS_MODULE": "config.settings"}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False, timeout=240
        )

    def tell(self, script: str, *words: str) -> Any:
        done = self.run("-c", script, *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    def stored(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.is_file()]

    def pulse(self) -> int:
        """What the web server of this home answers when asked whether it is well; 0 where nobody listens."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as line:
            try:
                line.request("GET", "/healthz", headers={"Host": "localhost"})
                return line.getresponse().status
            except OSError:
                return 0

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, dict[str, Any]]:
    """A home that was copied, then had a subject erased, and then was put back from the copy."""
    folder = tmp_path_factory.mktemp("house")
    house = House(folder)
    prepared.lay(house.home)
    told = house.tell(STAGE)
    shutil.copytree(house.home, folder / "backup")
    house.tell(ERASE, told["code"])
    told["after"] = house.tell(ASK, told["code"])
    told["left"] = [path.name for path in house.stored() if path.name in told["images"]]
    token = told["token"].encode()
    told["with_token"] = [path.name for path in house.stored() if token in path.read_bytes()]
    shutil.rmtree(house.home)
    shutil.copytree(folder / "backup", house.home)
    return house, told


@pytest.mark.req("R-PRIV-05")
def test_after_an_erasure_neither_images_nor_tokens_are_in_any_file_of_the_home_the_database_included(
    restored: tuple[House, dict[str, Any]],
) -> None:
    _house, told = restored
    assert told["left"] == []
    assert told["with_token"] == []
    assert told["after"]["token"] == ""
    assert set(told["after"]["keys"]) == {0}


@pytest.mark.req("R-PRIV-08")
def test_a_restored_backup_serves_nothing_before_its_erasures_are_carried_out_again(
    restored: tuple[House, dict[str, Any]],
) -> None:
    house, told = restored
    before = house.tell(ASK, told["code"])
    assert (before["token"], before["tombstones"]) == (told["token"], 0)
    worker = ("-m", "celery", "-q", "-A", "config", "worker", "-c", "1")
    for command in (("manage.py", "serve"), ("manage.py", "dicom_node"), worker):
        refused = house.run(*command)
        assert refused.returncode != 0, command
        assert "reapply_erasures" in refused.stderr
        assert not house.is_listening()
    again = house.run("manage.py", "reapply_erasures")
    assert "1 erasures were carried out again" in again.stdout, again.stderr
    after = house.tell(ASK, told["code"])
    assert (after["token"], after["tombstones"], after["done"]) == ("", 1, 1)
    assert set(after["keys"]) == {0}
    assert after["acts"] == ["machine:erasures"]
    names = {path.name for path in house.stored()}
    assert not names & set(told["images"])
    assert not (house.home / "quarantine" / told["waiting"]).exists()
    assert "0 erasures" in house.run("manage.py", "reapply_erasures").stdout
    server = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=house.environment())
    try:
        deadline = time.monotonic() + 60
        while (status := house.pulse()) == 0 and time.monotonic() < deadline:
            time.sleep(0.3)
        assert status == 200
        # Somebody puts a backup under the running server: it says so itself.
        line = json.loads(house.outside.read_text().splitlines()[0])
        assert line["tombstone"]["subjects"] == [told["code"]]
        house.outside.write_text(house.outside.read_text().replace(told["code"], "0000-0000"))
        assert house.pulse() == 503
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.req("R-PRIV-08")
def test_an_archive_that_comes_back_alone_loses_the_erased_images_again(
    restored: tuple[House, dict[str, Any]], tmp_path: Path
) -> None:
    house, told = restored
    backup = house.home.parent / "backup" / "archive"
    house.outside.unlink()
    assert house.run("manage.py", "reapply_erasures").returncode == 0
    assert house.outside.stat().st_mode & 0o077 == 0, "the file is written anew from the database"
    shutil.copytree(backup, house.home / "archive", dirs_exist_ok=True)
    assert {path.name for path in house.stored()} & set(told["images"])
    again = house.run("manage.py", "reapply_erasures")
    assert "1 erasures were carried out again" in again.stdout, again.stderr
    assert not {path.name for path in house.stored()} & set(told["images"])
