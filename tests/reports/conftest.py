"""A report on its way: built, released, sealed, with keys, checkpoints and files in places of their own."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from audit import sealing as trail
from reports.models import Report, SealedDocument
from reports.sealing import seal_report
from reports.services import build
from tests.cast import TODAY, Cast, actor_for
from tests.reports.rows import GROWN, HALVED, write_reads
from tests.signing import release


@pytest.fixture(autouse=True)
def _places(settings: Settings, tmp_path: Path) -> None:
    settings.REPORTS_ROOT = tmp_path / "reports"
    settings.KEYS = tmp_path / "keys"
    settings.SEAL_KEY_FILE = tmp_path / "keys" / "seal.key"
    settings.CHECKPOINT_FILE = tmp_path / "outside" / "checkpoints.jsonl"


@pytest.fixture
def built(cast: Cast) -> Report:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    write_reads(cast, cast.subject_b, reader=cast.reader, told=GROWN, best="PD")
    return build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY)


@pytest.fixture
def released(cast: Cast, built: Report) -> Report:
    return release(cast.coordinator, built)


@pytest.fixture
def document(released: Report) -> SealedDocument:
    """The sealed document of the released report."""
    trail.seal_all()
    made = seal_report(released)
    assert made is not None
    return made
