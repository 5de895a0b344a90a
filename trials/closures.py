"""Whether a trial's data are closed for edits now: asked by rights, by gates of consent, by the doors of machines."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from trials.models import Closure, Trial, TrialSite
from trials.roles import Act

Kind = Closure.Kind

# What makes or changes data that are analysed: refused from the closing of a trial's data on (C09). What the law
# lets a person demand (consent taken back, restriction, erasure), and who may what, is none of it.
EDITS = frozenset(
    {
        Act.TRIAL_EDIT,
        Act.CHARTER_APPROVE,
        Act.SUBJECT_REGISTER,
        Act.SUBMISSION_SEND,
        Act.SUBMISSION_ASSIGN,
        Act.CONFLICT_DECIDE,
        Act.QC_DECIDE,
        Act.PIXEL_REVIEW,
        Act.READ_ASSIGN,
    }
)

# With the key of a trial below it, the number of a lock that PostgreSQL holds until the transaction ends.
_STEPS = 0x636C6F73 << 32

SENTENCE = _(
    "The data of this trial are closed for edits, because they are being analysed. Whoever must change something asks "
    "the coordinator, who may have them opened again for a time."
)


def standing(trial_id: int) -> Closure | None:
    """Return the step that counts today: the last closing or opening; None where the trial was never closed."""
    steps = Closure.objects.filter(trial_id=trial_id, kind__in=(Kind.CLOSED, Kind.OPENED))
    return steps.order_by("-number").first()


def is_closed(trial_id: int) -> bool:
    """Whether edits are refused at this moment; an opening ends by itself, to the second.

    Inside a transaction the answer holds until its end: no closing comes between an edit and its commit.
    """
    _hold("pg_advisory_xact_lock_shared", trial_id)
    return closes(standing(trial_id), at=timezone.now())


def hold_steps(trial_id: int) -> None:
    """Wait for edits of the trial's data that are under way, and let others wait until the transaction ends.

    First of all in it: what waits with nothing in its hands cannot wait in a circle.
    """
    _hold("pg_advisory_xact_lock", trial_id)


def _hold(lock: str, trial_id: int) -> None:
    # On SQLite every writing transaction is alone. The trial's row is no such lock: edits that write it would wait for
    # each other in a circle.
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {lock}(%s)", [_STEPS | trial_id])


def closes(step: Closure | None, *, at: dt.datetime) -> bool:
    if step is None:
        return False
    return step.kind == Kind.CLOSED or step.until is None or step.until <= at


def refuse_closed(trial_id: int) -> None:
    """Raise ValidationError (`closed`) where the trial's data are closed for edits."""
    if is_closed(trial_id):
        raise ValidationError(SENTENCE, code="closed")


def takes_data(trial_site: TrialSite) -> bool:
    """Whether the site may register subjects and send scans: trial and site are open, and its data not closed."""
    is_open = trial_site.state == TrialSite.State.OPEN and trial_site.trial.state == Trial.State.OPEN
    return is_open and not is_closed(trial_site.trial_id)
