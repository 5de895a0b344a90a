"""The two writes of this floor: an event beside every act, and a signature on a frozen record."""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.contrib.auth import authenticate, get_user_model
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Model, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.chain import GENESIS, HASHED_FIELDS, digest
from audit.models import AuditEvent, Signature
from audit.version import VERSION

# Any constant: it names the lock that orders writers of the chain.
_CHAIN_LOCK = 7_301_924_416
# Wrong passwords of one account, at the door and under records, before it has to wait.
MAXIMUM_TRIES = 5
TRIES_WINDOW = dt.timedelta(minutes=15)
# A whole hospital may come from one address.
MAXIMUM_TRIES_FROM_ADDRESS = 25

P = ParamSpec("P")
T = TypeVar("T")


class PasswordRefused(ValidationError):
    """A signature that was refused over its password; `attempt` is the event that `signing` writes of it."""

    def __init__(self, message: Any, *, code: str, attempt: dict[str, Any]) -> None:
        super().__init__(message, code=code)
        self.attempt = attempt


def canonical(record: Mapping[str, Any]) -> str:
    """Sorted, compact JSON: what is hashed and what is signed."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, cls=DjangoJSONEncoder)


def record(
    *,
    by: Actor,
    act: str,
    obj: Model,
    trial_code: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event in the caller's transaction (21 CFR 11.10(e)).

    Raises RuntimeError outside a transaction, since an event must stand or fall with its act, and ValidationError
    (`no-actor`) where nobody acts.
    """
    if not by.id or not by.role:
        raise ValidationError(_("Nobody acts: nothing was written."), code="no-actor")
    if not connection.in_atomic_block:
        raise RuntimeError("an event is written inside the transaction of its act")
    # The chain first: a time taken while waiting for it would run backwards against the sequence.
    previous_hash = _head_locked()
    event = AuditEvent(
        **_who(by),
        at=timezone.now(),
        act=act,
        object_type=obj._meta.label,
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        trial_code=trial_code,
        before=canonical(before or {}),
        after=canonical(after or {}),
        reason=reason,
        previous_hash=previous_hash,
    )
    event.hash = digest({name: getattr(event, name) for name in HASHED_FIELDS})
    event.save(force_insert=True)
    return event


def _who(by: Actor) -> dict[str, str]:
    return {
        "actor_id": by.id,
        "actor_name": by.name,
        "role": by.role,
        "on_behalf_of": by.on_behalf_of,
        "request_id": by.request_id,
        "source": by.source,
        "software_version": VERSION,
    }


def _head_locked() -> str:
    # SQLite's IMMEDIATE transaction is the lock there.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    head = AuditEvent.objects.order_by("-sequence").values_list("hash", flat=True).first()
    return head or GENESIS


def has_tried_too_often(*, username: str, user_id: int) -> bool:
    """Whether the account gave MAXIMUM_TRIES wrong passwords within TRIES_WINDOW, signing in or signing."""
    account = get_user_model()._meta.label
    wrong = Q(act="sign_in.failed", object_type=account, object_id=str(user_id))
    wrong |= Q(act="signature.failed", actor_id=username)
    return _count_recent(wrong) >= MAXIMUM_TRIES


def is_tried_too_often_from(address: str) -> bool:
    """Whether signing in failed MAXIMUM_TRIES_FROM_ADDRESS times from the address within TRIES_WINDOW."""
    return _count_recent(Q(act="sign_in.failed", after=canonical(told_of(address)))) >= MAXIMUM_TRIES_FROM_ADDRESS


def told_of(address: str) -> dict[str, str]:
    """Return what an event of the door tells beside the account: where the try came from, never what was typed."""
    return {"address": address}


def _count_recent(wanted: Q) -> int:
    return AuditEvent.objects.filter(wanted, at__gt=timezone.now() - TRIES_WINDOW).count()


def signing(service: Callable[P, T]) -> Callable[P, T]:
    """Make a service that signs one transaction, as `atomic` does; a refused password is recorded after its rollback.

    It must be the outermost transaction, or the event falls with the one around it.
    """

    @wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with transaction.atomic():
                return service(*args, **kwargs)
        except PasswordRefused as refusal:
            with transaction.atomic():
                record(**refusal.attempt)
            raise

    return run


@transaction.atomic
def sign(
    *,
    by: Actor,
    password: str,
    meaning: str,
    obj: Model,
    contents: Mapping[str, Any],
    trial_code: str,
    at: dt.datetime | None = None,
) -> Signature:
    """Sign the frozen `contents` of `obj` after the password was given again (21 CFR 11.50, 11.70, 11.200).

    `at` is the moment of signing where a document that shows it was made before, else that of the event.
    Raises PasswordRefused: `wrong-password` where it is not the signer's own, `too-many-tries` after several such.
    """
    _refuse_password(by, password, {"by": by, "obj": obj, "trial_code": trial_code, "after": {"meaning": str(meaning)}})
    sha256 = hashlib.sha256(canonical(contents).encode()).hexdigest()
    event = record(
        by=by,
        act="record.signed",
        obj=obj,
        trial_code=trial_code,
        after={"meaning": str(meaning), "record_sha256": sha256, "printed_name": by.name},
    )
    return Signature.objects.create(
        event_hash=event.hash,
        signer_id=by.id,
        printed_name=by.name,
        role=by.role,
        meaning=meaning,
        method="password",
        object_type=event.object_type,
        object_id=event.object_id,
        record_sha256=sha256,
        at=at or event.at,
    )


def _refuse_password(by: Actor, password: str, attempt: dict[str, Any]) -> None:
    if by.user_id is not None and has_tried_too_often(username=by.id, user_id=by.user_id):
        raise PasswordRefused(
            _("Too many wrong passwords: nothing was signed. Wait %(minutes)s minutes, then sign again.")
            % {"minutes": TRIES_WINDOW // dt.timedelta(minutes=1)},
            code="too-many-tries",
            attempt=attempt | {"act": "signature.locked"},
        )
    user = authenticate(username=by.id, password=password)
    if user is None or user.pk != by.user_id:
        raise PasswordRefused(
            _("That is not your password: nothing was signed. Type it again."),
            code="wrong-password",
            attempt=attempt | {"act": "signature.failed"},
        )
