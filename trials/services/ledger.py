"""Writing the ledger: whatever leaves the core laboratory is written down in the transaction in which it leaves."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.context import widened
from audit.english import in_english
from trials.models import Disclosure, Trial, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What leaves, for whom and why; `subjects` are codes, `modules` those of the consent it rests on."""

    kind: Disclosure.Kind
    what: str
    sha256: str
    purpose: str
    recipient: str = ""
    subjects: Iterable[str] = ()
    modules: tuple[str, ...] = ()
    permit: str = ""


@widened("what leaves is written down, whoever takes it")
@in_english
def disclose(*, by: Actor, trial: Trial, leaving: Leaving) -> Disclosure:
    """Write one line of the ledger; without a named recipient it is the organisation of who takes it.

    Raises RuntimeError outside a transaction: a line must stand or fall with what it tells of.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("the ledger is written inside the transaction of what leaves")
    return Disclosure.objects.create(
        trial=trial,
        kind=leaving.kind,
        recipient=(leaving.recipient or _organisation(by))[:200],
        purpose=leaving.purpose[:300],
        what=leaving.what[:200],
        sha256=leaving.sha256,
        subjects=listed(leaving.subjects),
        modules=sorted(leaving.modules),
        permit=leaving.permit,
        at=timezone.now(),
        by=by.id,
    )


def listed(codes: Iterable[str]) -> str:
    """Return codes as the ledger keeps them: sorted, a space before, between and behind."""
    told = " ".join(sorted(set(codes)))
    return f" {told} " if told else ""


def _organisation(by: Actor) -> str:
    user = User.objects.filter(pk=by.user_id).first() if by.user_id is not None else None
    if user is not None and user.organisation:
        return user.organisation
    return _("a person in the role %(role)s, organisation not recorded") % {"role": by.role or _("unknown")}
