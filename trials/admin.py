"""The operator's pages: accounts and nothing of a trial. Rights are granted in trials, never here."""

from typing import Any, cast

import allauth.account.admin
import allauth.mfa.admin  # noqa: F401  as the line above: both must have registered before they are taken off
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from audit import letters
from audit.admin import operator_of
from audit.context import admit
from trials.models import User
from trials.services.accounts import end_for_rights, record_change

# Groups carry guardian's rights on trials; only memberships may fill them.
admin.site.unregister(Group)
# Nobody sets or clears a second factor for somebody else, nor an address that would sign in.
admin.site.unregister((Authenticator, EmailAddress))
admin.site.site_header = admin.site.site_title = _("Corelab operator")
_WHOSE_LETTER = _("People sign under the letter of non-repudiation of their organisation: name it as its letter does.")
admin.site.index_title = _("Accounts and letters of this installation")


class OrganisationMixin(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    """Keeps the name of an organisation as its letter has it."""

    def clean_organisation(self) -> str:
        return letters.named(self.cleaned_data["organisation"])


class AccountForm(OrganisationMixin, UserChangeForm):  # type: ignore[type-arg]  # as above
    pass


class NewAccountForm(OrganisationMixin, AdminUserCreationForm):  # type: ignore[type-arg]  # as above
    pass


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]  # takes no parameter at run time
    """Accounts are made, changed and closed, never deleted: the trail names them."""

    form = AccountForm
    add_form = NewAccountForm
    list_display = [
        "username",
        "first_name",
        "last_name",
        "organisation",
        "is_active",
        "may_create_trials",
        "is_staff",
        "last_login",
    ]
    list_filter = ["is_active", "is_staff", "may_create_trials"]
    search_fields = ["username", "first_name", "last_name", "organisation"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "organisation", "email"], "description": _WHOSE_LETTER}),
        (_("Account"), {"fields": ["is_active", "may_create_trials", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "fields": ["username", "first_name", "last_name", "organisation", "email", "password1", "password2"],
                "description": _WHOSE_LETTER,
            },
        ),
    ]
    actions = None

    def get_readonly_fields(self, _request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Freeze the name once the account exists: events and signatures carry it."""
        return ["last_login", "date_joined", *(["username"] if obj else [])]

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # The database's own trail names the role, too.
        admit(operator_of(request))
        return super().changeform_view(request, *args, **kwargs)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002  Django's own
        """Let password and event stand or fall together: Django keeps this page outside of a transaction."""
        admit(operator_of(request))
        if id == str(request.user.pk):
            # One's own is changed by its holder, with a second factor.
            return redirect("account-password")
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001  Django's own
        super().save_model(request, obj, form, change)
        if change:
            end_for_rights(by=operator_of(request), account=obj, changed=set(form.changed_data))
        if obj.organisation and not letters.is_on_file(obj.organisation):
            messages.warning(
                request, _("No letter of non-repudiation of this organisation is on file: its people cannot sign yet.")
            )

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self._record(request, obj, "account.added", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self._record(request, obj, "account.changed", message)
        return super().log_change(request, obj, message)

    def _record(self, request: HttpRequest, obj: Model, act: str, message: Any) -> None:
        record_change(by=operator_of(request), account=cast("User", obj), act=act, fields=_fields(message))


def _fields(message: Any) -> list[str]:
    """Return the fields that Django's change message names; a new password comes as plain text."""
    if not isinstance(message, list):
        return ["password"]
    return [str(name) for part in message for told in part.values() for name in told.get("fields", [])]
