"""The periodic review of who may what in a trial: each role kept or ended with a reason, then signed (C02, 4.3.8(b)).

Nothing is kept between the pages of a review: what is decided travels with the form, and stands once it is signed.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.meanings import Meaning
from audit.selectors import last_acts
from audit.services import record
from audit.signing import Offer, Proof, offer, sign, signing
from trials import access
from trials.duties import excluded_by
from trials.models import AccessReview, Membership, Trial
from trials.models.reviews import key_of
from trials.roles import INDISPENSABLE, Act, Role
from trials.services import members

MEANINGS = (Meaning.REVIEW, Meaning.RESPONSIBILITY)
UNUSED_AFTER = dt.timedelta(days=90)


class Flag(TextChoices):
    """Why a role deserves a look."""

    UNUSED = "unused", _("unused for 90 days")
    CLOSED = "closed", _("account closed")
    CONFLICT = "conflict", _("excludes another role")
    ENDLESS = "endless", _("no end")
    OWN = "own", _("your own")


class Verdict(TextChoices):
    KEEP = "keep", _("keep")
    END = "end", _("end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A role of somebody, running or to come, as the review shows it; days are UTC."""

    membership: Membership
    last_sign_in: dt.date | None
    last_act: dt.date | None
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    verdict: Verdict
    reason: str


Decisions = Mapping[int, Decision]


def seats(trial: Trial, *, reviewer: Actor) -> list[Seat]:
    """Return every role of the trial that runs or is still to come, with what speaks for a look at it."""
    today = timezone.localdate()
    rows = Membership.objects.filter(Q(ends__isnull=True) | Q(ends__gte=today), trial=trial)
    running = list(rows.select_related("user", "trial_site").order_by("user__username", "role", "pk"))
    acts = {person: at.date() for person, at in last_acts(trial.code).items()}
    return [_seat(each, running, acts, reviewer) for each in running]


def _seat(one: Membership, running: list[Membership], acts: Mapping[str, dt.date], reviewer: Actor) -> Seat:
    signed_in = one.user.last_login.date() if one.user.last_login else None
    acted = acts.get(one.user.get_username())
    beside = {Role(other.role) for other in running if other.user_id == one.user_id and other.pk != one.pk}
    idle_since = max(day for day in (one.starts, signed_in, acted) if day)
    told = {
        Flag.UNUSED: timezone.localdate() - idle_since > UNUSED_AFTER,
        Flag.CLOSED: not one.user.is_active,
        Flag.CONFLICT: bool(beside & excluded_by(Role(one.role))),
        Flag.ENDLESS: one.ends is None,
        Flag.OWN: one.user_id == reviewer.user_id,
    }
    flags = tuple(flag for flag, holds in told.items() if holds)
    return Seat(membership=one, last_sign_in=signed_in, last_act=acted, flags=flags)


def due_on(trial: Trial) -> dt.date:
    """Return the day by which the next review is due: counted from the last, or from the trial's first role."""
    last = trial.access_reviews.order_by("-number").first()
    first = trial.memberships.order_by("starts").first()
    since = last.at.date() if last else (first.starts if first else timezone.localdate())
    return since + dt.timedelta(days=settings.ACCESS_REVIEW_DAYS)


def offer_review(*, by: Actor, trial: Trial, decisions: Decisions) -> Offer:
    """Return what a review would sign. Raises ValidationError as `review` does before the signature."""
    by = access.require(by, Act.ACCESS_REVIEW, trial)
    found = seats(trial, reviewer=by)
    _refuse(found, decisions)
    made = _next(trial)
    return offer(by=by, obj=made, contents=_contents(made, found, decisions), meanings=MEANINGS)


@signing
def review(*, by: Actor, trial: Trial, decisions: Decisions, proof: Proof) -> AccessReview:
    """Sign the review as offered and end the roles that it ends, at once.

    Raises ValidationError: `undecided` where a role has come or gone since, `no-reason`, `last-coordinator`,
    `last-administrator`, and SignatureRefused as `audit.signing.sign`.
    """
    by = access.require(by, Act.ACCESS_REVIEW, trial)
    Trial.objects.select_for_update(no_key=True).get(pk=trial.pk)
    found = seats(trial, reviewer=by)
    _refuse(found, decisions)
    made = _next(trial)
    contents = _contents(made, found, decisions)
    signature = sign(by=by, proof=proof, obj=made, contents=contents, meanings=MEANINGS, trial_code=trial.code)
    to_end = [each.membership for each in found if decisions[each.membership.pk].verdict is Verdict.END]
    for membership in to_end:
        members.unseat(by=by, membership=membership, reason=decisions[membership.pk].reason)
    made.contents, made.record_sha256, made.at = json.loads(signature.contents), signature.record_sha256, signature.at
    made.reviewer_id, made.reviewer_name = by.id, by.name
    made.kept, made.ended = len(found) - len(to_end), len(to_end)
    made.save(force_insert=True)
    told = {"number": made.number, "kept": made.kept, "ended": made.ended, "next due on": due_on(trial)}
    record(by=by, act="access.reviewed", obj=made, trial_code=trial.code, after=told)
    return made


def _next(trial: Trial) -> AccessReview:
    """Return the review that comes next, not saved: its key is known before it is signed."""
    number = trial.access_reviews.count() + 1
    return AccessReview(pk=key_of(trial_id=trial.pk, number=number), trial=trial, number=number)


def _contents(made: AccessReview, found: list[Seat], decisions: Decisions) -> dict[str, Any]:
    return {
        "trial": made.trial.code,
        "number": made.number,
        "on": timezone.localdate(),
        "roles": [_told(each, decisions[each.membership.pk]) for each in found],
    }


def _told(seat: Seat, decision: Decision) -> dict[str, Any]:
    one = seat.membership
    return {
        "person": str(one.user),
        "account": one.user.get_username(),
        "role": str(one.role),
        "site": one.trial_site.number if one.trial_site else None,
        "from": one.starts,
        "until": one.ends,
        "granted_by": one.granted_by,
        "last_sign_in": seat.last_sign_in,
        "last_act": seat.last_act,
        "flags": [str(flag) for flag in seat.flags],
        "decision": str(decision.verdict),
        "reason": decision.reason.strip(),
    }


def _refuse(found: list[Seat], decisions: Decisions) -> None:
    if {each.membership.pk for each in found} != set(decisions):
        raise ValidationError(
            _("Roles have come or gone since this list was shown. Nothing was recorded; look at the list again."),
            code="undecided",
        )
    for each in found:
        if _lacks_reason(each, decisions[each.membership.pk]):
            raise ValidationError(
                _("Say why %(person)s loses the role, or keeps it although it is flagged. Nothing was recorded."),
                code="no-reason",
                params={"person": str(each.membership.user)},
            )
    for role in sorted(INDISPENSABLE):
        _refuse_none_left(role, found, decisions)


def _lacks_reason(seat: Seat, decision: Decision) -> bool:
    # That a role has no end, or is one's own, is a fact to know, and by itself nothing to answer for.
    telling = {*seat.flags} - {Flag.ENDLESS, Flag.OWN}
    return not decision.reason.strip() and (decision.verdict is Verdict.END or bool(telling))


def _refuse_none_left(role: Role, found: list[Seat], decisions: Decisions) -> None:
    today = timezone.localdate()
    running = [one.membership for one in found if one.membership.role == role and one.membership.user.is_active]
    held = [one for one in running if one.starts <= today]
    if held and all(decisions[one.pk].verdict is Verdict.END for one in held):
        raise ValidationError(
            _("This would leave the trial without %(role)s. Nothing was recorded; grant the role to somebody first."),
            code=f"last-{role}",
            params={"role": str(role)},
        )
