"""Sessions of accounts: opened by every sign-in whatever door it came by, seen, listed, ended; a row here decides.

Idle and absolute limits are judged by this table and not by the cookie, so that nothing that merely touches Django's
session keeps somebody signed in (ASVS 7.3, C04).
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import ACCOUNT, OPERATOR, Actor, machine
from audit.services import record
from trials.models import AccountSession, User

# Where Django's session names the row that decides over it.
KEY = "account_session"
End: TypeAlias = AccountSession.End
# A browser names its ancestors, too: the first that fits is the one it is.
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds until a session ends if nobody uses it, and in any case."""

    idle: int
    absolute: int

    @property
    def is_over(self) -> bool:
        return min(self.idle, self.absolute) <= 0


def address_of(request: HttpRequest) -> str:
    """Return where the request came from; "" behind a proxy that does not tell, where it would be everybody's."""
    address: str = request.META.get("REMOTE_ADDR", "")
    return address if address != settings.TRUSTED_PROXY and is_address(address) else ""


def is_address(text: str) -> bool:
    """Whether this is one, and no other word that a proxy let through."""
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def browser_of(request: HttpRequest) -> str:
    """Return browser and system in words: nothing that tells one machine from another of its kind."""
    told = request.headers.get("user-agent", "")[:400]
    browser = next((name for mark, name in _BROWSERS if mark in told), "")
    system = next((name for mark, name in _SYSTEMS if mark in told), "")
    return " on ".join(filter(None, (browser, system)))


@receiver(user_logged_in)
def open_session(request: HttpRequest, user: User, **_told: Any) -> None:
    """Give every sign-in its row: without one, `find` finds nothing and the session is good for nothing."""
    now = timezone.now()
    opened = AccountSession.objects.create(
        user=user, started_at=now, last_seen_at=now, address=address_of(request), browser=browser_of(request)
    )
    request.session[KEY] = str(opened.pk)


def find(key: str | None, user: User) -> AccountSession | None:
    """Return the row of the account's open session, whatever is left of it."""
    if not key:
        return None
    return AccountSession.objects.filter(pk=key, user=user, ended_at__isnull=True).first()


def left_of(session: AccountSession, *, at: dt.datetime | None = None) -> Left:
    now = at or timezone.now()
    return Left(
        idle=int((session.last_seen_at - now).total_seconds() + settings.SESSION_IDLE),
        absolute=int((session.started_at - now).total_seconds() + settings.SESSION_ABSOLUTE),
    )


def see(session: AccountSession) -> None:
    """Note that the session is in use, with one write a minute: a reader scrolls through hundreds of frames in that."""
    now = timezone.now()
    if (now - session.last_seen_at).total_seconds() >= settings.SESSION_RENEWAL:
        extend(session)


def extend(session: AccountSession) -> None:
    session.last_seen_at = timezone.now()
    AccountSession.objects.filter(pk=session.pk).update(last_seen_at=session.last_seen_at)


def expire(session: AccountSession, *, request_id: str) -> End:
    """End a session whose time is over; return why."""
    why = AccountSession.End.ABSOLUTE if left_of(session).absolute <= 0 else AccountSession.End.IDLE
    _end(AccountSession.objects.filter(pk=session.pk), by=_clock(request_id), account=session.user, why=why)
    return why


def held_by(user: User) -> list[AccountSession]:
    """Return the open sessions whose time is not over, the one last used first."""
    return [one for one in AccountSession.objects.filter(user=user, ended_at=None) if not left_of(one).is_over]


def end_own(*, by: Actor, user: User, key: str) -> None:
    """End one session of one's own. Raises ValidationError (`no-session`) where it is none, or ended already."""
    if not _end(_open(user).filter(pk=key), by=by.acting_as(ACCOUNT), account=user, why=AccountSession.End.BY_HOLDER):
        raise ValidationError(_("That session has ended already: nothing changed."), code="no-session")


def end_others(*, by: Actor, user: User, kept: str, why: End = AccountSession.End.BY_HOLDER) -> int:
    """End every session of one's own but `kept`; return how many."""
    return _end(_open(user).exclude(pk=kept), by=by.acting_as(ACCOUNT), account=user, why=why)


def sign_out(*, by: Actor, user: User, key: str) -> None:
    """End the session one sits in; its event is the sign-out."""
    _end(_open(user).filter(pk=key), by=by.acting_as(ACCOUNT), account=user, why=AccountSession.End.SIGNED_OUT)


def end_all(*, by: Actor, account: User, reason: str, why: End = AccountSession.End.BY_OPERATOR) -> int:
    """End every session of an account, for the operator; return how many."""
    return _end(_open(account), by=by.acting_as(OPERATOR), account=account, why=why, reason=reason)


def _open(user: User) -> QuerySet[AccountSession]:
    return AccountSession.objects.filter(user=user, ended_at__isnull=True)


@transaction.atomic
def _end(rows: QuerySet[AccountSession], *, by: Actor, account: User, why: End, reason: str = "") -> int:
    ended = rows.update(ended_at=timezone.now(), ending=why)
    if ended and why != AccountSession.End.SIGNED_OUT:
        record(by=by, act="session.ended", obj=account, after={"why": why, "sessions": ended}, reason=reason)
    return ended


def _clock(request_id: str) -> Actor:
    return machine("session-clock", source="web", request_id=request_id)
