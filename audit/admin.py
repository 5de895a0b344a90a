"""The operator's page of letters of non-repudiation: filed once, listed, never changed (21 CFR 11.100(c))."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit import letters
from audit.actor import OPERATOR, Actor
from audit.models import Letter

# A scanned letter has a few pages.
_LARGEST = 20 * 1024 * 1024


class LetterForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    document = forms.FileField(
        label=_("Letter"),
        help_text=_("The letter as a file. Of it we keep the SHA-256 alone: the letter stays in your own files."),
    )

    class Meta:
        model = Letter
        fields = ["organisation", "filed_on"]
        help_texts = {
            "organisation": _("As it stands in the accounts of its people: only they may sign under this letter."),
            "filed_on": _("The day on which the letter was sent."),
        }

    def clean_organisation(self) -> str:
        return letters.named(self.cleaned_data["organisation"])

    def clean_document(self) -> Any:
        document = self.cleaned_data["document"]
        if document.size > _LARGEST:
            raise forms.ValidationError(_("This file is too large for a letter. Give the letter alone."), code="size")
        return document

    def clean(self) -> dict[str, Any]:
        """Tell the refusals of the service beside the form; that a name is taken is among them."""
        told: dict[str, Any] = self.cleaned_data
        if "organisation" in told and "filed_on" in told:
            letters.refuse(organisation=told["organisation"], filed_on=told["filed_on"])
        return told


@admin.register(Letter)
class LetterAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes no parameter at run time
    """Superusers alone: whoever files a letter lets a whole organisation sign."""

    form = LetterForm
    list_display = ["organisation", "filed_on", "recorded_by", "recorded_at"]
    search_fields = ["organisation"]
    actions = None

    def get_fields(self, _request: HttpRequest, obj: Any = None) -> Any:
        shown = ["document_sha256", "recorded_by", "recorded_at"] if obj else ["document"]
        return ["organisation", "filed_on", *shown]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def has_view_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Letter, form: Any, _change: object) -> None:
        told = form.cleaned_data
        letter = letters.file_letter(
            by=operator_of(request),
            organisation=told["organisation"],
            filed_on=told["filed_on"],
            document=told["document"].read(),
        )
        obj.pk = letter.pk


def operator_of(request: HttpRequest) -> Actor:
    """The actor of a request, in the one role outside every trial that keeps the installation running."""
    by: Actor = request.actor  # type: ignore[attr-defined]  # ActorMiddleware sets it
    return by.acting_as(OPERATOR)
