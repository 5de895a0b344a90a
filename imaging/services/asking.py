"""Between two files of a delivery: the claim is kept and consent asked again, so that a long stage soon stops."""

from imaging.models import Submission
from imaging.services import road
from trials.agreement import Gate
from trials.services import consent


def go_on(submission: Submission) -> None:
    """Keep the lease while work goes on. Raises ValidationError (`no-consent`) once consent is gone."""
    road.renew(submission)
    require_filing(submission)


def require_filing(submission: Submission) -> None:
    """Raise ValidationError (`no-consent`) where this delivery may not be worked on towards filing."""
    if submission.time_point is not None:
        consent.require(submission.time_point.subject, Gate.FILE, time_point=submission.time_point)
