"""The keys of trials and of recipients, wrapped by the installation's key: a database dump alone opens nothing."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings

from trials.models import Recipient, Trial


def new_wrapped_key() -> bytes:
    return aes_key_wrap(_wrapping_key(), secrets.token_bytes(32))


def trial_key(trial: Trial) -> bytes:
    """32 bytes: UIDs, day shifts and identity tokens of this trial hang on it."""
    return aes_key_unwrap(_wrapping_key(), bytes(trial.wrapped_key))


def new_recipient_key() -> bytes:
    """Return a new key of a recipient, wrapped: its ids of subjects hang on it."""
    return aes_key_wrap(_wrapping_key(b"recipient-keys"), secrets.token_bytes(32))


def recipient_key(recipient: Recipient) -> bytes:
    return aes_key_unwrap(_wrapping_key(b"recipient-keys"), bytes(recipient.wrapped_key))


def _wrapping_key(use: bytes = b"trial-keys") -> bytes:
    # Its own key for each use: the quarantine wraps under another name.
    return hmac.new(settings.KEY_ENCRYPTION_KEY, use, hashlib.sha256).digest()
