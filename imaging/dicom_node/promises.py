"""Requests for storage commitment answered and not reported yet: sealed on disk, since a node may be killed.

A request names objects as their site does, which stands in no table of ours (decision 0032): here it lies under a key
of this installation, and goes with its report.
"""

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from imaging.quarantine import Claim, is_claimed
from imaging.services.committing import Named
from imaging.vault.writing import TEMPORARY_PREFIX, DurableFolder

log = logging.getLogger("corelab.dicom")

_NONCE = 12
_folder = DurableFolder(depth=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a sender asked, and where that lies until it was told."""

    ae_title: str
    transaction: str
    named: tuple[Named, ...]
    path: Path
    claim: Claim

    def end(self) -> None:
        """The sender was told, or cannot be."""
        self.path.unlink(missing_ok=True)
        self.claim.end()


def keep(*, ae_title: str, transaction: str, named: Sequence[Named]) -> Promise:
    """Return once the request survives a power cut. Raises OSError."""
    path, nonce = settings.PROMISES_ROOT / secrets.token_hex(16), secrets.token_bytes(_NONCE)
    told = [ae_title, transaction, [[one.sop_class, one.instance] for one in named]]
    settings.PROMISES_ROOT.mkdir(mode=0o700, exist_ok=True)
    _folder.write(path, nonce, _cipher().encrypt(nonce, json.dumps(told).encode(), path.name.encode()))
    return Promise(ae_title=ae_title, transaction=transaction, named=tuple(named), path=path, claim=Claim(path))


def places() -> list[Path]:
    """Where something lies: what was there before a node listens is not its own."""
    return sorted(settings.PROMISES_ROOT.iterdir()) if settings.PROMISES_ROOT.is_dir() else []


def left(found: Iterable[Path]) -> Iterator[Promise]:
    """Give what a killed node owes, of what lies at these places; what another node is about is not among them."""
    for path in found:
        if path.name.startswith(TEMPORARY_PREFIX):
            path.unlink(missing_ok=True)
        elif not is_claimed(path) and (promise := _opened(path)):
            yield promise


def _opened(path: Path) -> Promise | None:
    sealed = path.read_bytes()
    try:
        plain = _cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], path.name.encode())
    except (InvalidTag, ValueError):
        log.error("what a sender was promised cannot be read any more")  # noqa: TRY400  the line says all
        return None
    ae_title, transaction, named = json.loads(plain)
    objects = tuple(Named(sop_class=sop_class, instance=instance) for sop_class, instance in named)
    return Promise(ae_title=ae_title, transaction=transaction, named=objects, path=path, claim=Claim(path))


def _cipher() -> AESGCM:
    return AESGCM(hmac.new(settings.KEY_ENCRYPTION_KEY, b"promises", hashlib.sha256).digest())
