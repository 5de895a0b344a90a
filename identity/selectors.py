"""What the pages of the vault show: who is recorded, which windows wait, are open or were. Never a value."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import QuerySet
from django.utils import timezone

from audit.actor import Actor
from identity.models import SubjectKey, UnlockWindow
from trials import access
from trials.models import Subject, Trial
from trials.roles import Act


class Holding(StrEnum):
    """What the vault holds of a subject."""

    NOTHING = "nothing"
    RECORDED = "recorded"
    ERASED = "erased"


class Standing(StrEnum):
    """Where an unlock window stands now."""

    WAITING = "waiting"
    OPEN = "open"
    OVER = "over"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Line:
    """A subject with what the vault holds of it."""

    subject: Subject
    holding: Holding


@dataclass(frozen=True, slots=True)
class Shown:
    """A window with where it stands."""

    window: UnlockWindow
    standing: Standing


def holding_of(subject: Subject) -> Holding:
    return _holdings([subject.code]).get(subject.code, Holding.NOTHING)


def _holdings(codes: Collection[str]) -> dict[str, Holding]:
    rows = SubjectKey.objects.filter(subject_code__in=codes).values_list("subject_code", "destroyed_at")
    return {code: Holding.ERASED if destroyed else Holding.RECORDED for code, destroyed in rows}


def subjects_in(actor: Actor, trial: Trial) -> list[Line]:
    """Return the subjects whose identity is the actor's business: of the own site, or all for who protects data."""
    subjects = list(_own(actor, trial).select_related("trial_site__site").order_by("trial_site__number", "code"))
    holdings = _holdings([subject.code for subject in subjects])
    return [Line(subject, holdings.get(subject.code, Holding.NOTHING)) for subject in subjects]


def _own(actor: Actor, trial: Trial) -> QuerySet[Subject]:
    return access.within(actor, Subject.objects.filter(trial_site__trial=trial), act=Act.IDENTITY_UNLOCK)


def windows_in(actor: Actor, trial: Trial) -> list[Shown]:
    """Return all unlock windows of these subjects, newest first."""
    codes = list(_own(actor, trial).values_list("code", flat=True))
    return _shown(UnlockWindow.objects.filter(trial_code=trial.code, subject_code__in=codes))


def windows_of(subject: Subject) -> list[Shown]:
    return _shown(UnlockWindow.objects.filter(subject_code=subject.code))


def _shown(windows: QuerySet[UnlockWindow]) -> list[Shown]:
    now = timezone.now()
    return [Shown(window, standing_of(window, now)) for window in windows]


def standing_of(window: UnlockWindow, now: dt.datetime) -> Standing:
    if window.closed_at:
        return Standing.CLOSED
    if window.ends_at is None:
        return Standing.WAITING
    return Standing.OPEN if now < window.ends_at else Standing.OVER
