"""The shape of arms as they are typed or pasted: a line for each subject."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as __

from trials.codes import normalise
from trials.services.arms import Given


class _Lines(forms.CharField):
    """“CODE, arm” line by line."""

    def clean(self, value: Any) -> tuple[Given, ...]:
        lines = [line for line in (super().clean(value) or "").splitlines() if line.strip()]
        return tuple(self._given(line) for line in lines)

    @staticmethod
    def _given(line: str) -> Given:
        code, comma, arm = line.partition(",")
        if not comma or not arm.strip():
            raise forms.ValidationError(
                __("Each line has a subject's code, a comma and the arm. Nothing was recorded."), code="line"
            )
        return Given(subject=normalise(code), arm=arm.strip())


class ArmsForm(forms.Form):
    lines = _Lines(
        label=__("Subjects and arms"),
        help_text=__("One line each: code, comma, arm."),
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
    )
    reason = forms.CharField(label=__("Reason, where an arm that stands changes"), max_length=500, required=False)
