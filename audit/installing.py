"""Telling the trail which triggers guard and fill it: a change that no migration made then stands out (A05)."""

import json
import uuid

from django.db import transaction

from audit.actor import machine
from audit.context import acting
from audit.models import AuditEvent
from audit.services import Thing, record
from audit.verifier import digest_of_triggers
from audit.watching.expected import installed

TRIGGERS = Thing(kind="audit.Triggers", key="triggers", name="the triggers of the database")
ACT = "trail.installed"


@transaction.atomic
def tell_of_triggers() -> None:
    """Record the digest of all triggers where it is not the one told last."""
    digest = digest_of_triggers(installed())
    by = machine("migrate", source="command", request_id=uuid.uuid4().hex)
    with acting(by):
        if digest != _told_last():
            record(by=by, act=ACT, obj=TRIGGERS, after={"triggers": digest})


def _told_last() -> str:
    last = AuditEvent.objects.filter(object_type=TRIGGERS.kind).order_by("-sequence").first()
    return str(json.loads(last.after)["triggers"]) if last else ""
