"""Letters of non-repudiation: on file per organisation before anybody of it signs (21 CFR 11.100(c))."""

import datetime as dt
import hashlib

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.models import Letter
from audit.services import record


def named(organisation: str) -> str:
    """Return an organisation's name as it is compared: without spaces too many."""
    return " ".join(organisation.split())


def is_on_file(organisation: str) -> bool:
    """Whether people of the organisation may sign; never where the name is empty."""
    return bool(organisation) and Letter.objects.filter(organisation=organisation).exists()


def refuse(*, organisation: str, filed_on: dt.date) -> None:
    """Raise ValidationError: `filed` where the organisation has a letter on file, `future` for a day to come."""
    if filed_on > timezone.localdate():
        raise ValidationError(_("That day has not come yet. Nothing was recorded."), code="future")
    if is_on_file(named(organisation)):
        raise ValidationError(_("A letter of this organisation is on file already."), code="filed")


@transaction.atomic
def file_letter(*, by: Actor, organisation: str, filed_on: dt.date, document: bytes) -> Letter:
    """Record that an organisation's letter was sent and is kept; of the letter itself we keep the SHA-256.

    Raises ValidationError: `no-document`, and as `refuse`.
    """
    organisation = named(organisation)
    if not organisation or not document:
        raise ValidationError(_("Name the organisation and give its letter. Nothing was recorded."), code="no-document")
    refuse(organisation=organisation, filed_on=filed_on)
    letter = Letter.objects.create(
        organisation=organisation,
        filed_on=filed_on,
        document_sha256=hashlib.sha256(document).hexdigest(),
        recorded_by=by.id,
        recorded_at=timezone.now(),
    )
    after = {"organisation": organisation, "filed_on": filed_on, "document_sha256": letter.document_sha256}
    record(by=by, act="letter.filed", obj=letter, after=after)
    return letter
