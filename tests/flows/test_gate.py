"""The gate before the SQLite file: writers take turns, nobody is left waiting, and nothing leaves it shut."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, OperationalError, connections, models, transaction
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from config.sqlite.base import DatabaseWrapper, gate_path, is_writing
from config.sqlite.gate import Gate
from tests.stack import ROOT, wait_until

ALIAS = "gated"
WRITERS = 8
JOURNAL = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
# What every script of a second process begins with: a connection as the settings make it.
SETUP = f"""
import os, sys, time
from pathlib import Path
import django
from django.conf import settings
from django.db import connection, transaction
from config.sqlite.gate import Gate

options = {{"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": "{JOURNAL}"}}
settings.configure(DATABASES={{"default": {{"ENGINE": "config.sqlite", "NAME": sys.argv[1], "OPTIONS": options}}}})
django.setup()

def execute(statement, *values):
    return connection.cursor().execute(statement, values)

assert connection.vendor == "sqlite"
print("ready", flush=True)
sys.stdin.readline()
"""
WRITE = """
def write(number):
    execute("CREATE TABLE IF NOT EXISTS turn (writer integer)")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with transaction.atomic():
            execute("INSERT INTO turn VALUES (%s)", number)
            time.sleep(0.005)

# Forked, so that all begin at once; none has opened the file before.
writers = range(int(sys.argv[2]))
for number in writers:
    if os.fork() == 0:
        write(number)
        sys.exit()
sys.exit(any([os.wait()[1] for _ in writers]))
"""
HOLD = """
with transaction.atomic():
    execute("INSERT INTO thing VALUES (1)")
    print("inside", flush=True)
    time.sleep(600)
"""
LEAVE_CHILD = """
gate = Gate(Path(f"{sys.argv[1]}.gate"), patience=0)
gate.enter()
if os.fork() == 0:
    # Lives on until the test has seen enough.
    sys.stdin.read()
else:
    print("forked", flush=True)
os._exit(0)
"""


def database(name: str | Path, *, timeout: float = 30) -> DatabaseWrapper:
    options = {"transaction_mode": "IMMEDIATE", "timeout": timeout, "init_command": JOURNAL}
    handler = ConnectionHandler({"default": {}, ALIAS: {"ENGINE": "config.sqlite", "NAME": name, "OPTIONS": options}})
    connection = handler[ALIAS]
    assert isinstance(connection, DatabaseWrapper)
    return connection


def gate_of(path: Path, *, patience: float = 0) -> Gate:
    return Gate(Path(f"{path}.gate"), patience=patience)


def is_free(path: Path) -> bool:
    """Whether a newcomer may pass at once: the gate, and SQLite's own lock behind it."""
    gate = gate_of(path)
    try:
        gate.enter()
    except sqlite3.OperationalError:
        return False
    gate.leave()
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


def start(script: str, *words: object) -> "subprocess.Popen[str]":
    """Start a second process; it goes on when told so."""
    return subprocess.Popen(
        [sys.executable, "-c", SETUP + script, *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(process: "subprocess.Popen[str]") -> None:
    """Let a second process go on once it is ready."""
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def locks_on(path: Path) -> int:
    """Return how many stand at a gate, inside or waiting."""
    return Path("/proc/locks").read_text().count(f":{path.stat().st_ino} ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "corelab.sqlite3"


@pytest.fixture
def gated(path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[DatabaseWrapper]:
    with django_db_blocker.unblock():
        connections[ALIAS] = connection = database(path, timeout=0.05)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE thing (number integer UNIQUE)")
        yield connection
        connection.close()
        del connections[ALIAS]


@pytest.mark.req("R-GATE-01")
def test_eight_processes_that_write_without_a_pause_make_the_file_and_all_get_their_turns(path: Path) -> None:
    writers = start(WRITE, path, WRITERS)
    go(writers)
    assert writers.communicate()[1] == ""
    assert writers.returncode == 0
    with sqlite3.connect(path) as reader:
        turns = [writer for (writer,) in reader.execute("SELECT writer FROM turn ORDER BY rowid")]
    # While all take part, each has about as many turns as the others; one who is slow to come back has fewer.
    all_began = max(turns.index(number) for number in range(WRITERS))
    one_ended = len(turns) - max(turns[::-1].index(number) for number in range(WRITERS))
    had = Counter(turns[all_began:one_ended])
    fewest, *_, most = sorted(had[number] for number in range(WRITERS))
    assert fewest > most / 2


@pytest.mark.req("R-GATE-01")
def test_those_who_wait_are_let_in_in_the_order_of_coming(path: Path) -> None:
    came: list[int] = []

    def pass_through(number: int) -> None:
        gate = gate_of(path, patience=60)
        gate.enter()
        came.append(number)
        gate.leave()

    holder = gate_of(path)
    holder.enter()
    waiting = [threading.Thread(target=pass_through, args=(number,), daemon=True) for number in range(WRITERS)]
    for number, thread in enumerate(waiting):
        thread.start()
        wait_until(lambda: locks_on(holder.path) == number + 2, seconds=60)  # noqa: B023  asked within this turn
    assert came == []
    holder.leave()
    for thread in waiting:
        thread.join()
    assert came == list(range(WRITERS))


@pytest.mark.req("R-GATE-02")
def test_a_holder_that_is_killed_frees_the_gate(path: Path, gated: DatabaseWrapper) -> None:
    holder = start(HOLD, path)
    go(holder)
    assert holder.stdout
    assert holder.stdout.readline() == "inside\n"
    assert not is_free(path)
    holder.kill()
    holder.communicate()
    assert is_free(path)
    with gated.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")


@pytest.mark.req("R-GATE-02")
def test_a_forked_child_is_outside_and_cannot_let_anybody_in(path: Path) -> None:
    gate = gate_of(path)
    gate.enter()
    child = os.fork()
    if child == 0:
        gate.leave()
        os._exit(1 if is_free(path) else 0)
    assert os.waitpid(child, 0)[1] == 0
    assert not is_free(path)
    gate.leave()
    assert is_free(path)


@pytest.mark.req("R-GATE-02")
def test_a_child_that_outlives_the_holder_keeps_nothing(path: Path) -> None:
    parent = start(LEAVE_CHILD, path)
    go(parent)
    assert parent.stdout
    assert parent.stdout.readline() == "forked\n"
    assert parent.wait(timeout=30) == 0
    wait_until(lambda: is_free(path), seconds=10)
    parent.communicate()


@pytest.mark.req("R-GATE-03")
def test_a_transaction_holds_the_gate_to_its_end_and_a_failed_one_frees_it(path: Path, gated: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS):
        assert not is_free(path)
    assert is_free(path)
    with pytest.raises(KeyError), transaction.atomic(using=ALIAS):  # noqa: PT012  what the block does is the point
        assert not is_free(path)
        raise KeyError
    assert is_free(path)


@pytest.mark.req("R-GATE-03")
def test_a_transaction_that_cannot_begin_frees_the_gate(path: Path, gated: DatabaseWrapper) -> None:
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError), transaction.atomic(using=ALIAS):
        pytest.fail("SQLite let two write")
    stranger.close()
    assert is_free(path)


@pytest.mark.req("R-GATE-03")
def test_a_commit_that_fails_frees_the_gate_and_keeps_nothing(path: Path, gated: DatabaseWrapper) -> None:
    with gated.cursor() as cursor:
        cursor.execute("CREATE TABLE part (thing REFERENCES thing (number) DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
            cursor.execute("INSERT INTO part VALUES (7)")
        assert is_free(path)
        assert cursor.execute("SELECT * FROM part").fetchall() == []


@pytest.mark.req("R-GATE-03")
def test_a_transaction_that_sqlite_ends_by_itself_frees_the_gate(path: Path, gated: DatabaseWrapper) -> None:
    with transaction.atomic(using=ALIAS), gated.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")
        with pytest.raises(IntegrityError):
            cursor.execute("INSERT OR ROLLBACK INTO thing VALUES (1)")
        assert is_free(path)


@pytest.mark.req("R-GATE-03")
def test_a_connection_closed_in_an_atomic_block_leaves_no_lock_even_with_rows_unread(
    path: Path, gated: DatabaseWrapper
) -> None:
    with transaction.atomic(using=ALIAS):
        cursor = gated.cursor()
        cursor.execute("INSERT INTO thing VALUES (1), (2)")
        cursor.execute("SELECT number FROM thing")
        assert cursor.fetchone()
        gated.close()
        assert is_free(path)
    assert gated.cursor().execute("SELECT * FROM thing").fetchall() == []


@pytest.mark.req("R-GATE-03")
def test_a_cursor_of_a_closed_connection_leaves_the_gate_open(path: Path, gated: DatabaseWrapper) -> None:
    cursor = gated.cursor()
    gated.close()
    with pytest.raises(Exception, match="closed database"):
        cursor.execute("INSERT INTO thing VALUES (1)")
    assert is_free(path)


@pytest.mark.req("R-GATE-03")
def test_a_transaction_by_hand_holds_the_gate_from_its_first_write_to_its_end(
    path: Path, gated: DatabaseWrapper
) -> None:
    def give_back() -> None:
        gated.set_autocommit(True)

    gated.set_autocommit(False)
    with gated.cursor() as cursor:
        for number, end in enumerate((gated.commit, gated.rollback, give_back)):
            assert is_free(path)
            cursor.execute("INSERT INTO thing VALUES (%s)", [number])
            assert not is_free(path)
            end()
        assert is_free(path)
        assert cursor.execute("SELECT number FROM thing").fetchall() == [(0,), (2,)]


@pytest.mark.req("R-GATE-04")
def test_what_writes_outside_a_transaction_passes_the_gate_and_what_reads_does_not(
    path: Path, gated: DatabaseWrapper
) -> None:
    holder = gate_of(path)
    holder.enter()
    with gated.cursor() as cursor:
        for reading in ("SELECT 1", "PRAGMA foreign_keys", "WITH one AS (SELECT 1) SELECT * FROM one", "VALUES (1)"):
            assert cursor.execute(reading).fetchall()
        for writing in ("INSERT INTO thing VALUES (3)", "UPDATE thing SET number = 3", "CREATE TABLE no (a)", "VACUUM"):
            with pytest.raises(OperationalError, match="has been busy"):
                cursor.execute(writing)
        with pytest.raises(OperationalError, match="has been busy"):
            cursor.executemany("INSERT INTO thing VALUES (%s)", [(4,), (5,)])
        # Django hands a script to the driver as it is, and the driver's own error back.
        with pytest.raises(sqlite3.OperationalError, match="has been busy"):
            cursor.executescript("INSERT INTO thing VALUES (6);")
        holder.leave()
        cursor.execute("INSERT INTO thing VALUES (3)")
        cursor.executemany("INSERT INTO thing VALUES (%s)", [(4,), (5,)])
        cursor.executescript("INSERT INTO thing VALUES (6);")
        assert is_free(path)
        assert cursor.execute("SELECT count(*) FROM thing").fetchone() == (4,)


@pytest.mark.req("R-GATE-04")
@pytest.mark.parametrize(
    ("statement", "writes"),
    [
        ("  select 1", False),
        ("-- UPDATE\n SELECT 1", False),
        ("/* DELETE\n*/ (SELECT 1)", False),
        ("BEGIN", False),
        ("BEGIN DEFERRED", False),
        ("BEGIN IMMEDIATE", True),
        ("begin exclusive transaction", True),
        ("-- SELECT\nUPDATE thing SET number = 1", True),
        ("/* SELECT */ ; DELETE FROM thing", True),
        ("with one as (select 1) insert into thing select * from one", True),
        ("REPLACE INTO thing VALUES (1)", True),
        ("ALTER TABLE thing RENAME TO other", True),
        ("what is this", True),
        ("/* never closed", True),
    ],
)
def test_the_verb_behind_comments_tells_what_writes(statement: str, *, writes: bool) -> None:
    assert is_writing(statement) is writes


@pytest.mark.req("R-GATE-04")
def test_rows_that_a_write_returns_are_kept_and_hold_no_lock_while_nobody_reads_them(
    path: Path, gated: DatabaseWrapper
) -> None:
    with gated.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1), (2), (3), (4), (5) RETURNING number")
        assert is_free(path)
        assert cursor.fetchone() == (1,)
        assert cursor.fetchmany(2) == [(2,), (3,)]
        rows = iter(cursor)
        assert next(rows) == (4,)
        assert list(rows) == [(5,)]
        assert cursor.fetchone() is None
        assert cursor.fetchall() == []
        cursor.execute("DELETE FROM thing WHERE number > 3 RETURNING number")
        assert cursor.fetchall() == [(4,), (5,)]
        assert cursor.execute("SELECT count(*) FROM thing").fetchone() == (3,)


@pytest.mark.req("R-GATE-05")
def test_blocks_within_blocks_and_writes_within_them_do_not_wait_for_themselves(
    path: Path, gated: DatabaseWrapper
) -> None:
    with transaction.atomic(using=ALIAS, durable=True), gated.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")
        with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS):
            cursor.execute("INSERT INTO thing VALUES (1)")
        with transaction.atomic(using=ALIAS):
            cursor.execute("INSERT INTO thing VALUES (2) RETURNING number")
            assert cursor.fetchone() == (2,)
        assert not is_free(path)
    assert is_free(path)
    assert gated.cursor().execute("SELECT count(*) FROM thing").fetchone() == (2,)


@pytest.mark.req("R-GATE-05")
def test_connections_of_two_threads_exclude_each_other(path: Path, gated: DatabaseWrapper) -> None:
    steps: list[str] = []

    def write() -> None:
        other = database(path)
        with other.cursor() as cursor:
            cursor.execute("INSERT INTO thing VALUES (1)")
        steps.append("second")
        other.close()

    thread = threading.Thread(target=write, daemon=True)
    with transaction.atomic(using=ALIAS):
        thread.start()
        wait_until(lambda: gated.gate is not None and locks_on(gated.gate.path) == 2)
        steps.append("first")
    thread.join()
    assert steps == ["first", "second"]


@pytest.mark.req("R-GATE-05")
def test_django_s_own_tools_work_behind_the_gate(path: Path, gated: DatabaseWrapper) -> None:
    with gated.schema_editor() as editor:
        editor.create_model(ContentType)
        assert not is_free(path)
    kinds = ContentType.objects.using(ALIAS)
    one = kinds.create(app_label="trials", model="one")
    assert kinds.bulk_create([ContentType(app_label="trials", model=name) for name in ("two", "three")])[1].pk == 3
    assert kinds.filter(pk=one.pk).update(app_label="imaging") == 1
    assert kinds.update_or_create(app_label="imaging", model="one")[1] is False
    assert kinds.filter(model="two")._raw_delete(ALIAS) == 1
    with gated.schema_editor() as editor:
        note = models.TextField(default="")
        note.set_attributes_from_name("note")
        editor.add_field(ContentType, note)
    with gated.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("SELECT app_label, model, note FROM django_content_type ORDER BY id")
        assert cursor.fetchall() == [("imaging", "one", ""), ("trials", "three", "")]
    assert is_free(path)


@pytest.mark.req("R-GATE-06")
@pytest.mark.parametrize("name", [":memory:", "file::memory:", "file:memorydb_gated?mode=memory&cache=shared"])
def test_a_database_in_memory_has_no_gate(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.chdir(tmp_path)
    with django_db_blocker.unblock():
        connection = database(name)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE thing (number integer)")
            cursor.execute("INSERT INTO thing VALUES (1)")
    assert connection.gate is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("R-GATE-06")
def test_elsewhere_than_on_linux_the_database_works_without_a_gate(
    path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with django_db_blocker.unblock():
        connection = database(path)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE thing (number integer)")
            cursor.execute("INSERT INTO thing VALUES (1) RETURNING number")
            assert cursor.fetchone() == (1,)
        connection.close()
    assert connection.gate is None


@pytest.mark.req("R-GATE-06")
def test_a_file_has_one_gate_by_whatever_name_and_only_its_owner_reads_it(path: Path, gated: DatabaseWrapper) -> None:
    link = path.with_name("link.sqlite3")
    link.symlink_to(path)
    names: list[str | Path] = [path, str(path), link, f"file:{path}?mode=rw", f"file://{path}"]
    assert {gate_path(name) for name in names} == {Path(f"{path.resolve()}.gate")}
    assert gated.gate
    assert stat.S_IMODE(gated.gate.path.stat().st_mode) == 0o600


@pytest.mark.req("R-GATE-07")
def test_a_wait_beyond_the_timeout_ends_with_a_sentence_and_gives_up_the_place(
    path: Path, gated: DatabaseWrapper
) -> None:
    holder = gate_of(path)
    holder.enter()
    told = "busy for 0.05 seconds.*Nothing of this one was saved"
    with pytest.raises(OperationalError, match=told), transaction.atomic(using=ALIAS):
        pytest.fail("two are inside")
    late = gate_of(path)
    with pytest.raises(sqlite3.OperationalError, match="busy for 0 seconds"):
        late.enter()
    assert locks_on(holder.path) == 1
    holder.leave()
    with transaction.atomic(using=ALIAS), gated.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")
    assert is_free(path)


@pytest.mark.req("R-GATE-07")
def test_a_gate_that_cannot_be_opened_is_told_in_a_sentence(path: Path, gated: DatabaseWrapper) -> None:
    assert gated.gate
    gated.gate.path.unlink()
    gated.gate.path.mkdir()
    with gated.cursor() as cursor:
        with pytest.raises(OperationalError, match="beside the database cannot be opened"):
            cursor.execute("INSERT INTO thing VALUES (1)")
        assert cursor.execute("SELECT * FROM thing").fetchall() == []


@pytest.mark.req("R-GATE-08")
def test_who_finds_a_new_file_waits_while_another_makes_it_and_who_only_opens_a_made_one_does_not(
    path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    connection = database(path, timeout=0.05)
    holder = gate_of(path)
    holder.enter()
    with django_db_blocker.unblock():
        for content in (None, b""):
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(OperationalError, match="has been busy"):
                connection.ensure_connection()
        holder.leave()
        connection.ensure_connection()
        connection.close()
        assert is_free(path)
        holder.enter()
        assert connection.cursor().execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()
    holder.leave()


@pytest.mark.req("R-GATE-09")
def test_an_emptied_journal_holds_nothing_and_a_reader_who_keeps_it_is_told_of(
    path: Path, gated: DatabaseWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    journal = path.with_name(f"{path.name}-wal")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT * FROM thing").fetchall() == []
    with gated.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")
        cursor.execute("PRAGMA busy_timeout=50")
    assert not gated.empty_journal()
    assert journal.stat().st_size
    assert "stop Corelab and start it anew" in caplog.text
    reader.close()
    caplog.clear()
    assert gated.empty_journal()
    assert not journal.stat().st_size
    assert not caplog.text
