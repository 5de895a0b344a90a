"""A loop of ultrasound frames under a still banner, through the finder of text: `-m benchmarks.loops [FRAMES]`."""

import io
import random
import resource
import sys
import time

import numpy as np
from pydicom import dcmwrite

from benchmarks.burned import Frame, make_frames, to_dataset
from benchmarks.pixels import is_hidden
from deid.burned.looking import Eyes
from deid.burned.reader import rapid_reader
from deid.burned.treatment import treat
from deid.engine import read_source
from deid.person import person_of
from deid.risk import Look

_SEED = 7


def make_loop(frames: int, *, seed: int = _SEED) -> tuple[Frame, bytes]:
    """Return the first frame and a file of a loop in which the grain of the tissue changes from frame to frame."""
    first = next(each for each in make_frames(30, seed=seed) if each.kind == "US")
    noise = np.random.default_rng(random.Random(seed).randrange(1 << 32))  # noqa: S311  pictures, no secrets
    tissue = (first.picture > 0) & ~_inked(first)
    loop = np.repeat(first.picture[None], frames, axis=0)
    for picture in loop[1:]:
        grain = noise.rayleigh(1.0, picture.shape) / 1.25
        picture[tissue] = (picture * grain).clip(1, 255).astype(np.uint8)[tissue]
    dataset = to_dataset(first)
    dataset.NumberOfFrames, dataset.PixelData = frames, loop.tobytes()
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return first, buffer.getvalue()


def _inked(frame: Frame) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    inked = np.zeros(frame.picture.shape[:2], bool)
    for word in frame.planted:
        left, top, right, bottom = word.ink
        inked[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4] = True
    return inked


def main() -> None:
    count = int([*sys.argv, "100"][1])
    first, data = make_loop(count)
    reader, source = rapid_reader(), read_source(data)
    begun = time.process_time()
    treated = treat(source, who=Look.MACHINE, eyes=Eyes(reader=reader, person=person_of(source.item)))
    seconds = time.process_time() - begun
    rows, columns = first.picture.shape[:2]
    hidden = sum(is_hidden(word, treated) for word in first.planted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} frames of {columns} x {rows}: {seconds:.0f} CPU s, {seconds / count:.2f} a frame")
    print(f"peak memory {peak:.0f} MB")
    print(f"{hidden} of {len(first.planted)} words hidden; doubts: {', '.join(treated.doubts) or 'none'}")


if __name__ == "__main__":
    main()
