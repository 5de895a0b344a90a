"""The third fence: PostgreSQL itself shows no row to whom no membership of today brings there, whatever our code asks."""

import ast
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Model
from django.test import override_settings
from django.utils import timezone

from audit.actor import machine
from audit.context import acting, widened
from audit.watching.expected import installed
from config import grants
from imaging.models import QCDecision, Submission
from tests.cast import Cast, actor_for, person
from tests.people import STAGE, nobody
from tests.roles import become_owner, fenced_throughout, make
from tests.services import lacking
from tests.test_access_matrix import Objects, foreign, own  # noqa: F401  fixtures
from trials import access
from trials.fences import narrowing
from trials.fences.anchors import held
from trials.fences.functions import cases, lookups, whole
from trials.fences.functions import own as own_roles
from trials.fences.policies import TRAIL, policies, trail_policies
from trials.fences.tables import Fence, way_of
from trials.models import Membership, Subject, Trial, TrialSite, User
from trials.roles import SITE_ROLES, Road, Role
from trials.services.corrections import may_correct_hospital

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db
# Tables without a fence, each with the reason: a new table stands here or has a fence.
_MACHINERY = "Django's machinery: tells nothing of a trial"
_DOOR = "asked at the door, before anybody is known"
_RIGHT = "guardian's: a right, not a thing that is shown"
_SEAL = "a seal over all trials: hashes alone"
UNFENCED = {
    "account_emailaddress": _DOOR,
    "account_emailconfirmation": _DOOR,
    "audit_checkpoint": _SEAL,
    "audit_letter": "of an organisation, for the operator",
    "audit_stamp": _SEAL,
    "audit_tile": _SEAL,
    "auth_group": _RIGHT,
    "auth_group_permissions": _RIGHT,
    "auth_permission": _MACHINERY,
    "django_admin_log": "the operator's own; told without trial data",
    "django_content_type": _MACHINERY,
    "django_migrations": _MACHINERY,
    "django_session": _DOOR,
    "guardian_groupobjectpermission": _RIGHT,
    "guardian_userobjectpermission": _RIGHT,
    "imaging_scrub": "a walk over the whole store: counts and hashes, no row of a trial",
    "mfa_authenticator": _DOOR,
    "trials_accountsession": "of an account; asked at every request, before anybody is known",
    "trials_providerlink": "of an account; asked at the door, before anybody is known",
    "trials_site": "a hospital takes part in trials by its TrialSite",
    "trials_sponsor": "a name of which trials carry one",
    "trials_trialgroupobjectpermission": _RIGHT,
    "trials_trialsitegroupobjectpermission": _RIGHT,
    "trials_user": _DOOR,
    "trials_user_groups": _RIGHT,
    "trials_user_user_permissions": _RIGHT,
}
# Everywhere our code passes the fence, and why nobody's membership could reach there. Each has a test of its own, in
# test_widened.py or beside the service.
WIDENED = {
    "audit/signing.py": {"a form is signed once, whoever brings it"},
    "audit/services.py": {"whoever acts may tell of it", "the door counts before it knows anybody"},
    "config/management/commands/seed_demo.py": {"the demo goes into an empty database"},
    "endpoints/services/cases.py": {"an unblinding is asked whole, whoever asks"},
    "identity/services/unlocking.py": {
        "that a foreign window was tried is told of its subject, before it is refused",
    },
    "imaging/services/erasure.py": {"equal bytes of another trial are stored once"},
    "imaging/services/tools.py": {"an AE title is one caller's in all trials"},
    "imaging/services/quotas.py": {"the room of a trial is taken by all its sites"},
    "privacy/services/burials.py": {
        "what a withdrawal erased is written down, whoever records it",
        "what sponsor and officer destroyed is written down, whoever decides last",
    },
    "privacy/services/recipients.py": {"who received something is told to whoever takes consent back"},
    "privacy/services/reapplying.py": {"every erasure is in force, whoever asks or nobody"},
    "reports/verifying.py": {"whoever has a report may ask whether it holds"},
    "trials/forms.py": {"an AE title is one site's in all trials", "a short code is one trial's in the installation"},
    "trials/services/accounts.py": {"roles of other days reach nothing, and are told to their holder"},
    "trials/services/consent.py": {"consent is asked whole, whoever asks"},
    "trials/services/corrections.py": {
        "a trial that the actor does not see counts as well",
        "an AE title is one site's in all trials",
        "some values are one row's in all trials",
    },
    "trials/services/ledger.py": {"what leaves is written down, whoever takes it"},
    "trials/services/subjects.py": {"a code is one subject's in all trials"},
    "trials/services/trials.py": {"a trial is founded", "an AE title is one site's in all trials"},
}


@pytest.fixture(autouse=True)
def _on_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no row-level security: python -m tests.postgresql")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user = session_user")
        if cursor.fetchone() == (True,):
            lacking("the role of the tests may not create roles: ALTER ROLE corelab CREATEROLE")


@pytest.fixture(autouse=True)
def _fenced(_on_postgresql: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """What this file asks is fenced as if our code asked it; what sets its stage is not."""
    for name in ("cast", "filed", "own", "foreign", "owner"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    with fenced_throughout():
        yield


def roaded() -> list[type[Model]]:
    ours = ("trials", "imaging", "endpoints", "reports", "identity", "privacy")
    models = [model for label in ours for model in apps.get_app_config(label).get_models()]
    return [model for model in models if isinstance(getattr(model, "road", None), Road)]


def keys(model: type[Model], user: User | None) -> set[Any]:
    """What a person finds who forgot every filter; all there is for None."""
    with acting(actor_for(user) if user else STAGE):
        return set(model._default_manager.values_list("pk", flat=True))


def seen(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [value for (value,) in cursor.fetchall()]


def refusal(sql: str) -> str:
    """The database's own words for why it did not do this."""
    with pytest.raises(DatabaseError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    return str(refused.value)


FENCED = "SELECT relname::text FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
TABLES = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"


def remedy(model: type[Model]) -> str:
    """The line for a migration that fences a model as its road and `fence` of today say."""
    road: Road = model.road  # type: ignore[attr-defined]  # roaded has it
    fence = getattr(model, "fence", Fence())
    told = {name: value for name in ("trial", "site", "owner") if (value := getattr(road, name))}
    words = [f'{name}="{value}"' for name, value in told.items()]
    words += [f"{name}=True" for name in ("shared", "blinded", "anchored") if getattr(fence, name)]
    return f'fenced("{model._meta.label}", {", ".join(words)})'


@pytest.mark.req("R-RLS-01")
def test_every_table_of_the_database_has_a_fence_or_a_reason_for_none() -> None:
    fenced = set(seen(FENCED))
    bare = [model for model in roaded() if model._meta.db_table not in fenced]
    assert not bare, (
        "These tables stand open on PostgreSQL. Add the line to the migration that makes the table, or to one after it "
        "(from trials.fences.operation import fenced; depend on trials 0010_fenced), then ask of every query of them "
        "whether an absent row grants something (tests/trials/test_widened.py):\n"
        + "\n".join(f"        {remedy(model)}," for model in bare)
    )
    assert {model._meta.db_table for model in roaded()} | set(TRAIL) == fenced
    unknown = set(seen(TABLES)) - fenced - set(UNFENCED)
    assert not unknown, f"No road and no fence: give the model a road, or name the table in UNFENCED and why: {unknown}"
    assert set(UNFENCED) - set(seen(TABLES)) == set(), "UNFENCED names tables that are gone"


@pytest.mark.req("R-RLS-01")
def test_the_fences_are_those_of_the_models_and_roles_of_today(owner: None) -> None:
    """Where this fails, a road, a `fence` or the roles changed: name `fenced` or `lookups` again in a new migration."""
    before = installed()
    (schema,) = seen("SELECT quote_ident(current_schema())")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in [*lookups(schema=schema), *cases("endpoints_assignment", schema=schema), *trail_policies()]:
            cursor.execute(statement)
        for model in roaded():
            for statement in policies(model, way_of(model.road, getattr(model, "fence", Fence()))):  # type: ignore[attr-defined]  # roaded has it
                cursor.execute(statement)
        for label, field in (("trials.Subject", "trial_site"), ("trials.TrialSite", "trial")):
            for statement in held(apps.get_model(label), field):
                cursor.execute(statement)
    after = installed()
    changed = {name for name, text in after.items() if before.get(name) != text}
    lines = [remedy(model) for model in roaded() if any(name.startswith(model._meta.db_table) for name in changed)]
    assert not changed, f"{sorted(changed)} say something else now. In a new migration:\n" + "\n".join(lines)


@pytest.mark.req("R-RLS-01")
def test_the_database_knows_where_every_role_stands() -> None:
    assert whole() | own_roles() | SITE_ROLES == set(Role)
    assert not whole() & (own_roles() | SITE_ROLES)


@pytest.mark.req("R-RLS-02")
def test_where_nobody_acts_there_is_no_row_in_any_fenced_table(own: Objects) -> None:  # noqa: F811  the fixture
    filled = {model for model in roaded() if keys(model, None)}
    assert {Trial, Subject, Submission, Membership} <= filled
    with nobody():
        assert {model for model in filled if model._default_manager.exists()} == set()
        for table in TRAIL:
            assert seen(f"SELECT count(*) FROM {table}") == [0]  # noqa: S608  our own names


@pytest.mark.req("R-RLS-03")
def test_who_coordinates_one_trial_finds_nothing_of_another_in_any_table(
    cast: Cast,
    own: Objects,  # noqa: F811  the fixture
    foreign: Objects,  # noqa: F811  the fixture
) -> None:
    other = User.objects.get(username="otis")
    for model in roaded():
        all_there_is, mine, theirs = keys(model, None), keys(model, cast.coordinator), keys(model, other)
        assert not mine & theirs, model
        assert mine | theirs == all_there_is, model
    with acting(actor_for(other)):
        assert seen("SELECT DISTINCT trial_code FROM audit_auditevent WHERE trial_code <> ''") == ["BOREAL"]
        assert not seen("SELECT 1 FROM audit_signature WHERE object_id = 'none'")
    with acting(STAGE):
        signatures = set(seen("SELECT id FROM audit_signature"))
    with acting(actor_for(other)):
        theirs = set(seen("SELECT id FROM audit_signature"))
    with acting(actor_for(cast.coordinator)):
        mine = set(seen("SELECT id FROM audit_signature"))
    assert mine
    assert theirs
    assert (mine & theirs, mine | theirs) == (set(), signatures)


@pytest.mark.req("R-RLS-03")
def test_a_view_that_forgot_to_ask_who_may_shows_only_own_rows(cast: Cast, filed: Submission) -> None:
    with acting(actor_for(cast.alba)):
        assert list(Subject.objects.all()) == [cast.subject_a]
        assert list(Submission.objects.all()) == [filed]
    for user in (cast.stranger, cast.operator):
        with acting(actor_for(user)):
            assert not Trial.objects.exists()
            assert not Subject.objects.filter(pk=cast.subject_a.pk).exists()


@pytest.mark.req("R-RLS-03")
def test_a_row_of_another_trial_or_site_is_neither_written_moved_nor_removed(cast: Cast) -> None:
    with acting(actor_for(cast.alba), reason="a slip"):
        assert Subject.objects.filter(pk=cast.subject_b.pk).update(state="withdrawn") == 0
        assert TrialSite.objects.filter(pk=cast.site_b.pk).delete()[0] == 0
        moved = f"UPDATE trials_subject SET trial_site_id = {cast.site_b.pk} WHERE id = {cast.subject_a.pk}"  # noqa: S608  our own keys
        assert "a row stays" in refusal(moved)
        added = (
            "INSERT INTO trials_subject (trial_site_id, code, day_zero, state, patient_id_token, person_token) "  # noqa: S608  our own keys
            f"VALUES ({cast.site_b.pk}, '0000-0000', '2026-01-01', 'enrolled', '', '')"
        )
        assert "row-level security" in refusal(added)


@pytest.mark.req("R-RLS-13")
def test_rows_deep_under_a_subject_carry_its_keys_whatever_a_statement_says(cast: Cast, own: Objects) -> None:  # noqa: F811  the fixture
    anchored = [model for model in roaded() if getattr(model, "fence", Fence()).anchored]
    assert {"Instance", "Assignment", "TimePoint"} <= {model.__name__ for model in anchored}
    with acting(STAGE):
        for model in anchored:
            path = model.road.site.removesuffix("trial_site")  # type: ignore[attr-defined]  # roaded has it
            asked = model._default_manager.order_by("pk").values_list(
                f"{path}pk", f"{path}trial_site", f"{path}trial_site__trial"
            )
            table = model._meta.db_table
            told = f"SELECT array[corelab_subject, corelab_site, corelab_trial] FROM {table} ORDER BY id"  # noqa: S608  our own names
            assert [tuple(row) for row in seen(told)] == list(asked) != []
        for sql in (
            f"UPDATE imaging_study SET corelab_subject = {cast.subject_b.pk}, corelab_site = {cast.site_b.pk}",  # noqa: S608  our own keys
            "UPDATE trials_timepoint SET corelab_trial = NULL",
        ):
            with connection.cursor() as cursor:
                cursor.execute(sql)
        assert set(seen("SELECT corelab_subject FROM imaging_study")) == {cast.subject_a.pk}
        assert set(seen("SELECT corelab_trial FROM trials_timepoint")) == {cast.trial.pk}
        for sql in (
            f"UPDATE trials_timepoint SET subject_id = {cast.subject_b.pk} WHERE subject_id = {cast.subject_a.pk}",  # noqa: S608  our own keys
            "UPDATE trials_trialsite SET trial_id = 0",
        ):
            assert "a row stays" in refusal(sql)


@pytest.mark.req("R-RLS-13")
def test_pages_ask_the_anchored_row_itself_and_find_the_same(cast: Cast, own: Objects, foreign: Objects) -> None:  # noqa: F811  the fixtures
    people = (cast.coordinator, cast.alba, cast.brisa, cast.analyst, cast.reader, User.objects.get(username="otis"))
    for model in (apps.get_model("imaging", "Instance"), apps.get_model("trials", "TimePoint")):
        with acting(STAGE):
            rows = {
                user.username: set(access.visible(actor_for(user), model.objects.all()).values_list("pk", flat=True))
                for user in people
            }
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(narrowing, "is_anchored", lambda _model, *, vendor: bool(vendor) and False)
                for user in people:
                    by_road = access.visible(actor_for(user), model.objects.all()).values_list("pk", flat=True)
                    assert set(by_road) == rows[user.username], (model, user)
        assert rows["clara"]
        assert rows["clara"] & rows["alba"]
        assert not rows["clara"] & rows["otis"]
    asked = str(access.visible(actor_for(cast.alba), apps.get_model("imaging", "Instance").objects.all()).query)
    assert "corelab_trial" in asked
    assert "corelab_site" in asked
    assert "trials_subject" not in asked


@pytest.mark.req("R-RLS-04")
def test_site_staff_find_nothing_of_the_other_site(cast: Cast, filed: Submission) -> None:
    assert keys(TrialSite, cast.alba) == {cast.site_a.pk}
    assert keys(Subject, cast.brisa) == {cast.subject_b.pk}
    for model in roaded():
        if model.road.site:  # type: ignore[attr-defined]  # roaded has it
            assert not keys(model, cast.alba) & keys(model, cast.brisa), model


@pytest.mark.req("R-RLS-04")
def test_a_reader_finds_what_is_assigned_and_nothing_that_others_did_with_it(cast: Cast, own: Objects) -> None:  # noqa: F811  the fixture
    assert keys(Subject, cast.second_reader) == set()
    assert keys(Subject, cast.reader) == {cast.subject_a.pk}
    for label in ("Assignment", "Read"):
        model = apps.get_model("endpoints", label)
        assert keys(model, cast.reader) == keys(model, None) != set()
        assert keys(model, cast.second_reader) == set()
    assert keys(QCDecision, None)
    assert keys(QCDecision, cast.reader) == set()
    assert {row.user_id for row in Membership.objects.filter(pk__in=keys(Membership, cast.reader))} == {cast.reader.pk}
    for label in ("Report", "Download"):
        assert keys(apps.get_model("reports", label), cast.reader) == set()


@pytest.mark.req("R-RLS-05")
@pytest.mark.parametrize("way", ["ended", "not begun", "switched off"])
def test_a_membership_that_is_not_of_today_reaches_nothing(cast: Cast, way: str) -> None:
    today, day = timezone.localdate(), dt.timedelta(days=1)
    seat = Membership.objects.filter(user=cast.alba)
    with acting(STAGE, reason="the test asks for it"):
        if way == "ended":
            seat.update(starts=today - day, ends=today - day)
        elif way == "not begun":
            seat.update(starts=today + day)
        else:
            User.objects.filter(pk=cast.alba.pk).update(is_active=False)
    assert keys(Subject, cast.alba) == set()


@contextmanager
def second_connection() -> Iterator[Any]:
    """A connection of the application's own, outside the test's transaction: as kept open between two requests."""
    other = connections.create_connection("default")
    try:
        yield other
    finally:
        other.close()


def look(other: Any, user: User | None) -> list[Any]:
    def ask() -> list[Any]:
        with other.cursor() as cursor:
            cursor.execute("SELECT code FROM trials_subject WHERE code <> %s ORDER BY id", ["%"])
            return [code for (code,) in cursor.fetchall()]

    if user is None:
        with nobody():
            return ask()
    with acting(actor_for(user)):
        return ask()


@pytest.mark.req("R-RLS-06")
def test_two_people_on_one_connection_never_see_each_others_rows_nor_leave_anything_on_it(cast: Cast) -> None:
    mine, theirs = [cast.subject_a.code], [cast.subject_b.code]
    with second_connection() as other:
        for _turn in range(3):
            assert look(other, cast.alba) == mine
            assert look(other, cast.brisa) == theirs
            assert look(other, None) == []
        with acting(actor_for(cast.alba)), pytest.raises(DatabaseError), other.cursor() as cursor:
            cursor.execute("SELECT 1 / 0 FROM trials_subject")
        assert look(other, None) == []
        raw = other.connection
        raw.execute("BEGIN")
        assert look(other, cast.alba) == mine
        assert look(other, cast.brisa) == theirs
        with pytest.raises(Exception, match="division by zero"):
            raw.execute("SELECT 1 / 0")
        raw.execute("ROLLBACK")
        # As a pooler would hand it on: no statement of ours, and nothing left.
        assert raw.execute("SELECT count(*) FROM trials_subject").fetchone() == (0,)
        left = "SELECT coalesce(current_setting('corelab.' || name, true), '') FROM unnest(%s::text[]) AS name"
        assert set(raw.execute(left, [["person", "machine", "context"]]).fetchall()) == {("",)}
        assert look(other, cast.brisa) == theirs


@pytest.mark.req("R-RLS-06")
def test_rows_that_come_in_pieces_from_a_cursor_of_the_server_are_fenced_alike(cast: Cast) -> None:
    with second_connection() as other:
        for user, wanted in ((cast.alba, cast.subject_a.code), (cast.brisa, cast.subject_b.code)):
            with acting(actor_for(user)), other.cursor() as before:
                before.execute("BEGIN")
                with other.chunked_cursor() as cursor:
                    cursor.execute("SELECT code FROM trials_subject")
                    assert cursor.fetchall() == [(wanted,)]
                before.execute("COMMIT")
    with acting(actor_for(cast.alba)):
        assert [row.pk for row in Subject.objects.iterator(chunk_size=1)] == [cast.subject_a.pk]


@pytest.mark.req("R-RLS-06")
def test_a_statement_with_signs_of_its_own_and_many_rows_still_carries_who_acts(cast: Cast) -> None:
    with acting(actor_for(cast.alba)), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM trials_subject WHERE code LIKE '%-%'")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT code FROM trials_subject WHERE code LIKE %(like)s", {"like": "%-%"})
        assert cursor.fetchall() == [(cast.subject_a.code,)]
        cursor.executemany("UPDATE trials_subject SET person_token = %s WHERE id = %s", [["x", cast.subject_b.pk]])
        assert cursor.rowcount == 0


@pytest.mark.req("R-RLS-07")
@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE trials_subject CASCADE",
        "TRUNCATE audit_auditevent",
        "ALTER TABLE trials_subject DISABLE TRIGGER USER",
        "ALTER TABLE trials_subject DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE trials_subject NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY corelab_fence ON trials_subject",
        "CREATE POLICY mine ON trials_subject USING (true)",
        "SET session_replication_role = replica",
        "UPDATE audit_auditevent SET actor_id = 'somebody else'",
        "UPDATE audit_auditevent SET stored_at = now()",
        "DELETE FROM audit_auditevent",
        "DELETE FROM audit_signature",
        "UPDATE audit_checkpoint SET text = ''",
        "UPDATE trials_consent SET kind = 'given'",
        "DROP TABLE trials_consent",
        "CREATE OR REPLACE FUNCTION corelab_machine() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'",
        "UPDATE django_migrations SET name = ''",
    ],
)
def test_the_application_may_neither_switch_off_nor_empty_nor_rewrite(cast: Cast, sql: str) -> None:
    told = refusal(sql)
    assert "permission denied" in told or "must be owner" in told


@pytest.mark.req("R-RLS-07")
def test_a_session_that_asks_to_be_let_off_is_refused_instead_of_shown_everything(cast: Cast) -> None:
    assert "row-level security" in refusal("SET LOCAL row_security = off; SELECT * FROM trials_subject")


@pytest.mark.req("R-RLS-07")
def test_the_owner_of_the_tables_is_fenced_too_and_only_because_it_is_forced(cast: Cast, owner: None) -> None:
    with nobody():
        assert seen("SELECT id FROM trials_trial") == []
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE trials_trial NO FORCE ROW LEVEL SECURITY")
        assert seen("SELECT id FROM trials_trial") == [cast.trial.pk]


@contextmanager
def role(part: str) -> Iterator[None]:
    """Another of the four roles, for the rest of the test's transaction."""
    name = f"{connection.settings_dict['NAME']}_{part}"
    become_owner()
    make(name)
    grants.grant(connection, roles={part: name})
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {name}")
    yield


@pytest.mark.req("R-RLS-08")
def test_an_inspector_reads_as_who_is_told_and_is_never_taken_for_a_machine(cast: Cast) -> None:
    with role("inspector"):
        with acting(machine("inspection", source="command", request_id="none")):
            assert not Trial.objects.values_list("code").exists()
        with acting(actor_for(cast.monitor)):
            assert seen("SELECT code FROM trials_trial") == ["TUNDRA"]
            assert seen("SELECT count(*) FROM audit_auditevent WHERE trial_code = 'TUNDRA'")[0] > 0
            for sql in (
                "SELECT wrapped_key FROM trials_trial",
                "SELECT password FROM trials_user",
                "SELECT * FROM django_session",
                "SELECT * FROM mfa_authenticator",
                "UPDATE trials_trial SET title = 'x'",
                "INSERT INTO audit_auditevent DEFAULT VALUES",
            ):
                assert "permission denied" in refusal(sql)


@pytest.mark.req("R-RLS-08")
def test_the_sealer_reads_the_trail_and_writes_seals_and_nothing_else(cast: Cast) -> None:
    with role("sealer"), acting(machine("sealer", source="sealer", request_id="sealer")):
        assert seen("SELECT count(*) FROM audit_auditevent")[0] > 0
        told = "INSERT INTO audit_stamp (size, token, authority, at) VALUES (1, '', 'us', now()) RETURNING size"
        assert seen(told) == [1]
        for sql in (
            "SELECT * FROM trials_subject",
            "UPDATE audit_auditevent SET before = ''",
            "DELETE FROM audit_tile",
            "SELECT * FROM trials_user",
        ):
            assert "permission denied" in refusal(sql)


@pytest.mark.req("R-RLS-08")
def test_beside_a_sealer_the_application_only_reads_seals(cast: Cast) -> None:
    become_owner()
    app, sealer = (f"{connection.settings_dict['NAME']}_{part}" for part in ("app", "sealer"))
    make(sealer)
    grants.grant(connection, roles={"app": app, "sealer": sealer})
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {app}")
    for table in ("audit_checkpoint", "audit_tile", "audit_stamp"):
        seen(f"SELECT count(*) FROM {table}")  # noqa: S608  our own names
        assert "permission denied" in refusal(f"INSERT INTO {table} DEFAULT VALUES")


@pytest.mark.req("R-RLS-09")
def test_a_role_that_fences_do_not_hold_serves_nothing_where_it_matters(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grants.fault_of(connection) == ""
    with second_connection() as other:
        other.ensure_connection()
        other.connection.execute("RESET ROLE")
        assert "owns the tables" in grants.fault_of(other)
        monkeypatch.setattr(grants, "_checked", set())
        with override_settings(DATABASE_ROLES_REQUIRED=True), pytest.raises(ImproperlyConfigured, match="owns the tab"):
            grants.require_powerless(other)
        assert other.connection is None
    with second_connection() as other:
        other.ensure_connection()
        other.connection.execute("RESET ROLE")
        with override_settings(DATABASE_ROLES_REQUIRED=False):
            grants.require_powerless(other)
    assert "for nothing else" in caplog.text


@pytest.mark.req("R-RLS-10")
def test_our_code_passes_the_fence_in_named_places_alone() -> None:
    found: dict[str, set[str]] = {}
    for room in ("audit", "trials", "imaging", "endpoints", "reports", "identity", "privacy", "config"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "widened":
                    (ground,) = node.args
                    assert isinstance(ground, ast.Constant)
                    found.setdefault(str(path.relative_to(ROOT)), set()).add(str(ground.value))
    assert found == WIDENED


@pytest.mark.req("R-RLS-10")
def test_a_widened_block_sees_further_and_who_acts_stays_who_acted(cast: Cast) -> None:
    with acting(actor_for(cast.alba)):
        with widened("the test asks for it"):
            assert Subject.objects.count() == 2
            Subject.objects.filter(pk=cast.subject_a.pk).update(state="withdrawn")
        assert Subject.objects.count() == 1
        told = seen("SELECT actor_id FROM audit_auditevent WHERE object_type = 'trials.Subject' ORDER BY sequence DESC")
    assert told[0] == "alba"


@pytest.mark.req("R-RLS-03")
def test_a_hospital_in_a_trial_that_one_does_not_see_is_not_ones_own_to_correct(cast: Cast) -> None:
    """A fence hides rows from questions too: where absence would be a right, our code looks past it."""
    other = person("otto", "Otto Elsewhere")
    assert may_correct_hospital(actor_for(cast.coordinator), cast.site_a.site)
    with acting(STAGE, reason="the test asks for it"):
        foreign_trial = Trial.objects.create(
            code="FAR", title="Far", protocol_number="F-1", sponsor=cast.trial.sponsor, wrapped_key=b"0" * 40
        )
        TrialSite.objects.create(trial=foreign_trial, site=cast.site_a.site, number="01")
        Membership.objects.create(user=other, trial=foreign_trial, role=Role.COORDINATOR, starts=timezone.localdate())
    with acting(actor_for(cast.coordinator)):
        assert not may_correct_hospital(actor_for(cast.coordinator), cast.site_a.site)
