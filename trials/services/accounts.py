"""What the operator does to accounts, as events: field names only, never a value (one is a password)."""

from django.db import transaction

from audit.actor import OPERATOR, Actor
from audit.services import record
from trials.models import User


@transaction.atomic
def record_change(*, by: Actor, account: User, act: str, fields: list[str]) -> None:
    """Append `account.added` or `account.changed` for an account the operator's pages have just written."""
    record(by=by.acting_as(OPERATOR), act=act, obj=account, after={"fields": sorted(fields)})
