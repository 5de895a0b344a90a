"""Many objects in one transaction: each gets its own answer, and what is not acknowledged leaves nothing."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import OperationalError

from audit.models import AuditEvent
from imaging import quarantine
from imaging.dicom_node import committer as committers
from imaging.dicom_node import reception as receptions
from imaging.dicom_node.committer import Committer, Porter, _Task
from imaging.dicom_node.reception import OUT_OF_RESOURCES, SUCCESS
from imaging.models import IncomingFile, Submission
from imaging.services import arrivals, desk, rows
from imaging.services.arrivals import Arrival, Register
from imaging.services.quotas import Room
from imaging.vault import PART_SIZE
from tests.cast import Cast, actor_for
from tests.imaging.reception import AtOnce, opened, store
from tests.imaging.test_quotas import limit

pytestmark = pytest.mark.django_db


def waiting(title: str, data: bytes, register: Register) -> Arrival:
    """An object that is sealed and waits to be recorded."""
    caught: list[Arrival] = []

    class Catching(AtOnce):
        def record(self, arrival: Arrival) -> None:
            caught.append(arrival)

    held = Catching()
    held.register = register
    assert store(opened(title, held), data) == SUCCESS
    return caught[0]


def sealed_of(submission: Submission) -> list[Path]:
    return [path for path in (settings.QUARANTINE_ROOT / str(submission.pk)).rglob("*") if path.is_file()]


@pytest.mark.req("R-NODE-03")
def test_of_a_batch_only_the_object_that_is_over_its_share_is_refused(cast: Cast) -> None:
    register = Register()
    limit(cast, Room(size=10), trial_site=cast.site_a)
    batch = [
        waiting(*one, register)
        for one in (("BRISA_PACS", b"x" * 50), ("ALBA_PACS", b"x" * 11), ("ALBA_PACS", b"x" * 9))
    ]
    refusals = register.record(batch)
    assert [getattr(refusal, "code", "taken") for refusal in refusals] == ["taken", "quota", "taken"]
    assert sorted(IncomingFile.objects.values_list("size", flat=True)) == [9, 50]
    assert AuditEvent.objects.filter(act="quota.reached").count() == 1


@pytest.mark.req("R-NODE-03")
def test_objects_of_one_batch_never_pass_a_share_together(cast: Cast) -> None:
    register = Register()
    limit(cast, Room(files=2))
    batch = [waiting("ALBA_PACS", b"x", register) for _ in range(4)]
    assert [refusal is None for refusal in register.record(batch)].count(True) == 2


@pytest.mark.req("R-NODE-04")
def test_every_row_of_a_batch_is_told_by_whoever_sent_it_and_is_what_the_model_would_have_saved(cast: Cast) -> None:
    register = Register()
    batch = [waiting(title, title.encode(), register) for title in ("ALBA_PACS", "BRISA_PACS")]
    assert register.record(batch) == [None, None]
    for arrival in batch:
        row = arrival.submission.files.get()
        told = AuditEvent.objects.get(act="row.added", object_type="imaging.IncomingFile", object_id=str(row.pk))
        assert (told.on_behalf_of, told.request_id) == (arrival.ae_title, arrival.by.request_id)
        assert quarantine.read_whole(row) == arrival.ae_title.encode()
        saved = IncomingFile(submission=row.submission, number=7, size=row.size, sha256=row.sha256)
        saved.parts, saved.part_hashes = row.parts, row.part_hashes
        saved.save()
        names = {field.attname for field in IncomingFile._meta.concrete_fields} - {"id", "number"}
        assert IncomingFile.objects.filter(pk=row.pk).values(*names).get() == (
            IncomingFile.objects.filter(pk=saved.pk).values(*names).get()
        )


@pytest.mark.req("R-NODE-05")
def test_a_share_that_is_cut_and_a_sender_that_is_struck_off_hold_within_seconds(cast: Cast) -> None:
    door = AtOnce()
    alba = opened("ALBA_PACS", door)
    assert store(alba, b"x" * 100) == SUCCESS
    limit(cast, Room(size=150), trial_site=cast.site_a)
    door.now += arrivals.SECONDS
    assert store(alba, b"x" * 100) == OUT_OF_RESOURCES
    # Near its end a share is asked for each object, so that room given back counts at once.
    limit(cast, Room(size=250), trial_site=cast.site_a)
    assert store(alba, b"x" * 100) == SUCCESS
    assert arrivals.SECONDS <= 5


@pytest.mark.req("R-NODE-06")
def test_an_object_that_is_refused_or_cut_leaves_no_byte(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receptions, "PART_SIZE", 1000)
    limit(cast, Room(size=2500), trial_site=cast.site_a)
    alba = opened("ALBA_PACS")
    assert store(alba, b"x" * 999, fragment=100) == SUCCESS
    delivery = Submission.objects.get()
    (kept,) = sealed_of(delivery)
    assert store(alba, b"y" * 5000, fragment=100) == OUT_OF_RESOURCES
    assert sealed_of(delivery) == [kept]
    alba.begin(b"")
    alba.more(b"z" * 1200)
    assert len(sealed_of(delivery)) == 2
    alba.cut()
    assert sealed_of(delivery) == [kept]
    assert delivery.files.count() == 1


@pytest.mark.req("R-NODE-06")
def test_a_large_object_comes_back_as_it_was_sent(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receptions, "PART_SIZE", 1000)
    alba, data = opened("ALBA_PACS"), bytes(range(250)) * 13
    for size in (0, 1, 999, 1000, 1001, 2000, 3250):
        assert store(alba, data[:size], fragment=333) == SUCCESS
    found = Submission.objects.get().files.order_by("number")
    assert [quarantine.read_whole(file) for file in found] == [
        data[:size] for size in (0, 1, 999, 1000, 1001, 2000, 3250)
    ]
    assert [len(file.parts) for file in found] == [1, 1, 1, 1, 2, 2, 4]
    assert Submission.objects.get().bytes_received == sum((0, 1, 999, 1000, 1001, 2000, 3250))
    assert PART_SIZE == 8 * 1024 * 1024


@pytest.mark.req("R-NODE-06")
def test_an_object_in_parts_whose_delivery_was_discarded_is_refused_and_the_next_begins_anew(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receptions, "PART_SIZE", 10)
    alba = opened("ALBA_PACS")
    alba.begin(b"")
    alba.more(b"eleven bytes")
    desk.discard(by=actor_for(cast.coordinator), submission=Submission.objects.get(), reason="sent by mistake")
    alba.more(b"and more of it")
    assert alba.end() != SUCCESS
    assert store(alba, b"next") == SUCCESS
    assert [each.files.count() for each in Submission.objects.order_by("state_since")].count(1) == 1


@pytest.mark.req("R-NODE-07")
def test_where_nobody_knows_whether_an_object_was_recorded_its_bytes_stay_and_its_number_is_not_used_again(
    cast: Cast,
) -> None:
    class Unsure(AtOnce):
        fails = True

        def record(self, arrival: Arrival) -> None:
            super().record(arrival)
            if self.fails:
                raise OperationalError("the line broke in the commit")

    door = Unsure()
    alba = opened("ALBA_PACS", door)
    assert store(alba, b"first") == OUT_OF_RESOURCES
    door.fails = False
    assert store(alba, b"second") == SUCCESS
    assert [quarantine.read_whole(file) for file in IncomingFile.objects.order_by("number")] == [b"first", b"second"]


@pytest.mark.req("R-NODE-06")
def test_after_the_association_ended_nothing_is_taken(cast: Cast) -> None:
    alba = opened("ALBA_PACS")
    assert store(alba, b"x") == SUCCESS
    alba.close()
    assert store(alba, b"y") == OUT_OF_RESOURCES
    # Told of the end once more, as of an abort and of a lost line.
    alba.close()
    assert Submission.objects.get().files.count() == 1


@pytest.mark.req("R-NODE-06")
def test_parts_of_an_object_are_forgotten_also_where_the_delivery_was_closed_first(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receptions, "PART_SIZE", 10)
    alba = opened("ALBA_PACS")
    alba.begin(b"")
    alba.more(b"more than eleven bytes")
    delivery = Submission.objects.get()
    assert sealed_of(delivery)
    alba.close()
    alba.cut()
    assert not sealed_of(delivery)


class Fragile(Register):
    """Records nothing really; one size breaks the whole batch."""

    def record(self, arrivals: "list[Arrival]") -> list[ValidationError | None]:  # type: ignore[override]
        sizes = [arrival.room.size for arrival in arrivals]
        if 13 in sizes:
            raise LookupError("a fault of ours")
        return [ValidationError("full", code="quota") if size == 7 else None for size in sizes]


@pytest.mark.req("R-NODE-03")
def test_what_breaks_a_batch_breaks_none_of_the_others_in_it(cast: Cast) -> None:
    committer, register = Committer(), Register()
    committer._register = Fragile()
    batch = [_Task(waiting("ALBA_PACS", b"x" * size, register)) for size in (1, 13, 7, 2)]
    committer._record(batch)
    assert [type(task.done.get()) for task in batch] == [type(None), LookupError, ValidationError, type(None)]


@pytest.mark.req("R-NODE-07")
def test_after_a_failure_the_line_to_the_database_is_looked_at_before_the_next_act(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[bool] = []
    monkeypatch.setattr(committers, "renew_connection", lambda: looked.append(True))
    monkeypatch.setattr(committers, "TRUSTED_SECONDS", float("inf"))
    committer = Committer()
    for act in (str, _away, str):
        committer._renew_connection()
        committer._outcome(act)
    assert looked == [True]


def _away(_register: Register) -> None:
    raise OperationalError("the database is away")


@pytest.mark.req("R-NODE-07")
def test_the_committer_outlives_a_line_that_cannot_even_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter([_away])
    monkeypatch.setattr(committers, "renew_connection", lambda: next(lines, str)(Register()))
    committer = Committer()
    with pytest.raises(OperationalError):
        committer.ask(lambda _register: "asked")
    assert committer.ask(lambda _register: "asked") == "asked"


def _whose_thread(_register: Register) -> str:
    return str(threading.get_ident())


@pytest.mark.req("R-NODE-16")
def test_who_knocks_is_answered_by_the_desk_and_by_another_line_where_that_is_long_at_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_back, ends = threading.Event(), threading.Event()
    monkeypatch.setattr(committers, "connection", SimpleNamespace(connection=None, close=given_back.set))
    monkeypatch.setattr(committers, "RESTS_AFTER_SECONDS", 0.05)
    asked: list[str] = []
    desk = Committer()
    porter = Porter(desk)
    of_the_desk = desk.ask(_whose_thread)
    begun = threading.Event()

    def work(_register: Register) -> None:
        begun.set()
        ends.wait(60)

    def once(register: Register) -> str:
        asked.append("once")
        return _whose_thread(register)

    assert porter.ask(_whose_thread) == of_the_desk
    at_work = threading.Thread(target=desk.ask, args=(work,))
    at_work.start()
    try:
        assert begun.wait(60)
        others = {porter.ask(_whose_thread) for _ in range(3)}
        assert given_back.wait(60), "the second line is not kept for nobody"
        others.add(porter.ask(once))
    finally:
        ends.set()
        at_work.join()
    assert desk.ask(_whose_thread) == of_the_desk
    assert asked == ["once"], "what was answered elsewhere is not asked again"
    assert len(others - {of_the_desk}) == 1
    assert of_the_desk not in others


@pytest.mark.req("R-NODE-04")
def test_a_delivery_that_is_full_or_closed_counts_no_file(cast: Cast) -> None:
    alba = opened("ALBA_PACS")
    assert store(alba, b"x") == SUCCESS
    delivery = Submission.objects.get()
    assert rows.count(submission=delivery, size=9, most=10)
    assert not rows.count(submission=delivery, size=1, most=10)
    delivery.refresh_from_db()
    assert (delivery.bytes_received, delivery.files_received) == (10, 2)
    desk.discard(by=actor_for(cast.coordinator), submission=delivery, reason="sent by mistake")
    assert not rows.count(submission=delivery, size=0, most=10)
