"""What is kept is said in English, whoever acts: a record, its hash and its signature know no language of a page."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.utils import translation

P = ParamSpec("P")
R = TypeVar("R")


def in_english(make: Callable[P, R]) -> Callable[P, R]:
    """Make records in the language of the sources; each call of its own, since threads make them at a time."""

    @wraps(make)
    def made(*args: P.args, **named: P.kwargs) -> R:
        with translation.override("en"):
            return make(*args, **named)

    return made
