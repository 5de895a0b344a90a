"""Several processes of one program, parted before it has threads: none outlives the first, nor it any of them."""

import gc
import logging
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import connections

from config import child

log = logging.getLogger("corelab.processes")


@dataclass(slots=True)
class Family:
    """What one of the processes knows: its number, and as the first its children."""

    number: int = 0
    children: list[int] = field(default_factory=list)
    _is_ending: bool = False
    _watchers: list[threading.Thread] = field(default_factory=list)

    def watch(self) -> None:
        """End all at once when a child ends that nobody ended: half of a program must not pass for the whole."""
        for process in self.children:
            self._watchers.append(threading.Thread(target=self._wait, args=(process,), daemon=True))
            self._watchers[-1].start()

    def _wait(self, process: int) -> None:
        os.waitpid(process, 0)
        if not self._is_ending:
            log.error("a process of this program has ended, and the others with it: start it again")
            # The kernel ends the other children (config.child), and whoever started this process starts it again.
            os._exit(1)

    def end(self) -> None:
        """Tell the children to stop, as this process was told; each ends what it is about."""
        self._is_ending = True
        for process in self.children:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

    def join(self) -> None:
        """Wait for the children: they would not outlive this process."""
        for watcher in self._watchers:
            watcher.join()


def part(count: int) -> Family:
    """Become so many processes; each is told which it is. No connection to a database is carried over."""
    connections.close_all()
    # What was made so far is everybody's, and stays where it is.
    gc.freeze()
    first, family = os.getpid(), Family()
    for number in range(1, count):
        process = os.fork()
        if not process:
            child.die_with(first, by=signal.SIGKILL)
            return Family(number=number)
        family.children.append(process)
    return family
