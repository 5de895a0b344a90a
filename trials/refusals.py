"""A refusal that stays told when everything else is taken back: an event beside the sentence (fail closed)."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model

from audit.actor import ACCOUNT, Actor
from audit.services import record
from audit.signing import SignatureRefused
from trials import access
from trials.models import Trial

P = ParamSpec("P")
T = TypeVar("T")


def told(act: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Have each ValidationError of a service leave an event `act`: which service refused whom, for which cause.

    Put it outermost, around the transaction. The service takes `by` and the record it is about, first of its records,
    by name. A lacking right is told at the door, a refused signature by the ceremony.
    """

    def decorate(service: Callable[P, T]) -> Callable[P, T]:
        @wraps(service)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return service(*args, **kwargs)
            except SignatureRefused:
                raise
            except ValidationError as refused:
                _tell(act, service.__name__, kwargs, refused)
                raise

        return run

    return decorate


def _tell(act: str, service: str, kwargs: Mapping[str, Any], refused: ValidationError) -> None:
    actor: Actor = kwargs["by"]
    by = actor.acting_as(actor.role or ACCOUNT)
    about = next(each for each in kwargs.values() if isinstance(each, Model))
    code = Trial.objects.get(pk=access.trial_of(about)).code
    after = {"act": service, "cause": ", ".join(sorted(_codes(refused)))}
    with transaction.atomic():
        record(by=by, act=act, obj=about, trial_code=code, after=after)


def _codes(refused: ValidationError) -> Iterator[str]:
    """Words of ours: a sentence may name what was typed."""
    if hasattr(refused, "error_dict"):
        for errors in refused.error_dict.values():
            for error in errors:
                yield from _codes(error)
    elif hasattr(refused, "code"):
        yield str(refused.code or "invalid")
    else:
        for error in refused.error_list:
            yield from _codes(error)
