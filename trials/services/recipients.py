"""Who knows a subject by which name: each recipient by ids of its own, blinded readers by case codes."""

from collections.abc import Iterable

from django.db import transaction

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.keys import Use, new_wrapped_key, recipient_key, trial_key
from trials.models import Recipient, Subject, Trial
from trials.pseudonyms import reader_code, recipient_id
from trials.roles import Act


@transaction.atomic
def add(*, by: Actor, trial: Trial, kind: Recipient.Kind, name: str) -> Recipient:
    """Add a recipient with a random key of its own. Raises ValidationError where the trial has one of that name."""
    by = access.require(by, Act.SECONDARY_EXPORT, trial)
    recipient = Recipient(trial=trial, kind=kind, name=name.strip(), wrapped_key=new_wrapped_key(Use.RECIPIENT))
    recipient.full_clean()
    recipient.save()
    after = {"kind": kind, "name": recipient.name}
    record(by=by, act="recipient.added", obj=recipient, trial_code=trial.code, after=after)
    return recipient


def ids_of(recipient: Recipient, subjects: Iterable[Subject]) -> dict[int, str]:
    """Return the ids under which the recipient knows these subjects, by primary key.

    Raises ValueError where a subject is of another trial than the recipient.
    """
    key = recipient_key(recipient)
    return {subject.pk: _id(recipient, subject, key) for subject in subjects}


def id_of(recipient: Recipient, subject: Subject) -> str:
    """Return the id under which the recipient knows the subject. Raises ValueError as `ids_of`."""
    return ids_of(recipient, [subject])[subject.pk]


def _id(recipient: Recipient, subject: Subject, key: bytes) -> str:
    if subject.trial_site.trial_id != recipient.trial_id:
        raise ValueError("a recipient knows the subjects of its own trial alone")
    # The primary key never leaves this installation, unlike the code, which the sponsor has.
    return recipient_id(key=key, internal_id=str(subject.pk))


def read_code(trial: Trial, subject: Subject) -> str:
    """Return what a blinded reader of the trial sees instead of the subject."""
    return reader_code(key=trial_key(trial), subject_code=subject.code)
