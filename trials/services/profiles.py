"""Writing a charter's de-identification profile, trying it on an object, and what keeps one from being signed."""

import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import because, require_reason
from audit.services import record
from audit.signing import sha256_of
from deid import ClinicalTrial, Option, engine_version
from deid.choices import Choices
from deid.comparison import Comparison, compare
from deid.defacing.rules import header_policy
from deid.examples import Example, example
from deid.lint import Finding, errors_of, lint
from deid.tables import table_edition
from trials import access
from trials.models import Charter, DeidProfile
from trials.roles import Act
from trials.selectors import choices_of, policy_of, profile_of
from trials.services.drafts import locked_draft

# Of a look only: no larger file is read into memory for it.
LARGEST_LOOK = 16 * 1024 * 1024


def findings(charter: Charter) -> tuple[Finding, ...]:
    """Return what lint says of the rules that the charter de-identifies by."""
    return _lint(choices_of(charter), charter)


def _lint(choices: Choices, charter: Charter) -> tuple[Finding, ...]:
    return lint(choices, measures_suv=charter.measures_suv, has_defacer=bool(settings.DEFACER))


def is_tried(charter: Charter) -> bool:
    """Whether somebody looked at what these very rules do, by this engine; the product's own need no look."""
    profile = profile_of(charter)
    return profile is None or profile.tried_sha256 == _tried_sha256(charter)


def _tried_sha256(charter: Charter) -> str:
    return sha256_of({**choices_of(charter).told, "engine": engine_version(), "table": table_edition()})


def refuse_unready(charter: Charter) -> None:
    """Raise ValidationError where the rules may not be signed: `profile` with each error, or `profile-untried`."""
    _refuse_errors(choices_of(charter), charter)
    if not is_tried(charter):
        raise ValidationError(
            _("Nobody has tried this de-identification profile yet. Look at what it does to an object, then sign."),
            code="profile-untried",
        )


def _refuse_errors(choices: Choices, charter: Charter) -> None:
    if errors := errors_of(_lint(choices, charter)):
        raise ValidationError([ValidationError(sentence, code="profile") for sentence in errors])


@transaction.atomic
def write(*, by: Actor, charter: Charter, choices: Choices, reason: str) -> DeidProfile:
    """Give the draft these rules. Raises ValidationError: `no-reason`, `frozen`, `profile` for errors of lint."""
    by = access.require(by, Act.TRIAL_EDIT, charter)
    require_reason(reason)
    charter = locked_draft(charter)
    _refuse_errors(choices, charter)
    before = choices_of(charter).told
    with because(reason):
        profile = _store(charter, choices)
        # The charter tells the same thing in a setting of its own: they may not say two things.
        charter.retain_patient_characteristics = Option.RETAIN_PATIENT_CHARACTERISTICS in choices.options
        charter.save(update_fields=["retain_patient_characteristics"])
    code, after = charter.trial.code, choices.told
    record(by=by, act="profile.written", obj=charter, trial_code=code, before=before, after=after, reason=reason)
    return profile


def _store(charter: Charter, choices: Choices) -> DeidProfile:
    profile = profile_of(charter) or DeidProfile(charter=charter)
    for name, value in choices.told.items():
        setattr(profile, name, value)
    profile.full_clean()
    profile.save()
    return profile


def refuse_contradiction(charter: Charter, *, retains: bool) -> None:
    """Raise ValidationError (`profile-decides`) where a setting would say other than the charter's profile."""
    profile = profile_of(charter)
    if profile is not None and retains != (Option.RETAIN_PATIENT_CHARACTERISTICS in profile.options):
        raise ValidationError(
            _(
                "This charter has a de-identification profile, which says whether age, sex and weight stay. Change it "
                "there."
            ),
            code="profile-decides",
        )


def try_on(*, by: Actor, charter: Charter, kind: Example, upload: bytes = b"") -> Comparison:
    """Clean one object by the charter's rules for a look: the file given, else the example of a kind.

    Nothing of the object is stored, nor told to the trail; UIDs and dates move under a key made for this look alone.
    Faces stay: they are taken out of a whole series, not of one object.
    Raises deid.Rejected where the object is not let through, ValidationError (`too-large`).
    """
    by = access.require(by, Act.TRIAL_EDIT, charter)
    if len(upload) > LARGEST_LOOK:
        raise ValidationError(
            _("This file is larger than a look allows (16 MB). Choose a single slice."), code="too-large"
        )
    policy = header_policy(policy_of(charter))
    shown = compare(upload or example(kind), key=secrets.token_bytes(32), trial=_nobody(charter), policy=policy)
    _remember(by, charter, kind="upload" if upload else kind.value)
    return shown


@transaction.atomic
def _remember(by: Actor, charter: Charter, *, kind: str) -> None:
    sha256 = _tried_sha256(charter)
    DeidProfile.objects.filter(charter=charter, charter__state=Charter.State.DRAFT).update(tried_sha256=sha256)
    after = {"object": kind, "rules": sha256}
    record(by=by, act="profile.tried", obj=charter, trial_code=charter.trial.code, after=after)


def _nobody(charter: Charter) -> ClinicalTrial:
    """Return modules of no subject, for a look."""
    trial = charter.trial
    return ClinicalTrial(
        sponsor=trial.sponsor.name[:64],
        protocol_id=trial.protocol_number,
        protocol_name=trial.title[:64],
        site_id="00",
        site_name="",
        subject_code="0000-0000",
        time_point_id="",
        time_point_description="",
        coordinating_center="",
    )


def copy(charter: Charter, draft: Charter) -> None:
    """Give the next version the same rules; a look at them counts for it."""
    profile = profile_of(charter)
    if profile is not None:
        profile.pk, profile.charter = None, draft
        profile.save(force_insert=True)
