"""Closing a trial's data for edits, and opening them again: the page of all steps, and the signature of each."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from trials import access, closures
from trials.ceremony import Ceremony, hold, is_signed
from trials.closing_forms import FORMS, step_of
from trials.http import ActorRequest
from trials.models import Closure, Trial
from trials.roles import Act
from trials.services import closing
from trials.services.closing import Step
from trials.views.pages import FormPage, attempt, show_form, typed

Kind = Closure.Kind
_WORDS = {
    Kind.CLOSED: (
        __("Close the data for edits"),
        __(
            "From your signature on nobody registers subjects, sends, judges, assigns or reads scans, or changes the "
            "charter. Reports are built as before, and what the law lets a person demand goes on: consent taken back, "
            "restriction, erasure."
        ),
        __("The data are closed. Every edit is refused from now on."),
    ),
    Kind.ASKED: (
        __("Ask for the data to be opened again"),
        __("Another person must agree and sign: a second coordinator, the administrator or the sponsor."),
        __("Asked. The data stay closed until another person agrees."),
    ),
    Kind.OPENED: (
        __("Open the data again for a time"),
        __("Edits are possible for the time asked for, and then end by themselves."),
        __("The data are open for edits for the time asked for."),
    ),
}
_RIGHTS = {Kind.CLOSED: Act.DATA_CLOSE, Kind.ASKED: Act.DATA_CLOSE, Kind.OPENED: Act.DATA_OPEN}


@require_GET
def show(request: ActorRequest, code: str) -> HttpResponse:
    """Show how the data stand, every step with its reason, and what the visitor may do next."""
    trial = access.visible_trial(request.actor, code)
    acts = access.acts_in(request.actor, trial)
    step = closures.standing(trial.pk)
    is_closed, asked = closures.closes(step, at=timezone.now()), closing.waiting(trial)
    may_close = Act.DATA_CLOSE in acts and trial.state == Trial.State.OPEN
    context = {
        "trial": trial,
        "step": step,
        "is_closed": is_closed,
        "asked": asked,
        "steps": trial.closures.all(),
        "may_close": may_close and (not is_closed or asked is not None),
        "may_ask": may_close and is_closed and asked is None,
        "may_open": Act.DATA_OPEN in acts and asked is not None and asked.by != request.actor.id,
    }
    return render(request, "closing.html", context)


@sensitive_post_parameters("password", "code")
def step(request: ActorRequest, code: str, kind: str) -> HttpResponse:
    """Lead from the form of one step to its signature."""
    trial, which = access.visible_trial(request.actor, code), Kind(kind)
    access.require(request.actor, _RIGHTS[which], trial)
    form = FORMS[which](typed(request), initial={"cut_off": timezone.localdate()})
    if not form.is_valid():
        return show_form(request, form=form, page=_page(trial, which))
    told = step_of(form, which)
    ceremony = _ceremony(request, trial, told)
    if not is_signed(request) and attempt(form, ceremony.offered) is None:
        return show_form(request, form=form, page=_page(trial, which))
    return hold(request, ceremony, done=lambda _made: _done(request, trial, which))


def _page(trial: Trial, kind: Closure.Kind) -> FormPage:
    heading, intro, _after = map(str, _WORDS[kind])
    asked = closing.waiting(trial) if kind == Kind.OPENED else None
    if asked is not None:
        told = _("%(name)s asks for %(hours)s hours: %(reason)s")
        intro = f"{intro} {told % {'name': asked.by_name, 'hours': asked.hours, 'reason': asked.reason}}"
    return FormPage(
        heading=heading,
        intro=intro,
        submit=_("Go on to the signature"),
        back=reverse("closing", args=[trial.code]),
        trial=trial,
    )


def _ceremony(request: ActorRequest, trial: Trial, told: Step) -> Ceremony:
    heading, intro, _after = map(str, _WORDS[told.kind])
    carried = {"reason": told.reason, "cut_off": told.cut_off, "hours": told.hours}
    return Ceremony(
        heading=heading,
        what=intro,
        submit=_("Sign"),
        back=reverse("closing", args=[trial.code]),
        offered=lambda: closing.offer_step(by=request.actor, trial=trial, step=told),
        signed=lambda proof: closing.take_step(by=request.actor, trial=trial, step=told, proof=proof),
        trial=trial,
        carried={name: str(value) for name, value in carried.items() if value is not None},
    )


def _done(request: ActorRequest, trial: Trial, kind: Closure.Kind) -> HttpResponse:
    messages.success(request, str(_WORDS[kind][2]))
    return redirect("closing", trial.code)
