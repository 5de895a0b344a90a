"""Keys of trials, recipients and permits, wrapped by the installation's key: a database dump alone opens nothing."""

import hashlib
import hmac
import secrets
from enum import Enum

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from django.conf import settings

from deid.keyed import keyed_digest
from trials.models import Recipient, Subject, Trial


class Use(Enum):
    """What a wrapped key is for: each use is wrapped under a key of its own, the quarantine's under yet another."""

    TRIAL = b"trial-keys"
    RECIPIENT = b"recipient-keys"
    PERMIT = b"permit-keys"


def new_wrapped_key(use: Use = Use.TRIAL) -> bytes:
    """Return 32 random bytes, wrapped (AES key wrap, RFC 3394)."""
    return aes_key_wrap(_wrapping_key(use), secrets.token_bytes(32))


def unwrapped(wrapped: bytes | memoryview, use: Use) -> bytes:
    """Return the 32 bytes. Raises InvalidUnwrap where they were changed, or wrapped for another use."""
    return aes_key_unwrap(_wrapping_key(use), bytes(wrapped))


def trial_key(trial: Trial) -> bytes:
    """32 bytes: all keyed things of this trial hang on it. It leaves the server for nobody."""
    return unwrapped(trial.wrapped_key, Use.TRIAL)


def cleaning_key(trial: Trial, *, subject_code: str) -> bytes:
    """32 bytes: UIDs and day shift of one subject's scans hang on it; a site that cleans them itself is given it.

    Trials older than keys by subject clean all under their own, which goes nowhere.
    """
    key = trial_key(trial)
    if trial.key_scheme == Trial.KeyScheme.PER_TRIAL:
        return key
    return keyed_digest(key=key, domain="subject", text=subject_code)


def common_key(subject: Subject) -> bytes:
    """32 bytes: by it every way tells whether a scan is of this subject's person; the site's browsers and gateways too.

    Nothing else hangs on it, no UID and no day, and it tells nothing of another subject's person.
    """
    return keyed_digest(key=trial_key(subject.trial_site.trial), domain="same-person", text=str(subject.pk))


def recipient_key(recipient: Recipient) -> bytes:
    """32 bytes: the recipient's ids of subjects hang on it."""
    return unwrapped(recipient.wrapped_key, Use.RECIPIENT)


def _wrapping_key(use: Use) -> bytes:
    return hmac.new(settings.KEY_ENCRYPTION_KEY, use.value, hashlib.sha256).digest()
