"""The installation's one vault, opened with the installation's key."""

import fcntl
import functools
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings

from imaging.models import IncomingFile, Submission
from imaging.vault import PART_SIZE, SealedReader, Sealer, Stage, Vault


@functools.cache
def vault() -> Vault:
    # Its own key for each use: trial keys are wrapped under another name.
    key = hmac.new(settings.KEY_ENCRYPTION_KEY, b"quarantine", hashlib.sha256).digest()
    return Vault(settings.QUARANTINE_ROOT, key)


@contextmanager
def held(submission: Submission) -> Iterator[None]:
    """Let one request at a time write pieces of a delivery, so that none is judged while another replaces it."""
    settings.QUARANTINE_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.QUARANTINE_ROOT / f"{submission.pk}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def destroy(submission: Submission) -> None:
    """Remove everything of a delivery from the quarantine; nothing there is no error."""
    vault().destroy(str(submission.pk))
    (settings.QUARANTINE_ROOT / f"{submission.pk}.lock").unlink(missing_ok=True)


def sealer(submission: Submission) -> Sealer:
    """What seals the files of a delivery that has one writer, one after another as they are received."""
    return vault().sealer(submission=str(submission.pk), wrapped_key=bytes(submission.wrapped_key))


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
