"""Between two files of a delivery: the claim is kept and consent asked again, so that a long stage soon stops."""

import time
from weakref import WeakKeyDictionary

from imaging.models import Submission
from imaging.services import road
from trials.agreement import Gate
from trials.services import consent

# A withdrawal is in force within 5 s (regulatory design 3c). Asking takes longer than a slice does.
AGAIN_AFTER_SECONDS = 1.0
_asked: WeakKeyDictionary[Submission, float] = WeakKeyDictionary()


def go_on(submission: Submission) -> None:
    """Keep the lease and ask consent, once a second. Raises ValidationError (`no-consent`) once consent is gone."""
    now = time.monotonic()
    if now - _asked.get(submission, -AGAIN_AFTER_SECONDS) < AGAIN_AFTER_SECONDS:
        return
    road.renew(submission)
    require_filing(submission)
    _asked[submission] = now


def require_filing(submission: Submission) -> None:
    """Raise ValidationError (`no-consent`) where this delivery may not be worked on towards filing."""
    if submission.time_point is not None:
        consent.require(submission.time_point.subject, Gate.FILE, time_point=submission.time_point)
