"""A real report of twelve pages, the authority of an installation that does not exist, and the sealed file."""

import datetime as dt
import json
import subprocess
from pathlib import Path

import pytest

from reports.authority import Authority, open_authority
from reports.document import render
from reports.seal import seal
from tests.reports import samples
from tests.services import need_program

ORIGIN = "lab.example/1"
REASON = "Released imaging report."


def report(subjects: int = 32) -> bytes:
    return render(samples.contents(subjects), contents_sha256="e" * 64, signature=samples.RELEASE)


def trail() -> bytes:
    """A stand-in for the trail that is attached, in size and in how badly it compresses."""
    events = [{"id": number, "leaf": f"{number:064x}", "digest": ("%x" % (7**number))[:64]} for number in range(60)]
    return json.dumps(events).encode()


def told_by_pdfsig(pdf: bytes, folder: Path, *options: str) -> str:
    """Return what pdfsig, a tool that is not ours, says of the file."""
    path = folder / "sealed.pdf"
    path.write_bytes(pdf)
    command = [need_program("pdfsig", "poppler-utils"), *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(name="authority", scope="session")
def authority_fixture(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return open_authority(tmp_path_factory.mktemp("keys"), origin=ORIGIN, at=now())


@pytest.fixture(name="plain", scope="session")
def plain_fixture() -> bytes:
    return report()


@pytest.fixture(name="sealed", scope="session")
def sealed_fixture(authority: Authority, plain: bytes) -> bytes:
    return seal(plain, authority=authority, attachments={"audit.json": trail()}, at=now(), reason=REASON)
