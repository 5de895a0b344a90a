"""Withdrawing consent in two steps, what will happen shown between them; and the notice for earlier recipients."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from privacy.forms import ConfirmForm, ToldForm, WithdrawForm
from privacy.services import recipients, withdrawal
from privacy.services.withdrawal import Preview
from trials import access
from trials.http import ActorRequest
from trials.models import Subject
from trials.roles import Act
from trials.views.pages import attempt, typed


@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: ActorRequest, code: str) -> HttpResponse:
    """Ask, show what will happen to this very subject, and do it once its code is typed below that."""
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, Act.CONSENT_RECORD, subject)
    form = WithdrawForm(typed(request), initial={"on": timezone.localdate()})
    shown = attempt(form, lambda: withdrawal.preview(by=request.actor, subject=subject, new=form.withdrawal()))
    if shown is None:
        return _page(request, subject, form, status=400 if form.is_bound else 200)
    return _confirm(request, subject, form, shown)


def _confirm(request: ActorRequest, subject: Subject, form: WithdrawForm, shown: Preview) -> HttpResponse:
    is_confirmed = "confirm" in request.POST
    confirmation = ConfirmForm(request.POST if is_confirmed else None, subject=subject)
    seen = request.POST.get("seen", "")
    done = attempt(
        confirmation,
        lambda: withdrawal.withdraw(by=request.actor, subject=subject, new=form.withdrawal(), seen=seen),
    )
    if done:
        messages.warning(request, _("The withdrawal is recorded and in force."))
        return redirect("subject", subject.code)
    return _page(request, subject, form, shown=shown, confirmation=confirmation, status=400 if is_confirmed else 200)


def _page(
    request: ActorRequest,
    subject: Subject,
    form: WithdrawForm,
    *,
    shown: Preview | None = None,
    confirmation: ConfirmForm | None = None,
    status: int,
) -> HttpResponse:
    context = {
        "subject": subject,
        "trial": subject.trial_site.trial,
        "form": confirmation if confirmation is not None else form,
        "asked": form,
        "shown": shown,
        "carried": {name: request.POST.getlist(name) for name in form.fields} if shown else {},
    }
    return render(request, "subject_withdraw.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def notice(request: ActorRequest, code: str) -> HttpResponse:
    """The texts for earlier recipients, each with its list; whoever told them says so here."""
    subject = access.visible_subject(request.actor, code)
    access.require(request.actor, Act.CONSENT_RECORD, subject)
    try:
        notices = recipients.notices(subject)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return redirect("subject", subject.code)
    told = recipients.told_on(subject)
    received = [one for each in notices for one in each.recipients]
    untold = dict.fromkeys(one.name for one in received if one.name not in told)
    form = ToldForm(typed(request), recipients=untold)
    if attempt(form, lambda: _keep_told(request, subject, form)):
        messages.success(request, _("Who was told is recorded."))
        return redirect("withdrawal-notice", subject.code)
    context = {
        "subject": subject,
        "trial": subject.trial_site.trial,
        "notices": [(each.text, [(one, told.get(one.name)) for one in each.recipients]) for each in notices],
        "form": form if untold else None,
    }
    return render(request, "withdrawal_notice.html", context, status=400 if form.is_bound else 200)


def _keep_told(request: ActorRequest, subject: Subject, form: ToldForm) -> bool:
    recipients.keep_told(by=request.actor, subject=subject, **form.cleaned_data)
    return True
