"""Processor seconds of one deed against those of a floor or a peer in the same run: ratios outlive machines."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rival:
    """A floor nobody gets under, or a peer that does the same work another way."""

    name: str
    deed: Callable[[], object]


def seconds_of(deed: Callable[[], object], *, turns: int) -> float:
    """Return the processor seconds of the quickest of `turns` turns, so that a busy machine disturbs least."""
    return min(_turn(deed) for _ in range(turns))


def _turn(deed: Callable[[], object]) -> float:
    start = time.process_time()
    deed()
    return time.process_time() - start


def compare(name: str, deed: Callable[[], object], *rivals: Rival, turns: int = 5) -> None:
    """Print the time of `deed` and how many times each rival's it takes; below 1 it is the quicker."""
    ours = seconds_of(deed, turns=turns)
    print(f"{name}: {ours * 1000:.3g} ms")
    for rival in rivals:
        theirs = seconds_of(rival.deed, turns=turns)
        print(f"  {ours / theirs:8.2f} x {rival.name} ({theirs * 1000:.3g} ms)")
