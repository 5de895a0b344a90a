"""The cast: a founder who is coordinator and administrator, two sites' staff, a QC analyst, two readers, an adjudicator,
a second coordinator, an administrator, a statistician, a sponsor, a monitor, a monitor of site 01 (visitor), an
inspector, an operator, a stranger.

The trial TUNDRA has sites 01 (Alba) and 02 (Brisa), an approved charter with baseline and two follow-ups, and one
consented subject at each site.
"""

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from audit import sealing
from audit.context import acting
from audit.letters import file_letter
from privacy.services import withdrawal
from tests.people import ORGANISATION, PASSWORD, STAGE, STAGE_REASON, TODAY, actor_for, operator, person
from tests.roles import application_role
from tests.signing import approve
from trials.agreement import Level
from trials.models import Charter, Consent, ConsentForm, Subject, Trial, TrialSite, User
from trials.roles import LONGEST_DAYS, Role
from trials.services import charters, consent_checks, consent_forms, consents, members, subjects, trials
from trials.services.withdrawal import NewWithdrawal

SCOPES = tuple(ConsentForm.Scope.values)
ALL_CHECKS = tuple(Consent.Check.values)
LANGUAGE = "en"
BASES = dict.fromkeys(SCOPES, ConsentForm.Basis.RESEARCH.value)


__all__ = ["PASSWORD", "TODAY", "Cast", "actor_for", "cast", "person"]


@dataclass(frozen=True, slots=True)
class Cast:
    """Everyone and everything on the stage; `actor(user)` speaks for a person."""

    coordinator: User
    alba: User
    brisa: User
    analyst: User
    reader: User
    second_reader: User
    sponsor: User
    monitor: User
    officer: User
    operator: User
    stranger: User
    data_manager: User
    administrator: User
    adjudicator: User
    inspector: User
    statistician: User
    visitor: User
    trial: Trial
    charter: Charter
    site_a: TrialSite
    site_b: TrialSite
    form: ConsentForm
    subject_a: Subject
    subject_b: Subject


def found_trial(coordinator: User, code: str = "TUNDRA") -> Trial:
    User.objects.filter(pk=coordinator.pk).update(may_create_trials=True)
    new = trials.NewTrial(code=code, title=f"The {code} trial", protocol_number=f"{code}-001", sponsor="Northlight")
    return trials.create(by=actor_for(coordinator), new=new)


def write_charter(trial: Trial, coordinator: User) -> Charter:
    by = actor_for(coordinator)
    draft = trial.charters.get()
    for code, name, day in (("BL", "Baseline", 0), ("FU1", "Follow-up 1", 56), ("FU2", "Follow-up 2", 112)):
        new = charters.NewTimePoint(code=code, name=name, day=day, window_before=7, window_after=7)
        planned = charters.add_time_point(by=by, charter=draft, new=new)
        series = charters.NewRequirement(name="CT chest", modality="CT", minimum_slices=4)
        charters.add_requirement(by=by, planned=planned, new=series)
    return approve(coordinator, draft)


def amend_charter(trial: Trial, coordinator: User, **settings: Any) -> Charter:
    """Change what an approved charter says, in the one way that is open: a new version, signed."""
    by = actor_for(coordinator)
    draft = charters.amend(
        by=by, charter=trial.charters.get(state=Charter.State.APPROVED), reason="the test asks for it"
    )
    told = {name: getattr(draft, name) for name in charters.SETTINGS} | settings
    draft = charters.change_settings(by=by, charter=draft, settings=told, reason="the test asks for it")
    return approve(coordinator, draft)


def add_site(trial: Trial, coordinator: User, *, code: str, number: str, ae_title: str) -> TrialSite:
    new = trials.NewSite(code=code, name=f"{code.title()} Hospital", time_zone="UTC", number=number, ae_title=ae_title)
    return trials.add_site(by=actor_for(coordinator), trial=trial, new=new)


def seat(cast_trial: Trial, coordinator: User, user: User, role: Role, site: TrialSite | None = None) -> None:
    members.grant(
        by=actor_for(coordinator),
        user=user,
        trial=cast_trial,
        role=role,
        trial_site=site,
        starts=TODAY,
        ends=until(role),
    )


def add_form(coordinator: User, trial: Trial, version: str = "1.0", **told: Any) -> ConsentForm:
    """A version that asks for everything, approved for every site of the trial in English."""
    new: dict[str, Any] = {"version": version, "approved_on": TODAY, "scopes": SCOPES, "bases": BASES} | told
    form = consent_forms.add(by=actor_for(coordinator), trial=trial, new=consent_forms.NewForm(**new))
    for site in trial.sites.all():
        approve_form(coordinator, form, site)
    return form


def approve_form(coordinator: User, form: ConsentForm, site: TrialSite) -> None:
    by = actor_for(coordinator)
    consent_forms.approve(by=by, form=form, trial_site=site, language=LANGUAGE, on=form.approved_on)


def new_consent(form: ConsentForm, **told: Any) -> consents.NewConsent:
    """What a signed form says; its scan exists as a hash alone, here as at the core laboratory."""
    paper = consents.Paper(sha256=hashlib.sha256(secrets.token_bytes(8)).hexdigest(), pages=3)
    new: dict[str, Any] = {
        "form": form,
        "language": LANGUAGE,
        "scopes": SCOPES,
        "on": TODAY,
        "paper": paper,
        "checks": ALL_CHECKS,
    }
    return consents.NewConsent(**(new | told))


def confirm(checker: User, paper: Consent) -> Consent:
    seen = consents.Paper(sha256=paper.scan_sha256, pages=paper.scan_pages or 0)
    return consent_checks.confirm(by=actor_for(checker), paper=paper, seen=seen, checks=ALL_CHECKS)


def give(staff: User, checker: User, subject: Subject, form: ConsentForm, **told: Any) -> Consent:
    """A newly signed form, recorded by one person and confirmed by another."""
    paper = consents.give(by=actor_for(staff), subject=subject, new=new_consent(form, **told))
    return confirm(checker, paper)


def withdraw(staff: User, subject: Subject, level: Level | None = Level.W3, **told: Any) -> Consent:
    """Take consent back on every floor, after the preview."""
    new = NewWithdrawal(**({"level": level, "on": TODAY, "reason": "asked by letter"} | told))
    by = actor_for(staff)
    seen = withdrawal.preview(by=by, subject=subject, new=new).seen
    return withdrawal.withdraw(by=by, subject=subject, new=new, seen=seen)


def until(role: Role) -> dt.date | None:
    """The last day that a grant of today gives: a visitor's role has one (C07)."""
    days = LONGEST_DAYS.get(role)
    return TODAY + dt.timedelta(days=days) if days else None


def register(staff: User, site: TrialSite, form: ConsentForm, day_zero: dt.date = TODAY) -> Subject:
    """A subject whose consent was given and checked by the trial's monitor, where it has one, else a colleague."""
    subject = subjects.register(by=actor_for(staff), trial_site=site, day_zero=day_zero, consent=new_consent(form))
    confirm(_second_person(site), subject.consents.get())
    return subject


def _second_person(site: TrialSite) -> User:
    seat_of = site.trial.memberships.filter(role=Role.MONITOR).select_related("user").first()
    assert seat_of is not None, "a stage needs a monitor, who checks consent"
    return seat_of.user


_staged: list[Cast] = []


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Set the stage once, in the empty test database; each test then plays in a transaction of its own."""
    with django_db_blocker.unblock(), application_role():
        with acting(STAGE, reason=STAGE_REASON):
            _staged.append(_set_stage())
        with django_db_blocker.block():
            yield


@pytest.fixture(autouse=True)
def _somebody_acts() -> Iterator[None]:
    """Let a test write to the database as the stage; a service that admits its actor takes over."""
    with acting(STAGE, reason=STAGE_REASON):
        yield


@pytest.fixture(autouse=True)
def _own_events_can_be_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test is one transaction that never ends; on PostgreSQL the sealer would wait for it for ever."""
    if connection.vendor == "postgresql":
        monkeypatch.setattr(sealing, "_ended", _in_order)


def _in_order(waiting: Any, last: Any) -> Any:
    """Take events in the order of the one writer that a test has."""
    events = list(waiting.filter(sequence__gt=last.horizon if last else 0).order_by("sequence")[: sealing.BATCH])
    return sealing._Batch(events, horizon=events[-1]["sequence"] if events else 0)


@pytest.fixture
def cast(db: None) -> Cast:
    """The staged people and things, read anew, so that no test sees what another did to an object."""
    (staged,) = _staged
    return Cast(**{each.name: _read_anew(getattr(staged, each.name)) for each in fields(staged)})


def _read_anew(row: Any) -> Any:
    return type(row)._default_manager.get(pk=row.pk)


def _seat_the_rest(trial: Trial, people: dict[str, User]) -> None:
    """The founder does much in one go already: an administrator who is somebody else grants the rest."""
    for name, role in (
        ("monitor", Role.MONITOR),
        ("officer", Role.DATA_PROTECTION_OFFICER),
        ("data_manager", Role.COORDINATOR),
        ("adjudicator", Role.ADJUDICATOR),
        ("inspector", Role.INSPECTOR),
        ("statistician", Role.STATISTICIAN),
    ):
        seat(trial, people["administrator"], people[name], role)


def _set_stage() -> Cast:
    coordinator = person("clara", "Clara Coordinator")
    file_letter(by=STAGE, organisation=ORGANISATION, filed_on=TODAY, document=b"We sign as if by hand.")
    others = {
        "alba": person("alba", "Alba Sitestaff"),
        "brisa": person("brisa", "Brisa Sitestaff"),
        "analyst": person("quinn", "Quinn Analyst"),
        "reader": person("rhea", "Rhea Reader"),
        "second_reader": person("rolf", "Rolf Reader"),
        "sponsor": person("sven", "Sven Sponsor"),
        "monitor": person("mona", "Mona Monitor"),
        "officer": person("dora", "Dora Officer"),
        "stranger": person("stig", "Stig Stranger"),
        "data_manager": person("dale", "Dale Datamanager"),
        "administrator": person("anke", "Anke Administrator"),
        "adjudicator": person("juno", "Juno Adjudicator"),
        "inspector": person("iris", "Iris Inspector"),
        "statistician": person("tove", "Tove Statistician"),
        "visitor": person("vera", "Vera Visitor"),
    }
    trial = found_trial(coordinator)
    charter = write_charter(trial, coordinator)
    trials.open_trial(by=actor_for(coordinator), trial=trial)
    site_a = add_site(trial, coordinator, code="alba", number="01", ae_title="ALBA_PACS")
    site_b = add_site(trial, coordinator, code="brisa", number="02", ae_title="BRISA_PACS")
    form = add_form(coordinator, trial)
    seat(trial, coordinator, others["alba"], Role.SITE_STAFF, site_a)
    seat(trial, coordinator, others["brisa"], Role.SITE_STAFF, site_b)
    for name, role in (
        ("analyst", Role.QC_ANALYST),
        ("reader", Role.READER),
        ("second_reader", Role.READER),
        ("sponsor", Role.SPONSOR),
        ("administrator", Role.ADMINISTRATOR),
    ):
        seat(trial, coordinator, others[name], role)
    _seat_the_rest(trial, others)
    seat(trial, others["administrator"], others["visitor"], Role.SITE_MONITOR, site_a)
    trial.refresh_from_db()
    return Cast(
        coordinator=coordinator,
        operator=operator("root"),
        trial=trial,
        charter=charter,
        site_a=site_a,
        site_b=site_b,
        form=form,
        subject_a=register(others["alba"], site_a, form),
        subject_b=register(others["brisa"], site_b, form),
        **others,
    )
