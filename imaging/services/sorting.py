"""A delivery that came without a name: what its files tell is noted, keyed, and compared with subjects and visits."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from audit.actor import Actor
from audit.services import record
from deid import Arrival, IdentityTokens, Rejected, agreed, group_persons, map_uid, moved_by
from imaging import fence, quarantine
from imaging.fence.plainly import from_plain, to_plain
from imaging.matching import Scan, Visit, choose, divide, order
from imaging.models import IncomingFile, Study, Submission
from imaging.qc import IdentityMatch, TimePointWindow
from imaging.services import parting, road
from imaging.services.asking import go_on
from imaging.services.recognition import NOBODY, Told, acquaint, compare, known_as, told_in
from imaging.services.submissions import refuse_closed
from imaging.vault import QuarantineDamaged
from trials.keys import cleaning_key, trial_key
from trials.models import Subject, TimePoint

State = Submission.State
# What the files of a delivery tell, by the file's key.
Arrived: TypeAlias = Mapping[int, Arrival]
_NOTED = "arrival"
# Why a delivery was parted, in the trail.
_PERSONS = "The files are not all of one person, and a delivery is of one."
_DAYS = "The files are of several days or studies, and no one visit takes all of them."
# As many as a person compares; every other visit stands in the list below.
SHOWN = 12


def sort(by: Actor, submission: Submission) -> None:
    """Stage SORTING: parted where it is of several; on to the road where exactly one visit fits, else to a person."""
    _note(submission)
    arrived = _of_one(by, submission, _arrived(submission))
    visit = _chosen(submission, arrived)
    time_point = _open_one(visit) if visit else None
    with transaction.atomic():
        Submission.objects.filter(pk=submission.pk).update(time_point=time_point)
        road.move(submission, expected=State.SORTING, to=State.RECEIVED if time_point else State.UNASSIGNED)
        if time_point:
            forget(submission)
            told = {"subject": time_point.subject.code, "time_point": time_point.scheduled.code}
            trial_code = submission.trial_site.trial.code
            record(by=by, act="delivery.matched", obj=submission, trial_code=trial_code, after=told)


def _of_one(by: Actor, submission: Submission, arrived: Arrived) -> Arrived:
    """Part off what other persons or visits brought; return what stays."""
    while len(parts := _parts(submission, arrived)) > 1:
        persons = {scan.person for part in parts for scan in part}
        files = _files(arrived)
        keys = [_keys(part, files) for part in parts]
        parting.part_off(by, submission, keys, reason=_PERSONS if len(persons) > 1 else _DAYS)
        arrived = _arrived(submission)
    return arrived


def _parts(submission: Submission, arrived: Arrived) -> list[list[Scan]]:
    files = _files(arrived)

    def fits(scans: Collection[Scan]) -> bool:
        return _chosen(submission, {key: arrived[key] for key in _keys(scans, files)}) is not None

    return divide(_scans(submission, arrived.values()), fits=fits)


def _files(arrived: Arrived) -> dict[tuple[int, str], list[int]]:
    """The keys of the files by person and study."""
    persons = _numbered(arrived.values())
    files: dict[tuple[int, str], list[int]] = defaultdict(list)
    for key, arrival in arrived.items():
        files[_person(arrival.tokens, persons), arrival.study].append(key)
    return files


def _keys(scans: Iterable[Scan], files: Mapping[tuple[int, str], list[int]]) -> list[int]:
    return [key for mark in {(scan.person, scan.study) for scan in scans} for key in files[mark]]


def _chosen(submission: Submission, arrived: Arrived) -> Visit | None:
    known = _known_as(submission, arrived.values())
    names = _names(submission, known, arrived)
    mine = TimePoint.objects.filter(subject__in=known)
    return choose(_scans(submission, arrived.values()), _visits(submission, arrived.values(), mine, names))


def forget(submission: Submission) -> None:
    """Drop what was noted for comparing: once a person or the rule has spoken, and where the delivery is discarded."""
    submission.files.filter(facts__has_key=_NOTED).update(facts={})


def _open_one(visit: Visit) -> TimePoint | None:
    time_point = TimePoint.objects.select_related("subject__trial_site__trial", "scheduled").get(pk=visit.key)
    try:
        refuse_closed(time_point)
    except ValidationError:
        # A person is told why when she names it herself.
        return None
    return time_point


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a person sees side by side: the scans that came, and the likeliest visits, at most SHOWN."""

    scans: list[Scan]
    visits: list[Visit]

    @property
    def persons(self) -> int:
        return len({scan.person for scan in self.scans})


def compared(submission: Submission, among: QuerySet[TimePoint]) -> Comparison:
    """Compare a delivery that waits for a name with the visits of `among`; nothing where no file could be read."""
    arrivals = _arrived(submission).values()
    scans = _scans(submission, arrivals)
    likely = order(_visits(submission, arrivals, among, {}), scans[0])[:SHOWN] if scans else []
    return Comparison(scans=scans, visits=likely)


def _note(submission: Submission) -> None:
    key, noted, met = trial_key(submission.trial_site.trial), [], set[IdentityTokens]()
    for file in submission.files.filter(state=IncomingFile.State.RECEIVED):
        # What cannot be read is refused with its reason once the delivery is opened.
        try:
            data = quarantine.read_whole(file)
            arrival = fence.announce(data, key=key, delivery=str(submission.pk))
            if arrival.tokens not in met | {NOBODY}:
                acquaint(submission.trial_site, data, arrival.tokens)
        except (Rejected, QuarantineDamaged):
            # Nor is it believed what an earlier try read of it.
            file.facts = {}
        else:
            met.add(arrival.tokens)
            file.facts = {_NOTED: to_plain(arrival)}
        noted.append(file)
        go_on(submission)
    IncomingFile.objects.bulk_update(noted, ["facts"], batch_size=500)


def _names(submission: Submission, subjects: Iterable[Subject], arrived: Arrived) -> dict[str, str]:
    """The studies that came, from the names under which they would be filed for a subject to those that were noted."""
    keys = {arrival.study: key for key, arrival in arrived.items()}
    files = submission.files.in_bulk(list(keys.values()))
    firsts = {study: files[key] for study, key in keys.items()}
    names = {}
    for subject in subjects:
        key = cleaning_key(submission.trial_site.trial, subject_code=subject.code)
        for study, file in firsts.items():
            told = fence.announce(quarantine.read_whole(file), key=key, delivery=str(submission.pk))
            names[told.study] = study
    return names


def _arrived(submission: Submission) -> Arrived:
    rows = submission.files.filter(facts__has_key=_NOTED).values_list("pk", "facts")
    return {key: from_plain(Arrival, told[_NOTED]) for key, told in rows}


def _scans(submission: Submission, named: Collection[Arrival]) -> list[Scan]:
    persons = _numbered(named)
    groups: dict[tuple[int, str, dt.date | None], list[Arrival]] = defaultdict(list)
    for arrival in named:
        groups[_person(arrival.tokens, persons), arrival.study, arrival.moved_date].append(arrival)
    days = dt.timedelta(days=moved_by(trial_key(submission.trial_site.trial), str(submission.pk)))
    return [
        Scan(
            study=study,
            person=person,
            taken_on=moved and moved - days,
            files=len(group),
            series=len({arrival.series for arrival in group}),
            modalities=tuple(sorted({arrival.modality for arrival in group} - {""})),
        )
        for (person, study, moved), group in sorted(groups.items(), key=lambda item: str(item[0]))
    ]


def _numbered(named: Iterable[Arrival]) -> dict[str, int]:
    """The tokens of each person who is named, with the person's number."""
    groups = sorted(group_persons({arrival.tokens for arrival in named}), key=min)
    return {token: number for number, group in enumerate(groups, start=1) for token in group}


def _person(tokens: IdentityTokens, numbered: Mapping[str, int]) -> int:
    return numbered.get(tokens.patient_id) or numbered.get(tokens.person, 0)


def _known_as(submission: Submission, arrivals: Iterable[Arrival]) -> QuerySet[Subject]:
    """The site's subjects of whom some token came before."""
    rows = Subject.objects.filter(known_as(_told(arrivals)), trial_site=submission.trial_site_id)
    return rows.select_related("trial_site")


def _told(arrivals: Iterable[Arrival]) -> Told:
    """Whom it names under the trial's key: before a subject is named there is no other."""
    return Told(shared=agreed({arrival.tokens for arrival in arrivals}))


def _visits(
    submission: Submission, arrivals: Iterable[Arrival], among: QuerySet[TimePoint], names: Mapping[str, str]
) -> list[Visit]:
    told = _told(arrivals)
    known = {subject.pk: compare(subject, told) for subject in _known_as(submission, arrivals)}
    rows = list(among.select_related("subject", "scheduled"))
    studies = _studies(trial_key(submission.trial_site.trial), rows, names)
    return [_visit(row, known.get(row.subject_id) or _stranger(row.subject), studies[row.pk]) for row in rows]


def _stranger(subject: Subject) -> IdentityMatch:
    """How a subject stands whom nothing that came names; who was sent by browser or gateway alone may be the one."""
    known = told_in(subject)
    if known.shared != NOBODY:
        return IdentityMatch.DIFFERS
    return IdentityMatch.FIRST if known == Told() else IdentityMatch.NOT_COMPARABLE


def _studies(key: bytes, rows: list[TimePoint], names: Mapping[str, str]) -> dict[int, set[str]]:
    """The studies filed for each visit as they were noted, if they came again; some trials file them as sent."""
    filed: dict[int, set[str]] = defaultdict(set)
    for visit, uid in Study.objects.filter(time_point__in=rows).values_list("time_point", "uid"):
        filed[visit] |= {names.get(uid, uid), map_uid(key, uid)}
    return filed


def _visit(row: TimePoint, identity: IdentityMatch, studies: set[str]) -> Visit:
    planned = row.scheduled
    return Visit(
        key=row.pk,
        subject=row.subject.code,
        name=planned.name,
        identity=identity,
        day_zero=row.subject.day_zero,
        window=TimePointWindow(target_day=planned.day, before=planned.window_before, after=planned.window_after),
        studies=frozenset(studies),
        takes=row.state != TimePoint.State.ACCEPTED,
    )
