"""Permits of secondary use, and what leaves under them."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from privacy.models import Permit
from privacy.rights_forms import PermitForm
from privacy.selectors import secondary_subjects
from privacy.services import secondary
from privacy.views.frame import Page, handed_out
from privacy.views.frame import show as show_page
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.selectors import subjects_of
from trials.views.pages import attempt

_PAGE = Page("privacy_secondary.html", "secondary")


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.SECONDARY_EXPORT)
    if request.method != "POST":
        return _page(request, trial, PermitForm())
    form = PermitForm(request.POST)
    if attempt(form, lambda: secondary.add_permit(by=request.actor, trial=trial, **form.cleaned_data)) is None:
        return _page(request, trial, form)
    messages.success(request, _("The permit is recorded."))
    return redirect("secondary", trial.code)


def _page(request: ActorRequest, trial: Trial, form: PermitForm) -> HttpResponse:
    context = {
        "form": form,
        "permits": Permit.objects.filter(trial=trial),
        "today": timezone.localdate(),
        "eligible": len(secondary_subjects(trial)),
        "registered": subjects_of(trial).count(),
    }
    return show_page(request, trial, _PAGE, context, status=400 if form.is_bound else 200)


@require_POST
def hand_out(request: ActorRequest, code: str, pk: int) -> HttpResponse:
    """Answer with data and manifest as one ZIP file."""
    rows = access.visible(request.actor, Permit.objects.select_related("trial"))
    permit = get_object_or_404(rows, trial__code=code, pk=pk)
    access.require(request.actor, Act.SECONDARY_EXPORT, permit)
    try:
        made = secondary.export(by=request.actor, permit=permit)
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
        return redirect("secondary", code)
    return handed_out(made.zipped, name=f"{made.name}.zip", kind="application/zip")
