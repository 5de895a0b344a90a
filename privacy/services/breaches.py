"""The file of breaches: opened once, then only added to (GDPR 33(5))."""

import datetime as dt
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.services import record
from privacy.models import Breach, BreachEntry
from privacy.selectors import clock_of, is_closed
from trials import access, refusals
from trials.models import Subject, Trial
from trials.roles import Act
from trials.selectors import subjects_of
from trials.services.ledger import listed

Kind = BreachEntry.Kind


@refusals.told("privacy.refused")
@transaction.atomic
def open_breach(*, by: Actor, trial: Trial, title: str, known_at: dt.datetime, codes: Iterable[str]) -> Breach:
    """Open the file of a breach; the clock runs since `known_at`. Without codes every subject counts as affected.

    Raises ValidationError: `no-title`, `future`, `unknown` for codes that the trial does not have.
    """
    by = access.require(by, Act.BREACH_HANDLE, trial)
    if not title.strip():
        raise ValidationError(_("Say what happened. Nothing was recorded."), code="no-title")
    _refuse_future(known_at)
    breach = Breach.objects.create(
        trial=trial,
        title=title.strip(),
        known_at=known_at,
        subjects=listed(_affected(trial, tuple(codes))),
        opened_by=by.id,
        opened_at=timezone.now(),
    )
    after = {"known_at": known_at, "subjects": len(breach.subjects.split())}
    record(by=by, act="breach.opened", obj=breach, trial_code=trial.code, after=after)
    return breach


def _affected(trial: Trial, codes: tuple[str, ...]) -> list[str]:
    known = set(subjects_of(trial).values_list("code", flat=True))
    if unknown := sorted(set(codes) - known):
        raise ValidationError(
            _("This trial has no subject %(codes)s. Nothing was recorded."),
            code="unknown",
            params={"codes": ", ".join(unknown)},
        )
    return sorted(set(codes) or known)


@refusals.told("privacy.refused")
@transaction.atomic
def note(*, by: Actor, breach: Breach, kind: BreachEntry.Kind, happened_at: dt.datetime, text: str) -> BreachEntry:
    """Add a step.

    Raises ValidationError: `no-text`, `future`, `early` before the breach was known, `closed`, and
    `not-told` where it would close a file whose authority was neither told nor left out for a reason.
    """
    by = access.require(by, Act.BREACH_HANDLE, breach)
    # The trial's row: that of a breach is evidence, which the application's role may not even lock.
    Trial.objects.select_for_update(no_key=True).get(pk=breach.trial_id)
    if not text.strip():
        raise ValidationError(_("Say what was done. Nothing was recorded."), code="no-text")
    _refuse_future(happened_at)
    _refuse_order(breach, kind, happened_at)
    entry = BreachEntry.objects.create(
        breach=breach,
        kind=kind,
        happened_at=happened_at,
        text=text.strip(),
        recorded_by=by.id,
        recorded_at=timezone.now(),
    )
    after = {"kind": kind, "happened_at": happened_at}
    record(by=by, act="breach.noted", obj=breach, trial_code=breach.trial.code, after=after)
    return entry


def _refuse_order(breach: Breach, kind: str, happened_at: dt.datetime) -> None:
    if is_closed(breach):
        raise ValidationError(_("This file is closed. Open a new one for what came to light since."), code="closed")
    if kind in (Kind.AUTHORITY, Kind.PERSONS) and happened_at < breach.known_at:
        raise ValidationError(_("Nobody was told before the breach was known. Check the time."), code="early")
    if kind == Kind.CLOSED and clock_of(breach).is_running:
        raise ValidationError(
            _("Record first when the authority was told, or why it need not be. Nothing was recorded."), code="not-told"
        )


def _refuse_future(moment: dt.datetime) -> None:
    if moment > timezone.now():
        raise ValidationError(_("That time has not come yet. Nothing was recorded."), code="future")


def subjects_in(breach: Breach) -> list[Subject]:
    return list(subjects_of(breach.trial).filter(code__in=breach.subjects.split()).order_by("code"))
