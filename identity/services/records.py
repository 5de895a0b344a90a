"""Recording who a subject is, and correcting it: by staff of the subject's own site, and told without the values."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit import services as audit
from audit.actor import Actor
from audit.context import require_reason
from identity import box
from identity.box import Masters
from identity.models import Identity, SubjectKey
from identity.person import Correction, Implausible, Person
from identity.refusals import guarded, refusal
from identity.switch import ALIAS
from trials import access
from trials.models import Subject
from trials.roles import Act


@guarded
@transaction.atomic
def record(*, by: Actor, subject: Subject, person: Person, although_registered: bool = False) -> None:
    """Record who a subject is.

    Raises VaultRefused: `recorded` already, `erased`, `registered` where the trial knows this person under another
    code and nobody said that this is meant, `key`.
    """
    by = access.require(by, Act.IDENTITY_RECORD, subject)
    with transaction.atomic(using=ALIAS):
        masters = box.hold()
        index = box.index_of(person, key=box.index_key(masters, subject.trial_site.trial.code))
        twins = Identity.objects.filter(person_index=index)
        is_registered = twins.exists()
        if is_registered and not although_registered:
            raise refusal("registered", _REGISTERED)
        row = _new_row(masters, subject)
        key = box.data_key(masters, row)
        fields = box.sealed_fields(person, key=key, subject_code=subject.code)
        Identity.objects.create(subject_key=row, person_index=index, **fields)
        after = {"fields": sorted(fields), "registered_before": is_registered}
        _tell(by, "identity.recorded", subject, after)


_REGISTERED = _(
    "A person of this name, birth date and sex is registered in this trial under another code. Nothing was recorded. "
    "Check whether you registered the person twice; where this is meant, say so in the box and record again."
)


def _new_row(masters: Masters, subject: Subject) -> SubjectKey:
    row = SubjectKey.objects.filter(subject_code=subject.code).first()
    if row is None:
        return box.make_subject_key(masters, trial_code=subject.trial_site.trial.code, subject_code=subject.code)
    if row.wrapped_key is not None:
        raise refusal("recorded", _("The identity of this subject is recorded already. Correct it instead."))
    return row


def _tell(by: Actor, act: str, subject: Subject, after: dict[str, object], reason: str = "") -> None:
    audit.record(by=by, act=act, obj=subject, trial_code=subject.trial_site.trial.code, after=after, reason=reason)


@guarded
@transaction.atomic
def correct(*, by: Actor, subject: Subject, change: Correction, reason: str) -> None:
    """Correct what was recorded (GDPR 16); the trail tells which fields and why, never a value.

    Raises ValidationError: `no-reason`, `nothing` to change, `implausible`, and VaultRefused: `unknown`, `erased`,
    `telling` where the reason repeats a value, `key`.
    """
    by = access.require(by, Act.IDENTITY_RECORD, subject)
    require_reason(reason)
    if not change.told():
        raise ValidationError(_("Fill in what is to be corrected. Nothing was changed."), code="nothing")
    with transaction.atomic(using=ALIAS):
        masters = box.hold()
        identity = find(subject)
        key = box.data_key(masters, identity.subject_key)
        before = box.person_in(identity, key=key)
        after = _corrected(before, change)
        if before.stands_in(reason) or after.stands_in(reason):
            raise refusal("telling", _TELLING)
        fields = box.sealed_fields(after, key=key, subject_code=subject.code)
        index = box.index_of(after, key=box.index_key(masters, subject.trial_site.trial.code))
        Identity.objects.filter(pk=identity.pk).update(person_index=index, **fields)
        _tell(by, "identity.corrected", subject, {"fields": sorted(change.told())}, reason)


_TELLING = _(
    "The reason goes into the audit trail, where no identity may stand, and it repeats the name, number or birth date. "
    "Nothing was changed: say why in other words."
)


def _corrected(before: Person, change: Correction) -> Person:
    try:
        return before.corrected(change)
    except Implausible as wrong:
        raise ValidationError({wrong.field: _("Check this value. Nothing was changed.")}, code="implausible") from None


def find(subject: Subject) -> Identity:
    """Return the sealed row of a subject. Raises VaultRefused: `unknown`, `erased`."""
    row = SubjectKey.objects.filter(subject_code=subject.code).first()
    if row is not None and row.wrapped_key is None:
        raise refusal("erased", _("The identity of this subject was erased: its key is destroyed."))
    identity = Identity.objects.select_related("subject_key").filter(subject_key__subject_code=subject.code).first()
    if identity is None:
        raise refusal("unknown", _("No identity is recorded for this subject."))
    return identity
