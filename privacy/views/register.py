"""The register of a trial: duty fields, processors, transfers, legal bases, and the papers made from them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from privacy.models import LegalBasis, Processor, Register, Transfer
from privacy.rights_forms import BasisForm, ProcessorForm, RegisterForm, TransferForm
from privacy.services import register
from privacy.services.assessments import make_assessment
from privacy.services.papers import draw_assessment, draw_record
from privacy.services.records import DutyFieldEmpty, Side, make, missing_in
from privacy.views.frame import Page, handed_out
from privacy.views.frame import show as show_page
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import attempt

_PAGE = Page("privacy_register.html", "register")
_ASSESSMENT = "assessment"


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str) -> HttpResponse:
    act = Act.REQUEST_HANDLE if request.method == "POST" else Act.LEDGER_VIEW
    trial = access.trial_for(request.actor, code, act)
    if request.method != "POST":
        return _page(request, trial)
    # No instance: the service compares the stored row with what was typed.
    form = RegisterForm(request.POST)
    return _write(
        request,
        trial,
        {"form": form},
        lambda: register.change(
            by=request.actor, trial=trial, told=form.cleaned_data, reason=form.cleaned_data["reason"]
        ),
    )


def _page(request: ActorRequest, trial: Trial, **refused: BaseForm) -> HttpResponse:
    row = Register.objects.filter(trial=trial).first() or Register(trial=trial)
    context: dict[str, Any] = {
        "form": RegisterForm(instance=row),
        "processor_form": ProcessorForm(prefix="processor"),
        "transfer_form": TransferForm(prefix="transfer"),
        "basis_form": BasisForm(prefix="basis"),
        "processors": Processor.objects.filter(trial=trial),
        "transfers": Transfer.objects.filter(trial=trial),
        "bases": LegalBasis.objects.filter(trial=trial),
        "forms": trial.consent_forms.all(),
        "missing": [each.field for each in missing_in(trial, Side.CONTROLLER)],
    }
    return show_page(request, trial, _PAGE, context | refused, status=400 if refused else 200)


def _write(request: ActorRequest, trial: Trial, forms: dict[str, Any], call: Callable[[], object]) -> HttpResponse:
    """Save what one of the page's forms says; `forms` holds that one under its name."""
    (form,) = forms.values()
    if attempt(form, call) is None:
        return _page(request, trial, **forms)
    messages.success(request, _("The register is saved."))
    return redirect("register", trial.code)


@require_POST
def add_processor(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.REQUEST_HANDLE)
    form = ProcessorForm(request.POST, prefix="processor")
    call = lambda: register.add_processor(by=request.actor, trial=trial, **form.cleaned_data)  # noqa: E731  asked later
    return _write(request, trial, {"processor_form": form}, call)


@require_POST
def add_transfer(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.REQUEST_HANDLE)
    form = TransferForm(request.POST, prefix="transfer")
    call = lambda: register.add_transfer(by=request.actor, trial=trial, **form.cleaned_data)  # noqa: E731  asked later
    return _write(request, trial, {"transfer_form": form}, call)


@require_POST
def set_basis(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.REQUEST_HANDLE)
    form = BasisForm(request.POST, prefix="basis")
    call = lambda: register.set_basis(by=request.actor, trial=trial, **form.cleaned_data)  # noqa: E731  asked later
    return _write(request, trial, {"basis_form": form}, call)


@require_POST
def end_processor(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    return _end(request, code, Processor.objects.filter(pk=pk))


@require_POST
def end_transfer(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    return _end(request, code, Transfer.objects.filter(pk=pk))


def _end(request: ActorRequest, code: str, rows: Any) -> HttpResponse:
    row = get_object_or_404(access.visible(request.actor, rows.select_related("trial")), trial__code=code)
    access.require(request.actor, Act.REQUEST_HANDLE, row)
    try:
        register.end(by=request.actor, row=row, reason=request.POST.get("reason", ""))
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        messages.success(request, _("It is out of the register; the trail keeps it."))
    return redirect("register", code)


@require_GET
def download(request: ActorRequest, code: str, paper: str) -> HttpResponse:
    """Draw the record of processing or the assessment; where a duty field is empty, say which."""
    trial = access.trial_for(request.actor, code, Act.LEDGER_VIEW)
    try:
        pdf = _draw(trial, paper)
    except DutyFieldEmpty as refused:
        for missing in refused.missing:
            messages.error(request, _("This duty field is empty: %(field)s.") % {"field": missing.field})
        return redirect("register", trial.code)
    return handed_out(pdf, name=f"{trial.code}-{paper}.pdf", kind="application/pdf")


def _draw(trial: Trial, paper: str) -> bytes:
    if paper == _ASSESSMENT:
        return draw_assessment(make_assessment(trial=trial))
    if paper not in set(Side):
        raise Http404
    return draw_record(make(side=Side(paper), trials=[trial]))
