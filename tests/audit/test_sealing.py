"""Ten attacks on the stored log, each found; a masked name that breaks no seal; a sealer that fails closed."""

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit import guards, masking, sealing, stamping
from audit.evidence import export, gather
from audit.models import AuditEvent, Checkpoint, Stamp, Tile
from audit.sealing import CannotSeal, _ended, seal, seal_all
from audit.secrets import load_key
from audit.tree import Tree
from audit.verifier import GENESIS, HEADER, Range, examine, leaf, main, sha256_of
from audit.verifier import Checkpoint as Text
from audit.watching import operation
from audit.watching.expected import tables
from tests.authority import TimeStampAuthority, clock_fixture, clock_url_fixture
from tests.cast import Cast, actor_for
from tests.roles import become_owner

__all__ = ["clock_fixture", "clock_url_fixture"]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SEAL_KEY_FILE", tmp_path / "keys" / "seal.key")
    monkeypatch.setattr(settings, "CHECKPOINT_FILE", tmp_path / "outside" / "checkpoints.jsonl")


@pytest.fixture
def sealed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Everything of the stage under several checkpoints, the last of them kept outside."""
    monkeypatch.setattr(sealing, "BATCH", 50)
    seal_all()
    assert Checkpoint.objects.count() > 2
    return cast


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def lift() -> None:
    """What only the owner of the database can do."""
    become_owner()
    with connection.cursor() as cursor:
        guards.unguard_trail(cursor.execute, vendor=connection.vendor)
        guards.remove(cursor.execute, vendor=connection.vendor, table="audit_checkpoint")


def guard_again() -> None:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, "audit_auditevent")
        columns = tuple(column.name for column in described)
        guards.guard_trail(cursor.execute, vendor=connection.vendor, columns=columns)
        guards.install(cursor.execute, vendor=connection.vendor, table="audit_checkpoint")


def middle() -> int:
    sequences = list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    return sequences[len(sequences) // 2]


def edit_payload() -> None:
    run('UPDATE audit_auditevent SET after = \'{"forged": "yes"}\' WHERE sequence = %s', middle())


def edit_header() -> None:
    run("UPDATE audit_auditevent SET actor_id = 'somebody' WHERE sequence = %s", middle())


def delete() -> None:
    run("DELETE FROM audit_auditevent WHERE sequence = %s", middle())


def insert() -> None:
    columns = [*HEADER[1:], "object_label", "before", "after", "reason", "commitment", "xid"]
    listed = ", ".join(columns)
    copied = f"SELECT {listed} FROM audit_auditevent WHERE sequence = %s"  # noqa: S608  our own columns
    run(f"INSERT INTO audit_auditevent ({listed}) {copied}", middle())
    tile = Tile.objects.filter(level=0).latest("number")
    made = AuditEvent.objects.latest("sequence").sequence
    tile.sequences = [*tile.sequences[:-1], made, tile.sequences[-1]]
    tile.save()


def reorder() -> None:
    tile = Tile.objects.filter(level=0).earliest("number")
    tile.sequences[3], tile.sequences[7] = tile.sequences[7], tile.sequences[3]
    tile.save()


def cut_tail() -> None:
    kept = list(Checkpoint.objects.order_by("size"))[-2]
    run("DELETE FROM audit_checkpoint WHERE size > %s", kept.size)
    gone = [sequence for tile in Tile.objects.filter(level=0).order_by("number") for sequence in tile.sequences]
    AuditEvent.objects.filter(sequence__in=gone[kept.size :]).delete()
    Tile.objects.all().delete()
    rebuild(gone[: kept.size])


def rebuild(sequences: list[int]) -> None:
    tree = Tree(size=0)
    events = {event["sequence"]: event for event in AuditEvent.objects.values(*HEADER, "commitment")}
    for sequence in sequences:
        tree.append(leaf(events[sequence]), sequence=sequence)
    tree.save(changed_from=0)


def rewrite(key: Ed25519PrivateKey) -> None:
    """Forge an event, then compute every leaf, root and checkpoint anew under a key."""
    edit_header()
    order = [sequence for tile in Tile.objects.filter(level=0).order_by("number") for sequence in tile.sequences]
    Tile.objects.all().delete()
    rebuild(order)
    events = {event["sequence"]: event for event in AuditEvent.objects.values(*HEADER, "commitment")}
    sizes, previous, grown = list(Checkpoint.objects.order_by("size")), GENESIS, Range()
    roots = {}
    for sequence in order:
        grown.add(leaf(events[sequence]))
        roots[grown.size] = grown.root().hex()
    for checkpoint in sizes:
        old = Text.parse(checkpoint.text)
        text = Text(old.origin, old.size, roots[old.size], previous, old.triggers, old.time).text()
        previous = sha256_of(text)
        signature = key.sign(text.encode()).hex()
        Checkpoint.objects.filter(size=checkpoint.size).update(text=text, signature=signature)


def rewrite_without_the_key() -> None:
    rewrite(Ed25519PrivateKey.generate())


def rewrite_with_the_stolen_key() -> None:
    rewrite(sealing._signer())


ON_THE_LOG: dict[str, Callable[[], None]] = {
    "edited payload": edit_payload,
    "edited header": edit_header,
    "deleted": delete,
    "inserted": insert,
    "reordered": reorder,
    "cut tail": cut_tail,
    "full rewrite": rewrite_without_the_key,
    "rewrite with a stolen key": rewrite_with_the_stolen_key,
}


def found_by_both(folder: Path) -> list[str]:
    """What the server finds; the stand-alone verifier must find something in the export as well, or neither."""
    outside = settings.CHECKPOINT_FILE
    finding = examine(gather(outside=outside, with_rows=True))
    export(folder)
    words = [str(folder), "--key", str(folder / "seal.pub"), "--outside", str(outside), "--replay"]
    assert (main(words) == 1) == bool(finding.faults)
    return [fault.sentence for fault in finding.faults]


@pytest.mark.req("R-AUD-03")
def test_the_untouched_log_holds_for_both_verifiers(sealed: Cast, tmp_path: Path) -> None:
    assert found_by_both(tmp_path / "export") == []
    call_command("verify_audit", "--replay")


@pytest.mark.req("R-AUD-03")
@pytest.mark.parametrize("attack", ON_THE_LOG)
def test_each_attack_on_the_stored_log_is_found(sealed: Cast, tmp_path: Path, attack: str) -> None:
    lift()
    ON_THE_LOG[attack]()
    guard_again()
    assert found_by_both(tmp_path / "export")
    with pytest.raises(CommandError, match="does NOT hold"):
        call_command("verify_audit", "--replay")


@pytest.mark.req("R-AUD-03")
def test_a_dropped_trigger_is_found(sealed: Cast, tmp_path: Path) -> None:
    become_owner()
    with connection.cursor() as cursor:
        operation.remove(cursor.execute, vendor=connection.vendor, table="trials_subject")
    assert found_by_both(tmp_path / "export")
    with pytest.raises(CommandError, match="trials_subject_changed is missing"):
        call_command("verify_audit")


@pytest.mark.req("R-AUD-03")
def test_a_row_forged_behind_the_triggers_is_found_by_replay(sealed: Cast, tmp_path: Path) -> None:
    become_owner()
    table = next(table for table in tables() if table.label == "trials.Subject")
    with connection.cursor() as cursor:
        operation.remove(cursor.execute, vendor=connection.vendor, table=table.name)
        cursor.execute("UPDATE trials_subject SET day_zero = '2001-01-01' WHERE id = %s", [sealed.subject_a.pk])
        operation.install(cursor.execute, vendor=connection.vendor, table=table)
    assert examine(gather(outside=settings.CHECKPOINT_FILE, with_rows=False)).faults == []
    assert any("trials.Subject" in sentence for sentence in found_by_both(tmp_path / "export"))


@pytest.mark.req("R-AUD-03")
def test_a_row_written_in_the_replica_role_is_found_by_replay(sealed: Cast, tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the replica role is PostgreSQL's")
    become_owner()
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if not cursor.fetchone()[0]:
            # What a superuser's session does: no trigger of the table fires.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE trials_subject DISABLE TRIGGER USER")
        else:
            cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE trials_subject SET day_zero = '2001-01-01' WHERE id = %s", [sealed.subject_a.pk])
        if cursor.connection.info.parameter_status("is_superuser") == "on":
            cursor.execute("SET session_replication_role = DEFAULT")
        else:
            cursor.execute("ALTER TABLE trials_subject ENABLE TRIGGER USER")
    assert any("trials.Subject" in sentence for sentence in found_by_both(tmp_path / "export"))


@pytest.mark.req("R-AUD-35")
def test_a_name_is_masked_by_two_people_and_every_seal_still_holds(sealed: Cast, tmp_path: Path) -> None:
    event = AuditEvent.objects.filter(act="charter.approved").latest("sequence")
    by, other = actor_for(sealed.officer).acting_as("data_protection_officer"), actor_for(sealed.coordinator)
    masking.mask(by=by, agreed_by=other, sequence=event.sequence, ground="a name was typed into a title")
    event.refresh_from_db()
    assert (event.before, event.after, event.reason, event.object_label) == ("", "", "", "")
    assert event.actor_id == "clara"
    seal_all()
    assert found_by_both(tmp_path / "export") == []


@pytest.mark.req("R-AUD-35")
def test_masking_needs_two_people_and_a_ground_and_never_hides_a_masking(sealed: Cast) -> None:
    by, other = actor_for(sealed.officer).acting_as("data_protection_officer"), actor_for(sealed.coordinator)
    sequence = middle()

    def refused(**changed: object) -> str:
        told: dict[str, Any] = {
            "by": by,
            "agreed_by": other,
            "sequence": sequence,
            "ground": "typed by mistake",
        } | changed
        with pytest.raises(ValidationError) as refusal:
            masking.mask(**told)
        return str(refusal.value.code)

    assert refused(ground=" ") == "no-reason"
    assert refused(agreed_by=by) == "one-person"
    assert refused(sequence=10**9) == "unknown"
    made = masking.mask(by=by, agreed_by=other, sequence=sequence, ground="typed by mistake")
    assert refused() == "masked"
    assert refused(sequence=made.sequence) == "own-mask"


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dt.timedelta], None]]:
    real = timezone.now

    yield lambda by: monkeypatch.setattr(timezone, "now", lambda: real() + by)
    monkeypatch.setattr(timezone, "now", real)


@pytest.mark.req("R-AUD-36")
def test_a_clock_two_minutes_off_seals_nothing_and_is_told_once(
    sealed: Cast, shift: Callable[[dt.timedelta], None]
) -> None:
    before = Checkpoint.objects.count()
    shift(dt.timedelta(minutes=2))
    for _ in range(3):
        with pytest.raises(CannotSeal, match="clocks"):
            seal()
    assert Checkpoint.objects.count() == before
    assert AuditEvent.objects.filter(act="clock.drifted").count() == 1
    assert AuditEvent.objects.filter(act="seal.refused").count() == 1


@pytest.mark.req("R-AUD-36")
def test_a_clock_five_seconds_off_is_told_to_the_operator_and_work_goes_on(
    sealed: Cast, shift: Callable[[dt.timedelta], None]
) -> None:
    shift(dt.timedelta(seconds=5))
    seal()
    drifted = AuditEvent.objects.get(act="clock.drifted")
    assert float(json.loads(drifted.after)["seconds"]) == pytest.approx(5.0, abs=1.0)


def remove_key(path: Path) -> None:
    path.unlink()


def open_key(path: Path) -> None:
    path.chmod(0o644)


def shorten_key(path: Path) -> None:
    path.write_text("AAAA")


def spoil_key(path: Path) -> None:
    path.write_bytes(os.urandom(40))


def change_key(path: Path) -> None:
    path.unlink()
    load_key(variable="CORELAB_NO_SUCH_KEY", path=path)


@pytest.mark.req("R-AUD-37")
@pytest.mark.parametrize("harm", [remove_key, open_key, shorten_key, spoil_key, change_key])
def test_a_missing_or_broken_key_seals_nothing_says_so_and_leaves_an_event(
    sealed: Cast, harm: Callable[[Path], None]
) -> None:
    AuditEvent.objects.create(
        actor_id="x", actor_name="x", role="x", act="x", object_type="x", object_id="x", object_label="x",
        request_id="x", source="x", software_version="x", at=timezone.now(), commitment="0" * 96,
    )  # fmt: skip
    before = Checkpoint.objects.count()
    harm(settings.SEAL_KEY_FILE)
    with pytest.raises(CannotSeal, match="seal key"):
        seal()
    assert Checkpoint.objects.count() == before
    told = AuditEvent.objects.get(act="seal.refused")
    assert "backup" in told.reason


@pytest.mark.req("R-AUD-38")
def test_the_outside_file_mends_a_torn_line_and_a_missed_checkpoint(sealed: Cast) -> None:
    path: Path = settings.CHECKPOINT_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + lines[-2][:40])
    sealing.publish()
    assert path.read_bytes() == b"".join(lines)


@pytest.fixture
def outside_clock(clock: TimeStampAuthority, clock_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(clock.root)
    monkeypatch.setattr(settings, "STAMP_URL", clock_url)
    monkeypatch.setattr(settings, "STAMP_ROOTS", roots)


@pytest.mark.req("R-AUD-39")
def test_an_outside_clock_stamps_the_last_checkpoint_once_and_the_stamp_is_verified(
    sealed: Cast, outside_clock: None
) -> None:
    call_command("timestamp_audit")
    stamp = Stamp.objects.get()
    assert stamp.size == Checkpoint.objects.latest("size").size
    assert stamping.stamp_last() is None
    assert stamping.stamp_if_due() is None
    assert AuditEvent.objects.get(act="checkpoint.stamped").object_id == str(stamp.size)
    call_command("verify_audit")


@pytest.mark.req("R-AUD-39")
def test_a_stamp_of_another_text_is_found_and_a_silent_service_stamps_nothing(
    sealed: Cast, outside_clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = stamping.stamp_last()
    assert stamp is not None
    other = Checkpoint.objects.order_by("size")[0]
    Stamp.objects.create(size=other.size, token=stamp.token, authority="x", at=stamp.at)
    with pytest.raises(CommandError, match=f"time-stamp of checkpoint {other.size} does not hold"):
        call_command("verify_audit")
    monkeypatch.setattr(settings, "STAMP_URL", "http://127.0.0.1:9/")
    seal_all()
    with pytest.raises(CommandError, match="time-stamp service"):
        call_command("timestamp_audit")


@pytest.mark.req("R-AUD-20")
def test_on_postgresql_who_commits_late_is_waited_for_and_never_passed_over(
    sealed: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    monkeypatch.setattr(sealing, "BATCH", 2)
    told = AuditEvent.objects.latest("sequence")
    first = told.xid + 10

    def write(xid: int) -> int:
        told.pk, told.xid = None, xid
        told.save(force_insert=True)
        return told.sequence

    long, short, late, last = (write(first + age) for age in (0, 2, 1, 0))
    last_seal = Checkpoint(horizon=first)

    def taken(*, running: int) -> list[int]:
        """What is sealed next while transactions from `running` on have not ended."""
        monkeypatch.setattr(sealing, "_HORIZON", f"SELECT {running}::bigint")
        waiting: Any = AuditEvent.objects.values("sequence", "xid")
        batch = _ended(waiting, last_seal)
        last_seal.horizon = batch.horizon
        return [event["sequence"] for event in batch.events]

    assert taken(running=first) == []
    assert taken(running=first + 1) == [long, last]
    assert taken(running=first + 1) == []
    assert taken(running=first + 3) == [late, short]
