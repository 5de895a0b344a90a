"""Granting and ending roles: a dated membership and guardian's group, in one transaction.

Rows are locked in one order: the trial, the person, the audit chain.
"""

import datetime as dt

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.shortcuts import assign_perm

from audit.actor import Actor
from audit.context import because, require_reason
from audit.services import record
from trials import access
from trials.duties import excluded_by
from trials.models import Membership, Trial, TrialSite, User
from trials.roles import BLINDED, INDISPENSABLE, LONGEST_DAYS, SITE_ROLES, Act, Role


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
    reason: str = "",
) -> Membership:
    """Give a person a role; `reason` is what it rests on, such as a line of the delegation log.

    Raises ValidationError: `own-role` where somebody grants to themselves, `blinding` or `incompatible` where the
    person holds a role that excludes this one on a day of it, `role-place` where the role needs a site and has none,
    `no-end` or `too-long` for a visitor's role without an end soon enough (C07).
    """
    by = access.require(by, Act.MEMBER_GRANT, trial)
    if by.user_id == user.pk:
        raise ValidationError(
            _("Nobody grants a role to themselves. Ask another administrator of this trial."), code="own-role"
        )
    _refuse_long_visit(role, starts=starts, ends=ends)
    _hold(trial, user)
    _refuse_second_hat(_overlapping(user, trial, starts=starts, ends=ends), role)
    return seat(
        by=by, user=user, trial=trial, trial_site=trial_site, role=role, starts=starts, ends=ends, reason=reason
    )


def _refuse_long_visit(role: Role, *, starts: dt.date, ends: dt.date | None) -> None:
    days = LONGEST_DAYS.get(role)
    if days is None:
        return
    told = {"role": _name(role), "days": days}
    if ends is None:
        raise ValidationError(
            _("The role %(role)s has a last day, at most %(days)s days after the first. Nothing was granted."),
            code="no-end",
            params=told,
        )
    if ends - starts > dt.timedelta(days=days):
        raise ValidationError(
            _("The role %(role)s lasts at most %(days)s days at a time: choose an earlier last day, and renew it."),
            code="too-long",
            params=told,
        )


def seat(
    *,
    by: Actor,
    user: User,
    trial: Trial,
    trial_site: TrialSite | None,
    role: Role,
    starts: dt.date,
    ends: dt.date | None = None,
    reason: str = "",
) -> Membership:
    """Write the membership for an actor who was already asked; only services of this floor call it."""
    if (role in SITE_ROLES) != (trial_site is not None):
        raise ValidationError(
            _("Site staff and the monitor of a site stand on a site; every other role stands on the trial."),
            code="role-place",
        )
    if trial_site is not None and trial_site.trial_id != trial.pk:
        raise ValidationError(_("That site belongs to another trial."), code="role-place")
    membership = Membership(
        user=user,
        trial=trial,
        trial_site=trial_site,
        role=role,
        starts=starts,
        ends=ends,
        granted_by=by.id,
        reason=reason.strip(),
    )
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
    record(by=by, act="role.granted", obj=membership, trial_code=trial.code, after=after, reason=membership.reason)
    return membership


def _hold(trial: Trial, user: User) -> None:
    """Let one grant or end at a time decide over a trial's seat of a person; foreign keys may still point at both."""
    Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _overlapping(user: User, trial: Trial, *, starts: dt.date, ends: dt.date | None) -> QuerySet[Membership]:
    seats = Membership.objects.filter(Q(ends__isnull=True) | Q(ends__gte=starts), user=user, trial=trial)
    return seats if ends is None else seats.filter(starts__lte=ends)


def _refuse_second_hat(seats: QuerySet[Membership], role: Role) -> None:
    held = {Role(other) for other in seats.values_list("role", flat=True)} & excluded_by(role)
    if not held:
        return
    if BLINDED & (held | {role}):
        raise ValidationError(
            _(
                "A blinded reader or adjudicator holds no other role in the same trial. "
                "Choose another person, or days on which the other role has ended."
            ),
            code="blinding",
        )
    raise ValidationError(
        _(
            "This person is %(roles)s on these days, and nobody is both at once. "
            "Choose another person, or end the other role first."
        ),
        code="incompatible",
        params={"roles": ", ".join(sorted(_name(each) for each in held))},
    )


def _name(role: Role) -> str:
    return role.replace("_", " ")


def _group(trial: Trial, trial_site: TrialSite | None, role: Role) -> Group:
    place = trial_site or trial
    group, made = Group.objects.get_or_create(name=f"{place._meta.model_name}:{place.pk}:{role}")
    if made:
        assign_perm(f"trials.as_{role}", group, place)
    return group


@transaction.atomic
def end(*, by: Actor, membership: Membership, reason: str) -> Membership:
    """End a role at once: yesterday becomes its last day, and its first where it had not run for a whole day.

    Raises ValidationError: `no-reason`, `ended` already, `last-coordinator` or `last-administrator`.
    """
    return unseat(by=access.require(by, Act.MEMBER_GRANT, membership), membership=membership, reason=reason)


def unseat(*, by: Actor, membership: Membership, reason: str) -> Membership:
    """End a role for a `by` who was already asked, in their transaction. Raises as `end`."""
    require_reason(reason)
    _hold(membership.trial, membership.user)
    seat_now = Membership.objects.select_related("trial", "trial_site", "user").get(pk=membership.pk)
    _refuse_end(seat_now)
    before = {"starts": seat_now.starts, "ends": seat_now.ends}
    seat_now.ends = timezone.localdate() - dt.timedelta(days=1)
    seat_now.starts = min(seat_now.starts, seat_now.ends)
    seat_now.ended_by = by.id
    with because(reason):
        seat_now.save(update_fields=["starts", "ends", "ended_by"])
    if not _still_seated(seat_now):
        _group(seat_now.trial, seat_now.trial_site, Role(seat_now.role)).user_set.remove(seat_now.user)
    record(
        by=by,
        act="role.ended",
        obj=seat_now,
        trial_code=seat_now.trial.code,
        before=before,
        after={"starts": seat_now.starts, "ends": seat_now.ends},
        reason=reason,
    )
    return seat_now


def _refuse_end(membership: Membership) -> None:
    if membership.ends is not None and membership.ends < timezone.localdate():
        raise ValidationError(
            _("This role has ended already; nothing changed. Open the list of people again."), code="ended"
        )
    if membership.role in INDISPENSABLE and not _others_in_role(membership).exists():
        sentences = {
            Role.COORDINATOR: _("A trial is never without a coordinator."),
            Role.ADMINISTRATOR: _("A trial is never without an administrator, or nobody could grant a role."),
        }
        raise ValidationError(
            _("%(sentence)s Grant this role to somebody else first, then end this one."),
            code=f"last-{membership.role}",
            params={"sentence": sentences[Role(membership.role)]},
        )


def _others_in_role(membership: Membership) -> QuerySet[Membership]:
    others = access.current_memberships().filter(trial=membership.trial, role=membership.role, user__is_active=True)
    return others.exclude(pk=membership.pk)


def _still_seated(membership: Membership) -> bool:
    """Whether another seat in the same role and place runs, or is still to come."""
    same = Membership.objects.filter(
        Q(ends__isnull=True) | Q(ends__gte=timezone.localdate()),
        user=membership.user,
        trial=membership.trial,
        trial_site=membership.trial_site,
        role=membership.role,
    )
    return same.exclude(pk=membership.pk).exists()
