"""A refusal of the vault: a sentence for whoever asked, and an event that stays when everything else is taken back."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from audit.actor import ACCOUNT, Actor
from audit.services import Thing, record
from identity.envelope import EnvelopeRefused
from identity.keyring import KeyRefused

P = ParamSpec("P")
T = TypeVar("T")


class VaultRefused(ValidationError):
    """An act on the vault that was refused; `guarded` tells the trail after the rollback."""


def refusal(code: str, sentence: Any) -> VaultRefused:
    return VaultRefused(sentence, code=code)


def guarded(service: Callable[P, T]) -> Callable[P, T]:
    """Have every refusal of a service leave an event, and a broken key or value become a sentence (VaultRefused).

    The service takes `by` and its `subject` or `window` by name, and is the outermost transaction.
    """

    @wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return service(*args, **kwargs)
        except VaultRefused as refused:
            _tell(kwargs, refused)
            raise
        except KeyRefused:
            locked = refusal("key", _KEY)
            _tell(kwargs, locked)
            raise locked from None
        except EnvelopeRefused:
            damaged = refusal("damaged", _DAMAGED)
            _tell(kwargs, damaged)
            raise damaged from None

    return run


_KEY = _(
    "The vault of identities cannot be opened now: its key is missing or cannot be used. Nothing was changed and "
    "nothing was shown. Tell the operator of this installation."
)
_DAMAGED = _(
    "What is stored here does not open: it was altered, or moved from another place. It is kept as it is and nothing "
    "was shown. Tell the operator and the data protection officer."
)


def _tell(told: Mapping[str, Any], refused: VaultRefused) -> None:
    obj: Model = told.get("subject") or told["window"]
    trial_code = obj.trial_site.trial.code if "subject" in told else obj.trial_code  # type: ignore[attr-defined]  # Subject, or a window of ours
    tell(by=told["by"], obj=obj, trial_code=trial_code, cause=str(refused.code))


def tell(*, by: Actor, obj: Model | Thing, trial_code: str, cause: str) -> None:
    """Record that the vault refused, in a transaction of its own."""
    stamped = by.acting_as(by.role or ACCOUNT)
    with transaction.atomic():
        record(by=stamped, act="identity.refused", obj=obj, trial_code=trial_code, after={"cause": cause})
