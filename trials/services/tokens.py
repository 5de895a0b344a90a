"""Tokens by which a hospital's machines send: granted by a person with a reason, shown once, kept as a digest."""

import base64
import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import selectors
from audit.actor import Actor, machine
from audit.context import acting, because, require_reason
from audit.services import record
from trials import access, closures
from trials.models import SiteToken, TrialSite
from trials.roles import Act

LONGEST_DAYS = 366
_RANDOM, _CHECK = 24, 12
_SHAPE = re.compile(r"cls_([0-9A-Za-z_-]{32})([0-9A-Za-z_-]{16})")
# Its use is told once a minute, so that a sender of a thousand images writes no thousand rows.
_NOTED = dt.timedelta(minutes=1)
_QUIET = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A new token; `secret` is what its machine shows, and is told this once."""

    token: SiteToken
    secret: str


def grant(*, by: Actor, trial_site: TrialSite, label: str, reason: str, ends_on: dt.date) -> Granted:
    """Give a machine of the site the right to send for it, until `ends_on`.

    Raises ValidationError: `no-reason`, `ends` where the last day is past or more than a year away, `not-open`.
    """
    by = access.require(by, Act.SENDING_GRANT, trial_site)
    require_reason(reason)
    if not 0 <= (ends_on - timezone.localdate()).days <= LONGEST_DAYS:
        raise ValidationError(
            {"ends_on": ValidationError(_("Choose a day from today to a year from now."), code="ends")}
        )
    if not is_sending(trial_site):
        raise ValidationError(_("This trial or site does not take scans now. Nothing was granted."), code="not-open")
    return _grant(by, SiteToken(trial_site=trial_site, label=label, reason=reason, ends_on=ends_on))


@transaction.atomic
def _grant(by: Actor, token: SiteToken) -> Granted:
    secret = _new_secret()
    token.digest, token.granted_at, token.granted_by = _digest(secret), timezone.now(), by.id
    token.save(force_insert=True)
    after = {"label": token.label, "ends_on": token.ends_on, "site": token.trial_site.number}
    code = token.trial_site.trial.code
    record(by=by, act="token.granted", obj=token, trial_code=code, after=after, reason=token.reason)
    return Granted(token=token, secret=secret)


@transaction.atomic
def revoke(*, by: Actor, token: SiteToken, reason: str) -> None:
    """End a token at once. Raises ValidationError: `no-reason`, `wrong-state` where it was revoked before."""
    by = access.require(by, Act.SENDING_GRANT, token)
    require_reason(reason)
    with because(reason):
        standing = SiteToken.objects.filter(pk=token.pk, revoked_at__isnull=True)
        if not standing.update(revoked_at=timezone.now(), revoked_by=by.id):
            raise ValidationError(_("This token was revoked already. Nothing was changed."), code="wrong-state")
        code = token.trial_site.trial.code
        record(by=by, act="token.revoked", obj=token, trial_code=code, after={"label": token.label}, reason=reason)


def is_ours(secret: str) -> bool:
    """Whether this installation once made the token: answered without a database, so before a body is read."""
    shape = _SHAPE.fullmatch(secret)
    return shape is not None and hmac.compare_digest(_check(shape[1]), shape[2])


def holder_of(secret: str, *, request_id: str) -> SiteToken | None:
    """Return the token that is in force now, its use noted; None for any other. An ended one leaves an event."""
    if not is_ours(secret):
        return None
    # The door itself looks, before it knows on whose behalf.
    with acting(_door(request_id)):
        token = SiteToken.objects.select_related("trial_site__trial").filter(digest=_digest(secret)).first()
    if token is None:
        return None
    with acting(by := actor_of(token, request_id=request_id)):
        if token.revoked_at is not None or token.ends_on < timezone.localdate():
            _tell_ended(token, by)
            return None
        _note_use(token)
    return token


def _note_use(token: SiteToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > _NOTED:
        SiteToken.objects.filter(pk=token.pk).update(last_used_at=now)


def is_sending(trial_site: TrialSite) -> bool:
    """Whether scans are taken from the site at all."""
    return closures.takes_data(trial_site)


def actor_of(token: SiteToken, *, request_id: str) -> Actor:
    """The door, on behalf of whatever machine holds the token."""
    return _door(request_id, on_behalf_of=f"token {token.pk}")


def _door(request_id: str, *, on_behalf_of: str = "") -> Actor:
    return machine("stow", source="dicomweb", request_id=request_id, on_behalf_of=on_behalf_of)


def _tell_ended(token: SiteToken, by: Actor) -> None:
    told = selectors.history(token).filter(act="token.refused", at__gt=timezone.now() - _QUIET)
    if not told.exists():
        with transaction.atomic():
            code = token.trial_site.trial.code
            record(by=by, act="token.refused", obj=token, trial_code=code, after={"label": token.label})


def _new_secret() -> str:
    random = _text(secrets.token_bytes(_RANDOM))
    return f"cls_{random}{_check(random)}"


def _check(random: str) -> str:
    key = hmac.new(settings.KEY_ENCRYPTION_KEY, b"site-tokens", hashlib.sha256).digest()
    return _text(hmac.new(key, random.encode(), hashlib.sha256).digest()[:_CHECK])


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
