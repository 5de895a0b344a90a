"""The demo's trials, sites and people, made through the same services that the web forms call."""

import datetime as dt
import hashlib
from dataclasses import dataclass

from django.utils import timezone

from audit.actor import OPERATOR, Actor
from audit.letters import file_letter
from config.demo.people import LETTER, ORGANISATION, PASSWORD, PEOPLE, Person
from config.demo.signing import prove
from trials.models import Consent, ConsentForm, Subject, Trial, TrialSite, User
from trials.roles import LONGEST_DAYS, Role
from trials.services import charters, consent_checks, consent_forms, consents, factors, members, subjects, trials

SCOPES = tuple(ConsentForm.Scope.values)
CHECKS = tuple(Consent.Check.values)
LANGUAGE = "es"
BASES = dict.fromkeys(SCOPES, ConsentForm.Basis.RESEARCH.value) | {
    ConsentForm.Scope.SECONDARY.value: ConsentForm.Basis.CONSENT.value
}
SITES = (("norte", "Hospital Norte", "Europe/Madrid", "01"), ("sur", "Hospital Sur", "Europe/Madrid", "02"))


def actor(username: str) -> Actor:
    """A demo person at a keyboard that is really a command: the source says so."""
    user = User.objects.get(username=username)
    return Actor(id=username, name=user.get_full_name(), source="command", request_id="seed-demo", user_id=user.pk)


def make_people() -> None:
    for person in PEOPLE:
        make = User.objects.create_superuser if person.role is None else User.objects.create_user
        user = make(
            person.username,
            password=PASSWORD,
            first_name=person.first_name,
            last_name=person.last_name,
            organisation=ORGANISATION,
        )
        factors.enrol_demo(by=actor(person.username), user=user)
    User.objects.filter(username="carmen").update(may_create_trials=True)
    operator = actor("otto").acting_as(OPERATOR)
    file_letter(by=operator, organisation=ORGANISATION, filed_on=timezone.localdate(), document=LETTER)


@dataclass(frozen=True, slots=True)
class Plan:
    """One trial of the demo: its visits as (code, name, day), what each needs, and AE titles by site."""

    code: str
    title: str
    protocol_number: str
    visits: tuple[tuple[str, str, int], ...]
    requirement: charters.NewRequirement
    window: int
    ae_titles: dict[str, str]
    radiomics: bool


def make_trial(plan: Plan) -> Trial:
    """Found, charter, approve, open, bring in sites, people and the consent form."""
    by = actor("carmen")
    new = trials.NewTrial(
        code=plan.code,
        title=plan.title,
        protocol_number=plan.protocol_number,
        sponsor="Northlight Therapeutics",
    )
    trial = trials.create(by=by, new=new)
    _write_charter(trial, plan)
    trials.open_trial(by=by, trial=trial)
    for code, name, zone, number in SITES:
        site = trials.NewSite(
            code=code, name=name, time_zone=zone, number=number, ae_title=plan.ae_titles.get(code, "")
        )
        trials.add_site(by=by, trial=trial, new=site)
    for person in PEOPLE:
        _seat(trial, person)
    approved_on = timezone.localdate() - dt.timedelta(days=400)
    version = consent_forms.NewForm(version="1.0", approved_on=approved_on, scopes=SCOPES, bases=BASES)
    form = consent_forms.add(by=by, trial=trial, new=version)
    for trial_site in trial.sites.all():
        consent_forms.approve(by=by, form=form, trial_site=trial_site, language=LANGUAGE, on=approved_on)
    return trial


def _write_charter(trial: Trial, plan: Plan) -> None:
    by, draft = actor("carmen"), trial.charters.get()
    settings = {name: getattr(draft, name) for name in charters.SETTINGS} | {"radiomics": plan.radiomics}
    charters.change_settings(by=by, charter=draft, settings=settings, reason="As the protocol of the demo says.")
    for code, name, day in plan.visits:
        visit = charters.NewTimePoint(
            code=code, name=name, day=day, window_before=plan.window, window_after=plan.window
        )
        planned = charters.add_time_point(by=by, charter=draft, new=visit)
        charters.add_requirement(by=by, planned=planned, new=plan.requirement)
    offered = charters.offer_approval(by=by, charter=draft)
    charters.approve(by=by, charter=draft, proof=prove("carmen", offered))


def _seat(trial: Trial, person: Person) -> None:
    if person.role in (None, Role.COORDINATOR):
        return
    site = TrialSite.objects.get(trial=trial, site__code=person.site) if person.site else None
    role, today = Role(str(person.role)), timezone.localdate()
    longest = LONGEST_DAYS.get(role)
    members.grant(
        by=actor("carmen"),
        user=User.objects.get(username=person.username),
        trial=trial,
        role=role,
        trial_site=site,
        starts=today,
        ends=today + dt.timedelta(days=longest) if longest else None,
    )


def enrol(trial: Trial, *, site: str, staff: str, day_zero: dt.date) -> Subject:
    trial_site = TrialSite.objects.select_related("trial").get(trial=trial, site__code=site)
    form = trial.consent_forms.get()
    signed = max(day_zero, form.approved_on)
    # No paper exists in a demo; its hash is that of nothing.
    paper = consents.Paper(sha256=hashlib.sha256(b"").hexdigest(), pages=1)
    consent = consents.NewConsent(
        form=form,
        language=LANGUAGE,
        scopes=SCOPES,
        on=min(signed, timezone.localdate()),
        paper=paper,
        checks=CHECKS,
    )
    subject = subjects.register(by=actor(staff), trial_site=trial_site, day_zero=day_zero, consent=consent)
    consent_checks.confirm(by=actor("marta"), paper=subject.consents.get(), seen=paper, checks=CHECKS)
    return subject
