"""Pages of the vault: recording, asking, agreeing, reading. Values stand on one page, alone, only when pressed for."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from identity import selectors, services
from identity.forms import CorrectionForm, PersonForm
from identity.models import UnlockWindow
from identity.person import Person
from identity.refusals import VaultRefused
from identity.services import unlocking
from trials import access
from trials.ceremony import Ceremony, hold
from trials.forms import ReasonForm
from trials.http import ActorRequest
from trials.models import Subject
from trials.roles import Act
from trials.views.pages import FormPage, attempt, show_form, typed

P = ParamSpec("P")
View = Callable[Concatenate[ActorRequest, P], HttpResponse]
_hide_typed = sensitive_post_parameters("name", "birth_date", "sex", "local_number", "contact", "password", "code")


def of_the_vault(view: View[P]) -> View[P]:
    """Answer only where there is a vault, and let nobody keep the answer."""

    @never_cache
    @wraps(view)
    def page(request: ActorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.VAULT_ON:
            raise Http404
        return view(request, *args, **kwargs)

    return page


def _subject(request: ActorRequest, code: str, act: Act) -> Subject:
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, act, subject)
    return subject


def _session(request: ActorRequest) -> str:
    return hashlib.sha256((request.session.session_key or "").encode()).hexdigest()


@require_GET
@of_the_vault
def show_all(request: ActorRequest, code: str) -> HttpResponse:
    trial = access.trial_for(request.actor, code, Act.IDENTITY_UNLOCK)
    context = {
        "trial": trial,
        "lines": selectors.subjects_in(request.actor, trial),
        "windows": selectors.windows_in(request.actor, trial),
    }
    return render(request, "identity_list.html", context)


@require_GET
@of_the_vault
def show(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code, Act.IDENTITY_UNLOCK)
    context = _frame(subject) | {
        "holding": selectors.holding_of(subject),
        "windows": selectors.windows_of(subject),
        "may_record": access.may(request.actor, Act.IDENTITY_RECORD, subject) is not None,
    }
    return render(request, "identity.html", context)


def _frame(subject: Subject) -> dict[str, Any]:
    return {"subject": subject, "trial": subject.trial_site.trial}


@_hide_typed
@require_http_methods(["GET", "HEAD", "POST"])
@of_the_vault
def record(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code, Act.IDENTITY_RECORD)
    form = PersonForm(typed(request))
    if attempt(form, lambda: _record(request, subject, form)):
        messages.success(request, _("Recorded. To read it again takes two people."))
        return redirect("identity", subject.code)
    intro = _(
        "Kept sealed in the vault, apart from every image. Nobody can read it again without a second person's "
        "agreement; the audit trail tells that it was recorded, never what."
    )
    page = _form_page(subject, _("Who is %(code)s?"), intro, _("Record in the vault"))
    return show_form(request, form=form, page=page)


def _record(request: ActorRequest, subject: Subject, form: PersonForm) -> bool:
    although = form.cleaned_data["although_registered"]
    services.record(by=request.actor, subject=subject, person=form.person, although_registered=although)
    return True


def _form_page(subject: Subject, heading: str, intro: str, submit: str) -> FormPage:
    return FormPage(
        heading=heading % {"code": subject.code},
        intro=intro,
        submit=submit,
        back=reverse("identity", args=[subject.code]),
        trial=subject.trial_site.trial,
    )


@_hide_typed
@require_http_methods(["GET", "HEAD", "POST"])
@of_the_vault
def correct(request: ActorRequest, code: str) -> HttpResponse:
    subject = _subject(request, code, Act.IDENTITY_RECORD)
    form = CorrectionForm(typed(request))
    if attempt(form, lambda: _correct(request, subject, form)):
        messages.success(request, _("Corrected. The audit trail tells which fields and why, and no value."))
        return redirect("identity", subject.code)
    intro = _(
        "Fill in only what was wrong; what you leave empty stays as it is. Write no name, number or birth date into "
        "the reason: it goes into the audit trail."
    )
    page = _form_page(subject, _("Correct the identity of %(code)s"), intro, _("Correct"))
    return show_form(request, form=form, page=page)


def _correct(request: ActorRequest, subject: Subject, form: CorrectionForm) -> bool:
    reason = form.cleaned_data["reason"]
    services.correct(by=request.actor, subject=subject, change=form.correction, reason=reason)
    return True


@_hide_typed
@require_http_methods(["GET", "HEAD", "POST"])
@of_the_vault
def unlock(request: ActorRequest, code: str) -> HttpResponse:
    """Ask to read an identity: first why, then with a signature."""
    subject = _subject(request, code, Act.IDENTITY_UNLOCK)
    form = ReasonForm(typed(request))
    if form.is_valid():
        return _sign_request(request, subject, form.cleaned_data["reason"])
    intro = _("You can read it for one hour in this session, once another person has agreed. Write no name here.")
    page = _form_page(subject, _("Ask to read the identity of %(code)s"), intro, _("Go on to sign"))
    return show_form(request, form=form, page=page)


def _sign_request(request: ActorRequest, subject: Subject, reason: str) -> HttpResponse:
    asked: dict[str, Any] = {"by": request.actor, "subject": subject, "reason": reason}
    ceremony = Ceremony(
        heading=_("Ask to read the identity of %(code)s") % {"code": subject.code},
        what=_("Your request to read who this subject is. It opens nothing by itself."),
        submit=_("Sign the request"),
        back=reverse("identity", args=[subject.code]),
        offered=lambda: services.offer_request(**asked),
        signed=lambda proof: services.request(**asked, session=_session(request), proof=proof),
        trial=subject.trial_site.trial,
        carried={"reason": reason},
        after=_("Another person of the site, or the data protection officer, agrees on a page of their own."),
    )
    return hold(request, ceremony, done=lambda window: _asked(request, window))


def _asked(request: ActorRequest, window: UnlockWindow) -> HttpResponse:
    messages.success(request, _("Asked. Stay signed in: the window will open in this session, once another agrees."))
    return redirect("identity-window", window.pk)


@_hide_typed
@require_http_methods(["GET", "HEAD", "POST"])
@of_the_vault
def approve(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Agree, with a signature, that another person reads an identity."""
    window = unlocking.find(by=request.actor, pk=pk)
    ceremony = Ceremony(
        heading=_("Agree that the identity of %(code)s is read") % {"code": window.subject_code},
        what=_("Another person's request to read who this subject is, for one hour from your signature on."),
        submit=_("Sign and unlock"),
        back=reverse("identity", args=[window.subject_code]),
        offered=lambda: services.offer_approval(by=request.actor, window=window),
        signed=lambda proof: services.approve(by=request.actor, window=window, proof=proof),
        trial=unlocking.subject_of(window).trial_site.trial,
        after=_("Every look is told in the audit trail and in the list of the data protection officer."),
    )
    return hold(request, ceremony, done=lambda window: _agreed(request, window))


def _agreed(request: ActorRequest, window: UnlockWindow) -> HttpResponse:
    messages.success(request, _("Unlocked for %(name)s, for one hour.") % {"name": window.requester_name})
    return redirect("identity", window.subject_code)


@require_POST
@of_the_vault
def close(request: ActorRequest, pk: UUID) -> HttpResponse:
    window = unlocking.find(by=request.actor, pk=pk)
    try:
        services.close(by=request.actor, window=window)
    except VaultRefused as refused:
        messages.error(request, refused.messages[0])
    else:
        messages.success(request, _("Closed. Nobody reads through this window any more."))
    return redirect("identity", window.subject_code)


@require_http_methods(["GET", "HEAD", "POST"])
@of_the_vault
def read(request: ActorRequest, pk: UUID) -> HttpResponse:
    """Show where a window stands; show who it is only when the button was pressed, each time as an act of its own."""
    window = unlocking.find(by=request.actor, pk=pk)
    if request.method != "POST":
        return _window_page(request, window)
    try:
        person = services.reveal(by=request.actor, window=window, session=_session(request))
    except ValidationError as refused:
        return _window_page(request, window, refused=refused.messages[0])
    return _window_page(request, window, person=person)


def _window_page(
    request: ActorRequest, window: UnlockWindow, *, person: Person | None = None, refused: str = ""
) -> HttpResponse:
    is_own = request.actor.id == window.requester_id and _session(request) == window.session
    context = _frame(unlocking.subject_of(window)) | {
        "window": window,
        "standing": selectors.standing_of(window, timezone.now()),
        "is_own": is_own,
        "person": person,
        "refused": refused,
    }
    return render(request, "identity_window.html", context, status=400 if refused else 200)
