"""Everything is killed at random moments while senders store; then every acknowledged object is asked for.

`-m benchmarks.kills [ROUNDS]` (`make soak`) does it on SQLite and files, then on a PostgreSQL and a Redis of its own,
and writes docs/validation/reliability.md. The seed is printed: `-m benchmarks.kills 60 1234` chooses the same moments.
"""

import os
import platform
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from tests.faults import lab as product  # noqa: E402  Django must be set up before
from tests.faults.lab import NODE, WEB, WORKER, Count, Lab  # noqa: E402
from tests.faults.load import Ledger, Load, wait_for_more  # noqa: E402
from tests.stack import wait_until  # noqa: E402

PAGE = Path(__file__).parents[1] / "docs" / "validation" / "reliability.md"
# Between two kills. Each child lives long enough not to be taken for one that dies at once.
PAUSES = (1.0, 6.0)
DICOM_SENDERS, WEB_SENDERS, NAMED_EVERY = 3, 1, 50
# Seconds between two objects of a sender: at full speed the road would need hours for what hundreds of rounds leave it.
REST = 0.1
# So long the road may need for what it was left with.
ROAD_SECONDS = 900.0


@dataclass(slots=True)
class Outcome:
    """What was done, what was acknowledged, and what was found of it afterwards."""

    ledger: Ledger = field(default_factory=Ledger)
    kills: dict[str, int] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    restart: float = 0.0
    road: float = 0.0
    load: float = 0.0
    lost: int = 0
    count: Count = field(default_factory=lambda: Count(0, 0, 0, 0))

    def note(self, name: str, seconds: float) -> None:
        self.kills[name] = self.kills.get(name, 0) + 1
        self.slowest[name] = max(self.slowest.get(name, 0.0), seconds)

    @property
    def is_well(self) -> bool:
        return not self.lost and not self.count.orphans and self.count.files == self.count.told


def wounds(lab: Lab, ledger: Ledger) -> dict[str, Callable[[], float]]:
    """What is done to the product, by name; each returns the seconds until it serves again."""
    found: dict[str, Callable[[], float]] = {
        "node": lambda: lab.fell(NODE),
        "web": lambda: lab.fell(WEB),
        "worker": lambda: lab.fell(WORKER),
    }
    if lab.database and lab.broker:
        database, broker = lab.database, lab.broker
        found |= {
            "database": lambda: _again(database.kill, database.rise, lab, ledger),
            "broker": lambda: _again(broker.kill, broker.rise, lab, ledger),
            "broker flushed": lambda: _again(broker.flush, lambda: None, lab, ledger),
        }
    return found


def _again(hurt: Callable[[], None], mend: Callable[[], None], lab: Lab, ledger: Ledger) -> float:
    """Hurt a server; return the seconds from its return to the next acknowledged object."""
    hurt()
    time.sleep(1)
    mend()
    begun = time.monotonic()
    wait_for_more(lab, ledger)
    return time.monotonic() - begun


def run(*, with_servers: bool, rounds: int, seed: int) -> Outcome:
    outcome, chosen = Outcome(), random.Random(seed)  # noqa: S311  moments, no secrets
    with product.founded(with_servers=with_servers, environment={}) as lab:
        senders = {"over_dicom": DICOM_SENDERS, "over_web": WEB_SENDERS}
        load = Load(lab, outcome.ledger, **senders, named_every=NAMED_EVERY, rest=REST)
        with load.running():
            ways = wounds(lab, outcome.ledger)
            for number in range(rounds):
                time.sleep(chosen.uniform(*PAUSES))
                name = list(ways)[number % len(ways)]
                outcome.note(name, ways[name]())
                print(f"  {number + 1}/{rounds} {name}, {len(outcome.ledger.acknowledged)} acknowledged", flush=True)
            wait_for_more(lab, outcome.ledger)
            lab.cut_power()
        begun = time.monotonic()
        lab.start()
        outcome.restart = time.monotonic() - begun
        outcome.lost = len(lab.lacking(outcome.ledger.acknowledged))
        outcome.road = _ended(lab, begun)
        outcome.lost += len(lab.lacking(outcome.ledger.acknowledged))
        outcome.count, outcome.load = lab.count(), os.getloadavg()[2]
    return outcome


def _ended(lab: Lab, begun: float) -> float:
    """Wait until no delivery stands or is on its way; return the seconds since the start."""
    wait_until(lambda: lab.count().standing == 0, seconds=ROAD_SECONDS)
    return time.monotonic() - begun


def report(outcomes: dict[str, Outcome], command: str) -> str:
    """Return the page of figures."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {system}, nice {os.nice(0)}"
    lines = [
        "# Reliability",
        "",
        f"Written by `{command}` (`make soak`) on {datetime.now(UTC):%Y-%m-%d}, {machine}.",
        "",
        f"A SIGKILL in turns, at random moments, while {DICOM_SENDERS} senders store over DICOM and {WEB_SENDERS} over",
        f"DICOMweb, each resting {REST} s after each request; at the end everything is killed at once and started",
        "again. Then every acknowledged object is asked for by storage commitment, which reads it back whole: at once,",
        "and again when the road had ended.",
        "Seconds are the worst: of a child from its kill until it serves, of a server from its return to the next",
        f"acknowledged object. One of {NAMED_EVERY} requests over DICOMweb goes down the whole road.",
        "",
        "| figure | " + " | ".join(outcomes) + " |",
        "|---" * (len(outcomes) + 1) + "|",
    ]
    rows = [_figures(outcome) for outcome in outcomes.values()]
    names = dict.fromkeys(name for row in rows for name in row)
    lines += [f"| {name} | " + " | ".join(row.get(name, "–") for row in rows) + " |" for name in names]
    return "\n".join(lines) + "\n"


def _figures(outcome: Outcome) -> dict[str, str]:
    count = outcome.count
    found = {
        "objects sent": outcome.ledger.sent,
        "acknowledged": len(outcome.ledger.acknowledged),
        "**acknowledged and lost**": outcome.lost,
        "recorded": count.files,
        "recorded without an event of the trail": count.files - count.told,
        "files that no row names, once it was started and the road had ended": count.orphans,
    }
    told = {name: str(value) for name, value in found.items()}
    for name, number in outcome.kills.items():
        told[f"{name}: times, worst seconds"] = f"{number}, {outcome.slowest[name]:.1f}"
    return told | {
        "all at once: seconds until the page answers": f"{outcome.restart:.1f}",
        "seconds from that start until no delivery stood or was on its way": f"{outcome.road:.0f}",
        "load of the machine in the last quarter of an hour": f"{outcome.load:.1f}",
    }


def main(words: list[str]) -> int:
    rounds = int(words[0]) if words else 60
    seed = int(words[1]) if len(words) > 1 else int(time.time())
    outcomes = {}
    for name, with_servers in (("SQLite, files", False), ("PostgreSQL, Redis", True)):
        print(f"{name}, seed {seed}", flush=True)
        outcomes[name] = run(with_servers=with_servers, rounds=rounds, seed=seed)
        print(_figures(outcomes[name]), flush=True)
    PAGE.write_text(report(outcomes, f"python -m benchmarks.kills {rounds} {seed}"), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return int(not all(outcome.is_well for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
