"""A small trial for a running stack without the demo: founded by a management shell.

One trial NORDA with one site and consented subjects, and one person for every role, named like it.
"""

from audit.context import acting, widened
from audit.letters import file_letter
from tests.cast import (
    TODAY,
    actor_for,
    add_form,
    add_site,
    found_trial,
    person,
    register,
    seat,
    write_charter,
)
from tests.people import ORGANISATION, STAGE, STAGE_REASON, operator
from tests.stack import Stack
from trials.roles import Role
from trials.services import charters, trials

PEOPLE = {
    "coordinator": "Cora Coordinator",
    "site_staff": "Sita Sitestaff",
    "qc_analyst": "Quinn Analyst",
    "reader": "Rhea Reader",
    "sponsor": "Sven Sponsor",
    "monitor": "Mona Monitor",
    "data_protection_officer": "Dora Officer",
}
CODE = "NORDA"
AE_TITLE = "NORDA_PACS"


def seed(stack: Stack, *, number_of_subjects: int = 1) -> None:
    stack.shell(f"from tests.flows import small; small.found({number_of_subjects})")


def found(number_of_subjects: int) -> None:
    """Make the people, the trial, its charter, site, consent form and subjects, through the ordinary services."""
    # People take turns here without a page between them; on PostgreSQL the product stands behind its fences.
    with acting(STAGE, reason=STAGE_REASON), widened("the stage is set"):
        _found(number_of_subjects)


def _found(number_of_subjects: int) -> None:
    people = {username: person(username, name) for username, name in PEOPLE.items()}
    file_letter(by=STAGE, organisation=ORGANISATION, filed_on=TODAY, document=b"We sign as if by hand.")
    operator("operator")
    coordinator = people["coordinator"]
    by, trial = actor_for(coordinator), found_trial(coordinator, code=CODE)
    draft = trial.charters.get()
    settings = {name: getattr(draft, name) for name in charters.SETTINGS} | {"radiomics": True}
    charters.change_settings(by=by, charter=draft, settings=settings, reason="the test asks for it")
    write_charter(trial, coordinator)
    trials.open_trial(by=by, trial=trial)
    site = add_site(trial, coordinator, code="norda", number="01", ae_title=AE_TITLE)
    form = add_form(coordinator, trial)
    for username in PEOPLE.keys() - {"coordinator"}:
        role = Role(username)
        seat(trial, coordinator, people[username], role, site if role is Role.SITE_STAFF else None)
    for _number in range(number_of_subjects):
        register(people["site_staff"], site, form)
