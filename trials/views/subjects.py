"""Subjects: the list, the registration, and the page of one."""

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from trials import access
from trials.agreement import Level, Standing, State
from trials.agreement_forms import RegisterForm
from trials.http import ActorRequest
from trials.models import Consent, ConsentForm, ConsentFormApproval, Restriction, Subject, TimePoint, Trial, TrialSite
from trials.roles import Act
from trials.services import collection, consent, consent_checks, consent_forms, subjects
from trials.views.consents import state_line, words_of
from trials.views.pages import FormPage, attempt, show_form, typed
from trials.views.tracker import judge


def show_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.SUBJECT_VIEW)
    acts = access.acts_in(request.actor, trial)
    seen = access.visible(request.actor, Subject.objects.filter(trial_site__trial=trial))
    context = {
        "trial": trial,
        "subjects": seen.select_related("trial_site__site").order_by("trial_site__number", "code"),
        "forms": [(form, words_of(form.scopes)) for form in _forms(request, trial)],
        "waiting_sites": _waiting_sites(request, trial),
        "may_edit": Act.TRIAL_EDIT in acts,
        "may_register": Act.SUBJECT_REGISTER in acts and trial.state == Trial.State.OPEN,
        "names_sites": Act.SITE_NAME in acts,
    }
    return render(request, "subject_list.html", context)


def _forms(request: ActorRequest, trial: Trial) -> QuerySet[ConsentForm]:
    """The versions with their approvals, of the sites that the person may see."""
    approvals = access.visible(request.actor, ConsentFormApproval.objects.select_related("trial_site"))
    return trial.consent_forms.prefetch_related(Prefetch("approvals", approvals))


def _waiting_sites(request: ActorRequest, trial: Trial) -> list[str]:
    """The numbers of sites that may not begin: no version is approved for them yet (V02)."""
    seen = access.visible(request.actor, trial.sites.order_by("number"))
    return [site.number for site in seen if not consent_forms.is_live(site)]


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
        by=request.actor, trial_site=told["trial_site"], day_zero=told["day_zero"], consent=form.consent()
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


def _subject(request: ActorRequest, code: str) -> Subject:
    return access.visible_subject(request.actor, code)


def show(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code)
    standing = consent.standing_of(subject)
    context = _frame(request, subject, standing) | {
        "modules": [state_line(module.value, each.state) for module, each in standing.modules.items()],
        "pending": consent_checks.pending_of(subject),
        "latest": subject.consents.filter(kind=Consent.Kind.GIVEN).select_related("form").order_by("-id").first(),
        "level": Consent.Level(standing.level).label if standing.level else "",
        "withdrawn_on": standing.withdrawn_on,
        "must_reconsent": standing.must_reconsent,
        "is_due": any(each.state is State.RECONSENT_DUE for each in standing.modules.values()),
        "restriction": _restriction(subject),
        "visits": judge(TimePoint.objects.filter(subject=subject).order_by("due_on")),
    }
    return render(request, "subject.html", context)


def _restriction(subject: Subject) -> Restriction | None:
    latest = subject.restrictions.order_by("-id").first()
    return latest if latest is not None and latest.kind == Restriction.Kind.RESTRICTED else None


def _frame(request: ActorRequest, subject: Subject, standing: Standing) -> dict[str, Any]:
    may_send = access.may(request.actor, Act.SUBMISSION_SEND, subject) is not None
    is_over = standing.level is not None and standing.level.is_final
    may_record = access.may(request.actor, Act.CONSENT_RECORD, subject) is not None
    return {
        "subject": subject,
        "trial": subject.trial_site.trial,
        "may_record": may_record and not is_over,
        "may_withdraw": may_record and standing.level is not Level.W6,
        "may_check": access.may(request.actor, Act.CONSENT_CHECK, subject) is not None,
        "may_restrict": access.may(request.actor, Act.SUBJECT_RESTRICT, subject) is not None,
        "names_sites": access.may_name_sites(request.actor, subject.trial_site.trial),
        "may_correct": access.may(request.actor, Act.SUBJECT_REGISTER, subject) is not None,
        "may_send": may_send,
        "may_allow": may_send and collection.confirmable(standing) is not None,
    }
