"""What is done to accounts, by their holder or the operator: events carry names of fields and methods, never a value.

The operator opens, closes and resets accounts and never learns or sets what their holder proves with: a password of
theirs opens only the page that replaces it, and no page makes one person act as another (21 CFR 11.200(a)(2)).
"""

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from audit.actor import OPERATOR, Actor
from audit.context import admit, require_reason, widened
from audit.services import record
from trials.models import AccountSession, Membership, User
from trials.services import factors, proving, sessions

# Changed by the operator, these end what was opened under the old ones.
OF_RIGHTS = frozenset({"is_active", "is_staff", "is_superuser"})


@transaction.atomic
def record_change(*, by: Actor, account: User, act: str, fields: list[str]) -> None:
    """Append `account.added` or `account.changed` for an account the operator's pages have just written.

    A password that the operator set is to be changed at the next sign-in, and ends every session.
    """
    by = by.acting_as(OPERATOR)
    record(by=by, act=act, obj=account, after={"fields": sorted(fields)})
    if act == "account.added" or "password" in fields:
        User.objects.filter(pk=account.pk).update(must_change_password=True)
        sessions.end_all(by=by, account=account, reason="", why=AccountSession.End.PASSWORD)


def end_for_rights(*, by: Actor, account: User, changed: set[str]) -> None:
    """End every session of an account that the operator closed, or gave or took the operator's rights."""
    if OF_RIGHTS & changed:
        sessions.end_all(by=by, account=account, reason="")


def change_password(*, by: Actor, user: User, password: str, code: str, new: str, session: str) -> None:
    """Set one's own new password, given the old one and a second factor; every other session of the account ends.

    Raises ValidationError: `wrong-factor`, `too-many-tries`, `same`, or what the rules for passwords say;
    PermissionDenied where `by` does not hold the account.
    """
    by = proving.holder(by, user)
    validate_password(new, user)
    with transaction.atomic():
        proving.hold(user)
        fits = factors.both_fit
        refusal = proving.judge(by, user, "password", lambda: fits(by=by, user=user, password=password, code=code))
        if refusal is None:
            _keep_password(by, user, password, new)
            sessions.end_others(by=by, user=user, kept=session, why=AccountSession.End.PASSWORD)
            return
    raise refusal


def _keep_password(by: Actor, user: User, old: str, new: str) -> None:
    if old == new:
        raise ValidationError(_("That is the password you have: nothing changed. Choose another one."), code="same")
    user.set_password(new)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    record(by=by, act="password.changed", obj=user)


def choose_language(*, user: User, language: str) -> None:
    """Keep the language that pages speak to this person; the caller knows that there is such a language."""
    User.objects.filter(pk=user.pk).update(language=language)


def require_operator(by: Actor) -> Actor:
    """Return the actor as operator, who may act from here on. Raises PermissionDenied for anybody else."""
    if not User.objects.filter(pk=by.user_id or 0, is_active=True, is_superuser=True).exists():
        raise PermissionDenied(_("These pages are for the operator of this installation."))
    operator = by.acting_as(OPERATOR)
    admit(operator)
    return operator


@transaction.atomic
def revoke_factors(*, by: Actor, account: User, reason: str) -> None:
    """Take every factor and recovery code off an account whose holder lost them; end its sessions, close its password.

    The holder can come in again only after the operator sets a password, then enrols anew before anything else, and
    signs once somebody of their trials vouches for them (`vouching`).
    Raises ValidationError: `no-reason`, `own`, `no-factor`; PermissionDenied for anybody but the operator.
    """
    by = require_operator(by)
    require_reason(reason)
    if account.pk == by.user_id:
        raise ValidationError(_("Another operator does this for you: nothing changed."), code="own")
    held = Authenticator.objects.filter(user=account)
    kinds = sorted(held.values_list("type", flat=True))
    if not kinds:
        raise ValidationError(_("This account has no second factor: nothing changed."), code="no-factor")
    held.delete()
    account.set_unusable_password()
    account.must_change_password = True
    account.awaits_vouching = True
    account.save(update_fields=["password", "must_change_password", "awaits_vouching"])
    record(by=by, act="second_factor.revoked", obj=account, after={"methods": kinds}, reason=reason)
    sessions.end_all(by=by, account=account, reason=reason)


@transaction.atomic
def end_sessions(*, by: Actor, account: User, reason: str) -> int:
    """End every session of an account; return how many. Raises ValidationError (`no-reason`), PermissionDenied."""
    by = require_operator(by)
    require_reason(reason)
    return sessions.end_all(by=by, account=account, reason=reason)


def roles_of(user: User) -> list[Membership]:
    """Return every role the person holds, held or will hold, the latest first."""
    held = Membership.objects.filter(user=user).select_related("trial", "trial_site__site")
    with widened("roles of other days reach nothing, and are told to their holder"):
        return list(held.order_by("-starts", "trial__code"))
