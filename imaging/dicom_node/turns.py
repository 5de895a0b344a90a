"""One line of a process works at a time: an interpreter serves one anyway, and hands itself over at every call.

So an object is not interrupted a hundred times by the others, and who records can wait for all that are at work.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turn:
    """Held by the thread of a line while it works, left wherever it may have to wait; given in the order of asking."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._holder = 0
        self._waiting: deque[tuple[int, threading.Lock]] = deque()
        # Who waits for the disk, and comes again at once.
        self._away = 0
        self._quiet = threading.Event()
        self._quiet.set()

    def take(self) -> None:
        """Wait until it is this thread's turn."""
        me, opened = threading.get_ident(), threading.Lock()
        with self._mutex:
            if not self._holder:
                self._holder = me
                self._quiet.clear()
                return
            opened.acquire()
            self._waiting.append((me, opened))
        opened.acquire()

    def leave(self) -> None:
        """Hand the turn to whoever asked first; raises nothing, and is for its holder alone."""
        with self._mutex:
            if self._waiting:
                self._holder, opened = self._waiting.popleft()
                opened.release()
            else:
                self._holder = 0
                self._tell_if_quiet()

    def give_way(self) -> None:
        """Let those who wait go first."""
        if self._waiting:
            with self.left():
                pass

    @contextmanager
    def left(self) -> Iterator[None]:
        """Let others work meanwhile; a thread that is no line's has no turn to leave."""
        if self._holder != threading.get_ident():
            yield
            return
        self.leave()
        try:
            yield
        finally:
            self.take()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let others work while the disk is waited for: as long as somebody is away it is not quiet."""
        with self._mutex:
            self._away += 1
            self._quiet.clear()
        try:
            with self.left():
                yield
        finally:
            with self._mutex:
                self._away -= 1
                self._tell_if_quiet()

    def _tell_if_quiet(self) -> None:
        if not self._holder and not self._away:
            self._quiet.set()

    def wait_until_quiet(self, seconds: float) -> None:
        """Return once no line works, would, or waits for the disk, or after so many seconds."""
        self._quiet.wait(seconds)


TURN = Turn()
