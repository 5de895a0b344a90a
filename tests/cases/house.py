"""What the product holds of the cases, asked of it in a management shell."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from audit.context import acting, widened
from audit.models import AuditEvent
from imaging import progress
from imaging.models import Instance, Submission
from tests.flows import small
from tests.people import STAGE, STAGE_REASON
from trials.models import TimePoint


@contextmanager
def looking() -> Iterator[None]:
    with acting(STAGE, reason=STAGE_REASON), widened("the stage looks"):
        yield


def time_point() -> int:
    """The key of the visit that is sent for."""
    with looking():
        return int(TimePoint.objects.filter(subject__trial_site__trial__code=small.CODE).earliest("pk").pk)


def deliveries() -> str:
    """By delivery: how it ended, each refusal with its sentence, what was filed, and how many events tell of it."""
    with looking():
        return json.dumps({str(one.pk): _told(one) for one in Submission.objects.all()})


def _told(one: Submission) -> dict[str, Any]:
    filed = Instance.every.filter(submission=one).values_list("series__study__uid", "series__uid", "uid")
    return {
        "state": one.state,
        "sentence": one.refusal or progress.sentence_of(one),
        "refusals": [[each["code"], each["sentence"]] for each in progress.refusals(one)],
        "filed": [list(place) for place in filed],
        "events": AuditEvent.objects.filter(object_id=str(one.pk)).count(),
    }


def refused() -> int:
    """How many events tell that a door refused objects."""
    with looking():
        return AuditEvent.objects.filter(act="objects.refused").count()


def strays() -> list[str]:
    """Files that a hostile name would have made, in the home of the product and around it."""
    found = [*settings.HOME.rglob("rel_pwned*"), *settings.HOME.parent.glob("rel_pwned*")]
    return [str(path) for path in found]
