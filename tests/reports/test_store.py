"""The report files: named by their hash, closed to others, never handed out damaged."""

import hashlib
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from reports import store


@pytest.fixture(autouse=True)
def _root(settings: Settings, tmp_path: Path) -> None:
    settings.REPORTS_ROOT = tmp_path / "reports"


@pytest.mark.req("R-REP-14")
def test_a_file_is_named_by_its_hash_and_closed_to_others() -> None:
    sha256 = store.keep(b"%PDF")
    assert sha256 == hashlib.sha256(b"%PDF").hexdigest()
    assert store.path_of(sha256).stat().st_mode & 0o777 == 0o600
    assert store.path_of(sha256).parent.stat().st_mode & 0o777 == 0o700
    assert store.load(sha256) == b"%PDF"
    assert [path.name for path in store.path_of(sha256).parent.iterdir()] == [f"{sha256}.pdf"]


@pytest.mark.req("R-REP-14")
def test_a_changed_or_missing_file_is_never_handed_out() -> None:
    sha256 = store.keep(b"%PDF")
    store.path_of(sha256).write_bytes(b"%PDG")
    with pytest.raises(store.DamagedReportError, match="changed on disk"):
        store.load(sha256)
    store.path_of(sha256).unlink()
    with pytest.raises(store.DamagedReportError, match="missing"):
        store.load(sha256)
    assert store.keep(b"%PDF") == sha256
    assert store.load(sha256) == b"%PDF"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64])
def test_what_is_no_hash_never_becomes_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        store.path_of(name)
