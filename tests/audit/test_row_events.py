"""What row events say alike stands once in SQLite's schema, and databases made before are brought to that."""

import re
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection

from audit.watching import expected
from tests.cast import Cast

_row_events = import_module("audit.migrations.0005_row_events")

# A table of two columns as it was watched until then, and since.
BEFORE = (
    'CREATE TRIGGER ice_floe_changed AFTER UPDATE ON ice_floe WHEN OLD."id" IS NOT NEW."id" BEGIN '
    'SELECT RAISE(ABORT, \'a saved value changes with a reason only: ice.Floe\') WHERE (OLD."name" IS NOT NEW."name") '
    "AND corelab_context('reason') = ''; INSERT INTO audit_auditevent (layer, act, at, object_type, object_id, "
    "object_label, trial_code, before, after, commitment, actor_id, actor_name, role, on_behalf_of, request_id, source, "
    "software_version, reason) SELECT 'row', 'row.changed', strftime('%Y-%m-%d %H:%M:%f', 'now'), 'ice.Floe', k, '', t, "
    "b, a, corelab_commit(b, a), corelab_context('actor_id'), corelab_context('actor_name'), corelab_context('role'), "
    "corelab_context('on_behalf_of'), corelab_context('request_id'), corelab_context('source'), "
    "corelab_context('software_version'), corelab_context('reason') FROM (SELECT {key} AS k, '' AS t, "
    "json_object('id', {old}, 'name', CAST(OLD.\"name\" AS TEXT)) AS b, "
    "json_object('id', {key}, 'name', CAST(NEW.\"name\" AS TEXT)) AS a); END"
)
SINCE = (
    'CREATE TRIGGER ice_floe_changed AFTER UPDATE ON ice_floe WHEN OLD."id" IS NOT NEW."id" BEGIN '
    'SELECT RAISE(ABORT, \'a saved value changes with a reason only: ice.Floe\') WHERE (OLD."name" IS NOT NEW."name") '
    "AND corelab_context('reason') = ''; INSERT INTO audit_row VALUES ('row.changed', 'ice.Floe', "
    "corelab_uuid(NEW.\"id\"), '', json_object('id', corelab_uuid(OLD.\"id\"), 'name', CAST(OLD.\"name\" AS TEXT)), "
    "json_object('id', corelab_uuid(NEW.\"id\"), 'name', CAST(NEW.\"name\" AS TEXT))); END"
)
CUTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


def spelled_out(column: str) -> str:
    return " || '-' || ".join(f"substr({column}, {start}, {length})" for start, length in CUTS)


@pytest.mark.req("R-AUD-40")
def test_a_trigger_of_before_is_rewritten_whole_and_one_of_today_stays() -> None:
    before = BEFORE.replace("{key}", spelled_out('NEW."id"')).replace("{old}", spelled_out('OLD."id"'))
    assert _row_events.rewritten(before) == SINCE
    assert _row_events.rewritten(SINCE) == SINCE


def as_before(text: str) -> str:
    """A trigger of today, spelled out as it was until then."""
    head, values = text.split("INSERT INTO audit_row VALUES (")
    act, label, *told = parts(values.removesuffix("); END"))
    start, end = BEFORE.index("INSERT INTO audit_auditevent"), BEFORE.index("FROM (SELECT")
    event = BEFORE[start:end].replace("'row.changed'", act).replace("'ice.Floe'", label)
    row = ", ".join(f"{value} AS {name}" for value, name in zip(told, "ktba", strict=True))
    keys = re.sub(r"corelab_uuid\(([^)]*)\)", lambda found: spelled_out(found[1]), row)
    return f"{head}{event}FROM (SELECT {keys}); END"


def parts(values: str) -> Iterator[str]:
    """Cut at the commas that stand in no brackets."""
    depth = begin = 0
    for at, letter in enumerate(values):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            yield values[begin:at].strip()
            begin = at + 1
    yield values[begin:].strip()


@pytest.mark.req("R-AUD-40")
def test_a_database_made_before_is_brought_to_what_one_of_today_is(cast: Cast) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("on PostgreSQL nothing was to be rewritten")
    today = expected.installed()
    with connection.cursor() as cursor:
        for name, text in today.items():
            if "INSERT INTO audit_row VALUES" in text:
                cursor.execute(f"DROP TRIGGER {name}")
                cursor.execute(as_before(text), None)
        assert len(expected.faults()) > 250
        editor = SimpleNamespace(connection=connection, execute=cursor.execute)
        _row_events.rewrite(None, editor)
    assert expected.installed() == today


@pytest.mark.req("R-AUD-40")
@pytest.mark.parametrize("what", ["TRIGGER audit_row_told", "VIEW audit_row"])
def test_whoever_takes_away_what_events_say_alike_is_found(cast: Cast, what: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("each function says it whole on PostgreSQL, where it is read when it is called")
    assert expected.faults() == []
    with connection.cursor() as cursor:
        cursor.execute(f"DROP {what}")
    assert any("audit_row" in fault for fault in expected.faults())
