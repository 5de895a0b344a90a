"""The fixed cast and the shared stage: every test that needs people, a trial or a database takes them from here."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests import matrix
from tests.cast import _own_events_can_be_sealed, _somebody_acts, cast, django_db_setup  # noqa: F401  fixtures
from tests.imaging.scans import filed  # noqa: F401  a fixture
from tests.roles import owner  # noqa: F401  a fixture
from tests.stack import stack  # noqa: F401  a fixture

# Playwright's loop would make Django refuse the database to tests that run after a browser test.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# Speed is measured by benchmarks; a busy machine fails no test.
settings.register_profile("corelab", deadline=None)
settings.load_profile("corelab")

# Which rooms share a running product: two, so that two processes have one each and end together.
RUNNING = {"browser": "browser", "flows": "machines", "wire": "machines"}
_matrix = matrix.Matrix()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", type=Path, help="write requirement, tests and result into this file")
    parser.addoption("--only-database", action="store_true", help="run only tests that use the test database")


def pytest_itemcollected(item: pytest.Item) -> None:
    matrix.mark(item)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships its types without a marker
    """A process holds the running product for all tests of a share; what computes goes beside it, file by file."""

    def _split_scope(self, nodeid: str) -> str:
        room, _, rest = nodeid.removeprefix("tests/").partition("/")
        return RUNNING[room] if rest and room in RUNNING else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    # In the order of collection, which is below.
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # What takes longest comes first, so that no process waits for another at the end.
    items.sort(key=_turn)
    if not config.getoption("--only-database"):
        return
    chosen = [item for item in items if _uses_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _matrix.note(report)


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--matrix")
    if path and not hasattr(session.config, "workerinput"):
        _matrix.write(path)


def _turn(item: pytest.Item) -> int:
    room, _, rest = item.nodeid.removeprefix("tests/").partition("/")
    return 2 if rest and room not in RUNNING else 1 if not rest else 0


def _uses_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or "db" in getattr(item, "fixturenames", ())
