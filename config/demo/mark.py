"""A mark in the home while the demo is being seeded: a demo that was cut short must never pass for a whole one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from trials.models import User


def _mark() -> Path:
    return Path(settings.HOME) / "demo-unfinished"


@contextmanager
def unfinished() -> Iterator[None]:
    """Mark the home; only success takes the mark away."""
    _mark().touch()
    yield
    _mark().unlink()


def is_unfinished() -> bool:
    """Whether a seeding began and did not end; accounts are the first thing it makes, so none means nothing."""
    return _mark().exists() and User.objects.exists()
