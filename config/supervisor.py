"""One command, five children: web, worker with beat, measurer, DICOM node, sealer; a killed child comes back."""

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.conf import settings

from config import child as wrapper
from identity.switch import without_credentials

log = logging.getLogger("corelab.supervisor")

STOP_SECONDS = 20.0
# Somebody waits for a page or a sender's answer; nobody counts the seconds of filing, fewer still those of measuring.
FILING, MEASURING = 5, 10
# On two cores five starting children would hold the page up; those that give way anyway come a moment later.
LATER_SECONDS = 3.0
# Whoever lived is brought back at once; a child that dies at once, again and again, must not eat the machine.
RESTART_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0)
HEALTHY_SECONDS = 10.0
WEB, NODE, SEALER = "web", "dicom", "sealer"
# Each association has threads of its own, and each thread would keep an arena of memory to itself, though one of them
# works at a time. What is free at the end of the heap goes back to the kernel.
NODE_MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}


@dataclass(slots=True)
class Child:
    """A process in a group of its own, so that its children go with it."""

    name: str
    command: list[str]
    niceness: int = 0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    falls: int = 0
    due: float = field(default=0.0)

    def start(self) -> None:
        told = [str(os.getpid()), str(self.niceness)]
        wrapped = [sys.executable, "-I", str(Path(wrapper.__file__)), *told, *self.command]
        self.process = subprocess.Popen(wrapped, start_new_session=True, env=_environment_of(self.name))  # noqa: S603  our own commands
        self.started = time.monotonic()

    def signal_group(self, number: int) -> None:
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    def is_down(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def note_fall(self) -> None:
        """Sweep what the dead process left in its group, and wait longer after each quick fall."""
        self.signal_group(signal.SIGKILL)
        self.falls = 0 if time.monotonic() - self.started > HEALTHY_SECONDS else self.falls + 1
        self.due = time.monotonic() + RESTART_PAUSES[min(self.falls, len(RESTART_PAUSES) - 1)]
        self.process = None


def _environment_of(name: str) -> dict[str, str]:
    """Tell a child the password of its own database role alone, and pages alone what opens the vault of identities."""
    foreign = {"CORELAB_DATABASE_ADMIN_URL", "CORELAB_DATABASE_OWNER_URL", "CORELAB_DATABASE_INSPECTOR_URL"}
    if name != SEALER:
        foreign.add("CORELAB_DATABASE_SEALER_URL")
    told = dict(os.environ) if name == WEB else without_credentials(os.environ)
    if name == NODE:
        told = NODE_MEMORY | told
    return {variable: value for variable, value in told.items() if variable not in foreign}


def children() -> list[Child]:
    python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
    celery = [python, "-m", "celery", "-q", "-A", "config", "worker", "-l", "WARNING", "--without-gossip"]
    road = ["-n", "road@%h", "-Q", settings.CELERY_TASK_DEFAULT_QUEUE, "-c", "2"]
    measure = ["-n", "measure@%h", "-Q", settings.MEASURE_QUEUE, "-c", "1"]
    schedule = ["-B", "-s", str(settings.HOME / "beat-schedule")]
    return [
        Child(WEB, [python, manage, "serve"]),
        Child("worker", [*celery, *road, *schedule], niceness=FILING),
        # Measuring may take minutes; a delivery must never wait behind it.
        Child("measurer", [*celery, *measure], niceness=MEASURING),
        Child(NODE, [python, manage, "dicom_node"]),
        Child(SEALER, [python, manage, "seal_audit", "--every", str(settings.SEAL_SECONDS)], niceness=FILING),
    ]


def end_signals() -> list[signal.Signals]:
    """Every signal that means "stop"; a closed terminal does not where `nohup` asked for it."""
    ends = [signal.SIGINT, signal.SIGTERM]
    return ends if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*ends, signal.SIGHUP]


class Supervisor:
    """Keeps the children alive until it is told to stop."""

    def __init__(self, family: list[Child]) -> None:
        self.family = family
        self.stopping = False

    def wake(self) -> None:
        """Start those that somebody waits for: they load their code while what they serve is still being prepared."""
        for child in self.family:
            if not child.niceness:
                child.start()

    def start(self) -> None:
        for number in end_signals():
            signal.signal(number, self._stop)
        for child in self.family:
            child.due = time.monotonic() + (LATER_SECONDS if child.niceness else 0.0)
        self.tend()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def watch(self) -> None:
        """Return once stopped; every child has then ended."""
        while not self.stopping:
            self.tend()
            time.sleep(0.2)
        self.end()

    def tend(self) -> None:
        """Bring back who fell; to be called again and again."""
        for child in self.family:
            self._tend(child)

    def _tend(self, child: Child) -> None:
        if child.process is not None and child.is_down():
            log.warning("%s ended and is started again", child.name)
            child.note_fall()
        if child.process is None and time.monotonic() >= child.due:
            child.start()

    def end(self) -> None:
        for child in self.family:
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and not all(child.is_down() for child in self.family):
            time.sleep(0.1)
        for child in self.family:
            child.signal_group(signal.SIGKILL)
