"""Storage commitment: whether what a site sent is kept here, told from the bytes themselves.

The UIDs under which a site sent its objects are kept nowhere. A filed object is found by the keyed replacement of its
UID, one in the quarantine by opening it; both are read whole, so that success means that the bytes are there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from django.db import transaction
from django.db.models import Max

from audit.actor import Actor
from audit.context import admit
from audit.services import record
from deid import Rejected, map_uid, read_head
from deid.keyed import keyed_digest
from imaging import archive, quarantine
from imaging.models import IncomingFile, Instance
from imaging.vault import QuarantineDamaged
from trials.keys import cleaning_key, trial_key
from trials.models import Subject, TrialSite

MOST_ASKED = 20_000
# What is opened for one request: a site with more than that waiting hears so for what was not found by then.
MOST_OPENED = 40_000
_CHUNK = 500
# Where the bytes that came lie in the quarantine.
_SEALED = (
    IncomingFile.State.RECEIVED,
    IncomingFile.State.CLEANED,
    IncomingFile.State.WAITING,
    IncomingFile.State.REFUSED,
)


class Reason(IntEnum):
    """Failure reasons (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT = 0x0112
    CLASS_CONFLICT = 0x0119
    RESOURCE_LIMITATION = 0x0213


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One object under the names its sender has for it."""

    sop_class: str
    instance: str


class Memory:
    """Which sealed file holds which object, as keyed digests in memory alone: each is opened once to learn it."""

    def __init__(self, longest: int = 200_000) -> None:
        self._known: dict[int, bytes] = {}
        self._longest = longest

    def get(self, file: IncomingFile) -> bytes | None:
        return self._known.get(file.pk)

    def keep(self, file: IncomingFile, digest: bytes) -> None:
        while len(self._known) >= self._longest:
            self._known.pop(next(iter(self._known)))
        self._known[file.pk] = digest


_memory = Memory()


def judge(*, trial_site: TrialSite, named: Sequence[Named], memory: Memory = _memory) -> dict[Named, Reason | None]:
    """Answer for each object: None where it is kept, or why it cannot be said."""
    key = trial_key(trial_site.trial)
    answers = _filed(trial_site, named)
    left = [one for one in named if one not in answers]
    if left:
        answers |= _sealed(trial_site, key, left, memory)
    # What was filed while the quarantine was looked through.
    left = [one for one in named if answers.get(one) not in {None, Reason.CLASS_CONFLICT} or one not in answers]
    return dict.fromkeys(named, Reason.NO_SUCH_OBJECT) | answers | _filed(trial_site, left)


def _filed(site: TrialSite, named: Sequence[Named]) -> dict[Named, Reason | None]:
    """Look for filed objects under the UIDs as they were sent, which some trials keep, then under each key."""
    found: dict[Named, Reason | None] = {}
    chunks = [named[start : start + _CHUNK] for start in range(0, len(named), _CHUNK)]
    for chunk in chunks:
        found |= _named_so(site, {one.instance: one for one in chunk})
    for key in _keys(site) if chunks else ():
        for chunk in chunks:
            left = [one for one in chunk if one not in found]
            found |= _named_so(site, {map_uid(key, one.instance): one for one in left}) if left else {}
        if all(one in found for one in named):
            break
    return found


def _keys(site: TrialSite) -> Iterator[bytes]:
    """The keys under which scans of a site were filed, that of the latest first; in older trials one for all."""
    told: set[bytes] = set()
    rows = Subject.objects.filter(trial_site=site, time_points__studies__isnull=False)
    for code in rows.annotate(latest=Max("time_points__studies")).order_by("-latest").values_list("code", flat=True):
        key = cleaning_key(site.trial, subject_code=code)
        if key not in told:
            told.add(key)
            yield key


def _named_so(site: TrialSite, names: Mapping[str, Named]) -> dict[Named, Reason | None]:
    rows = Instance.every.filter(uid__in=names, series__study__time_point__subject__trial_site=site)
    return {
        names[instance.uid]: _is_filed(instance, names[instance.uid])
        for instance in rows.only("uid", "sop_class_uid", "sha256")
    }


def _is_filed(instance: Instance, one: Named) -> Reason | None:
    if instance.sop_class_uid != one.sop_class:
        return Reason.CLASS_CONFLICT
    try:
        archive.load(instance.sha256)
    except archive.ObjectMissing:
        return Reason.NO_SUCH_OBJECT
    except (archive.ArchiveDamaged, OSError):
        return Reason.PROCESSING_FAILURE
    return None


def _sealed(site: TrialSite, key: bytes, named: Sequence[Named], memory: Memory) -> dict[Named, Reason | None]:
    """Look through what waits in the quarantine for this site, newest first, until all are found."""
    wanted = {_digest(key, one.instance): one for one in named}
    answers: dict[Named, Reason | None] = {}
    opened = 0
    for file in _waiting(site):
        if not wanted:
            break
        is_known = memory.get(file) is not None
        if not is_known and opened >= MOST_OPENED:
            return dict.fromkeys(wanted.values(), Reason.RESOURCE_LIMITATION) | answers
        opened += not is_known
        answers |= _meet(file, key, wanted, memory)
    return answers


def _waiting(site: TrialSite) -> Iterator[IncomingFile]:
    rows = IncomingFile.objects.filter(submission__trial_site=site, state__in=_SEALED).exclude(parts=[])
    return rows.select_related("submission").order_by("-pk").iterator(chunk_size=_CHUNK)


def _meet(file: IncomingFile, key: bytes, wanted: dict[bytes, Named], memory: Memory) -> Mapping[Named, Reason | None]:
    """Open one file where it may be one that is asked for; what it answers is taken out of `wanted`."""
    known = memory.get(file)
    if known is not None and known not in wanted:
        return {}
    try:
        head = read_head(quarantine.read_whole(file))
    except Rejected:
        memory.keep(file, b"")
        return {}
    except (QuarantineDamaged, OSError):
        if moved := _moved(file):
            return _meet(moved, key, wanted, memory)
        one = wanted.get(known or b"")
        return {one: Reason.PROCESSING_FAILURE} if one else {}
    digest = _digest(key, head.sop_instance_uid)
    memory.keep(file, digest)
    one = wanted.pop(digest, None)
    if one is None:
        return {}
    return {one: None if head.sop_class_uid == one.sop_class else Reason.CLASS_CONFLICT}


def _moved(file: IncomingFile) -> IncomingFile | None:
    """The file where it lies now, if its delivery was parted while we looked."""
    rows = IncomingFile.objects.filter(pk=file.pk).exclude(submission=file.submission_id)
    return rows.select_related("submission").first()


def _digest(key: bytes, uid: str) -> bytes:
    return keyed_digest(key=key, domain="commitment", text=uid)


def tell(*, by: Actor, trial_site: TrialSite, answers: Mapping[Named, Reason | None], told: str) -> None:
    """Keep what was promised: how many of how many, and by which way the sender was told ("" where by none)."""
    admit(by)
    kept = sum(reason is None for reason in answers.values())
    after = {"asked": len(answers), "kept": kept, "told": told}
    with transaction.atomic():
        code = trial_site.trial.code
        record(by=by, act="storage.committed", obj=trial_site, trial_code=code, after=after)
