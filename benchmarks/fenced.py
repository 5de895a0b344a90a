"""The deeds of `benchmarks.fence`: they need Django, so they run in its child alone."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet

from audit.actor import Actor, machine
from audit.context import acting
from config.grants import grant
from endpoints.models import Assignment
from imaging.models import Instance, Series
from trials import access
from trials.models import Membership, Trial, User
from trials.roles import Role
from trials.services import members

BY = machine("bench", source="command", request_id="bench")
Ask = Callable[[Actor], QuerySet[Any]]
TABLES = ("trials_trial", "trials_trialsite", "trials_subject", "trials_timepoint", "trials_membership")
IMAGING = ("imaging_study", "imaging_series", "imaging_instance", "imaging_submission", "endpoints_assignment")
ANCHORED = ("trials_timepoint", "imaging_study", "imaging_series", "imaging_instance", "endpoints_assignment")
DAY = dt.date(2020, 1, 1)


def _images(actor: Actor) -> QuerySet[Instance]:
    return access.visible(actor, Instance.objects.select_related("series__study__time_point__subject")).order_by("-id")


def _series(actor: Actor) -> QuerySet[Series]:
    return access.visible(actor, Series.objects.select_related("study__time_point__subject")).order_by("-id")


def _forgotten(_actor: Actor) -> QuerySet[Instance]:
    return Instance.objects.order_by("-id")


def _cases(actor: Actor) -> QuerySet[Assignment]:
    return access.visible(actor, Assignment.objects.select_related("time_point__subject")).order_by("case_code", "id")


PAGES: dict[str, Ask] = {
    "images, visible()": _images,
    "series, visible()": _series,
    "cases to read, visible()": _cases,
    "images, forgotten visible()": _forgotten,
}

SLIP = _forgotten


def prepare(fill: str) -> dict[str, Actor]:
    from benchmarks import fence

    call_command("migrate", verbosity=0)
    with acting(BY, reason="a benchmark"):
        people = {name: User.objects.create(username=name) for name in ("coordinator", "staff", "reader", "stranger")}
        _fill(fill, fence, people["reader"].pk)
        trial = Trial.objects.get(code="T1")
        _seat(people["coordinator"], trial, Role.COORDINATOR)
        _seat(people["staff"], trial, Role.SITE_STAFF)
        for every in Trial.objects.all():
            _seat(people["reader"], every, Role.READER)
    _step_down()
    return {name: _actor(user) for name, user in people.items()}


def _fill(fill: str, sizes: Any, reader: int) -> None:
    row = {
        **_blank("imaging_submission"),
        "trial_site_id": 0,
    }
    tables = (*TABLES, *IMAGING, "trials_charter", "trials_scheduledtimepoint", "trials_site", "trials_sponsor")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for table in ANCHORED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_anchored")
        told = "jsonb_build_object('trial_site_id', (SELECT min(id) FROM trials_trialsite)) || '{}'::jsonb"
        del row["trial_site_id"]
        submission = f"'{json.dumps(row)}'::jsonb || {told}"
        for statement in filter(
            str.strip,
            fill.format(
                trials=sizes.TRIALS,
                sites=sizes.SITES,
                subjects=sizes.SUBJECTS,
                visits=sizes.VISITS,
                images=sizes.IMAGES,
                reader=reader,
                submission=submission,
            ).split(";\n"),
        ):
            cursor.execute(statement)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("VACUUM ANALYZE")


def _blank(table: str) -> dict[str, Any]:
    """A row that satisfies the columns' types, whatever they are."""
    blanks = {"uuid": "00000000-0000-0000-0000-000000000001", "jsonb": {}, "date": "2026-01-01", "boolean": False}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s "
            "AND is_nullable = 'NO'",
            [table],
        )
        return {name: blanks.get(kind, _other(kind)) for name, kind in cursor.fetchall()}


def _other(kind: str) -> Any:
    if kind.startswith("timestamp"):
        return "2026-01-01T00:00:00+00:00"
    return 0 if "int" in kind else ""


def _seat(user: User, trial: Trial, role: Role) -> None:
    site = trial.sites.first() if role is Role.SITE_STAFF else None
    Membership.objects.create(user=user, trial=trial, trial_site=site, role=role, starts=DAY)
    members._group(trial, site, role).user_set.add(user)  # noqa: SLF001  what a grant does


def _actor(user: User) -> Actor:
    return Actor(id=user.username, name="", source="command", request_id="bench", user_id=user.pk)


def _step_down() -> None:
    """Go on as the application: the owner is only needed to switch the fences."""
    name = f"{connection.settings_dict['NAME']}_app"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE ROLE "{name}"')
        cursor.execute(f'GRANT "{name}" TO CURRENT_USER')
    grant(connection, roles={"app": name})


def switch(*, fence: bool) -> None:
    name = f"{connection.settings_dict['NAME']}_app"
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        for table in (*TABLES, *IMAGING):
            cursor.execute(f"ALTER TABLE {table} {'ENABLE' if fence else 'DISABLE'} ROW LEVEL SECURITY")
        cursor.execute(f'SET ROLE "{name}"')


def database_time(actor: Actor, ask: Ask) -> float:
    """Return the milliseconds that the database plans and executes the first page."""
    with acting(actor):
        try:
            told = json.loads(ask(actor)[:50].explain(format="json", analyze=True, timing=False) or "[]")[0]
        except (EmptyResultSet, IndexError):
            # Nobody is asked where no right can give a row.
            return 0.0
    return float(told["Planning Time"]) + float(told["Execution Time"])


def rows(actor: Actor, ask: Ask) -> int:
    with acting(actor):
        return len(ask(actor)[:50])
