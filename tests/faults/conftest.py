"""One running product for all faults, on a small disk and on servers of its own: each test leaves it serving."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import disk, lab
from tests.faults.lab import Lab

# Room for the product's own files, for what the tests send, and for little more.
MEGABYTES = 160
# What is kept free of new images, in megabytes: a real disk has more.
RESERVE = 16


@pytest.fixture(scope="session")
def small_disk() -> Iterator[tuple[Path, bool]]:
    """A folder, and whether it is a disk of its own that may be filled."""
    with (
        tempfile.TemporaryDirectory(prefix="corelab-disk-") as folder,
        disk.small(Path(folder), megabytes=MEGABYTES) as is_own,
    ):
        yield Path(folder), is_own


@pytest.fixture(scope="session")
def hurt(small_disk: tuple[Path, bool]) -> Iterator[Lab]:
    """The product that the faults happen to."""
    environment = {"CORELAB_RESERVE": str(RESERVE)}
    with lab.founded(with_servers=True, environment=environment, home=small_disk[0]) as running:
        yield running
