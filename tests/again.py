"""`python -m tests.again WORDS…`: pytest with these words; what failed of running programs is asked once more, alone.

A browser, a foreign peer and a killed process share two cores with everything else: a test of them may fail for want of
a second (decision 0047). Both outcomes are printed, and what fails twice fails. A test of our own code is never asked
again, and neither is more than a few: that is a fault, not a crowd.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

# Here tests wait for processes that they do not hold.
RUNNING = ("tests/browser/", "tests/faults/", "tests/flows/", "tests/wire/")
AT_MOST = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failed-into", type=Path, help="write the names of the tests that failed into this file")


class Failures:
    """Notes each failed test of a run, those of other processes too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._names[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        self._path.write_text("\n".join(self._names), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--failed-into")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Failures(path))


def may_be_asked_again(failed: Sequence[str]) -> bool:
    """Whether these are few, and all of them tests of running programs."""
    return 0 < len(failed) <= AT_MOST and all(name.startswith(RUNNING) for name in failed)


def run(words: Sequence[str], *, environment: dict[str, str] | None = None) -> int:
    """Return pytest's exit code: that of the second asking where there was one."""
    with tempfile.TemporaryDirectory(prefix="corelab-again-") as folder:
        path = Path(folder) / "failed"
        command = [sys.executable, "-m", "pytest", "-p", "tests.again"]
        code = subprocess.run([*command, "--failed-into", str(path), *words], env=environment, check=False).returncode
        failed = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if code != pytest.ExitCode.TESTS_FAILED or not may_be_asked_again(failed):
        return code
    _say("failed beside others, asked once more alone", failed)
    code = subprocess.run([*command, *failed], env=environment, check=False).returncode
    _say("failed twice" if code else "FAILED ONCE and passed alone: look whether it only wanted time", failed)
    return code


def _say(what: str, names: Sequence[str]) -> None:
    print(f"\n{what}:", *names, sep="\n  ", flush=True)  # noqa: T201  for the person at the terminal


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
