"""What the cases of `benchmarks.cases` came to: right answers, seconds, and the memory of the product meanwhile."""

import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# So long an answer may take.
SECONDS = 15.0


@dataclass(slots=True)
class Figures:
    """What is counted: cases, right answers, the slowest, and how much any process grew."""

    cases: int = 0
    wrong: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")

    def note(self, name: str, answer: str, seconds: float, faults: Iterable[str]) -> None:
        self.cases += 1
        self.answers[answer] += 1
        self.slowest = max(self.slowest, (seconds, name))
        found = [*faults, *([f"{seconds:.1f} s"] if seconds > SECONDS else [])]
        if found:
            self.wrong.append(f"{name}: {answer}: {', '.join(found)}")

    def tell(self, title: str, grown: float) -> None:
        right = self.cases - len(self.wrong)
        seconds, name = self.slowest
        print(
            f"{title}: {right} of {self.cases} right; slowest {seconds:.1f} s ({name}); grew by {grown:.0f} MiB at most"
        )
        print(f"  {dict(self.answers.most_common())}")
        for line in self.wrong:
            print(f"  WRONG {line}")


class Scales(threading.Thread):
    """How much the processes of the product hold, looked at ten times a second; begins with the first look at each."""

    def __init__(self, supervisor: int) -> None:
        super().__init__(daemon=True)
        self.supervisor, self.ends = supervisor, threading.Event()
        self.first: dict[int, float] = {}
        self.most: dict[int, float] = {}

    def run(self) -> None:
        while not self.ends.wait(0.1):
            for process in _family(self.supervisor):
                with suppress(OSError, ValueError):
                    held = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 2**20
                    self.first.setdefault(process, held)
                    self.most[process] = max(self.most.get(process, 0.0), held)

    @property
    def grown(self) -> float:
        return max((most - self.first[process] for process, most in self.most.items()), default=0.0)


def _family(first: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {first}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)
