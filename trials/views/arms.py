"""The page of arms, for the unblinded statistician alone; opening it is an event."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from trials import access
from trials.arm_forms import ArmsForm
from trials.http import ActorRequest
from trials.roles import Act
from trials.services import arms
from trials.views.pages import attempt, typed


@sensitive_post_parameters("lines")
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.ARM_VIEW)
    form = ArmsForm(typed(request))
    made = attempt(
        form,
        lambda: arms.write_down(
            by=request.actor, trial=trial, given=form.cleaned_data["lines"], reason=form.cleaned_data["reason"]
        ),
    )
    if made is not None:
        words = ngettext("%(count)s arm is recorded.", "%(count)s arms are recorded.", made)
        messages.success(request, words % {"count": made})
        return redirect("arm-list", trial.code)
    context = {"trial": trial, "form": form, "arms": arms.look(by=request.actor, trial=trial)}
    return render(request, "arm_list.html", context, status=400 if form.is_bound else 200)
