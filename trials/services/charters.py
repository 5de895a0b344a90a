"""Writing, freezing and amending charters."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because, require_reason
from audit.meanings import Meaning
from audit.selectors import signatures
from audit.services import record
from audit.signing import Offer, Proof, offer, sha256_of, sign, signing, still_stands
from trials import access
from trials.models import Charter, ImagingRequirement, ScheduledTimePoint
from trials.roles import Act
from trials.selectors import charter_contents
from trials.services import profiles
from trials.services.drafts import frozen, locked, locked_draft

SETTINGS = (
    "criteria",
    "confirmation_required",
    "confirmation_days",
    "minimum_sd_days",
    "volumetry",
    "radiomics",
    "measures_suv",
    "retain_patient_characteristics",
)


MEANINGS = (Meaning.APPROVAL, Meaning.AUTHORSHIP, Meaning.RESPONSIBILITY)


@dataclass(frozen=True, slots=True)
class NewTimePoint:
    code: str
    name: str
    day: int
    window_before: int
    window_after: int


@dataclass(frozen=True, slots=True)
class NewRequirement:
    name: str
    modality: str
    body_part: str = ""
    minimum_slices: int = 1
    maximum_slice_thickness: Decimal | None = None
    required: bool = True


def contents_sha256(charter: Charter) -> str:
    """The SHA-256 (hex) of what an approval of the charter signs."""
    return sha256_of(charter_contents(charter))


def is_as_signed(charter: Charter) -> bool:
    """Whether a frozen charter still says what its approval signed; a draft has nothing to lose."""
    if charter.state == Charter.State.DRAFT:
        return True
    sha256 = contents_sha256(charter)
    return any(still_stands(each, obj=charter, sha256=sha256) for each in signatures(charter))


def _still_planned(planned: ScheduledTimePoint, charter: Charter) -> ScheduledTimePoint:
    found = charter.time_points.filter(pk=planned.pk).first()
    if found is None:
        raise ValidationError(
            _("Somebody took this time point out of the draft. Open the charter again to see what is planned now."),
            code="gone",
        )
    return found


@transaction.atomic
def change_settings(*, by: Actor, charter: Charter, settings: dict[str, Any], reason: str) -> Charter:
    """Set the draft's criteria and options; keys are SETTINGS. Raises ValidationError (`no-reason`, `frozen`)."""
    by = access.require(by, Act.TRIAL_EDIT, charter)
    require_reason(reason)
    charter = locked_draft(charter)
    profiles.refuse_contradiction(charter, retains=settings["retain_patient_characteristics"])
    before = {name: getattr(charter, name) for name in SETTINGS}
    after = {name: settings[name] for name in SETTINGS}
    for name in SETTINGS:
        setattr(charter, name, settings[name])
    charter.full_clean()
    with because(reason):
        charter.save(update_fields=[name for name in SETTINGS if before[name] != after[name]])
    record(
        by=by,
        act="charter.changed",
        obj=charter,
        trial_code=charter.trial.code,
        before=before,
        after=after,
        reason=reason,
    )
    return charter


@transaction.atomic
def add_time_point(*, by: Actor, charter: Charter, new: NewTimePoint) -> ScheduledTimePoint:
    by = access.require(by, Act.TRIAL_EDIT, charter)
    charter = locked_draft(charter)
    planned = ScheduledTimePoint(
        charter=charter,
        code=new.code,
        name=new.name,
        day=new.day,
        window_before=new.window_before,
        window_after=new.window_after,
    )
    planned.full_clean()
    planned.save()
    after = {"code": new.code, "day": new.day, "window": [new.window_before, new.window_after]}
    record(by=by, act="time_point.scheduled", obj=planned, trial_code=charter.trial.code, after=after)
    return planned


@transaction.atomic
def add_requirement(*, by: Actor, planned: ScheduledTimePoint, new: NewRequirement) -> ImagingRequirement:
    by = access.require(by, Act.TRIAL_EDIT, planned.charter)
    charter = locked_draft(planned.charter)
    planned = _still_planned(planned, charter)
    requirement = ImagingRequirement(
        scheduled=planned,
        name=new.name,
        modality=new.modality,
        body_part=new.body_part,
        minimum_slices=new.minimum_slices,
        maximum_slice_thickness=new.maximum_slice_thickness,
        required=new.required,
    )
    requirement.full_clean()
    requirement.save()
    after = {"time_point": planned.code, "name": new.name, "modality": new.modality}
    record(by=by, act="series.required", obj=requirement, trial_code=charter.trial.code, after=after)
    return requirement


@transaction.atomic
def remove_time_point(*, by: Actor, planned: ScheduledTimePoint) -> None:
    by = access.require(by, Act.TRIAL_EDIT, planned.charter)
    charter = locked_draft(planned.charter)
    planned = _still_planned(planned, charter)
    before = {"code": planned.code, "day": planned.day}
    record(by=by, act="time_point.unscheduled", obj=planned, trial_code=charter.trial.code, before=before)
    planned.delete()


def offer_approval(*, by: Actor, charter: Charter) -> Offer:
    """Return what an approval would sign. Raises ValidationError as `approve` does before the signature."""
    by = access.require(by, Act.CHARTER_APPROVE, charter)
    # As it is stored: that is what the signature will cover.
    charter = Charter.objects.select_related("trial").get(pk=charter.pk)
    if charter.state != Charter.State.DRAFT:
        raise frozen()
    _refuse_gaps(charter)
    profiles.refuse_unready(charter)
    return offer(by=by, obj=charter, contents=charter_contents(charter), meanings=MEANINGS)


@signing
def approve(*, by: Actor, charter: Charter, proof: Proof) -> Charter:
    """Freeze and sign the draft as offered; the approved version before it becomes superseded (I01).

    Raises ValidationError: `frozen`, `no-time-point`, `no-requirement` where a time point requires no series, as
    `profiles.refuse_unready`, and SignatureRefused as `audit.signing.sign`.
    """
    by = access.require(by, Act.CHARTER_APPROVE, charter)
    by = access.require(by, Act.TRIAL_EDIT, charter)
    charter = locked_draft(charter)
    _refuse_gaps(charter)
    profiles.refuse_unready(charter)
    contents = charter_contents(charter)
    signature = sign(
        by=by, proof=proof, obj=charter, contents=contents, meanings=MEANINGS, trial_code=charter.trial.code
    )
    charter.trial.charters.filter(state=Charter.State.APPROVED).update(state=Charter.State.SUPERSEDED)
    charter.state = Charter.State.APPROVED
    charter.document_sha256 = signature.record_sha256
    charter.save(update_fields=["state", "document_sha256"])
    record(by=by, act="charter.approved", obj=charter, trial_code=charter.trial.code, after=contents)
    return charter


def _refuse_gaps(charter: Charter) -> None:
    planned = charter.time_points.all()
    if not planned:
        raise ValidationError(_("Plan at least one time point before approval."), code="no-time-point")
    if bare := [point.code for point in planned if not point.requirements.exists()]:
        raise ValidationError(
            _("These time points require no series yet: %(codes)s."),
            code="no-requirement",
            params={"codes": ", ".join(bare)},
        )


@transaction.atomic
def amend(*, by: Actor, charter: Charter, reason: str) -> Charter:
    """Start the next version as a draft with the same contents."""
    by = access.require(by, Act.TRIAL_EDIT, charter)
    if not reason.strip():
        raise ValidationError(_("Say why the charter changes."), code="no-reason")
    charter = locked(charter)
    if charter.trial.charters.filter(state=Charter.State.DRAFT).exists():
        raise ValidationError(_("A draft is already open; finish that one."), code="draft-open")
    if charter.state != Charter.State.APPROVED:
        raise ValidationError(
            _("This version is not in force any more. Open the newest version and start from that."),
            code="not-in-force",
        )
    draft = Charter(trial=charter.trial, version=charter.trial.charters.count() + 1)
    for name in SETTINGS:
        setattr(draft, name, getattr(charter, name))
    draft.save()
    for planned in charter.time_points.all():
        _copy(planned, draft)
    profiles.copy(charter, draft)
    record(
        by=by,
        act="charter.amended",
        obj=draft,
        trial_code=charter.trial.code,
        before={"version": charter.version},
        after={"version": draft.version},
        reason=reason,
    )
    return draft


def _copy(planned: ScheduledTimePoint, draft: Charter) -> None:
    requirements = list(planned.requirements.all())
    planned.pk = None
    planned.charter = draft
    planned.save(force_insert=True)
    for requirement in requirements:
        requirement.pk = None
        requirement.scheduled = planned
        requirement.save(force_insert=True)
