"""Signing as the cast does: every signature passes the whole ceremony, with a code no other test has used."""

import datetime as dt
from itertools import count
from typing import Any

from django.utils import timezone

from audit.actor import Actor
from audit.signing import Offer, Proof
from endpoints.models import Read
from endpoints.services import reads
from imaging.models import QCDecision
from imaging.services import quality
from reports import services as reports
from reports.models import Report
from tests.people import PASSWORD, actor_for
from trials.models import Charter, TimePoint, User
from trials.services import charters, factors

_MOMENTS = count(1)
_STEP = dt.timedelta(seconds=30)
_LONG_AGO = dt.timedelta(days=30)


def code_of(user: User) -> tuple[str, dt.datetime]:
    """The next code of the person's authenticator, and its moment: each later than all before it."""
    at = timezone.now() - _LONG_AGO + next(_MOMENTS) * _STEP
    code = factors.demo_code(user, at=at)
    assert code is not None
    return code, at


def prove(by: Actor, offer: Offer, **other: Any) -> Proof:
    """What an honest signer gives under an offer; `other` replaces parts of it."""
    code, at = code_of(User.objects.get(username=by.id))
    honest: dict[str, Any] = {
        "token": offer.token,
        "meaning": str(offer.meanings[0]),
        "password": PASSWORD,
        "code": code,
        "code_at": at,
    }
    return Proof(**(honest | other))


def approve(user: User, charter: Charter, **other: Any) -> Charter:
    by = actor_for(user)
    return charters.approve(
        by=by, charter=charter, proof=prove(by, charters.offer_approval(by=by, charter=charter), **other)
    )


def decide(
    user: User, time_point: TimePoint, verdict: QCDecision.Verdict, comment: str = "", **other: Any
) -> QCDecision:
    by, seen = actor_for(user), other.pop("seen", None) or quality.shown_sha256(time_point)
    offered = quality.offer_decision(by=by, time_point=time_point, verdict=verdict, comment=comment, seen=seen)
    proof = prove(by, offered, **other)
    return quality.decide(by=by, time_point=time_point, verdict=verdict, comment=comment, proof=proof)


def lock(read: Read, comment: str = "", **other: Any) -> Read:
    by, seen = actor_for(read.assignment.reader), other.pop("seen", None) or reads.findings_sha256(read)
    offered = reads.offer_lock(by=by, read=read, comment=comment, seen=seen)
    return reads.lock(by=by, read=read, comment=comment, proof=prove(by, offered, **other))


def release(user: User, report: Report, **other: Any) -> Report:
    by = actor_for(user)
    return reports.release(by=by, report=report, proof=prove(by, reports.offer_release(by=by, report=report), **other))
