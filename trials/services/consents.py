"""A consent's life: asked, refused or signed, then confirmed by a second person on the scan's hash (GDPR 7(1))."""

import datetime as dt
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.agreement import OutOfOrderError, Standing, State
from trials.models import Consent, ConsentForm, Subject, TrialSite
from trials.models.consents import SHA256
from trials.models.subjects import FIRST_DAY
from trials.roles import Act
from trials.services import consent, consent_forms

ALL_CHECKS = frozenset(Consent.Check.values)
_MOST_PAGES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The scan of a signed form, by hash and length: the scan itself stays with the site, since it bears a name."""

    sha256: str
    pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """What a signed form says: `scopes` ticked, and what of the checklist (Consent.Check) its recorder saw."""

    form: ConsentForm
    language: str
    scopes: tuple[str, ...]
    on: dt.date
    paper: Paper
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnswer:
    """That a subject was asked, or refused, without a signature; `scopes` empty means all of the form."""

    form: ConsentForm
    language: str
    kind: Consent.Kind
    on: dt.date
    scopes: tuple[str, ...] = ()


def hold(subject: Subject) -> Subject:
    """Hold the subject's row: of a signature, a check and a withdrawal at once each sees the one before."""
    return (
        Subject.objects.select_for_update(of=("self",))
        .select_related("trial_site__trial", "trial_site__site")
        .get(pk=subject.pk)
    )


@transaction.atomic
def give(*, by: Actor, subject: Subject, new: NewConsent) -> Consent:
    """Record a newly signed form, which a second person then confirms.

    Raises ValidationError: `foreign-form`, `not-approved` for this site and language, `old-form`, `scope`, `scan`,
    `date`, or `final` after a withdrawal that nothing follows.
    """
    by = access.require(by, Act.CONSENT_RECORD, subject)
    return write_paper(by, hold(subject), new)


def write_paper(by: Actor, subject: Subject, new: NewConsent) -> Consent:
    """Write what `give` records; the caller has asked the right and holds the subject."""
    _refuse_form(subject, new.form, new.language, new.on)
    _refuse_scopes(new)
    _refuse_paper(new.paper, new.checks)
    row = Consent(
        subject=subject,
        form=new.form,
        kind=Consent.Kind.GIVEN,
        scopes=sorted(new.scopes),
        language=new.language,
        on=new.on,
        scan_sha256=new.paper.sha256,
        scan_pages=new.paper.pages,
        checks=sorted(new.checks),
    )
    after = {"scan_sha256": new.paper.sha256, "pages": new.paper.pages, "checks": row.checks}
    return add_row(by, row, after=after)


def _refuse_form(subject: Subject, form: ConsentForm, language: str, on: dt.date) -> None:
    if form.trial_id != subject.trial_site.trial_id:
        raise ValidationError(_("That consent form belongs to another trial."), code="foreign-form")
    if not FIRST_DAY <= on <= today_at(subject.trial_site):
        raise ValidationError(_("The date lies in the future, or before any trial. Check the year."), code="date")
    if on < form.approved_on:
        raise ValidationError(_("The date lies before the form was approved."), code="date")
    if not consent_forms.is_open_at(form, subject.trial_site, language=language, on=on):
        raise ValidationError(
            _(
                "Version %(version)s was not approved for this site in this language on that day. "
                "Nothing was recorded. Ask the coordinator which version to use."
            ),
            code="not-approved",
            params={"version": form.version},
        )
    _refuse_old(subject, form, language, on)
    if (level := consent.standing_of(subject).level) and level.is_final:
        raise ValidationError(
            _("This subject was withdrawn at level %(level)s, which nothing follows: no consent can be recorded."),
            code="final",
            params={"level": level},
        )


def _refuse_old(subject: Subject, form: ConsentForm, language: str, on: dt.date) -> None:
    newer = form.superseded_by.first()
    if newer is not None and consent_forms.is_open_at(newer, subject.trial_site, language=language, on=on):
        raise ValidationError(
            _("Version %(newer)s had taken the place of %(version)s at this site by then. Have the new one signed."),
            code="old-form",
            params={"newer": newer.version, "version": form.version},
        )


def today_at(trial_site: TrialSite) -> dt.date:
    """Return the later of the site's calendar and ours: Auckland signs when UTC still has yesterday."""
    return max(timezone.localdate(), timezone.localdate(timezone=zoneinfo.ZoneInfo(trial_site.site.time_zone)))


def _refuse_scopes(new: NewConsent) -> None:
    if not set(new.scopes) <= set(new.form.scopes):
        raise ValidationError(_("The form does not ask for one of these scopes."), code="scope")
    if missing := consent_forms.mandatory_of(new.form) - set(new.scopes):
        if missing == consent_forms.ALWAYS_MANDATORY:
            raise ValidationError(_("Without consent to imaging a subject cannot take part here."), code="scope")
        raise ValidationError(_("This form has a module that is mandatory and was not ticked."), code="scope")


def _refuse_paper(paper: Paper, checks: Iterable[str]) -> None:
    try:
        SHA256(paper.sha256)
    except ValidationError as refusal:
        raise ValidationError({"scan_sha256": refusal}) from None
    if not 1 <= paper.pages <= _MOST_PAGES:
        raise ValidationError(_("A signed form has between 1 and %(most)s pages."), "scan", {"most": _MOST_PAGES})
    if not set(checks) <= ALL_CHECKS:
        raise ValidationError(_("The checklist has no such line."), code="scan")


@transaction.atomic
def answer(*, by: Actor, subject: Subject, new: NewAnswer) -> Consent:
    """Record that the subject was asked, or refused, one form version or modules of it.

    A refusal counts at once. Raises ValidationError as `give`, and `wrong-state` where it does not fit.
    """
    by = access.require(by, Act.CONSENT_RECORD, subject)
    subject = hold(subject)
    if new.kind not in {Consent.Kind.ASKED, Consent.Kind.REFUSED}:
        raise ValidationError(_("Record a signed form by its scan."), code="wrong-state")
    _refuse_form(subject, new.form, new.language, new.on)
    scopes = new.scopes or tuple(new.form.scopes)
    if not set(scopes) <= set(new.form.scopes):
        raise ValidationError(_("The form does not ask for one of these scopes."), code="scope")
    row = Consent(
        subject=subject, form=new.form, kind=new.kind, scopes=sorted(scopes), language=new.language, on=new.on
    )
    return add_row(by, row, after={})


def add_row(by: Actor, row: Consent, *, after: dict[str, object], reason: str = "") -> Consent:
    """Add a row that fits the subject's standing, with its event. Raises ValidationError (`wrong-state`)."""
    row.recorded_at, row.recorded_by = timezone.now(), by.id
    before = covered(consent.standing_of(row.subject))
    row.save(force_insert=True)
    try:
        told = {"form": row.form.version, "scopes": row.scopes, "on": row.on} | after
        told["covered"] = covered(consent.standing_of(row.subject))
    except OutOfOrderError:
        raise ValidationError(
            _("That does not follow from where this consent stands now. Nothing was recorded; look at it again."),
            code="wrong-state",
        ) from None
    record(
        by=by,
        act=f"consent.{row.kind}",
        obj=row.subject,
        trial_code=row.subject.trial_site.trial.code,
        before={"covered": before},
        after=told,
        reason=reason,
    )
    return row


def covered(standing: Standing) -> list[str]:
    """Return the modules that a checked consent covers now."""
    return sorted(module.value for module, each in standing.modules.items() if each.state in _COVERED)


_COVERED = frozenset({State.VALID, State.RECONSENT_DUE})
