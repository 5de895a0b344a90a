"""One line of a process works at a time: an interpreter serves one anyway, and hands itself over at every call.

So an object is not interrupted a hundred times by the others, and who records can wait for all that are at work.
"""

import threading
from collections import deque


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

    def is_mine(self) -> bool:
        """Whether the thread that asks holds the turn; one that is no line's never does."""
        return self._holder == threading.get_ident()

    def left(self) -> "Left":
        """Let others work for a block; a thread that has no turn leaves none."""
        return Left(self)

    def away(self) -> "Away":
        """Let others work while the disk is waited for: as long as somebody is away it is not quiet."""
        return Away(self)

    def go(self) -> None:
        """Count one more who waits for the disk."""
        with self._mutex:
            self._away += 1
            self._quiet.clear()

    def come_back(self) -> None:
        """Count one less."""
        with self._mutex:
            self._away -= 1
            self._tell_if_quiet()

    def _tell_if_quiet(self) -> None:
        if not self._holder and not self._away:
            self._quiet.set()

    def wait_until_quiet(self, seconds: float) -> None:
        """Return once no line works, would, or waits for the disk, or after so many seconds."""
        self._quiet.wait(seconds)


class Left:
    """A block out of the turn. A class: as a generator it cost three times as much, six times an object."""

    __slots__ = ("_is_mine", "_turn")

    def __init__(self, turn: Turn) -> None:
        self._turn, self._is_mine = turn, turn.is_mine()

    def __enter__(self) -> None:
        if self._is_mine:
            self._turn.leave()

    def __exit__(self, *_failure: object) -> None:
        if self._is_mine:
            self._turn.take()


class Away(Left):
    """A block at the disk."""

    __slots__ = ()

    def __enter__(self) -> None:
        self._turn.go()
        super().__enter__()

    def __exit__(self, *failure: object) -> None:
        super().__exit__(*failure)
        self._turn.come_back()


TURN = Turn()
