"""Forms about one's own account, and the operator's about somebody's: shape only."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from trials.forms import Code, EnrolForm, Password, ReasonForm, RemoveFactorForm

_PRESENT = __("Code of a factor you have, or a recovery code")


class Answer(forms.CharField):
    """What a passkey answered, put there by the script of its button."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.HiddenInput(attrs={"autocomplete": "off"})
        super().__init__(widget=widget, max_length=16 * 1024, **kwargs)


class SecondStepForm(forms.Form):
    """A code, or a passkey's answer in its place."""

    code = Code(
        label=__("Code of your second factor"),
        help_text=__("The code that your authenticator app shows now, or one of your recovery codes."),
    )
    passkey = Answer(required=False)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.fields["code"].required = not (data and data.get("passkey"))
        self.fields["code"].widget.attrs["autofocus"] = True


class FirstPasskeyForm(forms.Form):
    """A passkey where there is no factor yet."""

    name = forms.CharField(
        label=__("Name of the passkey"),
        max_length=60,
        help_text=__("So that you know it again, such as: key on my ring, this laptop."),
    )
    password = Password(label=__("Your password"))
    passkey = Answer(error_messages={"required": __("The browser gave no passkey: nothing changed. Try once more.")})


class PasskeyForm(FirstPasskeyForm):
    code = Code(label=_PRESENT)
    field_order = ["name", "password", "code"]


class NextAppForm(EnrolForm):
    """An authenticator app beside passkeys."""

    present = Code(label=_PRESENT)


class LinkForm(RemoveFactorForm):
    code = Code(label=_PRESENT)


class PasswordForm(forms.Form):
    password = Password(label=__("Password you have now"))
    code = Code(label=_PRESENT)
    new = forms.CharField(
        label=__("New password"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=__("Twelve characters or more: a few words that belong together to nobody else are easy to keep."),
    )
    again = forms.CharField(
        label=__("New password once more"),
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = self.cleaned_data
        if "new" in told and "again" in told and told["new"] != told["again"]:
            self.add_error("again", _("The two new passwords differ: nothing changed. Type both again."))
        return told


class OperatorForm(ReasonForm):
    """What the operator does to an account has a reason, and nothing else to fill in."""


class SubjectForm(ReasonForm):
    subject = forms.CharField(
        label=__("Subject at the sign-in service"),
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=__("The `sub` of the person there: an opaque word, not an address."),
    )
    field_order = ["subject", "reason"]
