"""Sign-in by the house's own service: which identity there opens which account here, and nothing opened by itself.

A link is made by the account's holder or by the operator. Accounts are never made, and never matched by an address.
"""

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import require_reason
from audit.services import record
from trials.models import ProviderLink, User
from trials.oidc import Identity, Provider
from trials.services import accounts, factors, proving, sign_in

FIRST = "oidc"
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody whom the service vouched for; `is_complete` where its own second factor counts here."""

    user: User
    is_complete: bool


def come(*, identity: Identity, request_id: str, address: str) -> Arrival | None:
    """Return whose account the identity opens; None, with an event, where it opens none or the door is closed."""
    link = ProviderLink.objects.select_related("user").filter(issuer=identity.issuer, subject=identity.subject).first()
    known = link.user if link else None
    if sign_in.is_closed(known, address):
        sign_in.record_refusal("sign_in.locked", known, request_id, address)
        return None
    if link is None or known is None or not known.is_active:
        sign_in.record_refusal("sign_in.failed", known, request_id, address)
        return None
    ProviderLink.objects.filter(pk=link.pk).update(last_used_at=timezone.now())
    # The operator must not vouch for a second factor: a link of theirs is a first step, whatever the service says.
    if identity.is_strong and link.linked_by == known.get_username() and factors.has_factor(known):
        _tell_complete(known, request_id)
        return Arrival(user=known, is_complete=True)
    sign_in.tell_first_step(known, FIRST, request_id)
    return Arrival(user=known, is_complete=not sign_in.asks_second_factor(known))


@transaction.atomic
def _tell_complete(user: User, request_id: str) -> None:
    by = sign_in.holder(user, request_id)
    record(by=by, act="sign_in.succeeded", obj=user, after={"method": f"{FIRST}+provider"})


@transaction.atomic
def refuse(*, cause: str, request_id: str) -> None:
    """Record that what the service sent, or what came in its name, was not believed."""
    unknown = User(pk=0, username="unknown account")
    record(by=sign_in.door(request_id), act="provider.refused", obj=unknown, after={"cause": cause})


def prove_holder(*, by: Actor, user: User, password: str, code: str) -> None:
    """Ask password and second factor before a link is made. Raises ValidationError as `proving.judge` says."""
    by = proving.holder(by, user)
    with transaction.atomic():
        proving.hold(user)
        fits = factors.both_fit
        refusal = proving.judge(by, user, "link", lambda: fits(by=by, user=user, password=password, code=code))
        if refusal is None:
            return
    raise refusal


def link_own(*, by: Actor, user: User, identity: Identity) -> None:
    """Link the identity that was just proven to one's own account. Raises ValidationError (`taken`)."""
    _link(proving.holder(by, user), user, issuer=identity.issuer, subject=identity.subject)


@transaction.atomic
def link_for(*, by: Actor, account: User, provider: Provider, subject: str, reason: str) -> None:
    """Link an identity to an account, for the operator. Raises ValidationError: `no-reason`, `subject`, `taken`."""
    by = accounts.require_operator(by)
    require_reason(reason)
    if not 0 < len(subject) <= _LONGEST:
        raise ValidationError(_("Give the subject as the sign-in service names it."), code="subject")
    _link(by, account, issuer=provider.issuer, subject=subject, reason=reason)


def _link(by: Actor, user: User, *, issuer: str, subject: str, reason: str = "") -> None:
    try:
        with transaction.atomic():
            ProviderLink.objects.create(
                user=user, issuer=issuer, subject=subject, linked_at=timezone.now(), linked_by=by.id
            )
            record(by=by, act="oidc.linked", obj=user, after={"issuer": issuer}, reason=reason)
    except IntegrityError:
        raise ValidationError(
            _("This account, or that identity, is linked already: nothing changed. Remove the old link first."),
            code="taken",
        ) from None


@transaction.atomic
def unlink_own(*, by: Actor, user: User) -> None:
    """Remove the links of one's own account. Raises ValidationError (`no-link`)."""
    _unlink(proving.holder(by, user), user)


@transaction.atomic
def unlink_for(*, by: Actor, account: User, reason: str) -> None:
    """Remove the links of an account, for the operator. Raises ValidationError: `no-reason`, `no-link`."""
    by = accounts.require_operator(by)
    require_reason(reason)
    _unlink(by, account, reason=reason)


def _unlink(by: Actor, user: User, *, reason: str = "") -> None:
    gone, _each = ProviderLink.objects.filter(user=user).delete()
    if not gone:
        raise ValidationError(_("This account has no such link: nothing changed."), code="no-link")
    record(by=by, act="oidc.unlinked", obj=user, after={"links": gone}, reason=reason)


def link_of(user: User) -> ProviderLink | None:
    return ProviderLink.objects.filter(user=user).first()
