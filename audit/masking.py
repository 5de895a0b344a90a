"""Masking a name that was typed in by mistake: two people, a ground, an event; every seal stays valid (A14)."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.models import AuditEvent
from audit.services import record
from audit.verifier import is_masked

_NOTHING = {"object_label": "", "before": "", "after": "", "reason": ""}
_NO_SALT = "0" * 32


@transaction.atomic
def mask(*, by: Actor, agreed_by: Actor, sequence: int, ground: str) -> AuditEvent:
    """Empty the payload of one event and destroy its salt, so that nobody can guess what stood there.

    Header and digest stay: who acted, when, on what. Raises ValidationError: `no-reason`, `one-person`, `unknown`,
    `masked` already, `own-mask` for the event that tells of a masking.
    """
    if not ground.strip():
        raise ValidationError(_("Say on which ground this record is masked."), code="no-reason")
    if by.id == agreed_by.id:
        raise ValidationError(_("Two people decide on a masking. Ask another one to agree."), code="one-person")
    event = AuditEvent.objects.filter(sequence=sequence).first()
    if event is None:
        raise ValidationError(_("The trail has no record of that number. Nothing was masked."), code="unknown")
    if is_masked(event.commitment):
        raise ValidationError(_("This record is masked already."), code="masked")
    if event.act == "trail.masked":
        raise ValidationError(_("The record of a masking itself is never masked."), code="own-mask")
    told = {"agreed_by": agreed_by.id, "agreed_by_name": agreed_by.name}
    masked = record(by=by, act="trail.masked", obj=event, trial_code=event.trial_code, after=told, reason=ground)
    commitment = _NO_SALT + event.commitment[len(_NO_SALT) :]
    AuditEvent.objects.filter(sequence=sequence).update(**_NOTHING, commitment=commitment)
    return masked
