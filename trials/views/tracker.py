"""The tracker: subjects by time points, site by site, each cell a word and never a colour alone."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actor import Actor
from trials import access
from trials.models import Subject, TimePoint, Trial, TrialSite

if TYPE_CHECKING:
    from django.core.paginator import Page

State = TimePoint.State
# Subjects on one page: a trial may have thousands.
PAGE = 100
# Badge variants of the stylesheet; the word beside it says the same.
_BADGES = {State.RECEIVED: "info", State.QUERIED: "warn", State.ACCEPTED: "ok", State.REFUSED: "bad"}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a time point stands today: `badge` is ok, warn, bad, info or idle; `word` is its short text."""

    badge: str
    word: str
    overdue_days: int = 0
    is_due: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """A time point with its standing and the days on which its scan is in the window."""

    time_point: TimePoint
    standing: Standing
    opens: dt.date
    closes: dt.date


@dataclass(frozen=True, slots=True)
class Row:
    """A subject and its visits in the order of the grid's columns; None where none was planned for it."""

    subject: Subject
    cells: tuple[Visit | None, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One site's part of the grid."""

    site: TrialSite
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The grid in numbers: the sentence above it."""

    subjects: int
    overdue: int
    due: int
    waiting: int
    accepted: int


@dataclass(frozen=True, slots=True)
class Grid:
    """`codes` are the columns: the planned time points by day; `page` is that of the subjects shown."""

    codes: tuple[str, ...]
    blocks: tuple[Block, ...]
    summary: Summary
    page: "Page[Subject]"


def visit_of(time_point: TimePoint, *, today: dt.date) -> Visit:
    """Judge a time point whose `scheduled` and `subject` are loaded."""
    opens = _shift(time_point.due_on, -time_point.scheduled.window_before, edge=dt.date.min)
    closes = _shift(time_point.due_on, time_point.scheduled.window_after, edge=dt.date.max)
    standing = _standing(time_point, opens, closes, today)
    return Visit(time_point=time_point, standing=standing, opens=opens, closes=closes)


def _shift(day: dt.date, days: int, *, edge: dt.date) -> dt.date:
    """Move a day; past the calendar's end stands its `edge`, so that one odd row cannot take a page away."""
    try:
        return day + dt.timedelta(days=days)
    except OverflowError:
        return edge


def _standing(time_point: TimePoint, opens: dt.date, closes: dt.date, today: dt.date) -> Standing:
    if time_point.state != State.EXPECTED:
        return Standing(badge=_BADGES[State(time_point.state)], word=_word(State(time_point.state)))
    if time_point.subject.state == Subject.State.WITHDRAWN:
        return Standing(badge="idle", word=_("stopped"))
    if today > closes:
        late = (today - closes).days
        return Standing(badge="bad", word=_("overdue %(days)s d") % {"days": late}, overdue_days=late)
    if today >= opens:
        return Standing(badge="warn", word=_("due"), is_due=True)
    return Standing(badge="idle", word=_("planned"))


def _word(state: State) -> str:
    return {
        State.RECEIVED: _("received"),
        State.QUERIED: _("query"),
        State.ACCEPTED: _("accepted"),
        State.REFUSED: _("refused"),
    }[state]


def judge(rows: QuerySet[TimePoint]) -> list[Visit]:
    today = timezone.localdate()
    full = rows.select_related("scheduled", "subject__trial_site__site", "subject__trial_site__trial")
    return [visit_of(row, today=today) for row in full]


def grid(actor: Actor, trial: Trial, *, page: str = "") -> Grid:
    """Return subjects by time points per site, as far as the actor may see them: a page of them, counted over all."""
    subjects = access.visible(actor, Subject.objects.filter(trial_site__trial=trial))
    points = access.visible(actor, TimePoint.objects.filter(subject__trial_site__trial=trial))
    ordered = subjects.select_related("trial_site__site").order_by("trial_site__number", "code")
    shown = Paginator(ordered, PAGE).get_page(page)
    rows = list(shown)
    seen = judge(points.filter(subject__in=[row.pk for row in rows]))
    codes = _columns(points)
    return Grid(codes=codes, blocks=_blocks(rows, seen, codes), summary=_summary(shown, points), page=shown)


def _columns(points: QuerySet[TimePoint]) -> tuple[str, ...]:
    days = dict(points.order_by().values_list("scheduled__code", "scheduled__day").distinct())
    return tuple(sorted(days, key=lambda code: days[code]))


def _blocks(subjects: list[Subject], seen: list[Visit], codes: tuple[str, ...]) -> tuple[Block, ...]:
    by_place = {(visit.time_point.subject_id, visit.time_point.scheduled.code): visit for visit in seen}
    sites = {subject.trial_site_id: subject.trial_site for subject in subjects}
    return tuple(
        Block(
            site=site,
            rows=tuple(
                Row(subject=subject, cells=tuple(by_place.get((subject.pk, code)) for code in codes))
                for subject in subjects
                if subject.trial_site_id == key
            ),
        )
        for key, site in sites.items()
    )


def _summary(shown: "Page[Subject]", points: QuerySet[TimePoint]) -> Summary:
    """Count over all subjects; only what is still expected is judged by its days, and nothing of it is shown."""
    counts = dict(points.order_by().values_list("state").annotate(Count("pk")))
    today = timezone.localdate()
    expected = points.filter(state=State.EXPECTED).order_by().select_related("scheduled", "subject")
    standings = [visit_of(row, today=today).standing for row in expected]
    return Summary(
        subjects=shown.paginator.count,
        overdue=sum(standing.overdue_days > 0 for standing in standings),
        due=sum(standing.is_due for standing in standings),
        waiting=counts.get(State.RECEIVED, 0),
        accepted=counts.get(State.ACCEPTED, 0),
    )
