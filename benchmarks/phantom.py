"""Making the demo's scan of a hundred slices, against drawing its noise alone: `-m benchmarks.phantom`."""

import numpy as np

from benchmarks.stopwatch import Rival, compare
from config.demo.phantom import SUBJECTS, make_ct

SPEC = SUBJECTS[1].visits[0].spec


def draw_noise() -> None:
    shape = (SPEC.grid.slices, SPEC.grid.rows, SPEC.grid.columns)
    np.random.default_rng(SPEC.seed).standard_normal(shape, dtype=np.float32)


if __name__ == "__main__":
    compare(
        f"a scan of {SPEC.grid.slices} slices",
        lambda: make_ct(SPEC),
        Rival("numpy drawing its noise (floor)", draw_noise),
        turns=3,
    )
