"""Servers and programs that some tests need: skipped with a line that says what to install, or failed on demand."""

import os
import shutil

import pytest

REQUIRED = os.environ.get("CORELAB_REQUIRE_SERVICES") == "1"


def lacking(sentence: str) -> None:
    """Skip, or fail where CORELAB_REQUIRE_SERVICES=1 says that everything must be there."""
    if REQUIRED:
        pytest.fail(f"{sentence} (CORELAB_REQUIRE_SERVICES=1 allows no skip)")
    pytest.skip(sentence)


def need_program(name: str, package: str) -> str:
    """The program's path, or a skip that names its Debian package."""
    path = shutil.which(name)
    if path is None:
        lacking(f"{name} is not installed: apt-get install {package}")
    return str(path)
