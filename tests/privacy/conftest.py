"""The rights of the person on the shared stage: files of erasures, keys and papers in places of their own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from privacy.models import Erasure, Tombstone
from privacy.services import erasures, register, retention
from tests.cast import TODAY, Cast, actor_for
from tests.privacy.leaving import leave
from tests.signing import prove
from trials.models import Subject, Trial, User

WORDS = {
    "controller": "Northlight Ltd, 1 Main Street, Dublin",
    "joint_controller": "none",
    "representative": "none needed: established in the Union",
    "officer": "dpo at northlight.example",
    "core_lab": "Tundra Core Laboratory, 2 Side Street, Oslo",
    "rights_contact": "the study doctor of the site",
    "authority": "Data Protection Commission, Dublin",
    "without_processors": True,
    "without_transfers": True,
    "need": "Tumour response cannot be judged without images.",
    "residual_risk": "Low: no image leaves the core laboratory.",
    "officer_opinion": "No objection.",
    "review_on": TODAY.replace(year=TODAY.year + 1, day=1),
}
BASES = (
    ("research", "6(1)(e)", "9(2)(j)"),
    ("reliability", "6(1)(c)", "9(2)(i)"),
    ("secondary", "6(1)(a)", "9(2)(a)"),
)


@pytest.fixture(autouse=True)
def _places(settings: Settings, tmp_path: Path) -> None:
    settings.REPORTS_ROOT = tmp_path / "reports"
    settings.KEYS = tmp_path / "keys"
    settings.SEAL_KEY_FILE = tmp_path / "keys" / "seal.key"
    settings.CHECKPOINT_FILE = tmp_path / "outside" / "checkpoints.jsonl"


def wish(**other: Any) -> erasures.Wish:
    told = {"level": Erasure.Level.LINK, "ground": Erasure.Ground.CONSENT_WITHDRAWN, "reason": "asked by letter"}
    return erasures.Wish(**(told | other))


def decide(user: User, trial: Trial, subject: Subject | None, asked: erasures.Wish) -> Erasure:
    by = actor_for(user)
    offered = erasures.offer_decision(by=by, trial=trial, subject=subject, wish=asked)
    return erasures.decide(by=by, trial=trial, subject=subject, wish=asked, proof=prove(by, offered))


def confirm(user: User, erasure: Erasure) -> Tombstone:
    by = actor_for(user)
    offered = erasures.offer_confirmation(by=by, erasure=erasure)
    return erasures.confirm(by=by, erasure=erasure, proof=prove(by, offered))


Commits = Callable[..., AbstractContextManager[Any]]


@pytest.fixture
def erase(cast: Cast, django_capture_on_commit_callbacks: Commits) -> Callable[..., Tombstone]:
    """Let the subject leave, decide as the officer, confirm as the coordinator, and let the files go as at the end of a transaction."""

    def run(subject: Subject, **other: Any) -> Tombstone:
        leave(subject)
        erasure = decide(cast.officer, cast.trial, subject, wish(**other))
        with django_capture_on_commit_callbacks(execute=True):
            return confirm(cast.coordinator, erasure)

    return run


@pytest.fixture
def registered(cast: Cast) -> Cast:
    """The trial with every duty field filled in."""
    by = actor_for(cast.officer)
    register.change(by=by, trial=cast.trial, told=WORDS, reason="")
    for purpose, article_6, article_9 in BASES:
        register.set_basis(
            by=by, trial=cast.trial, purpose=purpose, article_6=article_6, article_9=article_9, reason=""
        )
    retention.set_clock(by=by, trial=cast.trial, years=25, rule="CTR 58", ended_on=None)
    return cast
