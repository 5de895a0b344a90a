"""Pages of consent: versions and their approvals, papers and their check, the history."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from trials import access
from trials.agreement import State
from trials.agreement_forms import (
    AnswerForm,
    ApprovalForm,
    CheckForm,
    ConsentGivenForm,
    ConsentVersionForm,
    RejectForm,
)
from trials.http import ActorRequest
from trials.models import Consent, ConsentForm
from trials.roles import Act
from trials.services import consent, consent_checks, consent_forms, consents
from trials.views.pages import FormPage, attempt, show_form, typed

STATE_WORDS = {
    State.NOT_ASKED: __("not asked"),
    State.ASKED: __("asked"),
    State.GIVEN: __("given, waits for its check"),
    State.VALID: __("valid"),
    State.REFUSED: __("refused"),
    State.INVALID: __("invalid: the check failed"),
    State.EXPIRED: __("expired"),
    State.RECONSENT_DUE: __("to be signed again"),
    State.WITHDRAWN: __("withdrawn"),
}
_BADGES = {
    State.VALID: "ok",
    State.GIVEN: "info",
    State.RECONSENT_DUE: "warn",
    State.EXPIRED: "bad",
    State.INVALID: "bad",
    State.WITHDRAWN: "bad",
}


@dataclass(frozen=True, slots=True)
class StateLine:
    """One module as it stands: `badge` is a variant of the stylesheet, the words say the same."""

    module: str
    words: str
    badge: str


def state_line(module: str, state: State) -> StateLine:
    return StateLine(
        module=str(ConsentForm.Scope(module).label), words=str(STATE_WORDS[state]), badge=_BADGES.get(state, "idle")
    )


def words_of(scopes: list[str]) -> list[str]:
    return [str(ConsentForm.Scope(scope).label) for scope in scopes]


def add_form(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.visible_trial(request.actor, code)
    access.require(request.actor, Act.TRIAL_EDIT, trial)
    form = ConsentVersionForm(typed(request), trial=trial)
    made = attempt(form, lambda: consent_forms.add(by=request.actor, trial=trial, new=form.new_form()))
    if made:
        messages.success(request, _("The version is recorded. Record its approval for each site before it is signed."))
        return redirect("consent-form", trial.code, made.pk)
    page = FormPage(
        heading=_("New version of the consent form"),
        intro=_("Only what it asks for is recorded here; the text and the signed paper stay with the site."),
        submit=_("Record this version"),
        back=reverse("subject-list", args=[trial.code]),
        trial=trial,
    )
    return show_form(request, form=form, page=page)


def show_form_version(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    """One version with its approvals; a POST records another."""
    trial = access.trial_for(request.actor, code, Act.SITE_VIEW)
    version = get_object_or_404(access.visible(request.actor, ConsentForm.objects.filter(trial=trial)), pk=pk)
    if request.method == "POST":
        access.require(request.actor, Act.TRIAL_EDIT, version)
    form = ApprovalForm(typed(request), sites=trial.sites.select_related("site"), initial={"on": timezone.localdate()})
    if attempt(form, lambda: consent_forms.approve(by=request.actor, form=version, **form.cleaned_data)):
        messages.success(request, _("The approval is recorded: the version may be signed there from that day on."))
        return redirect("consent-form", trial.code, version.pk)
    may_approve = access.may(request.actor, Act.TRIAL_EDIT, version) is not None
    context = _version(request, version) | {"trial": trial, "form": form if may_approve else None}
    return render(request, "consent_form.html", context, status=400 if form.is_bound else 200)


def _version(request: ActorRequest, version: ConsentForm) -> dict[str, Any]:
    """What a version asks for, and its approvals at the sites that the person may see."""
    approvals = access.visible(request.actor, version.approvals.select_related("trial_site__site"))
    mandatory = consent_forms.mandatory_of(version)
    bases = {scope: ConsentForm.Basis(basis).label for scope, basis in version.bases.items()}
    modules = zip(version.scopes, words_of(version.scopes), strict=True)
    return {
        "version": version,
        "modules": [(words, scope in mandatory, bases.get(scope, "")) for scope, words in modules],
        "approvals": approvals.order_by("trial_site__number", "language"),
        "names_sites": access.may_name_sites(request.actor, version.trial),
    }


def give(request: ActorRequest, code: str) -> HttpResponse:
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, Act.CONSENT_RECORD, subject)
    form = ConsentGivenForm(typed(request), trial=subject.trial_site.trial, initial={"on": timezone.localdate()})
    if attempt(form, lambda: consents.give(by=request.actor, subject=subject, new=form.consent())):
        messages.success(request, _("The signed form is recorded. It counts once a second person has confirmed it."))
        return redirect("subject", subject.code)
    page = FormPage(
        heading=_("Signed form of %(code)s") % {"code": subject.code},
        intro=_("A second person at the site, or the monitor, confirms it on the same scan. Earlier rows stay."),
        submit=_("Record this consent"),
        back=reverse("subject", args=[subject.code]),
        trial=subject.trial_site.trial,
    )
    return show_form(request, form=form, page=page)


def answer(request: ActorRequest, code: str) -> HttpResponse:
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, Act.CONSENT_RECORD, subject)
    form = AnswerForm(typed(request), trial=subject.trial_site.trial, initial={"on": timezone.localdate()})
    if attempt(form, lambda: consents.answer(by=request.actor, subject=subject, new=form.answer())):
        messages.success(request, _("It is recorded and counts from now on."))
        return redirect("subject", subject.code)
    page = FormPage(
        heading=_("%(code)s was asked, or refused") % {"code": subject.code},
        intro=_("For what happened without a signature. A refusal counts at once."),
        submit=_("Record this"),
        back=reverse("subject", args=[subject.code]),
        trial=subject.trial_site.trial,
    )
    return show_form(request, form=form, page=page)


def check(request: ActorRequest, pk: int) -> HttpResponse:
    """Confirm or reject a paper on the hash of its scan: two forms on one page."""
    paper = _paper(request, pk)
    access.require(request.actor, Act.CONSENT_CHECK, paper.subject)
    is_rejection = "reject" in request.POST
    form = CheckForm(None if is_rejection else typed(request))
    rejection = RejectForm(typed(request) if is_rejection else None)
    by = request.actor
    if is_rejection:
        done = attempt(
            rejection, lambda: consent_checks.reject(by=by, paper=paper, note=rejection.cleaned_data["note"])
        )
    else:
        done = attempt(form, lambda: _confirm(request, paper, form))
    if done:
        messages.success(request, _("The check is recorded."))
        return redirect("subject", paper.subject.code)
    context = {
        "paper": paper,
        "subject": paper.subject,
        "trial": paper.subject.trial_site.trial,
        "modules": words_of(paper.scopes),
        "seen": [str(Consent.Check(each).label) for each in paper.checks],
        "form": form,
        "rejection": rejection,
        "is_own": paper.recorded_by == by.id,
    }
    return render(request, "consent_check.html", context, status=400 if request.method == "POST" else 200)


def _confirm(request: ActorRequest, paper: Consent, form: CheckForm) -> Consent:
    checks = form.cleaned_data["checks"]
    return consent_checks.confirm(by=request.actor, paper=paper, seen=form.paper(), checks=checks)


def _paper(request: ActorRequest, pk: int) -> Consent:
    rows = Consent.objects.filter(kind=Consent.Kind.GIVEN).select_related(
        "form", "subject__trial_site__trial", "subject__trial_site__site"
    )
    return get_object_or_404(access.visible(request.actor, rows), pk=pk)


def history(request: ActorRequest, code: str) -> HttpResponse:
    """Every version by module as it stands, and every act on record, newest first (P02)."""
    subject = access.visible_subject(request.actor, code)
    standing = consent.standing_of(subject)
    versions = ConsentForm.objects.in_bulk([form for form, _module in standing.states])
    grid = [
        (form, [state_line(place[1].value, each.state) for place, each in standing.states.items() if place[0] == pk])
        for pk, form in sorted(versions.items(), reverse=True)
    ]
    rows = subject.consents.select_related("form", "of").order_by("-id")
    context = {
        "subject": subject,
        "trial": subject.trial_site.trial,
        "grid": grid,
        "rows": [(row, words_of(row.scopes)) for row in rows],
        "restrictions": subject.restrictions.all(),
    }
    return render(request, "consent_history.html", context)
