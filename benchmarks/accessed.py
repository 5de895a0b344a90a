"""The deeds of `benchmarks.access`: they need Django, so they run in its children alone."""

import datetime as dt
import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from guardian.models import UserObjectPermission
from guardian.shortcuts import get_objects_for_user

from audit.actor import Actor, machine
from audit.context import acting
from audit.watching import operation
from audit.watching.expected import tables
from endpoints.models import Assignment
from imaging.models import Instance, Series, Study, Submission
from trials import access
from trials.models import (
    Charter,
    Membership,
    ScheduledTimePoint,
    Site,
    Sponsor,
    Subject,
    TimePoint,
    Trial,
    TrialSite,
    User,
)
from trials.models.trials import TrialGroupObjectPermission, TrialSiteGroupObjectPermission
from trials.roles import LONGEST_DAYS, SITE_ROLES, Role
from trials.services import members
from trials.standing import standing_on

BY = machine("bench", source="command", request_id="bench")
TODAY = timezone.localdate()
TRIALS, SITES, SUBJECTS, VISITS, IMAGES = 5, 4, 10, 5, 100
PAGE, TURNS, ROLES, MOST_MS, MOST_ROWS, MOST_SECONDS = 50, 15, 10_000, 10.0, 5, 5.0
_NUMBERS = itertools.count(1)


def bulk(rows: list[Any]) -> list[Any]:
    return QuerySet(type(rows[0])).bulk_create(rows, batch_size=500)


def fill() -> None:
    """TRIALS trials of 20,000 images each, in series of 100 that arrive in turns, as those of many hospitals do."""
    sponsor = Sponsor.objects.create(name="Bench")
    arriving = [series_of_trial(number, sponsor) for number in range(TRIALS)]
    for turn in zip(*arriving, strict=True):
        for series, delivery in turn:
            bulk([image(series, delivery, number) for number in range(IMAGES)])


def series_of_trial(number: int, sponsor: Sponsor) -> list[tuple[Series, Submission]]:
    trial = Trial.objects.create(
        code=f"BENCH{number}", title="B", protocol_number="B", sponsor=sponsor, wrapped_key=b"k"
    )
    charter = Charter.objects.create(trial=trial, version=1)
    days = range(0, VISITS * 30, 30)
    visits = [
        ScheduledTimePoint(charter=charter, code=f"V{day}", name="V", day=day, window_before=7, window_after=7)
        for day in days
    ]
    bulk(visits)
    sites = [Site.objects.create(code=f"bench{number}-{place}", name="Bench") for place in range(SITES)]
    of_trial = [TrialSite.objects.create(trial=trial, site=site, number=f"{site.pk}") for site in sites]
    return [each for site in of_trial for each in series_of_site(site, visits)]


def series_of_site(site: TrialSite, visits: list[ScheduledTimePoint]) -> list[tuple[Series, Submission]]:
    people = bulk([Subject(trial_site=site, code=f"{next(_NUMBERS):09d}", day_zero=TODAY) for _ in range(SUBJECTS)])
    points = bulk(
        [TimePoint(subject=one, scheduled=visit, due_on=TODAY, state="accepted") for one in people for visit in visits]
    )
    studies = bulk([Study(time_point=point, uid=uid()) for point in points])
    series = bulk([Series(study=study, uid=uid(), modality="CT") for study in studies])
    delivery = Submission.objects.create(
        trial_site=site, door="browser", state="checked", state_since=timezone.now(), wrapped_key=b"k", sent_by="bench"
    )
    return [(one, delivery) for one in series]


def uid() -> str:
    return f"2.25.{uuid.uuid4().int}"


def image(series: Series, delivery: Submission, number: int) -> Instance:
    digest = uuid.uuid4().hex * 2
    return Instance(
        series=series,
        submission=delivery,
        uid=uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        number=number,
        sha256=digest,
        received_sha256=digest,
        size=1,
        engine_version="1",
        policy_digest="",
    )


@transaction.atomic
def seat_everybody() -> dict[Role, User]:
    """Give one person each role in the last trial: its images are the last that a page by key comes to."""
    trial = Trial.objects.order_by("pk").last()
    assert trial is not None
    site = trial.sites.order_by("pk").first()
    seated = {}
    for role in Role:
        seated[role] = User.objects.create(username=f"bench-{role}")
        days = LONGEST_DAYS.get(role)
        members.seat(
            by=BY,
            user=seated[role],
            trial=trial,
            trial_site=site if role in SITE_ROLES else None,
            role=role,
            starts=TODAY,
            ends=TODAY + dt.timedelta(days=days) if days else None,
        )
    reader = seated[Role.READER]
    cases = TimePoint.objects.filter(subject__trial_site__trial=trial)
    bulk(
        [
            Assignment(time_point=case, reader=reader, case_code=str(case.pk), position=1, assigned_at=timezone.now())
            for case in cases
        ]
    )
    return seated


def give_rows(user: User) -> None:
    """Guardian's way: a row of rights for every person and image; five people see a fifth each."""
    kind = ContentType.objects.get_for_model(Instance)
    right, _made = Permission.objects.get_or_create(codename="view_instance", content_type=kind)
    others = [User.objects.create(username=f"peer-{number}") for number in range(TRIALS - 1)]
    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    share = len(keys) // TRIALS
    for number, person in enumerate((*others, user)):
        own = keys[number * share : (number + 1) * share]
        told: dict[str, Any] = {"user": person, "permission": right, "content_type": kind}
        bulk([UserObjectPermission(object_pk=str(key), **told) for key in own])


@contextmanager
def unwatched() -> Iterator[None]:
    """Fill without the trail: it is not what is measured here."""
    with connection.cursor() as cursor:
        for table in tables():
            operation.remove(cursor.execute, vendor=connection.vendor, table=table.name)
    yield
    with connection.cursor() as cursor:
        for table in tables():
            operation.install(cursor.execute, vendor=connection.vendor, table=table)


def milliseconds(deed: Callable[[], object]) -> float:
    """Return the least milliseconds of the database for all statements of a deed, until the last row is fetched."""
    statements: list[tuple[str, Any]] = []

    def heard(execute: Any, sql: str, params: Any, *told: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, *told)

    # Outermost: what is told of who acts with each statement is told again when it is repeated.
    connection.execute_wrappers.insert(0, heard)
    try:
        deed()
    finally:
        connection.execute_wrappers.remove(heard)
    return sum(min(_spent(sql, params) for _ in range(TURNS)) for sql, params in statements)


def _spent(sql: str, params: Any) -> float:
    with connection.cursor() as cursor:
        start = time.perf_counter()
        cursor.execute(sql, params)
        cursor.fetchall()
        return (time.perf_counter() - start) * 1000


def actor(user: User) -> Actor:
    return Actor(id=user.username, name="", source="web", request_id="bench", user_id=user.pk)


def page(user: User, rows: "QuerySet[Any]") -> list[Model]:
    return list(access.visible(actor(user), rows)[:PAGE])


def rows_of_rights(user: User) -> int:
    groups = user.groups.all()
    on_objects = sum(
        model.objects.filter(group__in=groups).count()
        for model in (TrialGroupObjectPermission, TrialSiteGroupObjectPermission)
    )
    return user.memberships.count() + groups.count() + on_objects


def pages(seated: dict[Role, User]) -> None:
    user = User.objects.get(username="bench-peer")
    theirs = milliseconds(
        lambda: list(get_objects_for_user(user, "imaging.view_instance", klass=Instance).order_by("pk")[:PAGE])
    )
    rows = UserObjectPermission.objects.filter(user=user).count()
    print(f"  guardian, rows per object   {theirs:8.2f} ms  {rows} rows of rights a person")
    for role, person in seated.items():
        for name, found in (("images", Instance.objects.order_by("pk")), ("cases", Assignment.objects.all())):
            if name == "images" or role is Role.READER:
                tell(f"{role}, {name}", person, found, theirs)


def tell(name: str, person: User, found: "QuerySet[Any]", theirs: float) -> None:
    # On PostgreSQL the database's fence asks whose page it is.
    with acting(actor(person)):
        ours, shown = milliseconds(lambda: page(person, found)), len(page(person, found))
    rights = rows_of_rights(person)
    verdict = "" if ours <= MOST_MS and rights <= MOST_ROWS else "  OVER"
    print(
        f"  {name:34} {ours:7.2f} ms  {ours / theirs:5.2f} x guardian  {shown:2} shown  "
        f"{rights} rows of rights{verdict}",
        flush=True,
    )


def past() -> None:
    """Ten thousand roles, a fifth of them corrected since: who could do what on a day, over all trials."""
    trial = Trial.objects.order_by("pk").first()
    assert trial is not None
    people = bulk([User(username=f"many-{number}") for number in range(ROLES)])
    made = bulk([Membership(user=one, trial=trial, role=Role.QC_ANALYST, starts=TODAY) for one in people])
    changed = [one.pk for one in made[::5]]
    Membership.objects.filter(pk__in=changed[:400]).update(ends=TODAY + dt.timedelta(days=1))
    for start in range(400, len(changed), 400):
        Membership.objects.filter(pk__in=changed[start : start + 400]).update(ends=TODAY + dt.timedelta(days=1))
    began = time.perf_counter()
    answer = standing_on(TODAY)
    spent = time.perf_counter() - began
    verdict = "" if spent <= MOST_SECONDS else "  OVER"
    print(f"  access as of a day          {spent:8.2f} s   {len(answer.standing)} roles{verdict}")


def measure() -> None:
    call_command("migrate", verbosity=0)
    with acting(BY, reason="a benchmark"):
        with unwatched():
            fill()
            peer = User.objects.create(username="bench-peer")
            give_rows(peer)
            seated = seat_everybody()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        pages(seated)
        past()


if __name__ == "__main__":
    measure()
