"""The two forms of this floor: only shape is checked here."""

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class BuildForm(forms.Form):
    cut_off = forms.DateField(
        label=_("Cut-off"),
        help_text=_("Results up to the end of this day (UTC) count."),
        initial=timezone.localdate,
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class ReleaseForm(forms.Form):
    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
