"""Granting and ending roles: a dated membership and guardian's group, in one transaction."""

import datetime as dt

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.shortcuts import assign_perm

from audit.actor import Actor
from audit.services import record
from trials import access
from trials.models import Membership, Trial, TrialSite, User
from trials.roles import SITE_ROLES, Act, Role


@transaction.atomic
def grant(
    *,
    by: Actor,
    user: User,
    trial: Trial,
    role: Role,
    trial_site: TrialSite | None,
    starts: dt.date,
    ends: dt.date | None,
) -> Membership:
    """Give a person a role. Raises ValidationError where the role needs a site and has none, or the reverse."""
    by = access.require(by, Act.MEMBER_GRANT, trial)
    return seat(by=by, user=user, trial=trial, trial_site=trial_site, role=role, starts=starts, ends=ends)


def seat(
    *,
    by: Actor,
    user: User,
    trial: Trial,
    trial_site: TrialSite | None,
    role: Role,
    starts: dt.date,
    ends: dt.date | None = None,
) -> Membership:
    """Write the membership for an actor who was already asked; only services of this floor call it."""
    if (role in SITE_ROLES) != (trial_site is not None):
        raise ValidationError(_("Site staff stand on a site; every other role stands on the trial."), code="role-place")
    if trial_site is not None and trial_site.trial_id != trial.pk:
        raise ValidationError(_("That site belongs to another trial."), code="role-place")
    _refuse_second_hat(user, trial, role)
    membership = Membership(user=user, trial=trial, trial_site=trial_site, role=role, starts=starts, ends=ends)
    membership.full_clean()
    membership.save()
    _group(trial, trial_site, role).user_set.add(user)
    after = {
        "user": user.get_username(),
        "role": role,
        "site": str(trial_site or ""),
        "starts": starts,
        "ends": ends,
    }
    record(by=by, act="role.granted", obj=membership, trial_code=trial.code, after=after)
    return membership


def _refuse_second_hat(user: User, trial: Trial, role: Role) -> None:
    # A reader who also sees sites or results would be unblinded by another page.
    others = access.current_memberships().filter(user=user, trial=trial).exclude(role=role)
    if others.filter(role=Role.READER).exists() or (role == Role.READER and others.exists()):
        raise ValidationError(_("A blinded reader holds no other role in the same trial."), code="blinding")


def _group(trial: Trial, trial_site: TrialSite | None, role: Role) -> Group:
    place = trial_site or trial
    group, made = Group.objects.get_or_create(name=f"{place._meta.model_name}:{place.pk}:{role}")
    if made:
        assign_perm(f"trials.as_{role}", group, place)
    return group


@transaction.atomic
def end(*, by: Actor, membership: Membership, reason: str) -> None:
    """End a role today. Raises ValidationError without a reason."""
    by = access.require(by, Act.MEMBER_GRANT, membership)
    if not reason.strip():
        raise ValidationError(_("Say why this role ends."), code="no-reason")
    before = {"ends": membership.ends}
    membership.ends = max(timezone.localdate() - dt.timedelta(days=1), membership.starts)
    membership.save(update_fields=["ends"])
    if not _still_seated(membership):
        _group(membership.trial, membership.trial_site, Role(membership.role)).user_set.remove(membership.user)
    record(
        by=by,
        act="role.ended",
        obj=membership,
        trial_code=membership.trial.code,
        before=before,
        after={"ends": membership.ends},
        reason=reason,
    )


def _still_seated(membership: Membership) -> bool:
    same = access.current_memberships().filter(
        user=membership.user, trial=membership.trial, trial_site=membership.trial_site, role=membership.role
    )
    return same.exclude(pk=membership.pk).exists()
