"""Founding trials, bringing sites in, and opening them."""

import zoneinfo
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import RegexValidator
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actor import Actor
from audit.context import widened
from audit.services import record
from trials import access
from trials.keys import new_wrapped_key
from trials.models import Charter, Site, Sponsor, Trial, TrialSite, User
from trials.roles import Act, Role
from trials.services import members

# A DICOM AE title: up to 16 printable characters without a backslash, no space at its ends (PS3.5 6.2).
AE_TITLE = RegexValidator(r"^[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]*[\x21-\x5b\x5d-\x7e])?\Z")
TIME_ZONES = tuple(sorted(zoneinfo.available_timezones()))


@dataclass(frozen=True, slots=True)
class NewTrial:
    code: str
    title: str
    protocol_number: str
    sponsor: str


@dataclass(frozen=True, slots=True)
class NewSite:
    """A hospital for a trial: known to the installation by `code`, or made now."""

    code: str
    name: str
    time_zone: str
    number: str
    ae_title: str = ""


@transaction.atomic
def create(*, by: Actor, new: NewTrial) -> Trial:
    """Found a trial with an empty charter draft; its founder becomes its coordinator and its administrator.

    The two exclude each other from then on: the founder hands the second on, and then ends the own one.
    Raises PermissionDenied for accounts that may not found trials: being superuser is not enough.
    """
    founder = User.objects.filter(username=by.id, may_create_trials=True).first()
    if founder is None:
        raise PermissionDenied(_("Your account may not create trials. Ask the operator of this installation."))
    by = by.acting_as(Role.COORDINATOR)
    # Nobody's membership reaches a trial before its first coordinator is seated.
    with widened("a trial is founded"):
        trial = _found(new)
        after = {"title": new.title, "protocol_number": new.protocol_number, "sponsor": new.sponsor}
        record(by=by, act="trial.created", obj=trial, trial_code=trial.code, after=after)
        Charter.objects.create(trial=trial, version=1)
        for role in (Role.COORDINATOR, Role.ADMINISTRATOR):
            members.seat(
                by=by,
                user=founder,
                trial=trial,
                trial_site=None,
                role=role,
                starts=timezone.localdate(),
                reason="founded the trial",
            )
    return trial


def _found(new: NewTrial) -> Trial:
    sponsor, _made = Sponsor.objects.get_or_create(name=new.sponsor)
    return Trial.objects.create(
        code=new.code,
        title=new.title,
        protocol_number=new.protocol_number,
        sponsor=sponsor,
        wrapped_key=new_wrapped_key(),
    )


@transaction.atomic
def open_trial(*, by: Actor, trial: Trial) -> Trial:
    """Open a trial whose charter is approved; only an open trial registers subjects and receives scans."""
    by = access.require(by, Act.TRIAL_EDIT, trial)
    if not trial.charters.filter(state=Charter.State.APPROVED).exists():
        raise ValidationError(_("Approve the charter first: it tells what this trial expects."), code="no-charter")
    moved = Trial.objects.filter(pk=trial.pk, state=Trial.State.PREPARING).update(state=Trial.State.OPEN)
    if not moved:
        raise ValidationError(_("This trial is not being prepared any more."), code="wrong-state")
    trial.refresh_from_db()
    record(
        by=by,
        act="trial.opened",
        obj=trial,
        trial_code=trial.code,
        before={"state": "preparing"},
        after={"state": "open"},
    )
    return trial


@transaction.atomic
def add_site(*, by: Actor, trial: Trial, new: NewSite) -> TrialSite:
    """Bring a hospital into the trial. Raises ValidationError where number or AE title is taken."""
    by = access.require(by, Act.TRIAL_EDIT, trial)
    site, _made = Site.objects.get_or_create(code=new.code, defaults={"name": new.name, "time_zone": new.time_zone})
    trial_site = TrialSite(trial=trial, site=site, number=new.number, ae_title=new.ae_title)
    with widened("an AE title is one site's in all trials"):
        trial_site.full_clean()
    trial_site.save()
    after = {"site": site.code, "number": new.number, "ae_title": new.ae_title}
    record(by=by, act="site.added", obj=trial_site, trial_code=trial.code, after=after)
    return trial_site
