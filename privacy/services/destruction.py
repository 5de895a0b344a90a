"""Destroying what an erasure names: the same for a fresh decision and for a backup that came back."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction

from audit.actor import Actor
from identity.services import shred
from imaging.services import erasure as imaging
from imaging.services import seclusion
from imaging.services.forgetting import forget
from privacy.models import Erasure
from trials.models import Subject

Level = Erasure.Level
NO_VAULT = "this installation keeps no identities"
SHREDDED = "the key of the identity was destroyed"


@dataclass(slots=True)
class Destroyed:
    """What is gone: ids of deliveries emptied, images by UID, hash and size, subjects whose tokens were cleared."""

    identity: str = NO_VAULT
    tokens: list[str] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)


def inventory(subjects: list[Subject], level: str) -> dict[str, Any]:
    """Return what an erasure of these subjects would reach, in numbers: it stands in what the second person signs."""
    images = [image for subject in subjects for image in imaging.images_of(subject)]
    return {
        "subjects": [subject.code for subject in subjects],
        "deliveries": sum(len(imaging.deliveries_of(subject)) for subject in subjects),
        "coded_images_destroyed": len(images) if level == Level.EVERYTHING else 0,
        "coded_images_kept": 0 if level == Level.EVERYTHING else len(images),
    }


@transaction.atomic
def destroy(*, by: Actor, subjects: list[Subject], level: str, reason: str) -> Destroyed:
    """Destroy keys and values now, and files when the transaction ends."""
    done = Destroyed()
    for subject in subjects:
        if level != Level.IMAGES:
            _destroy_link(by, subject, reason, done)
        if level != Level.LINK:
            seclusion.destroy_all(by=by, subject=subject, reason=reason)
            images = imaging.destroy_images(by=by, subject=subject, reason=reason)
            done.images += [asdict(image) for image in images]
    transaction.on_commit(_empty_journal)
    return done


def _destroy_link(by: Actor, subject: Subject, reason: str, done: Destroyed) -> None:
    code = subject.trial_site.trial.code
    if shred(by=by, subject_code=subject.code, trial_code=code, reason=reason).has_vault:
        done.identity = SHREDDED
    forget(subject)
    done.tokens.append(subject.code)
    done.deliveries += imaging.destroy_originals(by=by, subject=subject, reason=reason)


def destroy_again(contents: dict[str, Any]) -> int:
    """Remove from disk what a tombstone says is gone; return how much of it had come back."""
    told = contents["destroyed"]
    images = [image["sha256"] for image in told["images"]]
    return imaging.destroy_originals_on_disk(told["deliveries"]) + imaging.destroy_images_on_disk(images)


def _empty_journal() -> None:
    """SQLite's journal keeps overwritten pages until it is emptied; secure_delete has wiped those of the database."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        connection.empty_journal()  # type: ignore[attr-defined]  # config.sqlite has it
