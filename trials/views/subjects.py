"""Subjects: the list, the registration, the page of one, and what they agreed to or took back."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from trials import access
from trials.forms import ConsentGivenForm, ConsentVersionForm, RegisterForm, WithdrawForm
from trials.http import ActorRequest
from trials.models import Consent, ConsentForm, Subject, TimePoint, Trial, TrialSite
from trials.roles import Act
from trials.services import subjects
from trials.services.subjects import NewConsent
from trials.views.pages import FormPage, attempt, show_form, typed
from trials.views.tracker import judge


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One scope of consent and whether it is covered now."""

    words: str
    is_covered: bool


def show_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.SUBJECT_VIEW)
    acts = access.acts_in(request.actor, trial)
    seen = access.visible(request.actor, Subject.objects.filter(trial_site__trial=trial))
    context = {
        "trial": trial,
        "subjects": seen.select_related("trial_site__site").order_by("trial_site__number", "code"),
        "forms": [(form, _words(form.scopes)) for form in trial.consent_forms.all()],
        "may_edit": Act.TRIAL_EDIT in acts,
        "may_register": Act.SUBJECT_REGISTER in acts and trial.state == Trial.State.OPEN,
        "names_sites": Act.SITE_NAME in acts,
    }
    return render(request, "subject_list.html", context)


def _words(scopes: list[str]) -> list[str]:
    return [str(ConsentForm.Scope(scope).label) for scope in scopes]


def add_consent_form(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    access.require(request.actor, Act.TRIAL_EDIT, trial)
    form = ConsentVersionForm(typed(request))
    made = attempt(form, lambda: subjects.add_consent_form(by=request.actor, trial=trial, **form.cleaned_data))
    if made:
        messages.success(request, _("The version of the consent form is recorded."))
        return redirect("subject-list", trial.code)
    page = FormPage(
        heading=_("New version of the consent form"),
        intro=_("Only what it asks for is recorded here; the text and the signed paper stay with the site."),
        submit=_("Record this version"),
        back=reverse("subject-list", args=[trial.code]),
        trial=trial,
    )
    return show_form(request, form=form, page=page)


def register(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.SUBJECT_REGISTER)
    form = RegisterForm(
        typed(request),
        trial=trial,
        sites=_own_sites(request, trial),
        initial={"on": timezone.localdate()},
    )
    made = attempt(form, lambda: _register(request, form))
    if made:
        messages.success(request, _("Registered. Note the code %(code)s in your own list.") % {"code": made.code})
        return redirect("subject", made.code)
    return show_form(request, form=form, page=_register_page(trial))


def _own_sites(request: ActorRequest, trial: Trial) -> QuerySet[TrialSite]:
    open_sites = TrialSite.objects.filter(trial=trial, state=TrialSite.State.OPEN).select_related("site")
    return access.within(request.actor, open_sites, act=Act.SUBJECT_REGISTER)


def _register(request: ActorRequest, form: RegisterForm) -> Subject:
    told = form.cleaned_data
    return subjects.register(
        by=request.actor, trial_site=told["trial_site"], day_zero=told["day_zero"], consent=_consent(form)
    )


def _register_page(trial: Trial) -> FormPage:
    return FormPage(
        heading=_("Register a subject"),
        intro=_(
            "Enter no name, no birth date and no hospital number: the subject gets a random code, "
            "and only your own list says who it is."
        ),
        submit=_("Register"),
        back=reverse("subject-list", args=[trial.code]),
        trial=trial,
    )


def _consent(form: ConsentGivenForm) -> NewConsent:
    told = form.cleaned_data
    return NewConsent(form=told["form"], scopes=told["scopes"], on=told["on"])


def _subject(request: ActorRequest, code: str) -> Subject:
    return access.visible_subject(request.actor, code)


def show(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code)
    consents = list(subject.consents.select_related("form"))
    context = _frame(request, subject) | {
        "consents": [(row, _words(row.scopes)) for row in consents],
        "scopes": _scope_lines(consents),
        "latest": consents[0] if consents else None,
        "visits": judge(TimePoint.objects.filter(subject=subject).order_by("due_on")),
    }
    return render(request, "subject.html", context)


def _frame(request: ActorRequest, subject: Subject) -> dict[str, Any]:
    may_record = access.may(request.actor, Act.CONSENT_RECORD, subject) is not None
    return {
        "subject": subject,
        "trial": subject.trial_site.trial,
        "may_record": may_record,
        "names_sites": access.may_name_sites(request.actor, subject.trial_site.trial),
        "may_correct": access.may(request.actor, Act.SUBJECT_REGISTER, subject) is not None,
        "may_withdraw": may_record and subject.state == Subject.State.ENROLLED,
        "may_send": access.may(request.actor, Act.SUBMISSION_SEND, subject) is not None,
    }


def _scope_lines(consents: list[Consent]) -> list[ScopeLine]:
    now = consents[0].scopes if consents and consents[0].kind == Consent.Kind.GIVEN else []
    return [ScopeLine(words=str(scope.label), is_covered=scope in now) for scope in ConsentForm.Scope]


def give_consent(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code)
    access.require(request.actor, Act.CONSENT_RECORD, subject)
    form = ConsentGivenForm(typed(request), trial=subject.trial_site.trial, initial={"on": timezone.localdate()})
    if attempt(form, lambda: subjects.give_consent(by=request.actor, subject=subject, consent=_consent(form))):
        messages.success(request, _("The new consent counts from now on."))
        return redirect("subject", subject.code)
    page = FormPage(
        heading=_("New consent of %(code)s") % {"code": subject.code},
        intro=_("A newly signed form replaces what was agreed before. The earlier rows stay readable."),
        submit=_("Record this consent"),
        back=reverse("subject", args=[subject.code]),
        trial=subject.trial_site.trial,
    )
    return show_form(request, form=form, page=page)


def withdraw_consent(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code)
    access.require(request.actor, Act.CONSENT_RECORD, subject)
    form = WithdrawForm(typed(request), subject=subject, initial={"on": timezone.localdate()})
    if attempt(form, lambda: _withdraw(request, subject, form)):
        messages.warning(
            request, _("Consent is withdrawn. No scan of this subject is taken, cleaned or read from now on.")
        )
        return redirect("subject", subject.code)
    context = {"form": form, "subject": subject, "trial": subject.trial_site.trial}
    return render(request, "subject_withdraw.html", context, status=400 if form.is_bound else 200)


def _withdraw(request: ActorRequest, subject: Subject, form: WithdrawForm) -> Consent:
    told = form.cleaned_data
    return subjects.withdraw_consent(by=request.actor, subject=subject, on=told["on"], reason=told["reason"])
