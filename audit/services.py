"""The one write of the meaning layer: an event beside every act, in its transaction."""

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import Model, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import Context, widened
from audit.models import AuditEvent
from audit.verifier import commit

# Wrong passwords and codes of one account, at the door and under records, before it has to wait.
WRONG_TRIES = ("sign_in.failed", "signature.failed", "second_factor.failed")
MAXIMUM_TRIES = 5
TRIES_WINDOW = dt.timedelta(minutes=15)
# A whole hospital may come from one address.
MAXIMUM_TRIES_FROM_ADDRESS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """What an act may be about that has no table: the clock, a seal key."""

    kind: str
    key: str
    name: str


def canonical(record: Mapping[str, Any]) -> str:
    """Sorted, compact JSON: what is hashed and what is signed."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, cls=DjangoJSONEncoder)


def record(
    *,
    by: Actor,
    act: str,
    obj: Model | Thing,
    trial_code: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Append one act in the caller's transaction (21 CFR 11.10(e)).

    Raises RuntimeError outside a transaction, since an event must stand or fall with its act, and ValidationError
    (`no-actor`) where nobody acts.
    """
    if not by.id or not by.role:
        raise ValidationError(_("Nobody acts: nothing was written."), code="no-actor")
    if not connection.in_atomic_block:
        raise RuntimeError("an event is written inside the transaction of its act")
    thing = obj if isinstance(obj, Thing) else Thing(kind=obj._meta.label, key=str(obj.pk), name=str(obj))
    payload = {
        "object_label": thing.name[:200],
        "before": canonical(before or {}),
        "after": canonical(after or {}),
        "reason": reason,
    }
    with widened("whoever acts may tell of it"):
        return AuditEvent.objects.create(
            **(Context(actor=by).told | payload),
            at=timezone.now(),
            act=act,
            object_type=thing.kind,
            object_id=thing.key,
            trial_code=trial_code,
            commitment=commit(salt=secrets.token_bytes(16), **payload),
        )


def has_lately(by: Actor, act: str, obj: Thing, *, within: dt.timedelta) -> bool:
    """Whether the actor left the same event within a time: what may come a million times is told once."""
    since = timezone.now() - within
    told = AuditEvent.objects.filter(layer="act", act=act, at__gt=since, actor_id=by.id)
    return told.filter(object_type=obj.kind, object_id=obj.key).exists()


def has_tried_too_often(*, username: str, user_id: int) -> bool:
    """Whether the account gave MAXIMUM_TRIES wrong passwords or codes within TRIES_WINDOW, signing in or signing."""
    account = get_user_model()._meta.label
    wrong = Q(act="sign_in.failed", object_type=account, object_id=str(user_id))
    wrong |= Q(act__in=("signature.failed", "second_factor.failed"), actor_id=username)
    return _count_recent(wrong) >= MAXIMUM_TRIES


def is_tried_too_often_from(address: str) -> bool:
    """Whether signing in failed MAXIMUM_TRIES_FROM_ADDRESS times from the address within TRIES_WINDOW."""
    return _count_recent(Q(act="sign_in.failed", after=canonical(told_of(address)))) >= MAXIMUM_TRIES_FROM_ADDRESS


def told_of(address: str) -> dict[str, str]:
    """Return what an event of the door tells beside the account: where the try came from, never what was typed."""
    return {"address": address}


def _count_recent(wanted: Q) -> int:
    with widened("the door counts before it knows anybody"):
        # In the words of the index, or SQLite reads the whole trail.
        tries = AuditEvent.objects.filter(layer="act", act__in=WRONG_TRIES, at__gt=timezone.now() - TRIES_WINDOW)
        return tries.filter(wanted).count()
