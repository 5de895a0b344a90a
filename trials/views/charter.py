"""The charter on one page: read it, write the draft, sign it, start the next version."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseForm, model_to_dict
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from audit.selectors import signatures
from trials import access
from trials.ceremony import Ceremony, hold
from trials.forms import CharterSettingsForm, ReasonForm, RequirementForm, TimePointForm
from trials.http import ActorRequest
from trials.models import Charter, ScheduledTimePoint
from trials.roles import Act
from trials.selectors import profile_of
from trials.services import charters
from trials.views.pages import attempt

# No charter has more versions.
_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Planned:
    """A scheduled time point beside the form that adds a series to it (None once the charter is frozen)."""

    point: ScheduledTimePoint
    form: BaseForm | None


def show(request: ActorRequest, code: str) -> HttpResponse:
    """Show the version asked for, else the draft, else the newest."""
    trial = access.trial_for(request.actor, code, Act.CHARTER_VIEW)
    versions = trial.charters.select_related("trial")
    asked = request.GET.get("version", "")
    if asked.isdecimal():
        if len(asked) > _MOST_DIGITS:
            raise Http404
        return _page(request, get_object_or_404(versions, version=int(asked)))
    charter = versions.first()
    if charter is None:
        raise Http404
    return _page(request, charter)


def _page(request: ActorRequest, charter: Charter, **refused: BaseForm) -> HttpResponse:
    acts = access.acts_in(request.actor, charter.trial)
    is_draft = charter.state == Charter.State.DRAFT
    may_write = Act.TRIAL_EDIT in acts and is_draft
    context: dict[str, Any] = {
        "trial": charter.trial,
        "charter": charter,
        "versions": charter.trial.charters.all(),
        "signatures": signatures(charter),
        "is_void": not charters.is_as_signed(charter),
        "may_write": may_write,
        "may_approve": Act.CHARTER_APPROVE in acts and is_draft,
        "may_amend": Act.TRIAL_EDIT in acts and charter.state == Charter.State.APPROVED and not _has_draft(charter),
        "planned": [_planned(point, refused) if may_write else Planned(point, None) for point in _points(charter)],
        "profile": profile_of(charter),
        "settings": CharterSettingsForm(prefix="settings", initial=model_to_dict(charter)),
        "visit": TimePointForm(prefix="visit"),
        "amend": ReasonForm(prefix="amend"),
    }
    context |= refused
    return render(request, "charter.html", context, status=400 if refused else 200)


def _points(charter: Charter) -> list[ScheduledTimePoint]:
    return list(charter.time_points.prefetch_related("requirements"))


def _planned(point: ScheduledTimePoint, refused: dict[str, BaseForm]) -> Planned:
    prefix = f"series-{point.pk}"
    return Planned(point=point, form=refused.get(prefix) or RequirementForm(prefix=prefix))


def _has_draft(charter: Charter) -> bool:
    return charter.trial.charters.filter(state=Charter.State.DRAFT).exists()


def _charter(request: ActorRequest, code: str, version: int) -> Charter:
    """The version to write on: the right is asked before a form is looked at."""
    seen = access.visible(request.actor, Charter.objects.select_related("trial"))
    charter = get_object_or_404(seen, trial__code=code, version=version)
    access.require(request.actor, Act.TRIAL_EDIT, charter)
    return charter


def _point(request: ActorRequest, code: str, pk: int) -> ScheduledTimePoint:
    seen = access.visible(request.actor, ScheduledTimePoint.objects.select_related("charter__trial"))
    point = get_object_or_404(seen, charter__trial__code=code, pk=pk)
    access.require(request.actor, Act.TRIAL_EDIT, point)
    return point


def _write(
    request: ActorRequest, charter: Charter, form: BaseForm, call: Callable[[], object], done: str
) -> HttpResponse:
    if attempt(form, call) is None:
        charter.refresh_from_db()
        _tell_if_frozen(request, charter, form)
        return _page(request, charter, **{str(form.prefix): form})
    messages.success(request, done)
    return redirect("charter", charter.trial.code)


def _tell_if_frozen(request: ActorRequest, charter: Charter, form: BaseForm) -> None:
    # A frozen charter shows no form that could tell its own refusal.
    if charter.state != Charter.State.DRAFT:
        for error in form.non_field_errors():
            messages.error(request, str(error))


@require_POST
def change_settings(request: ActorRequest, code: str, version: int) -> HttpResponse:
    charter = _charter(request, code, version)
    # No instance: the service compares the stored charter with what was typed.
    form = CharterSettingsForm(request.POST, prefix="settings")
    return _write(
        request,
        charter,
        form,
        lambda: charters.change_settings(
            by=request.actor, charter=charter, settings=form.cleaned_data, reason=form.cleaned_data["reason"]
        ),
        _("The settings are saved."),
    )


@require_POST
def add_time_point(request: ActorRequest, code: str, version: int) -> HttpResponse:
    charter = _charter(request, code, version)
    form = TimePointForm(request.POST, prefix="visit")
    return _write(
        request,
        charter,
        form,
        lambda: charters.add_time_point(
            by=request.actor, charter=charter, new=charters.NewTimePoint(**form.cleaned_data)
        ),
        _("The time point is planned. Now add the series it must bring."),
    )


@require_POST
def add_requirement(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    point = _point(request, code, pk)
    form = RequirementForm(request.POST, prefix=f"series-{point.pk}")
    return _write(
        request,
        point.charter,
        form,
        lambda: charters.add_requirement(
            by=request.actor, planned=point, new=charters.NewRequirement(**form.cleaned_data)
        ),
        _("The series is required."),
    )


@require_POST
def remove_time_point(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    point = _point(request, code, pk)
    try:
        charters.remove_time_point(by=request.actor, planned=point)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    else:
        messages.success(request, _("The time point is out of the draft."))
    return redirect("charter", code)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def approve(request: ActorRequest, code: str, version: int) -> HttpResponse:
    """Show what an approval signs, and sign it."""
    charter = _charter(request, code, version)
    return hold(request, _approval(request, charter), done=lambda _charter: _approved(request, code))


def _approval(request: ActorRequest, charter: Charter) -> Ceremony:
    return Ceremony(
        heading=_("Approve and freeze the charter"),
        what=_(
            "Imaging charter of %(code)s, version %(number)s: its settings, time points, required series and profile."
        )
        % {"code": charter.trial.code, "number": charter.version},
        submit=_("Sign and approve"),
        back=reverse("charter", args=[charter.trial.code]),
        offered=lambda: charters.offer_approval(by=request.actor, charter=charter),
        signed=lambda proof: charters.approve(by=request.actor, charter=charter, proof=proof),
        trial=charter.trial,
        after=_("After that nothing in this version can be changed; a change is a new version with a reason."),
    )


def _approved(request: ActorRequest, code: str) -> HttpResponse:
    messages.success(request, _("The charter is approved and frozen."))
    return redirect("charter", code)


@require_POST
def amend(request: ActorRequest, code: str, version: int) -> HttpResponse:
    charter = _charter(request, code, version)
    form = ReasonForm(request.POST, prefix="amend")
    return _write(
        request,
        charter,
        form,
        lambda: charters.amend(by=request.actor, charter=charter, reason=form.cleaned_data["reason"]),
        _("The next version is open as a draft. The approved one stays in force until you sign this one."),
    )
