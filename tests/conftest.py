"""The fixed cast and the shared stage: every test that needs people, a trial or a database takes them from here."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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

TESTS = Path(__file__).parent
RUNNING = {"browser", "flows", "wire"}
_matrix = matrix.Matrix()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", type=Path, help="write requirement, tests and result into this file")
    parser.addoption("--only-database", action="store_true", help="run only tests that use the test database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        matrix.mark(item)
        if item.path.relative_to(TESTS).parts[0] in RUNNING:
            # One process holds the running product for all of them; what computes goes beside it.
            item.add_marker(pytest.mark.xdist_group("running"))
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


def _uses_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or "db" in getattr(item, "fixturenames", ())
