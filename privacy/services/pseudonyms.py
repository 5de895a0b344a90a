"""Ids under which one holder of a permit knows subjects: keyed by permit, so that no two can join what they hold."""

import base64
import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings

from privacy.models import Permit
from trials.models import Subject

# 80 bits: two subjects of a trial meet in one id about never.
_BYTES = 10


def new_wrapped_key() -> bytes:
    return aes_key_wrap(_wrapping_key(), secrets.token_bytes(32))


def id_of(permit: Permit, subject: Subject) -> str:
    """Return the id. The primary key it is made from never leaves this installation, unlike the code."""
    key = aes_key_unwrap(_wrapping_key(), bytes(permit.wrapped_key))
    digest = hmac.new(key, f"subject:{subject.pk}".encode(), hashlib.sha256).digest()
    return f"P-{base64.b32encode(digest[:_BYTES]).decode()}"


def _wrapping_key() -> bytes:
    # Its own key for each use.
    return hmac.new(settings.KEY_ENCRYPTION_KEY, b"permit-keys", hashlib.sha256).digest()
