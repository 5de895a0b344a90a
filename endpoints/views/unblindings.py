"""The register of unblindings: its entries, a new one under signature, and the decision about each reader."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from endpoints.models import UnblindedCase
from endpoints.services import unblindings
from endpoints.unblinding_forms import DecisionForm, UnblindingForm
from trials import access
from trials.ceremony import Ceremony, hold, is_signed
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import FormPage, attempt, show_form, typed


@require_GET
def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.UNBLINDING_VIEW)
    acts = access.acts_in(request.actor, trial)
    cases = UnblindedCase.objects.filter(unblinding__trial=trial).select_related("subject", "reader", "unblinding")
    context = {
        "trial": trial,
        "entries": trial.unblindings.all(),
        "cases": cases.order_by("decided_at", "subject__code", "reader__username"),
        "may_record": Act.UNBLINDING_RECORD in acts,
        "may_decide": Act.UNBLINDING_DECIDE in acts,
    }
    return render(request, "unblinding_list.html", context)


@sensitive_post_parameters("password", "code")
def add(request: ActorRequest, code: str) -> HttpResponse:
    """Lead from what happened to its signature."""
    trial = access.trial_for(request.actor, code, Act.UNBLINDING_RECORD)
    form = UnblindingForm(typed(request), readers=unblindings.blinded_of(trial))
    if not form.is_valid():
        return show_form(request, form=form, page=_page(trial))
    ceremony = _ceremony(request, trial, form)
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return show_form(request, form=form, page=_page(trial))
    return hold(request, ceremony, done=lambda _made: _done(request, trial))


def _page(trial: Trial) -> FormPage:
    return FormPage(
        heading=_("Record an unblinding"),
        intro=_(
            "Every one is recorded, planned or not. Readers that you name open nothing unread of the subjects that you "
            "name until you decide whether they read on."
        ),
        submit=_("Go on to the signature"),
        back=reverse("unblinding-list", args=[trial.code]),
        trial=trial,
    )


def _ceremony(request: ActorRequest, trial: Trial, form: UnblindingForm) -> Ceremony:
    new = form.new()
    return Ceremony(
        heading=_("Sign the record of an unblinding"),
        what=_("What became known to whom in %(trial)s, and what follows.") % {"trial": trial.code},
        submit=_("Sign"),
        back=reverse("unblinding-list", args=[trial.code]),
        offered=lambda: unblindings.offer_entry(by=request.actor, trial=trial, new=new),
        signed=lambda proof: unblindings.enter(by=request.actor, trial=trial, new=new, proof=proof),
        trial=trial,
        carried=form.carried(),
        after=_("What the named readers have not read of the named subjects is shut until you decide."),
    )


def _done(request: ActorRequest, trial: Trial) -> HttpResponse:
    messages.success(request, _("The unblinding is recorded and signed."))
    return redirect("unblinding-list", trial.code)


def decide(request: ActorRequest, pk: int) -> HttpResponse:
    """Decide whether one reader reads on with one subject."""
    rows = UnblindedCase.objects.select_related("unblinding__trial", "subject", "reader")
    case = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    access.require(request.actor, Act.UNBLINDING_DECIDE, case)
    trial, form = case.unblinding.trial, DecisionForm(typed(request))
    done = attempt(form, lambda: _decide(request, case, form))
    if done:
        messages.success(request, _("Decided: %(decision)s.") % {"decision": done.get_decision_display()})
        return redirect("unblinding-list", trial.code)
    told = {"reader": str(case.reader), "code": case.subject.code, "number": case.unblinding.number}
    page = FormPage(
        heading=_("%(reader)s and subject %(code)s") % told,
        intro=_("Unblinding %(number)s. What is unread stays shut until you decide; “no more” stops it for good.")
        % told,
        submit=_("Decide"),
        back=reverse("unblinding-list", args=[trial.code]),
        trial=trial,
    )
    return show_form(request, form=form, page=page)


def _decide(request: ActorRequest, case: UnblindedCase, form: DecisionForm) -> UnblindedCase:
    told = form.cleaned_data
    decision = UnblindedCase.Decision(told["decision"])
    return unblindings.decide(by=request.actor, case=case, decision=decision, reason=told["reason"])
