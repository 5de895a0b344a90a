"""What subjects ask for: recorded, counted down, answered."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from privacy import selectors
from privacy.models import Request, RequestExtension
from privacy.rights_forms import AnswerForm, ExtensionForm, RequestForm
from privacy.services import access_packages, requests
from privacy.views.frame import Page, handed_out
from privacy.views.frame import show as show_page
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.selectors import recipients_of
from trials.views.pages import FormPage, attempt, show_form, typed
from trials.views.trail import paged

PAGE = 50
_LIST = Page("privacy_requests.html", "request-list")
_ONE = Page("privacy_request.html", "request-list")


@require_http_methods(["GET", "HEAD", "POST"])
def show_all(request: ActorRequest, code: str) -> HttpResponse:
    act = Act.REQUEST_HANDLE if request.method == "POST" else Act.LEDGER_VIEW
    trial = access.trial_for(request.actor, code, act)
    if request.method != "POST":
        return _list(request, trial, RequestForm(trial=trial, initial={"received_on": timezone.localdate()}))
    form = RequestForm(request.POST, trial=trial)
    made = attempt(form, lambda: _receive(request, form))
    if made is None:
        return _list(request, trial, form)
    messages.success(request, _("The request is recorded. It is due on %(day)s.") % {"day": made.due_on})
    return redirect("request", trial.code, made.pk)


def _receive(request: ActorRequest, form: RequestForm) -> Request:
    told = form.cleaned_data
    return requests.receive(
        by=request.actor,
        subject=told["subject"],
        kind=Request.Kind(told["kind"]),
        received_on=told["received_on"],
    )


def _list(request: ActorRequest, trial: Trial, form: RequestForm) -> HttpResponse:
    rows = selectors.requests_of(trial).order_by("answered_at", "due_on", "id")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    context = paged(page, request.GET) | {
        "form": form,
        "rows": [(row, selectors.days_left(row)) for row in page.object_list],
    }
    return show_page(request, trial, _LIST, context, status=400 if form.is_bound else 200)


def _request(request: ActorRequest, code: str, pk: int) -> Request:
    rows = Request.objects.select_related("subject__trial_site__trial", "subject__trial_site__site")
    return get_object_or_404(access.visible(request.actor, rows), subject__trial_site__trial__code=code, pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    asked = _request(request, code, pk)
    form = AnswerForm()
    if request.method == "POST":
        access.require(request.actor, Act.REQUEST_HANDLE, asked)
        form = AnswerForm(request.POST)
        if attempt(form, lambda: requests.answer(by=request.actor, request=asked, **_answer(form))):
            messages.success(request, _("The answer is recorded."))
            return redirect("request", code, pk)
        asked.refresh_from_db()
    context = {
        "asked": asked,
        "extension": RequestExtension.objects.filter(request=asked).first(),
        "days": selectors.days_left(asked),
        "form": form,
        "recipients": recipients_of(asked.subject),
        "kinds": Request.Kind,
    }
    return show_page(request, asked.subject.trial_site.trial, _ONE, context, status=400 if form.is_bound else 200)


def _answer(form: AnswerForm) -> dict[str, Any]:
    return {"state": Request.State(form.cleaned_data["state"]), "words": form.cleaned_data["words"]}


@require_http_methods(["GET", "HEAD", "POST"])
def extend(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    """Take more time for a request, once (GDPR 12(3))."""
    asked = _request(request, code, pk)
    access.require(request.actor, Act.REQUEST_HANDLE, asked)
    form = ExtensionForm(typed(request), initial={"told_on": timezone.localdate()})
    made = attempt(form, lambda: requests.extend(by=request.actor, request=asked, **form.cleaned_data))
    if made:
        messages.success(request, _("The request is now due on %(day)s.") % {"day": made.due_on})
        return redirect("request", code, pk)
    page = FormPage(
        heading=_("More time for this request"),
        intro=_(
            "Where requests are many or complex, one or two further months may be taken, once (GDPR 12(3)). Tell the "
            "person so, with the reason, before the first month ends; then record it here."
        ),
        submit=_("Extend"),
        back=reverse("request", args=[code, pk]),
        trial=asked.subject.trial_site.trial,
    )
    return show_form(request, form=form, page=page)


@require_POST
def hand_out(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    """Answer with the access package as one ZIP file."""
    asked = _request(request, code, pk)
    access.require(request.actor, Act.REQUEST_HANDLE, asked)
    package = access_packages.hand_out(by=request.actor, subject=asked.subject)
    return handed_out(package.zipped, name=f"{package.name}.zip", kind="application/zip")
