"""How full a trial and its sites are, and another share for one of them, with a reason."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from imaging.quota_forms import ShareForm
from imaging.services import quotas
from imaging.services.quotas import Level, Share
from trials import access
from trials.http import ActorRequest
from trials.models import Trial
from trials.roles import Act
from trials.views.pages import attempt, typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One share by name; `site` is its number, "" for the whole trial."""

    site: str
    level: Level

    @property
    def percent(self) -> int:
        """How full the fullest of size, files and deliveries is, at most 100."""
        used, limit = self.level.used, self.level.limit
        pairs = ((used.size, limit.size), (used.files, limit.files), (used.deliveries, limit.deliveries))
        return min(100, max(round(100 * (part or 0) / whole) if whole else 100 for part, whole in pairs))


@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.TRIAL_EDIT)
    form = ShareForm(typed(request), trial=trial)
    done = attempt(
        form,
        lambda: quotas.set_limit(
            by=request.actor,
            trial=trial,
            trial_site=form.site,
            limit=form.room,
            reason=form.cleaned_data["reason"],
        ),
    )
    if done:
        messages.success(request, _("The share is set. What differs from the rule for all stands in the trail."))
        return redirect("quota-list", trial.code)
    context = {"trial": trial, "form": form, "lines": list(_lines(request, trial))}
    return render(request, "quota_list.html", context, status=400 if form.is_bound else 200)


def _lines(request: ActorRequest, trial: Trial) -> Iterator[Line]:
    whole = None
    for site in trial.sites.select_related("trial").order_by("number"):
        told = {level.share: level for level in quotas.levels(by=request.actor, trial_site=site)}
        whole = told[Share.TRIAL]
        yield Line(site=site.number, level=told[Share.SITE])
    if whole is not None:
        yield Line(site="", level=whole)
