"""The forms of this floor: only shape is checked here."""

from typing import Any

from django import forms
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from reports.verifying import LARGEST


class BuildForm(forms.Form):
    cut_off = forms.DateField(
        label=_("Cut-off"),
        help_text=_("Results up to the end of this day (UTC) count."),
        initial=timezone.localdate,
        widget=forms.DateInput(attrs={"type": "date"}),
    )


class VerifyForm(forms.Form):
    file = forms.FileField(
        label=_("The report, as a PDF"),
        help_text=_("It is looked at and not kept."),
        widget=forms.FileInput(attrs={"accept": "application/pdf,.pdf"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST:
            raise forms.ValidationError(
                _("The file is larger than %(limit)s. No report is: it was not looked at."),
                code="too-large",
                params={"limit": filesizeformat(LARGEST)},
            )
        return file
