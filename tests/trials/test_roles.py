"""The table of roles and acts: duties apart, visitors for a time, blinded roles alone, inspections marked (C01, C07)."""

import csv
import datetime as dt
import io
import json
from importlib import import_module
from itertools import combinations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from guardian.models import BaseObjectPermission

from audit.context import acting
from endpoints.services import assignments
from imaging.models import QCDecision, Submission
from tests.cast import TODAY, Cast, actor_for
from tests.people import STAGE
from tests.signing import decide
from trials import access
from trials.duties import INCOMPATIBLE
from trials.models import Membership, User
from trials.roles import BLINDED, LONGEST_DAYS, SITE_ROLES, TABLE, Act, Reach, Role
from trials.services import members

# What changes something, or takes part in making data; looking is none of it.
LOOKING = {act for act in Act if act.endswith((".view", ".name", ".own", ".oversee", ".site", ".veiled"))}
DATA = {
    act
    for act in Act
    if act.partition(".")[0]
    in {"subject", "scan", "submission", "qc", "read", "result", "report", "consent", "identity"}
}
MARK = "inspection copy for Iris Inspector"


@pytest.mark.req("R-ROLE-01")
def test_administration_is_apart_from_data_and_granting_is_the_administrators_alone() -> None:
    assert not set(TABLE[Role.ADMINISTRATOR]) & DATA
    for act in (Act.MEMBER_GRANT, Act.ACCESS_REVIEW):
        assert {role for role in Role if act in TABLE[role]} == {Role.ADMINISTRATOR}


@pytest.mark.req("R-ROLE-01")
def test_an_inspector_looks_at_everything_and_changes_nothing() -> None:
    assert set(TABLE[Role.INSPECTOR]) <= LOOKING
    views = {act for act in LOOKING if act.endswith(".view")}
    # The arm is shown to an inspector on request, by who holds it (design 3e).
    assert views - {Act.ARM_VIEW} <= set(TABLE[Role.INSPECTOR])
    assert set(TABLE[Role.INSPECTOR].values()) == {Reach.TRIAL}


@pytest.mark.req("R-ROLE-01")
def test_blinded_roles_reach_their_own_cases_and_nothing_else() -> None:
    for role in BLINDED:
        assert set(TABLE[role].values()) == {Reach.OWN}
        assert set(TABLE[role]) <= {Act.READ_VIEW, Act.READ_PERFORM}


@pytest.mark.req("R-ROLE-01")
def test_a_statistician_meets_results_and_never_a_scan_a_subject_or_a_read() -> None:
    acts = {act.partition(".")[0] for act in TABLE[Role.STATISTICIAN]}
    assert acts == {"trial", "charter", "result", "report", "trail", "arm"}
    assert {role for role in Role if Act.ARM_VIEW in TABLE[role]} == {Role.STATISTICIAN}
    assert Act.AUDIT_VIEW not in TABLE[Role.STATISTICIAN]


@pytest.mark.req("R-ROLE-03")
def test_who_is_blinded_inspects_or_administers_holds_nothing_beside() -> None:
    alone = {*BLINDED, Role.INSPECTOR, Role.ADMINISTRATOR}
    for pair in map(frozenset, combinations(Role, 2)):
        assert (pair in INCOMPATIBLE) or not (pair & alone)
    for role in (Role.SITE_STAFF, Role.COORDINATOR, Role.QC_ANALYST):
        assert frozenset({Role.STATISTICIAN, role}) in INCOMPATIBLE


@pytest.mark.req("R-ROLE-04")
@pytest.mark.django_db
@pytest.mark.parametrize("role", LONGEST_DAYS)
def test_a_visitors_role_needs_an_end_soon_enough(cast: Cast, role: Role) -> None:
    longest = TODAY + dt.timedelta(days=LONGEST_DAYS[role])

    def grant(ends: dt.date | None) -> Membership:
        return members.grant(
            by=actor_for(cast.administrator),
            user=cast.stranger,
            trial=cast.trial,
            role=role,
            trial_site=cast.site_a if role in SITE_ROLES else None,
            starts=TODAY,
            ends=ends,
        )

    for ends, code in ((None, "no-end"), (longest + dt.timedelta(days=1), "too-long")):
        with pytest.raises(ValidationError) as refused:
            grant(ends)
        assert refused.value.code == code
    assert not Membership.objects.filter(user=cast.stranger).exists()
    assert grant(longest).ends == longest


@pytest.mark.req("R-ROLE-04")
@pytest.mark.django_db
def test_the_database_knows_no_inspector_without_an_end(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="membership_of_an_inspector_has_an_end"), transaction.atomic():
        Membership.objects.create(user=cast.stranger, trial=cast.trial, role=Role.INSPECTOR, starts=TODAY)


@pytest.mark.req("R-ROLE-04")
@pytest.mark.django_db
def test_rights_end_with_the_last_day(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    last = Membership.objects.get(user=cast.inspector).ends
    assert last is not None
    for day, is_open in ((last, True), (last + dt.timedelta(days=1), False)):
        moment = dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        assert bool(access.scopes(actor_for(cast.inspector))) is is_open
        assert access.visible(actor_for(cast.inspector), type(cast.trial).objects.all()).exists() is is_open


@pytest.mark.req("R-ROLE-01")
@pytest.mark.django_db
def test_a_coordinator_who_is_no_administrator_grants_nothing(cast: Cast) -> None:
    with pytest.raises(PermissionDenied):
        members.grant(
            by=actor_for(cast.data_manager),
            user=cast.stranger,
            trial=cast.trial,
            role=Role.SPONSOR,
            trial_site=None,
            starts=TODAY,
            ends=None,
        )
    seat = Membership.objects.get(user=cast.sponsor)
    with pytest.raises(PermissionDenied):
        members.end(by=actor_for(cast.data_manager), membership=seat, reason="x")


@pytest.mark.req("R-ROLE-07")
@pytest.mark.django_db
def test_every_page_of_an_inspector_says_whose_copy_it_is(cast: Cast, client: Client) -> None:
    for who, is_marked in ((cast.inspector, True), (cast.monitor, False)):
        client.force_login(who)
        for address in ("/", "/trials/TUNDRA/", "/trials/TUNDRA/audit/", f"/subjects/{cast.subject_a.code}/"):
            answer = client.get(address)
            assert (MARK in answer.content.decode()) is is_marked, address
            assert ("Inspection-Copy" in answer.headers) is is_marked
        assert ("Inspection-Copy" in client.get("/api/trials/TUNDRA/results/").headers) is is_marked


@pytest.mark.req("R-ROLE-07")
@pytest.mark.django_db
def test_an_inspectors_export_of_the_trail_ends_with_whose_copy_it_is(cast: Cast, client: Client) -> None:
    client.force_login(cast.inspector)
    address = "/trials/TUNDRA/audit/export/"
    table = client.post(address, {"form": "csv"}).getvalue().decode()
    assert list(csv.reader(io.StringIO(table)))[-1] == [f"{MARK}, {TODAY.isoformat()}"]
    lines = client.post(address, {"form": "jsonl"}).getvalue().decode().splitlines()
    assert json.loads(lines[-1])["inspection_copy"].startswith(MARK)
    client.force_login(cast.monitor)
    assert MARK not in client.post(address, {"form": "csv"}).getvalue().decode()


@pytest.mark.req("R-ROLE-08")
@pytest.mark.django_db
def test_the_trail_shows_some_roles_their_own_acts_alone(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    page = client.get("/trials/TUNDRA/audit/", {"layer": "both", "person": "clara"}).content.decode()
    assert "You see what you did yourself." in page
    assert "Clara Coordinator" not in page
    taken = client.post("/trials/TUNDRA/audit/export/", {"form": "jsonl", "layer": "both"}).getvalue().decode()
    assert {json.loads(line)["actor_id"] for line in taken.splitlines()} == {"alba"}


@pytest.mark.req("R-ROLE-08")
@pytest.mark.django_db
def test_the_administrators_trail_tells_no_reads(cast: Cast, filed: Submission, client: Client) -> None:
    point = filed.time_point
    assert point is not None
    decide(cast.analyst, point, QCDecision.Verdict.ACCEPTED)
    assignments.assign(by=actor_for(cast.coordinator), time_point=point, reader=cast.reader)
    assert "endpoints.Assignment" in kinds_told(client, cast.data_manager)
    kinds = kinds_told(client, cast.administrator)
    assert "trials.Membership" in kinds
    assert not {kind for kind in kinds if kind.startswith(("endpoints.", "reports."))}


def kinds_told(client: Client, user: User) -> set[str]:
    """The kinds of objects in the person's export of the trail."""
    client.force_login(user)
    taken = client.post("/trials/TUNDRA/audit/export/", {"form": "jsonl", "layer": "both"}).getvalue().decode()
    return {json.loads(line)["object_type"] for line in taken.splitlines()}


@pytest.mark.req("R-ROLE-01")
def test_every_role_stands_on_a_trial_or_on_a_site() -> None:
    for role in Role:
        assert (Reach.SITE in TABLE[role].values()) is (role in SITE_ROLES)


@pytest.mark.req("R-ROLE-12")
@pytest.mark.django_db
def test_coordinators_of_an_older_installation_go_on_granting(cast: Cast) -> None:
    with acting(STAGE, reason="as it was before the role existed"):
        Membership.objects.filter(role=Role.ADMINISTRATOR).delete()
        Group.objects.filter(name__endswith=":administrator").delete()
    migration = import_module("trials.migrations.0006_roles")
    migration._keep_granting(apps, None)
    for who in (cast.coordinator, cast.data_manager):
        assert access.may(actor_for(who), Act.MEMBER_GRANT, cast.trial) == Role.ADMINISTRATOR
        assert Membership.objects.get(user=who, role=Role.ADMINISTRATOR).granted_by == "machine:migrate"
    assert access.may(actor_for(cast.administrator), Act.MEMBER_GRANT, cast.trial) is None


@pytest.mark.req("R-ROLE-01")
def test_rights_stand_on_trials_and_sites_alone_never_on_another_object_or_a_single_person(cast: Cast) -> None:
    permissions = [model for model in apps.get_models() if issubclass(model, BaseObjectPermission)]
    own = {"trials.TrialGroupObjectPermission", "trials.TrialSiteGroupObjectPermission"}
    others = [model for model in permissions if model._meta.label not in own]
    assert len(permissions) - len(others) == len(own)
    assert not [model._meta.label for model in others if model._default_manager.exists()]
    assert all(model._default_manager.exists() for model in permissions if model not in others)
