"""The page of one's own account: roles with dates, second factors, open sessions, password, link elsewhere."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import set_language

from trials.account_forms import LinkForm, PasswordForm
from trials.forms import ROLE_NAMES
from trials.http import ActorRequest
from trials.models import User
from trials.roles import Role
from trials.services import accounts, factors, passkeys, provider, sessions, vouching
from trials.views.pages import attempt, typed


@require_safe
def show(request: ActorRequest) -> HttpResponse:
    user = request.user
    context = {
        "roles": [(ROLE_NAMES[Role(held.role)], held) for held in accounts.roles_of(user)],
        "has_app": factors.has_app(user),
        "passkeys": passkeys.held_by(user),
        "recovery_codes": factors.recovery_codes_left(user),
        "sessions": sessions.held_by(user),
        "waiting": vouching.waiting_for(request.actor),
        "here": request.session.get(sessions.KEY, ""),
        "provider": settings.OIDC_NAME if settings.OIDC_PROVIDER else "",
        "link": provider.link_of(user),
        "minutes": settings.SESSION_IDLE // 60,
        "hours": settings.SESSION_ABSOLUTE // 3600,
    }
    return render(request, "account.html", context)


@login_not_required
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Speak another language from here on: on this device by a cookie, and wherever its holder signs in.

    It leads back where the browser says it came from: pages do not name their own address, which may be a guess.
    """
    language = request.POST.get("language", "")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        accounts.choose_language(user=request.user, language=language)
    return set_language(request)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def change_password(request: ActorRequest) -> HttpResponse:
    """Ask for the old password, a second factor and a new password; every other session of the account then ends."""
    if not factors.has_factor(request.user):
        # There is nothing yet that could be given beside the old password.
        return redirect("second-factor")
    form = PasswordForm(typed(request))
    if attempt(form, lambda: _change(request, form)):
        update_session_auth_hash(request, request.user)
        messages.success(request, _("Your password is changed. Every other session of your account has ended."))
        return redirect("account")
    context = {
        "form": form,
        "demo_code": factors.demo_code(request.user),
        "has_passkey": bool(passkeys.held_by(request.user)),
    }
    return render(request, "account_password.html", context, status=400 if form.is_bound else 200)


def _change(request: ActorRequest, form: BaseForm) -> bool:
    told = form.cleaned_data
    accounts.change_password(
        by=request.actor,
        user=request.user,
        password=told["password"],
        code=told["code"],
        new=told["new"],
        session=request.session[sessions.KEY],
    )
    return True


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def vouch(request: ActorRequest, pk: int) -> HttpResponse:
    """Say whose the new factor of a colleague is, after the operator revoked the old ones."""
    account = next((one for one in vouching.waiting_for(request.actor) if one.pk == pk), None)
    if account is None:
        raise Http404
    form = LinkForm(typed(request))
    if attempt(form, lambda: _vouch(request, account, form)):
        messages.success(request, _("You vouched for %(name)s, who can sign again.") % {"name": account})
        return redirect("account")
    context = {
        "form": form,
        "account": account,
        "demo_code": factors.demo_code(request.user),
        "has_passkey": bool(passkeys.held_by(request.user)),
    }
    return render(request, "account_vouch.html", context, status=400 if form.is_bound else 200)


def _vouch(request: ActorRequest, account: User, form: BaseForm) -> bool:
    vouching.vouch(by=request.actor, user=request.user, account=account, **form.cleaned_data)
    return True
