"""The installation's one vault, opened with the installation's key."""

import fcntl
import functools
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from django.conf import settings

from imaging.models import IncomingFile, Submission
from imaging.vault import PART_SIZE, PlainPart, SealedReader, Sealer, Stage, Vault, Waiting

# In one delivery; members of its archives are numbered above.
MAXIMUM_FILES = 20_000


@functools.cache
def vault() -> Vault:
    # Its own key for each use: trial keys are wrapped under another name.
    key = hmac.new(settings.KEY_ENCRYPTION_KEY, b"quarantine", hashlib.sha256).digest()
    return Vault(settings.QUARANTINE_ROOT, key)


@contextmanager
def held(submission: Submission) -> Iterator[None]:
    """Let one request at a time write pieces of a delivery, so that none is judged while another replaces it."""
    with _place_of_lock(submission).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Claim:
    """Tells until it ends that a process still works on something; the kernel ends it with the process."""

    def __init__(self, path: Path) -> None:
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def end(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __del__(self) -> None:
        self.end()


def claim(submission: Submission) -> Claim:
    """Tell that the line is there which brings the files of a delivery."""
    return Claim(_place_of_lock(submission))


def is_on_line(submission: Submission) -> bool:
    """Whether the line that a delivery began with is still there."""
    return is_claimed(_place_of_lock(submission))


def is_claimed(path: Path) -> bool:
    """Whether a process lives that works on it."""
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _place_of_lock(submission: Submission) -> Path:
    settings.QUARANTINE_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(settings.QUARANTINE_ROOT) / f"{submission.pk}.lock"


def forget_unrecorded(submission: Submission) -> int:
    """Remove what was sealed and never recorded, so never acknowledged, of a delivery that takes no more files.

    Returns how many parts that were.
    """
    received = submission.files.filter(inside__isnull=True).values_list("number", "parts")
    parts = {number: len(sizes) for number, sizes in received}
    return vault().keep_received(str(submission.pk), parts=parts, below=MAXIMUM_FILES)


def destroy(submission: Submission) -> None:
    """Remove everything of a delivery from the quarantine; nothing there is no error."""
    vault().destroy(str(submission.pk))
    _place_of_lock(submission).unlink(missing_ok=True)


def sealer(submission: Submission, *, while_syncing: Waiting = nullcontext) -> Sealer:
    """What seals the files of a delivery that has one writer, one after another as they are received."""
    key = bytes(submission.wrapped_key)
    return vault().sealer(submission=str(submission.pk), wrapped_key=key, while_syncing=while_syncing)


def seal_whole(file: IncomingFile, data: bytes, *, stage: Stage) -> list[int]:
    """Seal `data` as the parts of `file` in `stage`; returns the parts' sizes."""
    submission = file.submission
    pieces = [data[start : start + PART_SIZE] for start in range(0, len(data), PART_SIZE)] or [b""]
    for part, piece in enumerate(pieces):
        vault().seal(
            submission=str(submission.pk),
            number=file.number,
            part=part,
            data=piece,
            wrapped_key=bytes(submission.wrapped_key),
            stage=stage,
        )
    return [len(piece) for piece in pieces]


def seal_again(files: Iterable[IncomingFile], *, into: Submission, tick: Callable[[], None]) -> None:
    """Seal what was received of files a second time, for another delivery; when this returns it survives a power cut.

    `tick` is called once for each file. Raises QuarantineDamaged and OSError.
    """
    sealing, waiting, size = sealer(into), list[PlainPart](), 0
    for file in files:
        for plain in _plain_parts(file):
            waiting.append(plain)
            size += len(plain.data)
            if size >= PART_SIZE:
                sealing.seal_all(waiting)
                waiting, size = [], 0
        tick()
    sealing.seal_all(waiting)


def _plain_parts(file: IncomingFile) -> Iterator[PlainPart]:
    with reader(file) as plain:
        for part, size in enumerate(file.parts):
            yield PlainPart(number=file.number, part=part, data=plain.read(size))


def reader(file: IncomingFile, *, stage: Stage = Stage.RECEIVED) -> SealedReader:
    """A seekable view of the plain bytes, decrypted as it is read; nothing plain touches a disk."""
    submission = file.submission
    parts: Sequence[int] = file.parts if stage is Stage.RECEIVED else file.cleaned_parts
    return vault().open(
        submission=str(submission.pk),
        number=file.number,
        parts=parts,
        wrapped_key=bytes(submission.wrapped_key),
        stage=stage,
    )


def read_whole(file: IncomingFile, *, stage: Stage = Stage.RECEIVED) -> bytes:
    with reader(file, stage=stage) as sealed:
        return sealed.read()
