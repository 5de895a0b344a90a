"""Reading the log for its seals: the text that was hashed, whatever form a time is stored in, and no event left out."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import sealing
from audit.evidence import events, gather
from audit.models import AuditEvent, Checkpoint, Tile
from audit.records import headers, wholes
from audit.sealing import seal, seal_all
from audit.verifier import HEADER, PAYLOAD, Kind, examine, leaf, stamp
from tests.audit.test_sealing import lift, middle, run
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SEAL_KEY_FILE", tmp_path / "keys" / "seal.key")
    monkeypatch.setattr(settings, "CHECKPOINT_FILE", tmp_path / "outside" / "checkpoints.jsonl")


@pytest.fixture
def sealed(cast: Cast) -> Cast:
    seal_all()
    lift()
    return cast


def copy(**changes: Any) -> AuditEvent:
    """Store an event of the middle of the log once more, with other values."""
    event = AuditEvent.objects.get(sequence=middle())
    event.pk = None
    for name, value in changes.items():
        setattr(event, name, value)
    event.save(force_insert=True)
    return event


@pytest.mark.req("R-AUD-21")
@pytest.mark.parametrize("microsecond", [0, 1, 10, 123000, 120000, 100000, 999999])
@pytest.mark.parametrize("year", [1, 999, 2026, 9999])
def test_a_time_is_read_as_the_text_that_is_hashed(cast: Cast, year: int, microsecond: int) -> None:
    moment = dt.datetime(year, 2, 3, 4, 5, 6, microsecond, tzinfo=dt.UTC)
    event = copy(at=moment, stored_at=moment)
    (read,) = headers([event.sequence])
    assert (read["at"], read["stored_at"]) == (stamp(moment), stamp(moment))


@pytest.mark.req("R-AUD-21")
@pytest.mark.parametrize("text", ["2026-01-02 03:04:05", "2026-01-02 03:04:05.120", "2026-01-02 03:04:05.12"])
def test_sqlite_may_store_a_time_with_any_number_of_digits(cast: Cast, text: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL stores a moment, no text")
    lift()
    run("UPDATE audit_auditevent SET at = %s WHERE sequence = %s", text, middle())
    (read,) = headers([middle()])
    assert read["at"] == stamp(dt.datetime.fromisoformat(f"{text}+00:00"))


FORGED = {
    "sqlite": [
        "substr(at, 1, 19) || '+05:00'", "at || '+05:00'", "at || 'Z'", "at || char(0) || '+05:00'", "substr(at, 1, 16)",
        "at || ' '", "''", "'infinity'", "1",
    ],
    "postgresql": ["(at::text || ' BC')::timestamptz", "'infinity'", "'-infinity'", "at + interval '1 microsecond'"],
}  # fmt: skip


@pytest.mark.req("R-AUD-03")
@pytest.mark.parametrize("number", range(9))
def test_a_sealed_time_that_was_changed_in_any_way_is_found(sealed: Cast, number: int) -> None:
    if number >= len(FORGED[connection.vendor]):
        pytest.skip("as many ways as there are on this database")
    forged = FORGED[connection.vendor][number]
    run(f"UPDATE audit_auditevent SET at = {forged} WHERE sequence = %s", middle())  # noqa: S608  our own words
    found = examine(gather(outside=None, with_rows=False))
    assert [fault.kind for fault in found.faults if fault.kind != Kind.TRIGGERS] == [Kind.HEADER]


@pytest.mark.req("R-AUD-21")
def test_events_are_read_in_the_order_asked_for_and_one_that_is_gone_is_passed_over(cast: Cast) -> None:
    known = list(AuditEvent.objects.order_by("?").values_list("sequence", flat=True))
    asked = [*known[:3], 10**9, *known[3:]]
    assert [event["sequence"] for event in wholes(asked)] == known
    assert [*next(wholes(known))] == [*HEADER, *PAYLOAD, "commitment"]
    by_django = AuditEvent.objects.values(*HEADER, "commitment").get(sequence=known[0])
    assert leaf(next(headers(known))) == leaf(by_django)


def hide_below() -> None:
    copy(sequence=-5)


def hide_in_a_tile() -> None:
    """Name a forged event in a tile, beyond its leaves, as if it were sealed."""
    tile = Tile.objects.filter(level=0).earliest("number")
    tile.sequences += [0] * (256 - len(tile.sequences)) + [copy().sequence]
    tile.save()


@pytest.mark.req("R-AUD-03")
@pytest.mark.parametrize("hide", [hide_below, hide_in_a_tile])
def test_no_event_hides_from_the_verification(sealed: Cast, hide: Any) -> None:
    before = AuditEvent.objects.count()
    hide()
    found = examine(gather(outside=None, with_rows=False))
    assert (found.events, found.unsealed) == (before + 1, 1)
    assert sorted(event["sequence"] for event in events()) == sorted(
        AuditEvent.objects.values_list("sequence", flat=True)
    )


def _is_writing(sql: str) -> bool:
    return sql.startswith(("SAVEPOINT", "BEGIN")) or any(word in sql for word in ("INSERT", "UPDATE", "pg_try"))


@pytest.mark.req("R-AUD-38")
def test_where_nothing_is_new_the_sealer_writes_nothing_and_opens_no_transaction(cast: Cast) -> None:
    seal_all()
    with CaptureQueriesContext(connection) as told:
        assert seal() is None
    assert [query["sql"] for query in told if _is_writing(query["sql"])] == []


@pytest.mark.req("R-AUD-38")
def test_the_sealer_reads_and_hashes_before_its_transaction_begins(cast: Cast) -> None:
    with CaptureQueriesContext(connection) as told:
        assert seal() is not None
    statements = [query["sql"] for query in told]
    begins = next(number for number, sql in enumerate(statements) if _is_writing(sql))
    inside = statements[begins:]
    assert not any("audit_auditevent" in sql for sql in inside)
    assert sum("INSERT INTO" in sql for sql in inside) == 2


@pytest.mark.req("R-AUD-38")
def test_of_two_sealers_at_once_one_gives_up_its_round_and_the_log_holds(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 50)
    make = sealing._make

    def make_slowly(*told: Any) -> Any:
        made = make(*told)
        monkeypatch.setattr(sealing, "_make", make)
        assert seal() is not None
        return made

    for _ in range(2):
        monkeypatch.setattr(sealing, "_make", make_slowly)
        assert seal() is None
    assert Checkpoint.objects.count() == 2
    seal_all()
    found = examine(gather(outside=settings.CHECKPOINT_FILE, with_rows=True))
    assert (found.faults, found.unsealed) == ([], 0)


@pytest.mark.req("R-AUD-38")
def test_sealing_ends_though_others_go_on_writing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_all()
    monkeypatch.setattr(sealing, "BATCH", 20)
    make, rounds = sealing._make, list[int]()

    def make_while_others_write(*told: Any) -> Any:
        rounds.append(copy().sequence)
        return make(*told)

    for _ in range(45):
        copy()
    monkeypatch.setattr(sealing, "_make", make_while_others_write)
    seal_all()
    assert len(rounds) == 3
