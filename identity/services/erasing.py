"""Crypto-shredding: the subject's data key is destroyed, and with it every copy of what it sealed (design 3b.4)."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from audit import services as audit
from audit.actor import Actor
from audit.context import require_reason
from identity.models import Identity, SubjectKey, UnlockWindow
from identity.person import FIELDS
from identity.switch import ALIAS
from trials.models import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Shredded:
    """Facts for a certificate. `was_held` is False where the system never held this identity (or has no vault).

    `event` is the sequence of the tombstone in the trail, None without a vault; `windows_closed` counts unlock windows
    that were still waiting or open.
    """

    trial_code: str
    subject_code: str
    was_held: bool
    has_vault: bool
    at: dt.datetime
    key_destroyed_at: dt.datetime | None = None
    fields: tuple[str, ...] = ()
    windows_closed: int = 0
    event: int | None = None


@transaction.atomic
def shred(*, by: Actor, subject_code: str, trial_code: str, reason: str) -> Shredded:
    """Destroy a subject's data key, sealed values and blind index, and tell the trail. Doing it again changes nothing.

    Who may decide an erasure is asked by the caller, whose act this is part of: an erasure, a withdrawal with erasure,
    a restore that repeats erasures. Needs no master key. Raises ValidationError (`no-reason`, `no-actor`).
    """
    require_reason(reason)
    now = timezone.now()
    told: dict[str, Any] = {"trial_code": trial_code, "subject_code": subject_code, "at": now}
    if not settings.VAULT_ON:
        return Shredded(**told, was_held=False, has_vault=False)
    with transaction.atomic(using=ALIAS):
        windows = UnlockWindow.objects.filter(subject_code=subject_code, closed_at__isnull=True)
        closed = windows.update(closed_at=now, closed_by=by.id)
        row = SubjectKey.objects.select_for_update().filter(subject_code=subject_code).first()
        destroyed_at = _destroy(row, now) if row else None
        after = {"was_held": row is not None, "key_destroyed_at": destroyed_at, "windows_closed": closed}
        subject = Subject.objects.get(code=subject_code)
        event = audit.record(
            by=by, act="identity.shredded", obj=subject, trial_code=trial_code, after=after, reason=reason
        )
        # Robust: what was destroyed and told stays so where the database cannot tidy up.
        transaction.on_commit(_leave_no_bytes, using=ALIAS, robust=True)
    return Shredded(
        **told,
        was_held=row is not None,
        has_vault=True,
        key_destroyed_at=destroyed_at,
        fields=FIELDS if row else (),
        windows_closed=closed,
        event=event.sequence,
    )


def _destroy(row: SubjectKey, now: dt.datetime) -> dt.datetime:
    Identity.objects.filter(subject_key=row).delete()
    if row.destroyed_at is None:
        SubjectKey.objects.filter(pk=row.pk).update(wrapped_key=None, destroyed_at=now)
        return now
    return row.destroyed_at


def _leave_no_bytes() -> None:
    """Have the database let go of the destroyed bytes, beyond what a transaction does.

    SQLite empties its log into pages that `secure_delete` wiped; PostgreSQL writes both tables anew, without dead rows.
    """
    connection = connections[ALIAS]
    if connection.vendor == "sqlite":
        connection.empty_journal()  # type: ignore[attr-defined]  # config.sqlite has it
        return
    with connection.cursor() as cursor:
        for table in (SubjectKey._meta.db_table, Identity._meta.db_table):
            cursor.execute(f"VACUUM FULL {table}")
