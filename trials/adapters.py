"""What allauth keeps of ours: secrets of second factors, sealed so that a dump of the database opens none of them."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_LABEL = b"corelab second factor 1"
_KEY_SIZE = 32
_NONCE_SIZE = 12
_HOLDER: ContextVar[str] = ContextVar("corelab_secret_holder", default="")


class SecretUnreadable(ValueError):
    """A sealed secret was changed, belongs to another holder, or was sealed under another key."""


def seal(text: str, *, holder: str) -> str:
    """Return the text under AES-256-GCM, bound to its holder: in another's row it opens as little as when changed."""
    nonce = os.urandom(_NONCE_SIZE)
    sealed = AESGCM(_key()).encrypt(nonce, text.encode(), _bound_to(holder))
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, *, holder: str) -> str:
    """Return the text again. Raises SecretUnreadable."""
    try:
        raw = base64.b64decode(sealed, altchars=b"-_", validate=True)
        text = AESGCM(_key()).decrypt(raw[:_NONCE_SIZE], raw[_NONCE_SIZE:], _bound_to(holder))
    except (InvalidTag, ValueError):
        # The cause would carry nothing that helps, and may carry what was stored.
        raise SecretUnreadable("a sealed secret does not open") from None
    return text.decode()


def _bound_to(holder: str) -> bytes:
    if not holder:
        raise SecretUnreadable("a sealed secret has a holder: name it with `held_by`")
    return _LABEL + b":" + holder.encode()


def _key() -> bytes:
    # Its own key for each use, as in trials.keys.
    return HKDF(SHA256(), length=_KEY_SIZE, salt=None, info=_LABEL).derive(settings.KEY_ENCRYPTION_KEY)


@contextmanager
def held_by(holder: str) -> Iterator[None]:
    """Name whose secret allauth seals and opens inside the block; outside of any block it can do neither."""
    token = _HOLDER.set(holder)
    try:
        yield
    finally:
        _HOLDER.reset(token)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    """allauth's own adapter stores the secrets in clear."""

    def encrypt(self, text: str) -> str:
        return seal(text, holder=_HOLDER.get())

    def decrypt(self, encrypted_text: str) -> str:
        """Open what `encrypt` sealed. Raises SecretUnreadable."""
        return unseal(encrypted_text, holder=_HOLDER.get())

    def get_totp_label(self, user: Any) -> str:
        """Return what an app shows beside the code: the account's name, never an e-mail address."""
        return str(user.get_username())
