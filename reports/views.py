"""Results on a page, and reports: build, look, release, take."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import Form as DjangoForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from audit.selectors import signatures
from reports.contents import Contents
from reports.figures import to_svg
from reports.forms import BuildForm, ReleaseForm
from reports.models import Report
from reports.panels import Panel, panels
from reports.selectors import downloads_of, freeze, next_number, shown_reports, without_consent
from reports.services import Form, download, read
from reports.services import build as build_report
from reports.services import release as release_report
from trials import access
from trials.http import ActorRequest
from trials.models import Charter, Trial
from trials.roles import Act
from trials.views.pages import attempt

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
    return _report_page(request, _shown(request, pk), ReleaseForm())


def _shown(request: ActorRequest, pk: UUID) -> Report:
    return get_object_or_404(shown_reports(request.actor), pk=pk)


def _report_page(request: ActorRequest, shown: Report, form: DjangoForm) -> HttpResponse:
    contents = _frozen(shown)
    context = {
        "trial": shown.trial,
        "report": shown,
        "contents": contents,
        "signatures": signatures(shown),
        "downloads": downloads_of(request.actor, shown),
        "gone": without_consent(shown.trial, contents.subjects) if contents else (),
        "may_release": shown.state == Report.State.BUILT
        and access.may(request.actor, Act.REPORT_BUILD, shown) is not None,
        "form": form,
    }
    return render(request, "report.html", context, status=400 if form.is_bound else 200)


def _frozen(shown: Report) -> Contents | None:
    """Return the contents, or None where they lost their hash: the page then says so and offers nothing."""
    try:
        return read(shown)
    except ValidationError:
        return None


@require_POST
def release(request: ActorRequest, pk: UUID) -> HttpResponse:
    shown = _shown(request, pk)
    access.require(request.actor, Act.REPORT_BUILD, shown)
    form = ReleaseForm(request.POST)
    done = attempt(
        form,
        lambda: release_report(by=request.actor, report=shown, password=form.cleaned_data["password"]),
    )
    if done is None:
        return _report_page(request, shown, form)
    messages.success(request, _("The report is signed and released. Sponsor and monitor can take it now."))
    return redirect("report", shown.pk)


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
        messages.error(request, " ".join(refusal.messages))
        return redirect("report", shown.pk)
    response = HttpResponse(data, content_type=_TYPES[form])
    name = f"{shown.trial.code}-report-{shown.number}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
