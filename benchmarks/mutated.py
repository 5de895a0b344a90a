"""Two thousand damaged objects and all hostile ones through the engine, each in a child: `-m benchmarks.mutated`."""

import sys
from collections import Counter

from benchmarks.deid import KEY, TRIAL
from tests.deid import mutants

COUNT = 2_000
SEED = 5


def judge_all(count: int) -> int:
    """Print each verdict that must not be, and how all ended; return how many must not be."""
    answers: Counter[str] = Counter()
    slowest = largest = 0.0
    bad = 0
    for inputs in (mutants.mutants(count, seed=SEED), mutants.hostile()):
        for name, data in inputs:
            verdict = mutants.judge(data, key=KEY, trial=TRIAL)
            answers[verdict.answer] += 1
            slowest, largest = max(slowest, verdict.seconds), max(largest, verdict.mebibytes)
            if verdict.answer not in {"clean", "refused"} or verdict.mebibytes >= mutants.MIB:
                bad += 1
                print(f"{name}: {verdict}")
    print(f"{dict(answers)}; slowest {slowest:.1f} s, most additional memory {largest:.0f} MiB, {bad} must not be")
    return bad


if __name__ == "__main__":
    sys.exit(1 if judge_all(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT) else 0)
