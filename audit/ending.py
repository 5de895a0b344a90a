"""Being told to stop by SIGTERM or SIGINT, in programs that have threads."""

import math
import signal
import time

# How late it may be noticed.
_LOOK_SECONDS = 0.2


class Ending:
    """Whether this process was told to stop; made by its main thread.

    A flag that is looked at, and no threading.Event. Of two signals at once (Ctrl-C or a service manager reaches every
    process, and whoever started them tells them again) the kernel may give both to a thread that runs no handlers, and
    a main thread that waits without a limit then sleeps on; and Event.set must not be called within itself.
    """

    def __init__(self) -> None:
        self.is_told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def wait(self, seconds: float = math.inf) -> None:
        """Return once told to stop, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while not self.is_told and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))

    def _tell(self, *_signal: object) -> None:
        self.is_told = True
