"""What the operator does to an account beside its form: end its sessions, revoke lost factors, link it elsewhere."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from trials.account_forms import OperatorForm, SubjectForm
from trials.http import ActorRequest
from trials.models import User
from trials.services import accounts, factors, passkeys, provider, sessions
from trials.views.pages import attempt

END, REVOKE, LINK, UNLINK = "end", "revoke", "link", "unlink"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: ActorRequest, pk: int) -> HttpResponse:
    """Show what an account signs in with, as counts and dates; each form on the page asks for a reason."""
    accounts.require_operator(request.actor)
    account = get_object_or_404(User, pk=pk)
    forms = {
        name: kind(request.POST if name == request.POST.get("act") else None, prefix=name)
        for name, kind in _FORMS.items()
    }
    chosen = forms.get(request.POST.get("act", ""))
    if chosen is not None and attempt(chosen, lambda: _do(request, account, chosen)):
        return redirect("operator-account", pk=pk)
    context = {
        "account": account,
        "forms": forms,
        "has_app": factors.has_app(account),
        "passkeys": len(passkeys.held_by(account)),
        "recovery_codes": factors.recovery_codes_left(account),
        "sessions": sessions.held_by(account),
        "provider": settings.OIDC_NAME if settings.OIDC_PROVIDER else "",
        "link": provider.link_of(account),
    }
    return render(request, "operator_account.html", context, status=400 if chosen is not None else 200)


def _do(request: ActorRequest, account: User, form: BaseForm) -> bool:
    told = {"by": request.actor, "account": account, **form.cleaned_data}
    act, sentence = _ACTS[str(form.prefix)]
    act(**told)
    messages.success(request, sentence())
    return True


def _link(**told: Any) -> None:
    if settings.OIDC_PROVIDER is not None:
        provider.link_for(provider=settings.OIDC_PROVIDER, **told)


_FORMS: dict[str, type[BaseForm]] = {END: OperatorForm, REVOKE: OperatorForm, LINK: SubjectForm, UNLINK: OperatorForm}
_ACTS: dict[str, tuple[Callable[..., Any], Callable[[], str]]] = {
    END: (accounts.end_sessions, lambda: _("Every session of this account has ended.")),
    REVOKE: (
        accounts.revoke_factors,
        lambda: _(
            "The second factors are revoked and the password is closed. Set a new password for this account: its "
            "holder changes it, and sets up a new factor, at the next sign-in."
        ),
    ),
    LINK: (_link, lambda: _("The identity is linked to this account.")),
    UNLINK: (provider.unlink_for, lambda: _("The link is removed.")),
}
