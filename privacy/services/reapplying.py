"""A backup that comes back brings erased data with it: every tombstone is applied again before anything is served."""

import json
import logging
import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from audit.actor import Actor, machine
from audit.context import acting, widened
from audit.services import record
from privacy.models import Erasure, Tombstone
from privacy.services import tombstones
from privacy.services.burials import lay
from privacy.services.destruction import destroy, destroy_again
from trials.models import Subject, Trial
from trials.selectors import subjects_of

_logger = logging.getLogger("corelab.privacy")
_REASON = "erased before; a restored backup had brought it back"
# The file as it was when nothing in it was left to do; a process asks the database again once it has changed.
_clear: dict[str, tuple[int, int]] = {}


@widened("every erasure is in force, whoever asks or nobody")
def pending() -> list[dict[str, Any]]:
    """Return the tombstones outside that the database does not know. Raises TombstonesDamaged."""
    told = {contents["id"]: contents for contents in tombstones.read()}
    if not told:
        return []
    known = set(map(str, Tombstone.objects.filter(pk__in=list(told)).values_list("pk", flat=True)))
    trials = set(Trial.objects.values_list("code", flat=True))
    return [told[key] for key in told if key not in known and told[key]["trial"] in trials]


def is_clear() -> bool:
    """Whether every erasure is in force here, asked anew whenever the file has changed. Raises TombstonesDamaged."""
    now, path = tombstones.stamp(), str(settings.ERASURES_FILE)
    if _clear.get(path) != now and pending():
        return False
    _clear[path] = now
    return True


@widened("every erasure is in force, whoever asks or nobody")
def reapply() -> int:
    """Carry out every erasure again; return how many had to be, in the database or on disk.

    Those that the database does not know are done whole; of those it knows, files that came back are removed. A line
    that a crash kept from the file is written now. Raises TombstonesDamaged.
    """
    told = {contents["id"]: contents for contents in tombstones.read()}
    unknown = pending()
    for contents in unknown:
        _bury_again(contents)
    _write_missing(set(told))
    returned = [contents for contents in _all(told) if destroy_again(contents)]
    for contents in returned:
        _logger.warning("files of erasure %s had come back and were destroyed again", contents["id"])
    return len({contents["id"] for contents in (*unknown, *returned)})


@transaction.atomic
def _bury_again(contents: dict[str, Any]) -> None:
    by = machine("erasures", source="command", request_id=uuid.uuid4().hex, on_behalf_of=contents["confirmed_by"])
    trial = Trial.objects.get(code=contents["trial"])
    with acting(by, reason=_REASON):
        # Whatever the backup holds of them, also what was gone from it on the day of the erasure.
        chosen = (
            subjects_of(trial)
            if contents["is_whole_trial"]
            else subjects_of(trial).filter(code__in=contents["subjects"])
        )
        destroy(by=by, subjects=list(chosen), level=contents["level"], reason=_REASON)
        lay(trial, contents)
        _close_decision(trial, contents)
        _record(by, trial, contents)


def _subjects(trial: Trial, contents: dict[str, Any]) -> QuerySet[Subject]:
    everybody = subjects_of(trial)
    return everybody if contents["is_whole_trial"] else everybody.filter(code__in=contents["subjects"])


def _close_decision(trial: Trial, contents: dict[str, Any]) -> None:
    """Let the decision, which the backup may or may not hold, stand as it was carried out."""
    subject = None if contents["is_whole_trial"] else _subjects(trial, contents).first()
    if subject is None and not contents["is_whole_trial"]:
        return
    told = {
        "trial": trial,
        "subject": subject,
        **{name: contents[name] for name in ("level", "ground", "reason", "decided_by", "decided_at", "confirmed_by")},
        "state": Erasure.State.DONE,
        "confirmed_at": contents["confirmed_at"],
        "decision_signature_id": contents["decision_signature"] or None,
        "confirmation_signature_id": contents["confirmation_signature"] or None,
    }
    Erasure.objects.update_or_create(pk=contents["id"], defaults=told)


def _record(by: Actor, trial: Trial, contents: dict[str, Any]) -> None:
    tombstone = Tombstone.objects.get(pk=contents["id"])
    after = {"level": contents["level"], "contents_sha256": tombstone.contents_sha256}
    record(by=by, act="erasure.reapplied", obj=tombstone, trial_code=trial.code, after=after, reason=_REASON)


def _write_missing(told: set[str]) -> None:
    for text in Tombstone.objects.exclude(pk__in=told).order_by("at").values_list("contents", flat=True):
        tombstones.append(json.loads(text))


def _all(told: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    held = [json.loads(text) for text in Tombstone.objects.values_list("contents", flat=True)]
    return list(({contents["id"]: contents for contents in held} | told).values())
