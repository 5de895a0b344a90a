"""Destroying what this floor holds of a subject: originals in quarantine with their keys, tokens, and coded images."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from audit.actor import Actor
from audit.context import widened
from audit.services import record
from imaging import archive, quarantine
from imaging.models import IncomingFile, Instance, Submission
from imaging.services.forgetting import NO_TOKENS, forget_claims
from trials.models import Subject

State = Submission.State
# Past these nothing of a delivery is left to be done from its originals.
_ENDED = (State.FILED, State.CHECKED, State.DISCARDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The hash tombstone of a destroyed object: mapped UID, SHA-256 (hex), size in bytes."""

    uid: str
    sha256: str
    size: int


def deliveries_of(subject: Subject) -> list[Submission]:
    """Return every delivery that named the subject."""
    rows = Submission.objects.filter(time_point__subject=subject).select_related("trial_site__trial")
    return list(rows.order_by("received_at", "id"))


def images_of(subject: Subject) -> list[Image]:
    """Return what the archive holds of the subject, or held."""
    rows = Instance.every.filter(series__study__time_point__subject=subject).order_by("id")
    return [Image(uid=row.uid, sha256=row.sha256, size=row.size) for row in rows.only("uid", "sha256", "size")]


def is_stored(image: Image) -> bool:
    return archive.path_of(image.sha256).exists()


@transaction.atomic
def destroy_originals(*, by: Actor, subject: Subject, reason: str) -> list[str]:
    """Destroy quarantine keys, tokens and originals of every delivery of the subject; return the deliveries' ids.

    Without its key an original is gone even from a copy of the quarantine. The files follow when the transaction ends.
    """
    deliveries = deliveries_of(subject)
    for delivery in deliveries:
        _empty(by, delivery, reason)
    keys = [delivery.pk for delivery in deliveries]
    transaction.on_commit(lambda: destroy_originals_on_disk([str(key) for key in keys]))
    return [str(key) for key in keys]


def _empty(by: Actor, delivery: Submission, reason: str) -> None:
    gone = delivery.files.exclude(state=IncomingFile.State.FILED)
    files = gone.update(state=IncomingFile.State.DISCARDED)
    told: dict[str, Any] = {"wrapped_key": b"", **NO_TOKENS}
    if delivery.state not in _ENDED:
        told |= {"state": State.DISCARDED, "leased_until": None}
    forget_claims(Submission.objects.filter(pk=delivery.pk))
    Submission.objects.filter(pk=delivery.pk).update(**told)
    code = delivery.trial_site.trial.code
    record(by=by, act="delivery.discarded", obj=delivery, trial_code=code, after={"files": files}, reason=reason)


def destroy_originals_on_disk(deliveries: Iterable[str]) -> int:
    """Remove what lies in quarantine of these deliveries (ids); return of how many there was something."""
    standing = set(quarantine.vault().list_submissions())
    found = [key for key in deliveries if key in standing]
    for key in found:
        quarantine.destroy(Submission(pk=key))
    return len(found)


@transaction.atomic
def destroy_images(*, by: Actor, subject: Subject, reason: str) -> list[Image]:
    """Destroy the subject's coded images in the archive; their rows stay with UID and hash.

    An object that another subject's row names too stays (equal bytes are stored once).
    """
    images = images_of(subject)
    shared = _shared(subject, [image.sha256 for image in images])
    gone = [image for image in images if image.sha256 not in shared]
    code = subject.trial_site.trial.code
    record(by=by, act="images.destroyed", obj=subject, trial_code=code, after={"images": len(gone)}, reason=reason)
    transaction.on_commit(lambda: destroy_images_on_disk([image.sha256 for image in gone]))
    return gone


def _shared(subject: Subject, hashes: Collection[str]) -> set[str]:
    others = Instance.every.exclude(series__study__time_point__subject=subject)
    with widened("equal bytes of another trial are stored once"):
        return set(others.filter(sha256__in=hashes).values_list("sha256", flat=True))


def destroy_images_on_disk(hashes: Collection[str]) -> int:
    """Remove these objects (SHA-256, hex) from the archive; return how many there were."""
    return sum(archive.remove(sha256) for sha256 in hashes)
