"""Two people for a signature after an operator revoked somebody's factors: the operator could enrol in their place.

So the new factor signs nothing until somebody who works on a trial with its holder says that it is they
(21 CFR 11.200(a)(3): use by anybody else takes the collaboration of two).
"""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.models import User
from trials.roles import Role
from trials.services import factors, proving

# Who knows the people of a trial, and was not made by the operator: roles come from coordinators alone.
_VOUCHERS = frozenset({Role.COORDINATOR, Role.MONITOR, Role.DATA_PROTECTION_OFFICER})


def waiting_for(by: Actor) -> list[User]:
    """Return whose new factor this person may vouch for: people of their trials, never themselves."""
    of_trials = {scope.trial_id for scope in access.scopes(by) if scope.role in _VOUCHERS}
    if not of_trials:
        return []
    people = access.current_memberships().filter(trial__in=of_trials).values("user")
    waiting = User.objects.filter(pk__in=people, awaits_vouching=True, is_active=True)
    return list(waiting.exclude(pk=by.user_id or 0).order_by("username"))


def vouch(*, by: Actor, user: User, account: User, password: str, code: str) -> None:
    """Say that the new factor of `account` is its holder's. `user` is who says so, with password and second factor.

    Raises ValidationError as `proving.judge` does; PermissionDenied for whoever may not vouch, and for one whose own
    factor still waits.
    """
    by = proving.holder(by, user)
    if user.awaits_vouching or user.must_change_password or account not in waiting_for(by):
        raise PermissionDenied
    with transaction.atomic():
        proving.hold(user)
        fits = factors.both_fit
        refusal = proving.judge(by, user, "vouch", lambda: fits(by=by, user=user, password=password, code=code))
        if refusal is None:
            User.objects.filter(pk=account.pk).update(awaits_vouching=False)
            record(by=by, act="account.vouched", obj=account)
            return
    raise refusal
