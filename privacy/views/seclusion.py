"""Images taken out of analysis, and the decision of sponsor and data protection officer to destroy them (W6)."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from imaging.models import Seclusion
from privacy.services.burials import decide_destruction
from trials import access
from trials.forms import ReasonForm
from trials.http import ActorRequest
from trials.roles import Act
from trials.views.pages import attempt, typed


@require_GET
def show_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.DESTRUCTION_DECIDE)
    rows = access.visible(request.actor, Seclusion.objects.filter(subject__trial_site__trial=trial))
    context = {"trial": trial, "rows": rows.select_related("subject").prefetch_related("decisions", "images")}
    return render(request, "seclusion_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, pk: UUID) -> HttpResponse:
    """The tombstones of one subject's images; a POST decides for one's own side."""
    rows = Seclusion.objects.select_related("subject__trial_site__trial")
    row = get_object_or_404(access.visible(request.actor, rows), pk=pk)
    form = ReasonForm(typed(request))
    done = attempt(form, lambda: decide_destruction(by=request.actor, row=row, reason=form.cleaned_data["reason"]))
    if done:
        is_over = done.state == Seclusion.State.DESTROYED
        told = _("The images are destroyed.") if is_over else _("Recorded. The other side must decide, too.")
        messages.success(request, told)
        return redirect("seclusion", row.pk)
    context = {
        "trial": row.subject.trial_site.trial,
        "row": row,
        "images": row.images.all(),
        "decisions": row.decisions.all(),
        "form": form,
        "is_open": row.state == Seclusion.State.HELD,
    }
    return render(request, "seclusion.html", context, status=400 if form.is_bound else 200)
