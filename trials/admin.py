"""The operator's pages: accounts and nothing of a trial. Rights are granted in trials, never here."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from trials.models import User
from trials.services.accounts import record_change

# Groups carry guardian's rights on trials; only memberships may fill them.
admin.site.unregister(Group)
admin.site.site_header = admin.site.site_title = _("Corelab operator")
admin.site.index_title = _("Accounts of this installation")


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]  # takes no parameter at run time
    """Accounts are made, changed and closed, never deleted: the trail names them."""

    list_display = [
        "username",
        "first_name",
        "last_name",
        "is_active",
        "may_create_trials",
        "is_staff",
        "last_login",
    ]
    list_filter = ["is_active", "is_staff", "may_create_trials"]
    search_fields = ["username", "first_name", "last_name"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["first_name", "last_name", "email"]}),
        (_("Account"), {"fields": ["is_active", "may_create_trials", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "first_name", "last_name", "email", "password1", "password2"]}),
    ]
    actions = None

    def get_readonly_fields(self, _request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Freeze the name once the account exists: events and signatures carry it."""
        return ["last_login", "date_joined", *(["username"] if obj else [])]

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self._record(request, obj, "account.added", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self._record(request, obj, "account.changed", message)
        return super().log_change(request, obj, message)

    def _record(self, request: HttpRequest, obj: Model, act: str, message: Any) -> None:
        by = request.actor  # type: ignore[attr-defined]  # ActorMiddleware sets it
        record_change(by=by, account=cast("User", obj), act=act, fields=_fields(message))


def _fields(message: Any) -> list[str]:
    """Return the fields that Django's change message names; a new password comes as plain text."""
    if not isinstance(message, list):
        return ["password"]
    return [str(name) for part in message for told in part.values() for name in told.get("fields", [])]
