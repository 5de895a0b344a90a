"""How each series of a delivery stands, in words, beside what the charter asks for: never file by file."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from imaging.models import IncomingFile, Submission
from imaging.qc import SeriesRequirement, serves
from imaging.selectors import latest_findings
from trials.models import ImagingRequirement, TimePoint

State = IncomingFile.State
# While any file of a series is in one of these, so is the series.
_STEPS: tuple[tuple[str, str, Any], ...] = (
    (State.RECEIVED, "info", __("reading")),
    (State.WAITING, "warn", __("waits for a look at its pictures")),
    (State.CLEANED, "info", __("cleaned")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCard:
    """One series of a delivery; `badge` is a variant of the stylesheet, and `word` says the same."""

    name: str
    modality: str
    asked: str
    count: int
    badge: str
    word: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The series that are known, how many files nobody has opened yet, and what the charter asks for beside them."""

    cards: tuple[SeriesCard, ...]
    unopened: int
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FiledSeries:
    """What was filed of one series, each object with its hashes as the receipt tells them."""

    name: str
    modality: str
    objects: tuple[Mapping[str, Any], ...]


@dataclass(slots=True)
class _Group:
    modality: str
    number: int | None
    body_part: str
    states: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        name = _("Series %(number)s") % {"number": self.number} if self.number is not None else _("A series")
        return f"{name}, {self.body_part}" if self.body_part else name


def of(submission: Submission, *, is_superseded: bool) -> Acceptance:
    """Return the series of a delivery as its cleaned objects tell them; no value of an original header is among it."""
    groups, asked = _groups(submission), _asked(submission.time_point)
    found = _findings(submission)
    cards = tuple(
        _card(submission, group, asked=asked, findings=found[uid], is_superseded=is_superseded)
        for uid, group in groups.items()
    )
    unopened = submission.files.filter(state=State.RECEIVED, facts__series_instance_uid__isnull=True).count()
    return Acceptance(cards=cards, unopened=unopened, lacking=tuple(_lacking(asked, groups.values())))


def filed_series(submission: Submission, *, filed: Iterable[Mapping[str, Any]]) -> tuple[FiledSeries, ...]:
    """Return the filed objects of a receipt (`imaging.progress.receipt`) series by series, none left out."""
    groups = _groups(submission)
    series = dict(submission.files.filter(state=State.FILED).values_list("number", "facts__series_instance_uid"))
    objects: dict[str | None, list[Mapping[str, Any]]] = {uid: [] for uid in groups}
    for one in filed:
        objects.setdefault(series[one["number"]], []).append(one)
    told = ((groups.get(uid or "", _Group("", None, "")), tuple(each)) for uid, each in objects.items() if each)
    return tuple(FiledSeries(group.name, group.modality, each) for group, each in told)


def _groups(submission: Submission) -> dict[str, _Group]:
    known = submission.files.filter(facts__series_instance_uid__isnull=False).order_by()
    told = (f"facts__{name}" for name in ("series_instance_uid", "modality", "series_number", "body_part"))
    groups: dict[str, _Group] = {}
    for uid, modality, number, part, state, count in known.values_list(*told, "state").annotate(Count("pk")):
        group = groups.setdefault(uid, _Group(modality or "", number, part or ""))
        group.states[state] += count
    return dict(sorted(groups.items(), key=lambda item: (item[1].number or 0, item[0])))


def _asked(time_point: TimePoint | None) -> list[ImagingRequirement]:
    return list(time_point.scheduled.requirements.all()) if time_point is not None else []


def _fits(asked: ImagingRequirement, group: _Group) -> bool:
    requirement = SeriesRequirement(name=asked.name, modality=asked.modality, body_part=asked.body_part, min_slices=0)
    return serves(requirement, modality=group.modality, body_part=group.body_part)


def _lacking(asked: Iterable[ImagingRequirement], groups: Iterable[_Group]) -> Iterator[str]:
    come = list(groups)
    return (one.name for one in asked if one.required and not any(_fits(one, group) for group in come))


def _findings(submission: Submission) -> Counter[str]:
    if submission.time_point is None:
        return Counter()
    return Counter(latest_findings(submission.time_point).exclude(severity="info").values_list("series_uid", flat=True))


def _card(
    submission: Submission, group: _Group, *, asked: list[ImagingRequirement], findings: int, is_superseded: bool
) -> SeriesCard:
    badge, word = _standing(submission, group.states, is_superseded=is_superseded)
    return SeriesCard(
        name=group.name,
        modality=group.modality,
        asked=", ".join(one.name for one in asked if _fits(one, group)),
        count=sum(group.states.values()),
        badge=badge,
        word=word,
        notes=tuple(_notes(group.states, findings)),
    )


def _standing(submission: Submission, states: Counter[str], *, is_superseded: bool) -> tuple[str, str]:
    """Return where the series is on its way, by the file that is least far."""
    if is_superseded:
        return "idle", _("superseded")
    for state, badge, word in _STEPS:
        if states[state]:
            return badge, str(word)
    if not states[State.FILED]:
        return ("bad", _("refused")) if states[State.REFUSED] else ("idle", _("discarded"))
    if submission.state != Submission.State.CHECKED:
        return "info", _("filed")
    point = submission.time_point
    is_accepted = point is not None and point.state == TimePoint.State.ACCEPTED
    return "ok", _("accepted") if is_accepted else _("checked")


def _notes(states: Counter[str], findings: int) -> Iterator[str]:
    told: tuple[tuple[int, Any], ...] = (
        (states[State.REFUSED], _("%(count)d refused")),
        (states[State.DISCARDED], _("%(count)d discarded")),
        (findings, _("findings of the checks: %(count)d")),
    )
    return (sentence % {"count": count} for count, sentence in told if count)
