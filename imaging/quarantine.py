"""The installation's one vault, opened with the installation's key."""

import functools
import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings

from imaging.models import IncomingFile
from imaging.vault import PART_SIZE, SealedReader, Stage, Vault

if TYPE_CHECKING:
    from collections.abc import Sequence


@functools.cache
def vault() -> Vault:
    # Its own key for each use: trial keys are wrapped under another name.
    key = hmac.new(settings.KEY_ENCRYPTION_KEY, b"quarantine", hashlib.sha256).digest()
    return Vault(settings.QUARANTINE_ROOT, key)


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
