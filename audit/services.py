"""The two writes of this floor: an event beside every act, and a signature on a frozen record."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.chain import GENESIS, HASHED_FIELDS, digest
from audit.models import AuditEvent, Signature
from audit.version import VERSION

# Any constant: it names the lock that orders writers of the chain.
_CHAIN_LOCK = 7_301_924_416


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
        previous_hash=_head_locked(),
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


@transaction.atomic
def sign(
    *, by: Actor, password: str, meaning: str, obj: Model, contents: Mapping[str, Any], trial_code: str
) -> Signature:
    """Sign the frozen `contents` of `obj` after the password was given again (21 CFR 11.50, 11.70, 11.200).

    Raises ValidationError (`wrong-password`) where the password is not the signer's own.
    """
    user = authenticate(username=by.id, password=password)
    if user is None or user.pk != by.user_id:
        raise ValidationError(_("That is not your password: nothing was signed."), code="wrong-password")
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
        at=event.at,
    )
