"""Versions of a trial's consent form, and where ethics committees let them be signed."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.agreement import Module, Reconsent
from trials.models import ConsentForm, ConsentFormApproval, Trial, TrialSite
from trials.models.subjects import FIRST_DAY
from trials.roles import Act

ALWAYS_MANDATORY = frozenset({Module.IMAGING.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewForm:
    """A form version: `scopes` it asks for, the legal basis (Basis) of each, and those `mandatory` (imaging always)."""

    version: str
    approved_on: dt.date
    scopes: tuple[str, ...]
    bases: Mapping[str, str]
    mandatory: tuple[str, ...] = ()
    valid_days: int | None = None
    supersedes: ConsentForm | None = None
    reconsent: str = Reconsent.NONE.value


@transaction.atomic
def add(*, by: Actor, trial: Trial, new: NewForm) -> ConsentForm:
    """Record a version; it never changes. It may be signed at a site once `approve` says so there.

    Raises ValidationError: `mandatory` where a mandatory module is not asked for, `basis`, `foreign-form`, `superseded`
    where another version already follows that one, `reconsent` where nothing is superseded, `future` for a day to come.
    """
    by = access.require(by, Act.TRIAL_EDIT, trial)
    _refuse_misfit(trial, new)
    form = ConsentForm(
        trial=trial,
        version=new.version,
        approved_on=new.approved_on,
        scopes=sorted(set(new.scopes)),
        bases={scope: new.bases[scope] for scope in sorted(set(new.scopes))},
        mandatory=sorted(ALWAYS_MANDATORY | set(new.mandatory)),
        valid_days=new.valid_days,
        supersedes=new.supersedes,
        reconsent=new.reconsent,
    )
    form.full_clean()
    form.save()
    after = {
        "version": form.version,
        "approved_on": form.approved_on,
        "scopes": form.scopes,
        "mandatory": form.mandatory,
        "bases": form.bases,
        "supersedes": new.supersedes.version if new.supersedes else "",
        "reconsent": form.reconsent,
    }
    record(by=by, act="consent_form.added", obj=form, trial_code=trial.code, after=after)
    return form


def _refuse_misfit(trial: Trial, new: NewForm) -> None:
    if not (ALWAYS_MANDATORY | set(new.mandatory)) <= set(new.scopes):
        raise ValidationError(
            _("A form must ask for images to be sent and read, and for everything it calls mandatory."),
            code="mandatory",
        )
    if any(new.bases.get(scope) not in ConsentForm.Basis.values for scope in new.scopes):
        raise ValidationError(_("Say on which legal basis the data of each module are processed."), code="basis")
    if new.supersedes is not None and new.supersedes.trial_id != trial.pk:
        raise ValidationError(_("That consent form belongs to another trial."), code="foreign-form")
    if new.supersedes is None and new.reconsent != Reconsent.NONE:
        raise ValidationError(
            _("Say which version this one follows: only its signers can sign again."), code="reconsent"
        )
    if new.supersedes is not None and new.supersedes.superseded_by.exists():
        raise ValidationError(_("Another version follows that one already. Choose the newest."), code="superseded")
    _refuse_day(new.approved_on, FIRST_DAY)


def _refuse_day(day: dt.date, earliest: dt.date) -> None:
    if not earliest <= day <= timezone.localdate() + dt.timedelta(days=1):
        raise ValidationError(
            _("An approval lies between %(first)s and today. Check the date."),
            code="future",
            params={"first": earliest},
        )


@transaction.atomic
def approve(*, by: Actor, form: ConsentForm, trial_site: TrialSite, language: str, on: dt.date) -> ConsentFormApproval:
    """Record the ethics approval for one site and language: the version opens there from that day on (V02).

    Raises ValidationError: `foreign-form` across trials, `future` before the form's own approval or after today, and
    where this site has one in this language already.
    """
    by = access.require(by, Act.TRIAL_EDIT, form)
    if trial_site.trial_id != form.trial_id:
        raise ValidationError(_("That consent form belongs to another trial."), code="foreign-form")
    _refuse_day(on, form.approved_on)
    row = ConsentFormApproval(
        form=form,
        trial_site=trial_site,
        language=language,
        approved_on=on,
        recorded_at=timezone.now(),
        recorded_by=by.id,
    )
    row.full_clean()
    row.save()
    after = {"site": trial_site.number, "language": language, "approved_on": on}
    record(by=by, act="consent_form.approved", obj=form, trial_code=form.trial.code, after=after)
    return row


def is_live(trial_site: TrialSite) -> bool:
    """Whether the site may work: some version of the form is approved for it by today (V02)."""
    return trial_site.consent_approvals.filter(approved_on__lte=timezone.localdate()).exists()


def is_open_at(form: ConsentForm, trial_site: TrialSite, *, language: str, on: dt.date) -> bool:
    return form.approvals.filter(trial_site=trial_site, language=language, approved_on__lte=on).exists()


def mandatory_of(form: ConsentForm) -> frozenset[str]:
    """Return the modules without which nobody takes part; versions from before modules name none."""
    return frozenset(form.mandatory) | ALWAYS_MANDATORY
