"""How the demo's people sign: the real ceremony, with codes that their authenticators would have shown last week."""

import datetime as dt
from itertools import count

from django.utils import timezone

from audit.signing import Offer, Proof
from config.demo.people import PASSWORD
from trials.models import User
from trials.services import factors

# One code is good for one signature and for half a minute; a demo of a year's work is made within one.
_MOMENTS = count(1)
_STEP = dt.timedelta(seconds=30)
_LONG_AGO = dt.timedelta(days=7)


def prove(username: str, offer: Offer) -> Proof:
    """Return what the person gives under an offer. Raises LookupError for an account that is not of the demo."""
    at = timezone.now() - _LONG_AGO + next(_MOMENTS) * _STEP
    code = factors.demo_code(User.objects.get(username=username), at=at)
    if code is None:
        raise LookupError("only accounts of the demo sign without a person")
    return Proof(token=offer.token, meaning=offer.meanings[0], password=PASSWORD, code=code, code_at=at)
