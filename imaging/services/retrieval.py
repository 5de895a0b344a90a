"""The archive of one trial as DICOMweb shows it: to whom, under which consent, and what is kept of it in the trail."""

import datetime as dt
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import acting
from audit.english import in_english
from audit.selectors import history
from audit.services import canonical, record
from imaging import searches
from imaging.archive import ObjectMissing, load, path_of
from imaging.dicomweb.questions import Question
from imaging.dicomweb.resources import Kind, Resource
from imaging.dicomweb.shelf import Found, Held
from imaging.fence import copies
from imaging.models import Instance, Study
from imaging.selectors import standing_series, standing_studies
from trials import access
from trials.agreement import GATES, Gate
from trials.models import Disclosure, Subject, Trial
from trials.services import consent
from trials.services.ledger import Leaving, disclose

# A viewer asks for frames one by one, by the hundred: it is told once in this time who looked at a series.
_QUIET = dt.timedelta(minutes=15)
_FLOODS = _PICTURES = frozenset({Kind.FRAMES, Kind.RENDERED, Kind.BULKDATA})
_ASKED_AGAIN_SECONDS = 1.0
_SUBJECT = "time_point__subject__trial_site__trial"
_ROWS: dict[Kind, QuerySet[Any]] = {
    Kind.STUDIES: standing_studies(),
    Kind.SERIES: standing_series(),
    Kind.INSTANCES: Instance.objects.all(),
}
_TRIALS = {
    Kind.STUDIES: _SUBJECT.removesuffix("__trial"),
    Kind.SERIES: f"study__{_SUBJECT}".removesuffix("__trial"),
    Kind.INSTANCES: f"series__study__{_SUBJECT}".removesuffix("__trial"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialShelf:
    """What `by` may see of a trial's archive; the right was asked when it was made."""

    by: Actor
    trial: Trial
    gates: tuple[Gate, ...] = (Gate.READ,)

    def search(self, resource: Resource, question: Question) -> Found:
        """Return the page asked for, of the rows the actor may see."""
        return searches.search(self.trial, self._visible, resource, question)

    def _visible(self, level: Kind) -> QuerySet[Any]:
        rows = _ROWS[level].filter(**{f"{_TRIALS[level]}__trial": self.trial})
        return access.visible(self.by, rows)

    def objects(self, resource: Resource) -> Sequence[Held]:
        """Return the objects named. Raises Http404, PermissionDenied without consent, ObjectMissing."""
        found = list(self._named(resource).order_by("series__number", "series_id", "number"))
        if not found:
            raise Http404
        self._require_consent(found[0])
        marking = None if resource.kind in _PICTURES else _Marking(self.by, found[0].series.study.time_point.subject)
        return [self._held(one, marking) for one in found]

    def _named(self, resource: Resource) -> QuerySet[Instance]:
        named = {"series__study__uid": resource.study}
        named |= {"series__uid": resource.series} if resource.series else {}
        named |= {"uid": resource.instance} if resource.instance else {}
        rows: QuerySet[Instance] = self._visible(Kind.INSTANCES).filter(**named)
        return rows.select_related(f"series__study__{_SUBJECT}")

    def require_open(self, resource: Resource) -> None:
        """Ask anew, in the middle of a long answer, also for the right. Raises Http404, PermissionDenied."""
        anew = replace(self, by=replace(self.by, memo={}))
        with acting(anew.by):
            anew.require_first(resource)

    def require_first(self, resource: Resource) -> None:
        """Ask right and consent of the first object named. Raises Http404, PermissionDenied."""
        found = self._named(resource).order_by().first()
        if found is None:
            raise Http404
        self._require_consent(found)

    def _require_consent(self, instance: Instance) -> None:
        try:
            for gate in self.gates:
                consent.require(instance.series.study.time_point.subject, gate)
        except ValidationError as refusal:
            raise PermissionDenied(" ".join(refusal.messages)) from None

    def _held(self, instance: Instance, marking: "_Marking | None") -> Held:
        require_there(instance)
        return Held(
            sop_class=instance.sop_class_uid,
            study=instance.series.study.uid,
            series=instance.series.uid,
            instance=instance.uid,
            syntax=str(instance.facts.get("transfer_syntax_uid", "")),
            sha256=instance.sha256,
            read=partial(marking.copy if marking else load, instance.sha256),
            mark=marking.mark if marking else "",
        )

    def note(self, resource: Resource, held: Sequence[Held]) -> None:
        """Keep who took what, on the study or series it belongs to."""
        study = Study.objects.select_related(_SUBJECT).get(uid=resource.study)
        obj: Model = study.series.get(uid=resource.series) if resource.series else study
        tell(by=self.by, obj=obj, resource=resource, taken=Taken(study.time_point.subject, held))


class _Marking:
    """What the copies of one subject's images bear when they leave (W3 to W5).

    A long transfer asks anew: what was withdrawn in its middle is told by the objects that follow.
    """

    def __init__(self, by: Actor, subject: Subject) -> None:
        self._by, self._subject = by, subject
        self._ask()

    def _ask(self) -> None:
        with acting(self._by):
            self.mark, self._asked = consent.export_mark(self._subject), time.monotonic()

    def copy(self, sha256: str) -> bytes:
        if time.monotonic() - self._asked >= _ASKED_AGAIN_SECONDS:
            self._ask()
        stored = load(sha256)
        return copies.marked(stored, self.mark) if self.mark else stored


@dataclass(frozen=True, slots=True)
class Taken:
    """What of one subject goes out."""

    subject: Subject
    held: Sequence[Held]


def require_there(instance: Instance) -> None:
    """Raise ObjectMissing before the first byte of an answer went out."""
    if not path_of(instance.sha256).exists():
        raise ObjectMissing(f"object {instance.sha256[:12]} is missing")


def tell(*, by: Actor, obj: Model, resource: Resource, taken: Taken) -> None:
    """Record one act a request; of frames, one a quarter of an hour. Whole objects leave: the ledger tells of them."""
    after: dict[str, Any] = {"what": str(resource.kind)}
    if resource.kind in _FLOODS:
        told = history(obj).filter(act="images.retrieved", actor_id=by.id, after=canonical(after))
        if told.filter(at__gt=timezone.now() - _QUIET).exists():
            return
    else:
        after["objects"] = len(taken.held)
    trial = taken.subject.trial_site.trial
    with transaction.atomic():
        record(by=by, act="images.retrieved", obj=obj, trial_code=trial.code, after=after)
        if resource.kind is Kind.OBJECTS:
            disclose(by=by, trial=trial, leaving=leaving(taken.held, subjects=[taken.subject.code]))


# As many UIDs as a line of the ledger holds whole.
_NAMED, _NAMED_MARKED = 3, 1
_IN_A_VIEWER = _("looking at images in a program of one's own")


@in_english
def leaving(
    held: Sequence[Held],
    *,
    subjects: Sequence[str],
    purpose: Promise | str = _IN_A_VIEWER,
    recipient: str = "",
    gate: Gate = Gate.READ,
) -> Leaving:
    """Return the line of the ledger about whole images; its hash is that over the hashes of the stored objects."""
    studies = sorted({one.study for one in held})
    marks = "".join(f"{mark}, " for mark in sorted({one.mark for one in held} - {""}))
    named = _NAMED_MARKED if marks else _NAMED
    more = f" and {len(studies) - named} more" if len(studies) > named else ""
    listed = "".join(f"{sha256}\n" for sha256 in sorted(one.sha256 for one in held))
    return Leaving(
        kind=Disclosure.Kind.IMAGES,
        what=f"images: {len(held)}, {marks}studies: {' '.join(studies[:named])}{more}",
        sha256=hashlib.sha256(listed.encode()).hexdigest(),
        purpose=str(purpose),
        recipient=recipient,
        subjects=subjects,
        modules=(GATES[gate].module.value,),
    )
