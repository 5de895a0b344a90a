"""Founding a trial, and its first page: what is missing before it opens, and the tracker."""

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trials import access, closures
from trials.forms import TrialForm
from trials.http import ActorRequest
from trials.models import Charter, Trial
from trials.roles import INDISPENSABLE, Act
from trials.services import access_reviews, trials
from trials.views.pages import FormPage, attempt, show_form, typed
from trials.views.tracker import grid

_SOON = dt.timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a trial needs before its first scan."""

    is_done: bool
    sentence: str
    href: str


def create(request: ActorRequest) -> HttpResponse:
    if not request.user.may_create_trials:
        raise PermissionDenied(_("Your account may not create trials. Ask the operator of this installation."))
    form = TrialForm(typed(request))
    made = attempt(form, lambda: trials.create(by=request.actor, new=_new(form)))
    if made:
        messages.success(
            request, _("The trial stands, and you are its coordinator and administrator. Next: write the charter.")
        )
        return redirect("trial", made.code)
    page = FormPage(
        heading=_("New trial"),
        intro=_(
            "You become its coordinator, and its administrator until you hand that on. It starts closed to subjects "
            "until its charter is approved."
        ),
        submit=_("Create the trial"),
        back=reverse("home"),
    )
    return show_form(request, form=form, page=page)


def _new(form: TrialForm) -> trials.NewTrial:
    told = form.cleaned_data
    return trials.NewTrial(
        code=told["code"],
        title=told["title"],
        protocol_number=told["protocol_number"],
        sponsor=told["sponsor_name"],
    )


def overview(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    acts = access.acts_in(request.actor, trial)
    may_edit = Act.TRIAL_EDIT in acts
    context = {
        "trial": trial,
        "may_edit": may_edit,
        "may_send": Act.SUBMISSION_SEND in acts,
        "charter": trial.charters.filter(state=Charter.State.APPROVED).first(),
        "grid": grid(request.actor, trial, page=request.GET.get("page", "")) if Act.SUBJECT_VIEW in acts else None,
        "steps": _steps(trial) if may_edit else [],
        "names_sites": Act.SITE_NAME in acts,
        "is_closed": closures.is_closed(trial.pk),
        "review_due": _review_due(trial) if Act.ACCESS_REVIEW in acts else None,
    }
    return render(request, "trial.html", context)


def _review_due(trial: Trial) -> dt.date | None:
    """Return the day by which roles had to be reviewed, once it has come or comes within two weeks."""
    due = access_reviews.due_on(trial)
    return due if due <= timezone.localdate() + _SOON else None


def _steps(trial: Trial) -> list[Step]:
    """Return the way to the first scan, or nothing once all of it is walked."""
    approved = trial.charters.filter(state=Charter.State.APPROVED).exists()
    steps = [
        Step(approved, _("Write the imaging charter and approve it"), reverse("charter", args=[trial.code])),
        Step(trial.sites.exists(), _("Add the first site"), reverse("site-add", args=[trial.code])),
        Step(
            trial.memberships.exclude(role__in=INDISPENSABLE).exists(),
            _("Give people their roles: site staff, QC analyst, readers"),
            reverse("member-add", args=[trial.code]),
        ),
        Step(
            trial.consent_forms.exists(),
            _("Record the version of the consent form"),
            reverse("consent-form-add", args=[trial.code]),
        ),
        Step(trial.state != Trial.State.PREPARING, _("Open the trial (the button is above)"), ""),
    ]
    return [] if all(step.is_done for step in steps) else steps


@require_POST
def open_trial(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    try:
        trials.open_trial(by=request.actor, trial=trial)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    else:
        messages.success(request, _("The trial is open: sites may register subjects and send scans."))
    return redirect("trial", trial.code)
