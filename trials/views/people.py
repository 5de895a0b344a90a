"""Sites of a trial, and who holds which role in it from when to when."""

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from trials import access
from trials.forms import ROLE_NAMES, MemberForm, ReasonForm, SiteForm
from trials.http import ActorRequest
from trials.models import Membership, TrialSite
from trials.roles import Act, Role
from trials.services import members, trials
from trials.views.pages import FormPage, attempt, show_form, typed


@dataclass(frozen=True, slots=True)
class Seat:
    """A membership as the list shows it."""

    membership: Membership
    role: str
    has_ended: bool


def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.SITE_VIEW)
    acts = access.acts_in(request.actor, trial)
    sites = access.visible(request.actor, TrialSite.objects.filter(trial=trial))
    people = access.visible(request.actor, Membership.objects.filter(trial=trial))
    today = timezone.localdate()
    context = {
        "trial": trial,
        "sites": sites.select_related("site").order_by("number"),
        "may_edit": Act.TRIAL_EDIT in acts,
        "may_grant": Act.MEMBER_GRANT in acts,
        "may_see_people": Act.MEMBER_VIEW in acts,
        "may_look_back": Act.ACCESS_VIEW in acts,
        "may_manage_tokens": Act.SENDING_GRANT in acts,
        "may_register_tools": Act.TOOL_GRANT in acts,
        "names_sites": Act.SITE_NAME in acts,
        "seats": [_seat(one, today) for one in people.select_related("user", "trial_site__site")],
    }
    return render(request, "site_list.html", context)


def _seat(membership: Membership, today: dt.date) -> Seat:
    has_ended = membership.ends is not None and membership.ends < today
    return Seat(membership=membership, role=str(ROLE_NAMES[Role(membership.role)]), has_ended=has_ended)


def add_site(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    access.require(request.actor, Act.TRIAL_EDIT, trial)
    form = SiteForm(typed(request))
    made = attempt(
        form, lambda: trials.add_site(by=request.actor, trial=trial, new=trials.NewSite(**form.cleaned_data))
    )
    if made:
        messages.success(request, _("The site is part of the trial. Now give its staff their role."))
        return redirect("site-list", trial.code)
    page = FormPage(
        heading=_("Add a site"),
        intro=_("The hospital gets a number in this trial. Its staff see its own subjects and nobody else's."),
        submit=_("Add the site"),
        back=reverse("site-list", args=[trial.code]),
        trial=trial,
    )
    return show_form(request, form=form, page=page)


def add_member(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    access.require(request.actor, Act.MEMBER_GRANT, trial)
    form = MemberForm(typed(request), trial=trial, initial={"starts": timezone.localdate()})
    made = attempt(form, lambda: members.grant(by=request.actor, trial=trial, **form.cleaned_data))
    if made:
        messages.success(request, _("The role is granted."))
        return redirect("site-list", trial.code)
    page = FormPage(
        heading=_("Grant a role"),
        intro=_(
            "A blinded reader or adjudicator holds no other role in the same trial, and who sends scans neither judges "
            "them nor runs the trial. Nobody grants a role to themselves. Every grant stands in the audit trail."
        ),
        submit=_("Grant the role"),
        back=reverse("site-list", args=[trial.code]),
        trial=trial,
    )
    return show_form(request, form=form, page=page)


def end_member(request: ActorRequest, pk: int) -> HttpResponse:
    seen = access.visible(request.actor, Membership.objects.select_related("trial", "user", "trial_site"))
    membership = get_object_or_404(seen, pk=pk)
    access.require(request.actor, Act.MEMBER_GRANT, membership)
    form = ReasonForm(typed(request))
    if attempt(form, lambda: members.end(by=request.actor, membership=membership, reason=form.cleaned_data["reason"])):
        messages.success(request, _("The role has ended."))
        return redirect("site-list", membership.trial.code)
    return show_form(request, form=form, page=_end_page(membership))


def _end_page(membership: Membership) -> FormPage:
    words = {"person": str(membership.user), "role": ROLE_NAMES[Role(membership.role)]}
    return FormPage(
        heading=_("End a role"),
        intro=_("%(person)s stops being %(role)s in this trial at once. What was done in this role stays.") % words,
        submit=_("End the role"),
        back=reverse("site-list", args=[membership.trial.code]),
        trial=membership.trial,
    )
