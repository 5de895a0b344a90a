"""Burned-in words hidden on generated frames, and what it costs: `-m benchmarks.pixels [FRAMES] [SEED]`."""

import io
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom import dcmwrite

from benchmarks.burned import Frame, Planted, make_frames, to_dataset
from deid.burned.looking import Eyes
from deid.burned.reader import rapid_reader
from deid.burned.treatment import Treated, treat
from deid.engine import read_source
from deid.person import person_of
from deid.risk import Look

# A word is hidden when so much of its ink is.
_HIDDEN = 0.97


@dataclass(slots=True)
class Score:
    """Words by kind of frame, frames by verdict, and frames that went on unreviewed with a word still in them."""

    words: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    blanked: float = 0.0

    def add(self, frame: Frame, treated: Treated) -> None:
        seen = [word for word in frame.planted if not is_hidden(word, treated)]
        self.words[frame.kind] += len(frame.planted)
        self.hidden[frame.kind] += len(frame.planted) - len(seen)
        self.verdicts["clean" if treated.is_certain else "+".join(treated.doubts)] += 1
        if seen and treated.is_certain:
            self.leaks.extend(f"{frame.kind}: {word.text}" for word in seen)

    @property
    def share(self) -> float:
        return sum(self.hidden.values()) / sum(self.words.values())


def treat_frame(frame: Frame) -> Treated:
    buffer = io.BytesIO()
    dcmwrite(buffer, to_dataset(frame), enforce_file_format=True)
    source = read_source(buffer.getvalue())
    return treat(source, who=Look.MACHINE, eyes=Eyes(reader=rapid_reader(), person=person_of(source.item)))


def is_hidden(word: Planted, treated: Treated) -> bool:
    left, top, right, bottom = word.ink
    covered = {
        (x, y)
        for box in treated.record.boxes
        for x in range(max(left, box.left), min(right, box.right))
        for y in range(max(top, box.top), min(bottom, box.bottom))
    }
    return len(covered) >= _HIDDEN * (right - left) * (bottom - top)


def score(frames: Iterator[Frame]) -> Score:
    told = Score()
    for frame in frames:
        begun = time.process_time()
        treated = treat_frame(frame)
        told.seconds += time.process_time() - begun
        told.add(frame, treated)
    return told


def main() -> None:
    count, seed = int([*sys.argv, "120"][1]), int([*sys.argv, "", "7"][2] or 7)
    rapid_reader()
    told = score(make_frames(count, seed=seed, with_system_fonts=True))
    for kind, words in sorted(told.words.items()):
        print(f"{kind}: {told.hidden[kind]} of {words} planted words hidden")
    print(f"all: {told.share:.2%} of {sum(told.words.values())}")
    print(f"verdicts: {dict(told.verdicts.most_common())}")
    print(f"gone on unreviewed with a word still readable: {len(told.leaks)} {told.leaks}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{told.seconds / count:.2f} CPU s a frame, both looks; peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
