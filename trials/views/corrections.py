"""Correcting a saved trial, site or subject: the new value beside the old one, and why."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from trials import access
from trials.correction_forms import CorrectionForm, SiteCorrectionForm, SubjectCorrectionForm, TrialCorrectionForm
from trials.http import ActorRequest
from trials.models import Subject, TrialSite
from trials.roles import Act
from trials.services import corrections
from trials.services.corrections import SiteChange, SubjectChange, TrialChange
from trials.views.pages import FormPage, attempt, show_form, typed


def correct_trial(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    access.require(request.actor, Act.TRIAL_EDIT, trial)
    form = TrialCorrectionForm(typed(request), row=trial)
    page = FormPage(
        heading=_("Correct the trial"),
        intro=_(
            "The short code stays: addresses, reports and the audit trail stand on it. Images and reports made so far "
            "carry what was saved when they were made."
        ),
        submit=_("Save the correction"),
        back=reverse("trial", args=[trial.code]),
        trial=trial,
    )
    return _correct(
        request,
        form,
        page,
        lambda told: corrections.correct_trial(
            by=request.actor, trial=trial, change=TrialChange(**form.new_values), **told
        ),
    )


def correct_site(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    seen = access.visible(request.actor, TrialSite.objects.filter(trial=trial).select_related("site", "trial"))
    trial_site = get_object_or_404(seen, pk=pk)
    access.require(request.actor, Act.TRIAL_EDIT, trial_site)
    may_correct_hospital = corrections.may_correct_hospital(request.actor, trial_site.site)
    form = SiteCorrectionForm(typed(request), row=trial_site, may_correct_hospital=may_correct_hospital)
    return _correct(
        request,
        form,
        _site_page(trial_site, may_correct_hospital=may_correct_hospital),
        lambda told: corrections.correct_site(
            by=request.actor, trial_site=trial_site, change=SiteChange(**form.new_values), **told
        ),
    )


def _site_page(trial_site: TrialSite, *, may_correct_hospital: bool) -> FormPage:
    shared = (
        _("Name and time zone of the hospital change in every trial that it takes part in.")
        if may_correct_hospital
        else _("Name and time zone stay: the hospital also takes part in a trial that you do not coordinate.")
    )
    return FormPage(
        heading=_("Correct site %(number)s") % {"number": trial_site.number},
        intro=_("Images filed so far carry the number that was saved when they were filed.") + " " + shared,
        submit=_("Save the correction"),
        back=reverse("site-list", args=[trial_site.trial.code]),
        trial=trial_site.trial,
    )


def correct_subject(request: ActorRequest, code: str) -> HttpResponse:
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, Act.SUBJECT_REGISTER, subject)
    form = SubjectCorrectionForm(typed(request), row=subject)
    return _correct(
        request,
        form,
        _subject_page(subject),
        lambda told: corrections.correct_subject(
            by=request.actor, subject=subject, change=SubjectChange(**form.new_values), **told
        ),
    )


def _subject_page(subject: Subject) -> FormPage:
    return FormPage(
        heading=_("Correct day zero of %(code)s") % {"code": subject.code},
        intro=_(
            "All planned days move with it. Once images of this subject are filed it stays, since their study days "
            "were counted from it."
        )
        + f" {corrections.STAYS_AT_SITE}",
        submit=_("Save the correction"),
        back=reverse("subject", args=[subject.code]),
        trial=subject.trial_site.trial,
    )


def _correct(
    request: ActorRequest, form: CorrectionForm, page: FormPage, call: Callable[[dict[str, Any]], Model]
) -> HttpResponse:
    """Show the form, or call the service with reason and seen values; a refusal keeps what was typed."""
    if attempt(form, lambda: call({name: form.cleaned_data[name] for name in ("reason", "seen")})):
        messages.success(request, _("The correction is saved. The old value and your reason stand in the history."))
        return redirect(page.back)
    if form.is_bound:
        form.renew()
    return show_form(request, form=form, page=page)
