"""Taking consent back, whole at one of six levels or single modules: in force with the row, as every gate asks it."""

import datetime as dt
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from trials import access
from trials.agreement import LEVELS, MOVES, Event, Level, Module, Standing
from trials.models import Consent, ConsentForm, Subject
from trials.models.subjects import FIRST_DAY
from trials.roles import Act
from trials.services import consent, consent_forms
from trials.services.consents import add_row, hold, today_at


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWithdrawal:
    """Either a level, or modules of the form that are not mandatory; `on` is the day the person said so."""

    on: dt.date
    reason: str
    level: Level | None = None
    modules: tuple[str, ...] = ()


@transaction.atomic
def withdraw(*, by: Actor, subject: Subject, new: NewWithdrawal) -> Consent:
    """Record a withdrawal; gates, queues, downloads and exports obey from the commit on (GDPR 7(3)).

    What W5 and W6 ask of other floors is done by `privacy.services.withdrawal`, which calls this. Raises
    ValidationError: `no-reason`, `wrong-state` where nothing is left to take back, `level` where one at least as far
    stands already, `mandatory`, `date`.
    """
    by = access.require(by, Act.CONSENT_RECORD, subject)
    subject = hold(subject)
    standing = consent.standing_of(subject)
    refuse_misfit(subject, standing, new)
    row = Consent(
        subject=subject,
        form=_form_of(subject),
        kind=Consent.Kind.WITHDRAWN,
        level=new.level or "",
        scopes=sorted(taken_back(new)),
        on=new.on,
    )
    if new.level and new.level.stops_collection:
        Subject.objects.filter(pk=subject.pk).update(state=Subject.State.WITHDRAWN)
    return add_row(by, row, after={"level": new.level or ""}, reason=new.reason)


def taken_back(new: NewWithdrawal) -> frozenset[str]:
    """Return the modules that this withdrawal ends."""
    return frozenset(module.value for module in LEVELS[new.level]) if new.level else frozenset(new.modules)


def refuse_misfit(subject: Subject, standing: Standing, new: NewWithdrawal) -> None:
    """Raise ValidationError where `withdraw` would: the preview asks it before anything is confirmed."""
    if not new.reason.strip():
        raise ValidationError(_("Say why and how the subject withdrew."), code="no-reason")
    if new.level is None:
        _refuse_modules(subject, standing, new)
    elif standing.level and new.level <= standing.level:
        raise ValidationError(
            _("Level %(level)s stands already: there is no consent to withdraw at this level."),
            code="level",
            params={"level": standing.level},
        )
    elif not any(_can_end(standing, module) for module in Module) and not standing.level:
        raise ValidationError(_("There is no consent to withdraw."), code="wrong-state")
    _refuse_day(subject, new.on)


def _can_end(standing: Standing, module: Module) -> bool:
    return (standing.state_of(module), Event.WITHDRAWN) in MOVES


def _refuse_modules(subject: Subject, standing: Standing, new: NewWithdrawal) -> None:
    if not new.modules:
        raise ValidationError(_("Choose a level, or the modules that are taken back."), code="wrong-state")
    if set(new.modules) & consent_forms.mandatory_of(_form_of(subject)):
        raise ValidationError(
            _("Nobody takes part without this module: taking it back is a withdrawal at level W3 at least."),
            code="mandatory",
        )
    if not all(_can_end(standing, Module(module)) for module in new.modules):
        raise ValidationError(_("There is no consent to withdraw in one of these modules."), code="wrong-state")


def _refuse_day(subject: Subject, on: dt.date) -> None:
    if not FIRST_DAY <= on <= today_at(subject.trial_site):
        raise ValidationError(_("The date lies in the future, or before any trial. Check the year."), code="date")
    first = subject.consents.filter(kind=Consent.Kind.GIVEN).order_by("on").first()
    if first is not None and on < first.on:
        raise ValidationError(_("Nobody withdraws before the first consent. Check the date."), code="date")


def _form_of(subject: Subject) -> ConsentForm:
    """The version signed last; before the first signature there is nothing to take back."""
    given = subject.consents.filter(kind=Consent.Kind.GIVEN).select_related("form").order_by("-id").first()
    if given is None:
        raise ValidationError(_("There is no consent to withdraw."), code="wrong-state")
    return given.form
