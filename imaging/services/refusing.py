"""What a door for machines did not take leaves an event: nothing of it was kept, so nothing else would tell of it."""

from collections.abc import Mapping

from django.db import transaction

from audit.actor import Actor
from audit.services import record
from trials.models import TrialSite

# A reason is for people; ten kinds of damage in one sending are enough to know.
_MOST_SENTENCES = 10


@transaction.atomic
def tell(*, by: Actor, trial_site: TrialSite, reasons: Mapping[str, int]) -> None:
    """Record that objects were refused at the door; `reasons` are sentences with how often each was said."""
    after = {"objects": sum(reasons.values()), "source": by.source}
    sentences = " ".join(list(reasons)[:_MOST_SENTENCES])
    code = trial_site.trial.code
    record(by=by, act="objects.refused", obj=trial_site, trial_code=code, after=after, reason=sentences)
