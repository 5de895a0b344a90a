"""Ids under which one holder of a permit knows subjects: keyed by permit, so that no two can join what they hold."""

from privacy.models import Permit
from trials import keys
from trials.models import Subject
from trials.pseudonyms import recipient_id


def new_wrapped_key() -> bytes:
    return keys.new_wrapped_key(keys.Use.PERMIT)


def id_of(permit: Permit, subject: Subject) -> str:
    """Return the id. The primary key it is made from never leaves this installation, unlike the code."""
    return recipient_id(key=keys.unwrapped(permit.wrapped_key, keys.Use.PERMIT), internal_id=str(subject.pk))
