"""Every object that the tests of the whole engine run over: made by code, bundled with pydicom, examples, planted."""

import functools
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from pydicom.data import get_testdata_files

from deid.examples import Example, example
from tests.deid import builders, planting
from tests.deid.corpus import corpus

MADE: dict[str, Callable[[], bytes]] = {
    "CT": lambda: planting.encode(builders.ct()),
    "MR": lambda: planting.encode(builders.mr()),
    "PT": lambda: planting.encode(builders.pet()),
    "RTSTRUCT": lambda: planting.encode(builders.structures()),
    "SR": lambda: planting.encode(builders.report()),
    "SEG": lambda: planting.encode(builders.segmentation([builders.ct(index) for index in range(2)])),
    "PR": lambda: planting.encode(builders.presentation_state([builders.ct()])),
    "enhanced": lambda: planting.encode(builders.enhanced([builders.ct(index) for index in range(2)])),
}
BUNDLED = {Path(path).name: Path(path) for path in map(str, get_testdata_files()) if Path(path).is_file()}


@functools.cache
def everything() -> dict[str, bytes]:
    """Return all of them by name, the same ones in every run; of the planted ones, which are alike, each fifth."""
    return {
        **{name: make() for name, make in MADE.items()},
        **{name: path.read_bytes() for name, path in BUNDLED.items()},
        **{f"example {kind}": example(kind) for kind in Example},
        **{f"planted {index} {one.name}": one.data for index, one in islice(enumerate(corpus()), 0, None, 5)},
    }
