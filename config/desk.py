"""What waits for a person, trial by trial and role by role: each item is counted and is one link."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import ngettext

from audit.actor import Actor
from endpoints.models import Assignment
from imaging.models import IncomingFile, PixelReview, Query, Submission
from imaging.services import held
from reports.models import Report
from trials import access
from trials.models import Subject, TimePoint, Trial, TrialSite
from trials.roles import Act
from trials.views.tracker import Visit, judge

# How many time points or queries a card lists before it only counts.
LISTED = 12
RECEIPTS = 5
SOON = dt.timedelta(days=7)
EXPECTED = TimePoint.State.EXPECTED


@dataclass(frozen=True, slots=True)
class Task:
    """A counted sentence and the page on which to do it; `is_quiet` where nobody has to act."""

    count: int
    sentence: str
    view: str
    key: str
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """One trial's card: tasks, the time points to send or to judge, open queries, receipts, released reports.

    `sites` are those of the person, where it sends for them.
    """

    trial: Trial
    tasks: tuple[Task, ...]
    to_send: tuple[Visit, ...] = ()
    to_judge: tuple[Visit, ...] = ()
    queries: tuple[Query, ...] = ()
    receipts: tuple[Submission, ...] = ()
    sites: tuple[TrialSite, ...] = ()
    reports: tuple[Report, ...] = ()
    may_send: bool = False
    gets_reports: bool = False


def desks(actor: Actor) -> list[Desk]:
    """Return a card for every trial the person sees."""
    seen = access.visible(actor, Trial.objects.select_related("sponsor"))
    return [_desk(actor, trial) for trial in seen]


def reads_waiting(actor: Actor) -> int:
    waiting = Assignment.objects.filter(state=Assignment.State.OPEN)
    return access.within(actor, waiting, act=Act.READ_PERFORM).count()


def _desk(actor: Actor, trial: Trial) -> Desk:
    acts = access.acts_in(actor, trial)
    may_send, may_judge = Act.SUBMISSION_SEND in acts, Act.QC_DECIDE in acts
    # Who builds reports finds them under their tab; who only receives them, here.
    gets_reports = Act.REPORT_VIEW in acts and Act.REPORT_BUILD not in acts
    visits = _visits(actor, trial) if acts & {Act.SUBMISSION_SEND, Act.QC_DECIDE, Act.TRIAL_EDIT} else []
    return Desk(
        trial=trial,
        tasks=tuple(_tasks(actor, trial, acts, visits)),
        to_send=tuple(_awaited(visits)[:LISTED]) if may_send else (),
        receipts=tuple(_receipts(actor, trial)) if may_send else (),
        sites=tuple(_sites(actor, trial)) if may_send else (),
        to_judge=tuple(_received(visits)[:LISTED]) if may_judge else (),
        queries=tuple(_queries(actor, trial)) if may_send else (),
        reports=tuple(_released(actor, trial)) if gets_reports else (),
        may_send=may_send and trial.state == Trial.State.OPEN,
        gets_reports=gets_reports,
    )


def _visits(actor: Actor, trial: Trial) -> list[Visit]:
    rows = TimePoint.objects.filter(subject__trial_site__trial=trial)
    open_rows = rows.filter(state__in=(TimePoint.State.EXPECTED, TimePoint.State.RECEIVED))
    enrolled = Q(subject__state=Subject.State.ENROLLED) | ~Q(state=TimePoint.State.EXPECTED)
    return judge(access.visible(actor, open_rows.filter(enrolled)).order_by("due_on", "pk"))


def _awaited(visits: list[Visit]) -> list[Visit]:
    """What is overdue, may come today, or is due within a week; overdue first, since they are sorted by day."""
    soon = timezone.localdate() + SOON
    return [visit for visit in visits if visit.time_point.state == EXPECTED and _is_near(visit, soon)]


def _is_near(visit: Visit, soon: dt.date) -> bool:
    return bool(visit.standing.overdue_days) or visit.standing.is_due or visit.time_point.due_on <= soon


def _receipts(actor: Actor, trial: Trial) -> list[Submission]:
    rows = Submission.objects.filter(trial_site__trial=trial, state=Submission.State.CHECKED)
    seen = access.within(actor, rows, act=Act.SUBMISSION_SEND)
    named = seen.select_related("time_point__subject", "time_point__scheduled", "trial_site__site")
    return list(named.order_by("-received_at")[:RECEIPTS])


def _sites(actor: Actor, trial: Trial) -> list[TrialSite]:
    rows = TrialSite.objects.filter(trial=trial).select_related("site")
    return list(access.within(actor, rows, act=Act.SUBMISSION_SEND))


def _received(visits: list[Visit]) -> list[Visit]:
    return [visit for visit in visits if visit.time_point.state == TimePoint.State.RECEIVED]


def _tasks(actor: Actor, trial: Trial, acts: frozenset[Act], visits: list[Visit]) -> list[Task]:
    tasks: list[Task] = []
    if Act.TRIAL_EDIT in acts:
        tasks += _running(actor, trial, visits)
    if Act.SUBMISSION_SEND in acts:
        tasks.append(_waiting_deliveries(actor, trial))
    if Act.QC_DECIDE in acts:
        tasks.append(_waiting_quality(trial, visits))
    if Act.PIXEL_REVIEW in acts:
        tasks.append(_waiting_pictures(actor, trial))
    if Act.QUARANTINE_DECIDE in acts:
        tasks.append(_held_back(actor, trial))
    return tasks


def _running(actor: Actor, trial: Trial, visits: list[Visit]) -> list[Task]:
    subjects = access.visible(actor, Subject.objects.filter(trial_site__trial=trial)).count()
    overdue = sum(visit.standing.overdue_days > 0 for visit in visits)
    return [
        Task(subjects, ngettext("subject", "subjects", subjects), "subject-list", trial.code, is_quiet=True),
        Task(overdue, ngettext("time point overdue", "time points overdue", overdue), "trial", trial.code),
        _waiting_deliveries(actor, trial),
        _waiting_quality(trial, visits),
    ]


def _waiting_deliveries(actor: Actor, trial: Trial) -> Task:
    stuck = (Submission.State.UNASSIGNED, Submission.State.QUARANTINED)
    rows = Submission.objects.filter(trial_site__trial=trial, state__in=stuck)
    count = access.visible(actor, rows).count()
    words = ngettext("delivery waits for a person", "deliveries wait for a person", count)
    return Task(count, words, "submission-list", trial.code)


def _waiting_pictures(actor: Actor, trial: Trial) -> Task:
    rows = PixelReview.objects.filter(
        file__submission__trial_site__trial=trial,
        state=PixelReview.State.WAITING,
        file__state=IncomingFile.State.WAITING,
    )
    count = access.visible(actor, rows).count()
    words = ngettext("picture waits for review", "pictures wait for review", count)
    return Task(count, words, "pixel-list", trial.code)


def _held_back(actor: Actor, trial: Trial) -> Task:
    """What somebody may decide at the desk and nobody has; sent back, it waits for the site."""
    count = held.held_by(actor, trial).undecided()
    words = ngettext("thing held back waits for a decision", "things held back wait for a decision", count)
    return Task(count, words, "quarantine-desk", trial.code)


def _waiting_quality(trial: Trial, visits: list[Visit]) -> Task:
    count = len(_received(visits))
    words = ngettext("time point waits for quality control", "time points wait for quality control", count)
    return Task(count, words, "trial", trial.code)


def _queries(actor: Actor, trial: Trial) -> list[Query]:
    rows = Query.objects.filter(time_point__subject__trial_site__trial=trial, state=Query.State.OPEN)
    seen = access.visible(actor, rows).select_related("time_point__subject__trial_site__site", "time_point__scheduled")
    return list(seen.order_by("opened_at")[:LISTED])


def _released(actor: Actor, trial: Trial) -> list[Report]:
    rows = Report.objects.filter(trial=trial, state=Report.State.RELEASED).defer("contents")
    return list(access.visible(actor, rows)[:LISTED])
