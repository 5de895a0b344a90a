"""Signing in and out."""

from django.contrib.auth import login, logout
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from trials.forms import SignInForm
from trials.http import ActorRequest
from trials.services import sign_in


class SignIn(LoginView):
    """Name and password. One sentence for every failure, so that it tells nobody which names exist."""

    template_name = "sign_in.html"
    authentication_form = SignInForm  # type: ignore[assignment]  # the service, not the form, knows accounts
    redirect_authenticated_user = True

    def form_valid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]  # see authentication_form
        request_id: str = self.request.request_id  # type: ignore[attr-defined]  # ActorMiddleware sets it
        user = sign_in.identify(request_id=request_id, **form.cleaned_data)
        if user is None:
            form.add_error(None, _("Name and password do not fit an open account. Check both and try again."))
            return self.form_invalid(form)  # type: ignore[arg-type]  # see authentication_form
        login(self.request, user)
        return HttpResponseRedirect(self.get_success_url())


@require_POST
def leave(request: ActorRequest) -> HttpResponse:
    sign_in.leave(by=request.actor, user=request.user)
    logout(request)
    return redirect("sign-in")


def operator_door(request: HttpRequest) -> HttpResponse:
    """Send the operator to the sign-in that leaves events. Raises PermissionDenied for others."""
    if request.user.is_authenticated:
        raise PermissionDenied(_("These pages are for the operator of this installation."))
    return redirect(f"{resolve_url('sign-in')}?{urlencode({'next': resolve_url('admin:index')})}")
