"""Several persons or visits over one line of a machine: parted into a delivery of each, and nothing acknowledged is lost."""

import datetime as dt
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from audit.models import AuditEvent
from imaging import quarantine
from imaging.models import StowDelivery, Submission
from imaging.services import committing, parting, road, sorting, stages, submissions
from imaging.services.pieces import cut
from imaging.vault import Stage
from tests.cast import Cast
from tests.imaging.scans import PLANTED, ct_slice, drive, send, to_bytes
from tests.imaging.stowing import body, sender_of
from tests.imaging.test_sorting import NODE, arrive, day_of, page_of, series, visit

pytestmark = pytest.mark.django_db
State = Submission.State
KLARA: dict[str, Any] = {"name": "DREISTEIN^KLARA", "patient_id": "QX11223344"}
VERA: dict[str, Any] = {"name": "VIERSTEIN^VERA", "patient_id": "QX55667788"}
NOBODY: dict[str, Any] = {"name": "", "patient_id": ""}
DAY = dt.date(2026, 2, 3)


@pytest.fixture(autouse=True)
def own_quarantine(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Nothing of other tests lies there, so that every file can be counted."""
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    quarantine.vault.cache_clear()
    yield
    quarantine.vault.cache_clear()


@pytest.fixture
def known(cast: Cast) -> Cast:
    """The cast, once the first subject's baseline was filed."""
    assert drive(send(cast.alba, visit(cast, "BL"), series(day_of(cast, "BL"), seed="base"))).state == State.CHECKED
    return cast


def brought(cast: Cast, files: list[bytes]) -> Submission:
    """What lies there once the line has ended, before a worker looks at it."""
    delivery = submissions.start_unassigned(by=NODE, trial_site=cast.site_a)
    for number, data in enumerate(files):
        submissions.receive(by=NODE, submission=delivery, pieces=cut(number=number, data=data))
    return submissions.close_association(by=NODE, submission=delivery)


def drive_all() -> None:
    """Walk every delivery as far as machines take it, those that come of others too."""
    while standing := road.standing():
        for pk in standing:
            drive(Submission(pk=pk))


def contents(submission: Submission) -> list[bytes]:
    return [quarantine.read_whole(file) for file in submission.files.order_by("number")]


def kept() -> Counter[bytes]:
    """Every file as it can be read today, whichever delivery it is in."""
    return Counter(data for submission in Submission.objects.all() for data in contents(submission))


def sealed(settings: Any) -> int:
    return len([path for path in settings.QUARANTINE_ROOT.glob(f"*/{Stage.RECEIVED}/*/*") if path.is_file()])


def told_of(act: str) -> list[dict[str, Any]]:
    return [json.loads(event.after) for event in AuditEvent.objects.filter(act=act).order_by("sequence")]


@pytest.mark.req("R-SORT-05")
def test_three_persons_on_one_line_become_three_deliveries_and_each_goes_its_own_way(known: Cast) -> None:
    day = day_of(known, "FU1")
    own = series(day, seed="follow", slices=5)
    klara, vera = series(day, seed="klara", slices=3, **KLARA), series(day, seed="vera", slices=2, **VERA)
    # As a PACS sends them: mixed.
    arrive(known, [own[0], klara[0], vera[0], own[1], vera[1], *own[2:], *klara[1:]])
    drive_all()
    came = Submission.objects.filter(door=Submission.Door.DICOM)
    filed = came.get(state=State.CHECKED)
    assert (filed.time_point, filed.files.count()) == (visit(known, "FU1"), 5)
    waiting = came.filter(state=State.UNASSIGNED)
    assert sorted((contents(one) for one in waiting), key=len) == [vera, klara]
    assert came.count() == 3


@pytest.mark.req("R-SORT-05")
def test_what_was_counted_and_told_of_the_one_stands_for_its_parts(cast: Cast, settings: Any) -> None:
    files = series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA)
    before = brought(cast, files)
    drive_all()
    (part,) = before.parts.all()
    whole = Submission.objects.get(pk=before.pk)
    assert [(one.files_received, one.bytes_received) for one in (whole, part)] == [
        (3, sum(map(len, files[:3]))),
        (2, sum(map(len, files[3:]))),
    ]
    assert (part.sent_by, part.door, part.received_at) == (whole.sent_by, whole.door, whole.received_at)
    assert bytes(part.wrapped_key) != bytes(whole.wrapped_key)
    assert sealed(settings) == len(files), "nothing stays where it lay before"


@pytest.mark.req("R-SORT-05")
def test_the_trail_tells_who_parted_what_and_why_and_each_file_that_went(cast: Cast) -> None:
    whole = arrive(cast, series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA))
    (part,) = whole.parts.all()
    event = AuditEvent.objects.get(act="delivery.parted")
    assert (event.object_id, event.actor_id, event.on_behalf_of) == (str(whole.pk), "machine:worker", whole.sent_by)
    assert json.loads(event.after) == {"delivery": str(part.pk), "files": 2}
    assert event.reason == "The files are not all of one person, and a delivery is of one."
    assert told_of("delivery.started")[-1] == {"door": "dicom", "parted_from": str(whole.pk)}
    moved = AuditEvent.objects.filter(act="row.changed", object_type="imaging.IncomingFile")
    assert len([one for one in moved if str(part.pk).replace("-", "") in one.after.replace("-", "")]) == 2


@pytest.mark.req("R-SORT-05")
def test_visits_of_one_person_that_come_at_once_are_parted_by_day_and_each_finds_its_own(known: Cast) -> None:
    first, second = series(day_of(known, "FU1"), seed="one"), series(day_of(known, "FU2", plus=2), seed="two")
    arrive(known, [*first, *second])
    drive_all()
    came = Submission.objects.filter(door=Submission.Door.DICOM, state=State.CHECKED)
    assert {one.time_point for one in came} == {visit(known, "FU1"), visit(known, "FU2")}
    (event,) = AuditEvent.objects.filter(act="delivery.parted")
    assert event.reason == "The files are of several days or studies, and no one visit takes all of them."


@pytest.mark.req("R-SORT-05")
@pytest.mark.parametrize("plus", [0, 2])
def test_what_one_visit_takes_stays_one_delivery(known: Cast, plus: int) -> None:
    """Two studies of one visit, of one day or of two."""
    day = day_of(known, "FU1")
    mixed = series(day, seed="chest") + series(day + dt.timedelta(days=plus), seed="liver")
    assert arrive(known, mixed).time_point == visit(known, "FU1")
    assert not Submission.objects.filter(parted_from__isnull=False).exists()
    assert not AuditEvent.objects.filter(act="delivery.parted").exists()


@pytest.mark.req("R-SORT-05")
def test_studies_of_a_strangers_one_day_wait_together_and_those_of_two_days_apart(cast: Cast) -> None:
    day = series(DAY, seed="chest", **KLARA) + series(DAY, seed="liver", **KLARA)
    later = series(DAY + dt.timedelta(days=40), seed="later", slices=3, **KLARA)
    whole = arrive(cast, [*day, *later])
    drive_all()
    assert [contents(one) for one in (whole, *whole.parts.all())] == [day, later]
    assert not Submission.objects.exclude(state=State.UNASSIGNED).exists()


@pytest.mark.req("R-SORT-05")
def test_files_that_name_nobody_are_given_to_nobody(known: Cast) -> None:
    """Not even those of the study of somebody who is named: they wait, study by study."""
    day = day_of(known, "FU1")
    own, same = series(day, seed="follow"), [to_bytes(ct_slice(9, seed="follow", **NOBODY))]
    other = series(day, seed="other", slices=2, **NOBODY)
    arrive(known, [*own, *same, *other])
    drive_all()
    came = Submission.objects.filter(door=Submission.Door.DICOM)
    assert came.get(state=State.CHECKED).files.count() == len(own)
    waiting = [contents(one) for one in came.filter(state=State.UNASSIGNED)]
    assert sorted(waiting, key=len) == [same, other]


@pytest.mark.req("R-SORT-05")
def test_a_file_that_cannot_be_read_goes_with_nobody_where_several_are_named(cast: Cast) -> None:
    first, second = series(DAY, seed="a"), series(DAY, seed="k", **KLARA)
    whole = arrive(cast, [*first, b"not an image", *second])
    drive_all()
    assert (whole.state, contents(whole)) == (State.UNASSIGNED, [b"not an image"])
    parts = [contents(one) for one in whole.parts.all()]
    assert (len(parts), first in parts, second in parts) == (2, True, True)
    assert "No file of this delivery could be read" in page_of(cast, whole)


@pytest.mark.req("R-SORT-05")
def test_a_person_known_by_two_spellings_that_meet_in_a_file_is_not_parted(cast: Cast) -> None:
    spelt = [{}, {"patient_id": "Z"}, {"name": "STEIN^ALBA", "patient_id": "Z"}]
    files = [to_bytes(ct_slice(number, **told)) for number, told in enumerate(spelt)]
    assert arrive(cast, files).files.count() == len(files)
    assert not AuditEvent.objects.filter(act="delivery.parted").exists()


@pytest.mark.req("R-SORT-05")
def test_both_sides_of_a_parting_are_told_on_their_pages_to_core_laboratory_and_site(cast: Cast) -> None:
    whole = arrive(cast, series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA))
    (part,) = whole.parts.all()
    for who in (cast.coordinator, cast.alba):
        client = Client()
        client.force_login(who)
        page, other = (client.get(f"/deliveries/{one.pk}/").content.decode() for one in (whole, part))
        assert "It came together with scans of other persons or visits" in page
        assert f'href="/deliveries/{part.pk}/"' in page
        assert "It was parted from" in other
        assert f'href="/deliveries/{whole.pk}/"' in other
        assert not [planted for planted in (*PLANTED, "KLARA", "QX11223344") if planted in page + other]


@pytest.mark.req("R-SORT-05")
def test_of_a_cohort_that_was_parted_a_page_names_the_first_and_counts_the_rest(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imaging.views.deliveries.PARTS", 1)
    files = [series(DAY, seed=str(n), slices=1, name=f"N{n}", patient_id=f"P{n}")[0] for n in range(4)]
    whole = arrive(cast, files)
    assert whole.parts.count() == 3
    assert "and 2 more" in page_of(cast, whole)


@pytest.mark.req("R-SORT-05")
def test_a_machine_that_stored_over_the_web_finds_every_part_at_its_address(cast: Cast) -> None:
    """Two persons under one study, since studies are deliveries of their own at that door."""
    sender = sender_of(cast)
    one = series(DAY, seed="same", slices=2)
    other = [to_bytes(ct_slice(number + 5, seed="same", **KLARA)) for number in range(3)]
    assert sender.post(body(one + other), path="/dicomweb/studies?complete=1").status_code == 202
    drive_all()
    whole, part = StowDelivery.objects.order_by("pk")
    told = sender.get(f"/dicomweb/deliveries/{whole.submission_id}").json()
    assert (told["files"], told["parts"], told["parted_from"]) == (3, [str(part.submission_id)], None)
    told = sender.get(f"/dicomweb/deliveries/{part.submission_id}").json()
    assert (told["files"], told["parts"], told["parted_from"]) == (2, [], str(whole.submission_id))


@pytest.mark.req("R-ROAD-06")
def test_what_a_machine_names_subject_and_visit_for_is_still_held_whole(cast: Cast) -> None:
    files = series(DAY, seed="a") + series(DAY, seed="k", **KLARA)
    named = f"subject={cast.subject_a.code}&timepoint=BL&complete=1"
    assert sender_of(cast).post(body(files), path=f"/dicomweb/studies?{named}").status_code == 202
    drive_all()
    held = Submission.objects.get()
    assert (held.state, "more than one person" in held.refusal) == (State.QUARANTINED, True)


class Killed(BaseException):
    """SIGKILL, as far as Python can tell: nothing of ours catches it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A function of the product, and whether the process ends before it has done anything, or right after."""

    place: Any
    name: str
    is_done: bool = False

    def kill(self, monkeypatch: pytest.MonkeyPatch, *, call: int) -> None:
        """End the process when it is called for that time."""
        was: Callable[..., Any] = getattr(self.place, self.name)
        calls = itertools.count(1)

        def dying(*args: Any, **told: Any) -> Any:
            is_now = next(calls) == call
            answer = None if is_now and not self.is_done else was(*args, **told)
            if is_now:
                raise Killed
            return answer

        monkeypatch.setattr(self.place, self.name, dying)


@pytest.mark.req("R-SORT-06")
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(Moment(quarantine, "seal_again"), id="before it seals"),
        pytest.param(Moment(quarantine, "seal_again", is_done=True), id="between sealing and recording"),
        pytest.param(Moment(road, "move", is_done=True), id="before what is recorded is committed"),
        pytest.param(Moment(parting, "_hand_over", is_done=True), id="once it is recorded"),
        pytest.param(Moment(quarantine, "forget_unrecorded"), id="before the old bytes go"),
    ],
)
def test_a_worker_killed_at_any_step_of_a_parting_loses_nothing_and_the_next_one_ends_it(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch, moment: Moment, call: int
) -> None:
    files = series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA) + series(DAY, seed="v", **VERA)
    whole = brought(cast, files)
    worker = claimed(whole)
    with monkeypatch.context() as killing:
        moment.kill(killing, call=call)
        with pytest.raises(Killed):
            stages.run(worker)
    assert kept() == Counter(files)
    Submission.objects.update(leased_until=None)
    drive_all()
    assert kept() == Counter(files)
    assert sealed(settings) == len(files)
    assert Submission.objects.count() == len(quarantine.vault().list_submissions()) == 3
    assert [one.files.count() for one in Submission.objects.order_by("files_received")] == [2, 3, 4]
    assert len(told_of("delivery.parted")) == 2


def claimed(submission: Submission) -> Submission:
    found = road.claim(str(submission.pk))
    assert found is not None
    return found


@pytest.mark.req("R-SORT-06")
def test_a_disk_that_is_full_while_parts_are_sealed_leaves_all_as_it_was(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA)
    whole = brought(cast, files)
    worker = claimed(whole)
    with monkeypatch.context() as full:
        full.setattr("imaging.vault.sealing.Sealer.seal_all", _full)
        with pytest.raises(OSError, match="full"):
            stages.run(worker)
    assert (kept(), sealed(settings), Submission.objects.count()) == (Counter(files), len(files), 1)
    Submission.objects.update(leased_until=None)
    drive_all()
    assert (kept(), Submission.objects.count()) == (Counter(files), 2)


def _full(*_told: object) -> None:
    raise OSError("the disk is full")


@pytest.mark.req("R-SORT-06")
def test_an_original_that_rots_before_it_is_parted_stays_behind_and_stops_nobody_else(cast: Cast) -> None:
    files = series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA)
    whole = brought(cast, files)
    worker = claimed(whole)
    sorting._note(worker)
    quarantine.vault().drop(str(whole.pk), 4, Stage.RECEIVED)
    Submission.objects.update(leased_until=None)
    drive_all()
    assert sorted(one.files.count() for one in Submission.objects.all()) == [1, 1, 3]
    assert whole.files.get().number == 4


@pytest.mark.req("R-SORT-06")
def test_a_worker_that_was_overtaken_parts_nothing_more(cast: Cast) -> None:
    files = series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA)
    late = claimed(brought(cast, files))
    Submission.objects.update(leased_until=None)
    parts = [[file.pk for file in late.files.all()[start : start + 3]] for start in (0, 3)]
    drive_all()
    with pytest.raises(ValidationError, match="moved on"):
        parting.part_off(NODE, late, parts, reason="late")
    assert (kept(), Submission.objects.count()) == (Counter(files), 2)


@pytest.mark.req("R-SORT-06")
def test_one_worker_at_a_time_seals_into_a_place_and_who_waited_for_it_parts_nothing_twice(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One key opens what lies there, whoever was slow."""
    files = series(DAY, seed="a", slices=3) + series(DAY, seed="k", slices=2, **KLARA)
    late = claimed(brought(cast, files))
    was_sealing, was_held, alone = quarantine.seal_again, quarantine.held, list[bool]()

    def sealing(files: Any, *, into: Submission, tick: Any) -> None:
        alone.append(quarantine.is_on_line(into))
        was_sealing(files, into=into, tick=tick)

    def waiting(made: Submission) -> Any:
        monkeypatch.setattr(quarantine, "held", was_held)
        Submission.objects.update(leased_until=None)
        drive_all()
        return was_held(made)

    monkeypatch.setattr(quarantine, "seal_again", sealing)
    monkeypatch.setattr(quarantine, "held", waiting)
    stages.run(late)
    assert alone == [True], "the place is locked, and sealed into once"
    assert (kept(), Submission.objects.count()) == (Counter(files), 2)


@pytest.mark.req("R-SORT-06")
def test_a_sender_that_asks_for_commitment_while_its_files_are_parted_is_told_that_they_are_kept(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = [ct_slice(number, seed="a") for number in range(3)] + [ct_slice(7, seed="k", **KLARA)]
    whole = brought(cast, [to_bytes(one) for one in datasets])
    asked = [committing.Named(sop_class=str(one.SOPClassUID), instance=str(one.SOPInstanceUID)) for one in datasets]
    rows = list(committing._waiting(cast.site_a))
    drive(whole)
    # What was read from the database before the files went.
    monkeypatch.setattr(committing, "_waiting", lambda _site: iter(rows))
    answers = committing.judge(trial_site=cast.site_a, named=asked, memory=committing.Memory())
    assert set(answers.values()) == {None}
