"""Each trial's de-identification key, wrapped by the installation's key: a database dump alone opens nothing."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings

from trials.models import Subject, Trial


def new_wrapped_key() -> bytes:
    return aes_key_wrap(_wrapping_key(), secrets.token_bytes(32))


def trial_key(trial: Trial) -> bytes:
    """32 bytes: UIDs, day shifts and identity tokens of this trial hang on it."""
    return aes_key_unwrap(_wrapping_key(), bytes(trial.wrapped_key))


def read_code(trial: Trial, subject: Subject) -> str:
    """Return what a blinded reader sees instead of the subject: keyed, so that reader and sponsor cannot join files."""
    digest = hmac.new(trial_key(trial), b"reader:" + subject.code.encode(), hashlib.sha256).hexdigest()
    return f"CASE-{digest[:8].upper()}"


def _wrapping_key() -> bytes:
    # Its own key for each use: the quarantine wraps under another name.
    return hmac.new(settings.KEY_ENCRYPTION_KEY, b"trial-keys", hashlib.sha256).digest()
