"""Keeping the register of a trial: what is first entered needs no reason, what changes does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because, require_reason
from audit.services import record
from privacy.models import LegalBasis, Processor, Register, Transfer
from trials import access, refusals
from trials.models import Trial
from trials.roles import Act

# What a person fills in, in the order of the page.
FIELDS = (
    "controller",
    "joint_controller",
    "representative",
    "officer",
    "core_lab",
    "rights_contact",
    "authority",
    "without_processors",
    "without_transfers",
    "need",
    "residual_risk",
    "officer_opinion",
    "review_on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    reason: str = ""


@refusals.told("privacy.refused")
@transaction.atomic
def change(*, by: Actor, trial: Trial, told: Mapping[str, Any], reason: str) -> Register:
    """Write the duty fields. Raises ValidationError: `no-reason` where a saved value changes, `same`."""
    by = access.require(by, Act.REQUEST_HANDLE, trial)
    row = Register.objects.select_for_update(no_key=True).filter(trial=trial).first() or Register(trial=trial)
    before = {name: getattr(row, name) for name in FIELDS}
    after = {name: told[name] for name in FIELDS if name in told and told[name] != before[name]}
    if not after:
        raise ValidationError(_("Nothing differs from what is saved, so nothing was changed."), code="same")
    if row.pk:
        require_reason(reason)
    for name, value in after.items():
        setattr(row, name, value)
    _save(row, reason)
    was = {name: before[name] for name in after}
    _tell(by, row, trial, _Difference(before=was, after=after, reason=reason))
    return row


@refusals.told("privacy.refused")
@transaction.atomic
def add_processor(*, by: Actor, trial: Trial, name: str, task: str, contract: str, place: str) -> Processor:
    """Raise ValidationError where a field is empty or the trial has a processor of this name."""
    row = Processor(trial=trial, name=name, task=task, contract=contract, place=place)
    _add(by, row)
    return row


@refusals.told("privacy.refused")
@transaction.atomic
def add_transfer(*, by: Actor, trial: Trial, recipient: str, country: str, safeguard: str) -> Transfer:
    """Raise ValidationError where a field is empty or the trial has this transfer already."""
    row = Transfer(trial=trial, recipient=recipient, country=country, safeguard=safeguard)
    _add(by, row)
    return row


def _add(by: Actor, row: Processor | Transfer) -> None:
    by = access.require(by, Act.REQUEST_HANDLE, row.trial)
    _save(row, "")
    _tell(by, row, row.trial, _Difference(before={}, after={"added": str(row)}))


@refusals.told("privacy.refused")
@transaction.atomic
def end(*, by: Actor, row: Processor | Transfer, reason: str) -> None:
    """Take a processor or transfer out of the register; the trail keeps it. Raises ValidationError (`no-reason`)."""
    by = access.require(by, Act.REQUEST_HANDLE, row)
    require_reason(reason)
    _tell(by, row, row.trial, _Difference(before={"removed": str(row)}, after={}, reason=reason))
    with because(reason):
        row.delete()


@refusals.told("privacy.refused")
@transaction.atomic
def set_basis(*, by: Actor, trial: Trial, purpose: str, article_6: str, article_9: str, reason: str) -> LegalBasis:
    """Name the ground of processing for a purpose. Raises ValidationError: `no-reason` for a change, `same`."""
    by = access.require(by, Act.REQUEST_HANDLE, trial)
    rows = LegalBasis.objects.select_for_update(no_key=True).filter(trial=trial, purpose=purpose)
    row = rows.first() or LegalBasis(trial=trial, purpose=purpose)
    before = {"article_6": row.article_6, "article_9": row.article_9} if row.pk else {}
    after = {"article_6": article_6, "article_9": article_9}
    if before == after:
        raise ValidationError(_("Nothing differs from what is saved, so nothing was changed."), code="same")
    if before:
        require_reason(reason)
    row.article_6, row.article_9 = article_6, article_9
    _save(row, reason)
    _tell(by, row, trial, _Difference(before=before, after=after | {"purpose": purpose}, reason=reason))
    return row


def _save(row: Model, reason: str) -> None:
    row.full_clean()
    with because(reason):
        row.save()


def _tell(by: Actor, row: Model, trial: Trial, told: _Difference) -> None:
    record(
        by=by,
        act="register.changed",
        obj=row,
        trial_code=trial.code,
        before=told.before,
        after=told.after,
        reason=told.reason,
    )
