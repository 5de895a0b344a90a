"""The fixed cast and the shared stage: every test that needs people, a trial or a database takes them from here."""

import contextlib
import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import translation
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from config.tongues import LANGUAGE_CODE
from tests import matrix, prepared
from tests.cast import _own_events_can_be_sealed, _somebody_acts, cast, django_db_setup  # noqa: F401  fixtures
from tests.imaging.scans import filed  # noqa: F401  a fixture
from tests.prepared import stack  # noqa: F401  a fixture
from tests.roles import owner  # noqa: F401  a fixture

# Playwright's loop would make Django refuse the database to tests that run after a browser test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Speed is measured by benchmarks; a busy machine fails no test.
settings.register_profile("corelab", deadline=None)
settings.load_profile("corelab")

# Which rooms share a running product, so that one process holds it: browsers one, machines another, faults a third.
SHARES = {"browser": "browser", "flows": "machines", "wire": "machines", "faults": "faults"}
# What is there without it: each of these files may go to any process.
ALONE = (
    "flows/test_equipping.py",
    "flows/test_gate.py",
    "flows/test_logs.py",
    "flows/test_planted.py",
    "flows/test_production_profile.py",
    "flows/test_real_scans.py",
    "flows/test_supervision.py",
    "wire/test_dicom_dcmtk.py",
    "wire/test_dicom_limits.py",
    "wire/test_dicom_messages.py",
    "wire/test_dicom_tls.py",
)
# What takes minutes begins first, so that no process waits for another at the end; what computes goes beside it.
TURNS = ("browser", "machines", "flows/test_planted.py", "faults", "flows/", "wire/", "test_")
# What the second run, on PostgreSQL, leaves out.
ON_SQLITE = ("without_fences", "any_engine")
# New objects before somebody looks for garbage among them.
GARBAGE = 50_000
_matrix = matrix.Matrix()


def pytest_configure(config: pytest.Config) -> None:
    # Many tests wait for a running product, so we give way to it; each of its processes is a session of its own.
    _give_way(5)
    config.add_cleanup(lambda: _give_way(0))
    # What one process of a run makes for all of them lies here; the first one names it and clears it away.
    if prepared.SHARED not in os.environ:
        shared = tempfile.TemporaryDirectory(prefix="corelab-suite-")
        os.environ[prepared.SHARED] = shared.name
        config.add_cleanup(shared.cleanup)


def _give_way(niceness: int) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Migrate nothing in memory: the databases are there, as the prepared home has them, before Django looks."""
    if connection.vendor != "sqlite":
        yield
        return
    with prepared.in_memory():
        yield


@pytest.fixture(autouse=True)
def _english_is_spoken() -> None:
    """Begin in the language of the sources: a thread speaks the language of the last page that it made."""
    translation.activate(LANGUAGE_CODE)


@pytest.fixture(autouse=True)
def _no_erasure_but_its_own(settings: Any, tmp_path: Path) -> None:
    """Let no test find the tombstones of another, whose database is gone."""
    settings.ERASURES_FILE = tmp_path / "outside" / "erasures.jsonl"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", type=Path, help="write requirement, tests and result into this file")
    parser.addoption("--only-database", action="store_true", help="run only tests that use the test database")


def pytest_itemcollected(item: pytest.Item) -> None:
    matrix.mark(item)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships its types without a marker
    """A process holds the running product for all tests of a share; what computes goes beside it, file by file."""

    def _split_scope(self, nodeid: str) -> str:
        return _share(nodeid.removeprefix("tests/")) or nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    # In the order of collection, which is below.
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_turn)
    if not config.getoption("--only-database"):
        return
    chosen = [item for item in items if _uses_database(item) and not any(map(item.get_closest_marker, ON_SQLITE))]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_collection_finish() -> None:
    # Some hundred thousand objects of modules never die: whoever looks for garbage need not look at them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 50)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _matrix.note(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--matrix")
    if path and not hasattr(session.config, "workerinput"):
        _matrix.write(path)


def _share(place: str) -> str:
    """The share of a test, "" for one that may go anywhere."""
    return "" if place.startswith(ALONE) else SHARES.get(place.partition("/")[0], "")


def _turn(item: pytest.Item) -> int:
    place = item.nodeid.removeprefix("tests/")
    begins = _share(place) or place
    return next((turn for turn, word in enumerate(TURNS) if begins.startswith(word)), len(TURNS))


def _uses_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or "db" in getattr(item, "fixturenames", ())
