"""Results on a page, and reports: build, look, release, take, verify."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form as DjangoForm
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import date
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.selectors import signatures
from reports import verifying
from reports.contents import Contents, Withdrawal
from reports.figures import to_svg
from reports.forms import BuildForm, VerifyForm
from reports.models import Report
from reports.panels import Panel, panels
from reports.selectors import downloads_of, freeze, next_number, shown_reports, withdrawn_since, without_consent
from reports.services import Form, download, is_as_signed, offer_release, read
from reports.services import build as build_report
from reports.services import release as release_report
from trials import access
from trials.ceremony import Ceremony, hold
from trials.http import ActorRequest
from trials.models import Charter, Trial
from trials.roles import Act
from trials.views.pages import attempt, typed

# htmx stops polling on this status.
STOP_POLLING = 286
# Longer than a worker's sweep and its sealing, many times over.
_SEALED_BY = dt.timedelta(minutes=2)
_TYPES = {Form.PDF: "application/pdf", Form.CONTENTS: "application/json"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A panel as it stands on a page."""

    panel: Panel
    svg: SafeString


@require_GET
def results(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.RESULT_VIEW)
    contents = _contents_today(trial)
    figures = [Figure(panel, _svg(panel)) for panel in panels(contents)] if contents else []
    return render(request, "results.html", {"trial": trial, "contents": contents, "figures": figures})


def _contents_today(trial: Trial) -> Contents | None:
    try:
        return freeze(trial, cut_off=timezone.localdate(), number=next_number(trial))
    except Charter.DoesNotExist:
        return None


def _svg(panel: Panel) -> SafeString:
    # Safe: written from a tree whose writer escapes every text and attribute.
    return SafeString(to_svg(panel.drawing, name=panel.name, title=panel.title, description=panel.description))


@require_GET
def report_list(request: ActorRequest, code: str) -> HttpResponse:
    return _list_page(request, access.trial_for(request.actor, code, Act.REPORT_VIEW), BuildForm())


def _list_page(request: ActorRequest, trial: Trial, form: DjangoForm) -> HttpResponse:
    context = {
        "trial": trial,
        "reports": shown_reports(request.actor).filter(trial=trial),
        "may_build": Act.REPORT_BUILD in access.acts_in(request.actor, trial),
        "form": form,
    }
    return render(request, "report_list.html", context, status=400 if form.is_bound else 200)


@require_POST
def build(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.REPORT_BUILD)
    form = BuildForm(request.POST)
    made = attempt(form, lambda: build_report(by=request.actor, trial=trial, cut_off=form.cleaned_data["cut_off"]))
    if made is None:
        return _list_page(request, trial, form)
    messages.success(request, _("The report is built. Look it through, then release it with your signature."))
    return redirect("report", made.pk)


@require_GET
def report(request: ActorRequest, pk: UUID) -> HttpResponse:
    shown = _shown(request, pk)
    contents = _frozen(shown)
    context = _sealing(shown) | {
        "trial": shown.trial,
        "contents": contents,
        "is_void": not is_as_signed(shown),
        "signatures": signatures(shown),
        "downloads": downloads_of(request.actor, shown),
        "gone": _gone(shown, contents) if contents else {},
        "may_release": shown.state == Report.State.BUILT
        and access.may(request.actor, Act.REPORT_BUILD, shown) is not None,
    }
    return render(request, "report.html", context)


def _gone(shown: Report, contents: Contents) -> dict[str, Withdrawal | None]:
    """Return those whose consent ended or was taken back since, each with level and day where there is one."""
    marks = {told.subject: told for told in withdrawn_since(shown.trial, contents)}
    return {code: marks.get(code) for code in without_consent(shown.trial, contents)}


def _shown(request: ActorRequest, pk: UUID) -> Report:
    return get_object_or_404(shown_reports(request.actor), pk=pk)


def _frozen(shown: Report) -> Contents | None:
    """Return the contents, or None where they lost their hash: the page then says so and offers nothing."""
    try:
        return read(shown)
    except (ValidationError, ValueError):
        return None


def _sealing(shown: Report) -> dict[str, Any]:
    """Return the sealed document, None while it is being made, and whether that takes longer than it should."""
    age = timezone.now() - (shown.released_at or timezone.now())
    return {"report": shown, "sealed": shown.documents.first(), "is_late": age > _SEALED_BY}


@require_GET
def sealing(request: ActorRequest, pk: UUID) -> HttpResponse:
    """The fragment that polls until the document is there; the page then comes anew, with its download."""
    context = _sealing(_shown(request, pk))
    if context["sealed"] is None:
        return render(request, "_report_document.html", context)
    response = render(request, "_report_document.html", context, status=STOP_POLLING)
    response["HX-Refresh"] = "true"
    return response


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def release(request: ActorRequest, pk: UUID) -> HttpResponse:
    shown, by = _shown(request, pk), request.actor
    access.require(by, Act.REPORT_BUILD, shown)
    told = {"number": shown.number, "code": shown.trial.code, "day": date(shown.cut_off, "d M Y")}
    ceremony = Ceremony(
        heading=_("Sign and release"),
        what=_("Report %(number)s of %(code)s, cut-off %(day)s: everything it says, frozen when it was built.") % told,
        submit=_("Sign and release"),
        back=reverse("report", args=[pk]),
        offered=lambda: offer_release(by=by, report=shown),
        signed=lambda proof: release_report(by=by, report=shown, proof=proof),
        trial=shown.trial,
        after=_("The report is sealed then, which takes some seconds; after that sponsor and monitor can take it."),
    )
    return hold(request, ceremony, done=lambda _report: _released(request, pk))


def _released(request: ActorRequest, pk: UUID) -> HttpResponse:
    messages.success(request, _("The report is signed and released."))
    return redirect("report", pk)


@require_GET
def download_pdf(request: ActorRequest, pk: UUID) -> HttpResponse:
    return _hand_out(request, pk, Form.PDF)


@require_GET
def download_contents(request: ActorRequest, pk: UUID) -> HttpResponse:
    return _hand_out(request, pk, Form.CONTENTS)


def _hand_out(request: ActorRequest, pk: UUID, form: Form) -> HttpResponse:
    shown = _shown(request, pk)
    try:
        data = download(by=request.actor, report=shown, form=form)
    except ValidationError as refusal:
        is_early = getattr(refusal, "code", "") == "not-sealed"
        messages.add_message(request, messages.INFO if is_early else messages.ERROR, " ".join(refusal.messages))
        return redirect("report", shown.pk)
    return _file(data, name=f"{shown.trial.code}-report-{shown.number}.{form}", kind=_TYPES[form])


def _file(data: bytes, *, name: str, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: ActorRequest) -> HttpResponse:
    """Anybody with an account may ask whether a file is a report of ours; it is read in memory and not kept."""
    form = VerifyForm(typed(request), request.FILES or None)
    told = attempt(form, lambda: verifying.verify(by=request.actor, pdf=form.cleaned_data["file"].read()))
    context = {"form": form if told is None else VerifyForm(), "told": told, "keys": _keys()}
    return render(request, "verify.html", context, status=400 if form.errors else 200)


def _keys() -> verifying.Keys | None:
    try:
        return verifying.keys()
    except ValidationError:
        return None


@require_GET
def root(_request: ActorRequest) -> HttpResponse:
    """Hand out the root certificate, with which any PDF reader checks a report without us."""
    keys = _keys()
    if keys is None:
        raise Http404
    return _file(keys.root_pem, name="corelab-root.pem", kind="application/x-pem-file")
