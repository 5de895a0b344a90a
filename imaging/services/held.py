"""What lies held back over a trial, counted and cut by the database: some thousand deliveries may wait at once."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, overload

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from imaging.models import IncomingFile, QuarantineDecision, Submission
from trials import access
from trials.models import Trial
from trials.roles import Act

FileState, Delivery = IncomingFile.State, Submission.State
# Held back with the delivery as a whole, not for a reason of their own.
WHOLE = (FileState.RECEIVED, FileState.CLEANED)
HELD_WHOLE = (Delivery.QUARANTINED, Delivery.UNASSIGNED, Delivery.STALLED)
_APART = (FileState.REFUSED, FileState.WAITING)
_CONFLICT = "conflict"


class Kind(StrEnum):
    """Why something lies in quarantine, by who does something about it."""

    REFUSED = "refused"
    CONFLICT = "conflict"
    PICTURES = "pictures"
    DELIVERY = "delivery"
    UNASSIGNED = "unassigned"
    STALLED = "stalled"


_DECIDABLE = (Kind.REFUSED, Kind.DELIVERY, Kind.UNASSIGNED)
_OF_WHOLE = Case(
    When(state=Delivery.UNASSIGNED, then=Value(Kind.UNASSIGNED.value)),
    When(state=Delivery.STALLED, then=Value(Kind.STALLED.value)),
    default=Value(Kind.DELIVERY.value),
    output_field=CharField(),
)
_OF_FILES = Case(
    When(state=FileState.WAITING, then=Value(Kind.PICTURES.value)),
    When(state=FileState.REFUSED, refusal_code=_CONFLICT, then=Value(Kind.CONFLICT.value)),
    When(state=FileState.REFUSED, then=Value(Kind.REFUSED.value)),
    When(submission__state=Delivery.UNASSIGNED, then=Value(Kind.UNASSIGNED.value)),
    When(submission__state=Delivery.STALLED, then=Value(Kind.STALLED.value)),
    default=Value(Kind.DELIVERY.value),
    output_field=CharField(),
)
_NO_CODE = Value("", output_field=CharField())
_KEY = ("since", "delivery", "code", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Files of one delivery held back for one reason; nothing here is of a header, a name or a picture."""

    submission: Submission
    kind: Kind
    # Of the reason; "" for a delivery that is held as a whole.
    code: str
    why: str
    files: int
    size: int
    since: dt.datetime
    decision: QuarantineDecision | None = None

    @property
    def is_decidable(self) -> bool:
        return self.kind in _DECIDABLE

    @property
    def may_be_sent_back(self) -> bool:
        return self.is_decidable and self.submission.time_point_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Everything held back of some deliveries, or of it what is of one kind or site; a paginator cuts it."""

    submissions: QuerySet[Submission]
    kind: str = ""
    site: str = ""

    def counts(self) -> Counter[tuple[str, str]]:
        """How many items there are of each kind at each site (by number)."""
        told: Counter[tuple[str, str]] = Counter()
        one = Concat(Cast("delivery", CharField()), "code", output_field=CharField())
        for rows in (self._whole(), self._apart()):
            told.update(dict(_counted(rows.values("kind", "site").annotate(number=Count(one, distinct=True)))))
        return told

    def count(self) -> int:
        return sum(self.counts().values())

    def undecided(self) -> int:
        """How many items somebody may decide and nobody has; sent back, one waits for its site."""
        decided = QuarantineDecision.objects.filter(submission=OuterRef("delivery"), refusal_code=OuterRef("code"))
        keys = (rows.filter(~Exists(decided), kind__in=_DECIDABLE) for rows in (self._whole(), self._apart()))
        return sum(rows.values("delivery", "code").distinct().count() for rows in keys)

    def __len__(self) -> int:
        return self.count()

    def __iter__(self) -> Iterator[Item]:
        return iter(self[:])

    @overload
    def __getitem__(self, part: int) -> Item: ...
    @overload
    def __getitem__(self, part: slice) -> list[Item]: ...
    def __getitem__(self, part: int | slice) -> Item | list[Item]:
        """Return the items of a part, what waits longest first. Raises IndexError."""
        return self._cut(slice(part, part + 1))[0] if isinstance(part, int) else self._cut(part)

    def _cut(self, part: slice) -> list[Item]:
        keys = self._whole().values_list(*_KEY).union(self._apart().values_list(*_KEY).distinct(), all=True)
        wanted = [key[1:] for key in keys.order_by("since", "delivery", "code")[part]]
        found = {_key_of(item): item for item in _items(self.submissions.filter(pk__in={key[0] for key in wanted}))}
        # What moved on since it was listed is no longer held.
        return [found[key] for key in wanted if key in found]

    def _whole(self) -> QuerySet[Any]:
        has_files = Exists(IncomingFile.objects.filter(submission=OuterRef("pk"), state__in=WHOLE))
        rows = self.submissions.filter(has_files, state__in=HELD_WHOLE).order_by()
        told = {"since": F("state_since"), "delivery": F("pk"), "site": F("trial_site__number")}
        return self._narrowed(rows.annotate(**told, code=_NO_CODE, kind=_OF_WHOLE))

    def _apart(self) -> QuerySet[Any]:
        # Nothing is refused of a delivery before somebody said whose it is: files of a waiting cohort are not counted.
        named = self.submissions.filter(time_point__isnull=False).order_by()
        rows = IncomingFile.objects.filter(state__in=_APART, submission__in=named).order_by()
        told = {
            "since": F("submission__state_since"),
            "delivery": F("submission_id"),
            "site": F("submission__trial_site__number"),
        }
        return self._narrowed(rows.annotate(**told, code=F("refusal_code"), kind=_OF_FILES))

    def _narrowed(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        asked = {"kind": self.kind, "site": self.site}
        return rows.filter(**{name: value for name, value in asked.items() if value})


def held_by(by: Actor, trial: Trial) -> Held:
    """Return what the actor may see of a trial's quarantine."""
    rows = Submission.objects.filter(trial_site__trial=trial)
    # Where nothing is held any more, the key is gone: most deliveries of a trial need not be looked at.
    return Held(submissions=access.within(by, rows.exclude(wrapped_key=b""), act=Act.QUARANTINE_VIEW))


def held_of(submission: Submission) -> list[Item]:
    """Return what is held back of one delivery."""
    return Held(submissions=Submission.objects.filter(pk=submission.pk))[:]


def _counted(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], int]]:
    return (((row["kind"], row["site"]), row["number"]) for row in rows)


def _key_of(item: Item) -> tuple[Any, str, str]:
    return item.submission.pk, item.code, item.kind.value


def _items(submissions: QuerySet[Submission]) -> list[Item]:
    known = submissions.select_related(
        "trial_site__trial", "trial_site__site", "time_point__subject", "time_point__scheduled"
    ).in_bulk()
    with_all = Q(state__in=WHOLE, submission__state__in=HELD_WHOLE)
    files = IncomingFile.objects.filter(Q(state__in=_APART) | with_all, submission__in=list(known)).order_by()
    # Received and cleaned files of a delivery that is held as a whole are one thing.
    code = Case(When(state__in=WHOLE, then=_NO_CODE), default=F("refusal_code"))
    one = files.annotate(kind=_OF_FILES, code=code).values("submission", "kind", "code")
    rows: list[Any] = list(one.annotate(count=Count("pk"), bytes=Sum("size"), why=Min("refusal")))
    decided = _decided(known)
    return [_item(known[row["submission"]], row, decided) for row in rows]


def _decided(known: Iterable[Any]) -> dict[tuple[Any, str], QuarantineDecision]:
    """The newest decision on each delivery and reason."""
    rows = QuarantineDecision.objects.filter(submission__in=list(known)).select_related("query").order_by("id")
    return {(row.submission_id, row.refusal_code): row for row in rows}


def _item(submission: Submission, row: dict[str, Any], decided: dict[tuple[Any, str], QuarantineDecision]) -> Item:
    kind = Kind(row["kind"])
    return Item(
        submission=submission,
        kind=kind,
        code=row["code"],
        why=_why(submission, kind, row["why"]),
        files=row["count"],
        size=row["bytes"] or 0,
        since=submission.state_since,
        decision=decided.get((submission.pk, row["code"])),
    )


def _why(submission: Submission, kind: Kind, refusal: str) -> str:
    if kind is Kind.PICTURES:
        return str(_("Text in the picture may name somebody, and the machine was not sure that it found all of it."))
    if kind is Kind.UNASSIGNED:
        return str(_("Nobody has said yet whose scan this is."))
    return refusal if kind in (Kind.REFUSED, Kind.CONFLICT) else submission.refusal
