"""A home that was made ready once in a run of the suite, and copied for whoever needs one with nobody in it.

Preparing takes longer than most tests, and the demo a minute more: that is kept too, for the shared running products.
Who proves how it is done starts from nothing: the run that makes the demo, the profiles on PostgreSQL, the tests of
migrations and of refused starts.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.stack import ROOT, Stack, environment_of, start, stop

# Named by the first process of a run, known to all of them.
SHARED = "TESTS_SHARED_FOLDER"
# As `manage.py run` does it, but that no vault is opened: it would be bound to a key.
_PREPARE = """
import django; django.setup()
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from config import words
from config.equipping import lay_out
call_command("migrate", verbosity=0, skip_checks=True)
call_command("migrate", "identity", database="identity", verbosity=0, skip_checks=True)
call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
lay_out(settings.BROWSER_ROOT)
words.compile_catalogs(settings.WORDS_ROOT, settings.LOCALE_PATHS[0])
# Nothing stays in a journal beside them.
connections.close_all()
"""
_VAULT = "identity"
# With the vault, which is off by default, so that its pages are looked at and its traces searched for too.
_DEMO = {"CORELAB_VAULT": "on"}
_KEYS = {"session.key": "CORELAB_SECRET_KEY", "quarantine.key": "CORELAB_KEY_ENCRYPTION_KEY"}


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """The path of this name in the folder of the whole run, while no other process of it is asked for the same."""
    folder = Path(os.environ[SHARED])
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


def home() -> Path:
    """The prepared home: made by whoever asks first."""
    with alone("home") as made:
        if not made.exists():
            _make(made)
    return made


def lay(target: Path, **environment: str) -> None:
    """Lay the prepared home out in an empty folder: what the environment does without is left out."""
    left_out = {name for name, variable in _KEYS.items() if variable in environment}
    if "CORELAB_VAULT" not in environment:
        left_out.add(_VAULT)
    shutil.copytree(home(), target, ignore=lambda _folder, names: left_out.intersection(names), dirs_exist_ok=True)


@contextmanager
def in_memory() -> Iterator[None]:
    """Fill the databases in memory with those of the prepared home; they stay while the block lasts."""
    files = {"default": home() / "corelab.sqlite3", "identity": home() / _VAULT / "vault.sqlite3"}
    with ExitStack() as held:
        for alias, file in files.items():
            # Others copy the folder meanwhile: nothing may come and go beside the file.
            with closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as source:
                # By the address that Django gives a test database in memory.
                memory = sqlite3.connect(f"file:memorydb_{alias}?mode=memory&cache=shared", uri=True)
                held.callback(memory.close)
                source.backup(memory)
        yield


def _make(target: Path) -> None:
    scratch = target.with_suffix(".scratch")
    scratch.mkdir(mode=0o700)
    told = environment_of(scratch, CORELAB_VAULT="on", DJANGO_SETTINGS_MODULE="config.settings")
    command = [sys.executable, "-c", _PREPARE]
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    scratch.rename(target)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The shared running product with the demo: one for each share of a run."""
    with tempfile.TemporaryDirectory(prefix="corelab-stack-") as folder:
        shutil.copytree(demo(), folder, dirs_exist_ok=True)
        running = start(Path(folder), **_DEMO)
        yield running
        stop(running)


def demo() -> Path:
    """A home with the demo: the first run in it began with nothing, and ended. Made by whoever asks first."""
    with alone("demo") as made:
        if not made.exists():
            # One of its own for each attempt: where one fails, the next share begins with nothing too.
            scratch = Path(tempfile.mkdtemp(prefix="demo-", dir=made.parent))
            stop(start(scratch, **_DEMO))
            scratch.rename(made)
    return made
