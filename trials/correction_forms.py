"""The shape of a correction, with the old value beside the new, and of masking what the trail should never have got."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from trials.forms import Code, Day, Password
from trials.models import TrialSite
from trials.services.corrections import Corrected, seen_of, values_of
from trials.services.masking import Agreement
from trials.services.trials import AE_TITLE, TIME_ZONES

_LARGEST = 2**63 - 1
_BETWEEN = re.compile(r"[\s,;]+")


class CorrectionForm(forms.Form):
    """New values, each beside what is saved, and why they change. `seen` names what is saved while the page is open."""

    reason = forms.CharField(
        label=__("Reason for the change"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=__("It stands in the audit trail beside each value that changes; the old value stays readable."),
        error_messages={"required": __("Say why this value changes.")},
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, told: QueryDict | None, *, row: Corrected) -> None:
        self._seen = seen_of(row)
        saved = values_of(row)
        super().__init__(told, initial=saved | {"seen": self._seen})
        for name, value in saved.items():
            self.fields[name].help_text = _("Saved now: %(value)s") % {"value": _words(value)}
        self.order_fields([*saved, "reason"])

    def renew(self) -> None:
        """Let what is sent next be judged against the values that this page shows."""
        self.data = _with(self.data, seen=self._seen)

    @property
    def new_values(self) -> dict[str, Any]:
        """Return what the form asks for, by the names of a Change. Raises AttributeError before validation."""
        return {name: value for name, value in self.cleaned_data.items() if name not in CorrectionForm.base_fields}


def _with(told: Mapping[str, Any], **other: str) -> dict[str, Any]:
    """Return what was sent, one value a name (unpacking a QueryDict would give lists), with some replaced."""
    return {name: told[name] for name in told} | other


def _words(value: Any) -> str:
    if isinstance(value, dt.date):
        return date_format(value)
    return str(value) or _("nothing")


class TrialCorrectionForm(CorrectionForm):
    title = forms.CharField(label=__("Title"), max_length=200)
    protocol_number = forms.CharField(label=__("Protocol number"), max_length=60)


class SiteCorrectionForm(CorrectionForm):
    number = forms.CharField(label=__("Number in this trial"), max_length=10)
    ae_title = forms.CharField(
        label=__("DICOM AE title of the sender"), max_length=16, required=False, validators=[AE_TITLE]
    )
    hospital = forms.CharField(label=__("Hospital"), max_length=120)
    time_zone = forms.ChoiceField(label=__("Time zone"), choices=[(name, name) for name in TIME_ZONES])

    def __init__(self, told: QueryDict | None, *, row: TrialSite, may_correct_hospital: bool) -> None:
        super().__init__(told, row=row)
        if not may_correct_hospital:
            del self.fields["hospital"], self.fields["time_zone"]


class SubjectCorrectionForm(CorrectionForm):
    day_zero = Day(label=__("Day zero"))


class Numbers(forms.CharField):
    """Numbers of records in the trail, typed with commas or gaps between them."""

    def clean(self, value: Any) -> tuple[int, ...]:
        words = [word for word in _BETWEEN.split(super().clean(value)) if word]
        if not all(word.isascii() and word.isdecimal() and 0 < int(word[:20]) <= _LARGEST for word in words):
            raise forms.ValidationError(_("Type numbers, with commas between them."), code="number")
        return tuple(sorted({int(word) for word in words}))


class RecordsForm(forms.Form):
    """Which records are meant."""

    numbers = Numbers(
        label=__("Numbers of the records"),
        max_length=400,
        help_text=__("Each record of the audit trail shows its number under the time."),
    )


class MaskForm(RecordsForm):
    """Why the records are masked, and the second person's own account name, password and code."""

    ground = forms.CharField(
        label=__("Ground"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=__("It stays readable for good: say what kind of words were typed in, and do not repeat them."),
    )
    username = forms.CharField(
        label=__("Account name of the second person"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
        help_text=__("Another member of this trial who may see its trail, here beside you."),
    )
    password = Password(label=__("Their password"))
    code = Code(label=__("Code of their second factor"))

    def __init__(self, told: QueryDict | None, *, numbers: str = "") -> None:
        # Another form of the page asks for the same numbers, and ids are unique.
        super().__init__(told, initial={"numbers": numbers}, auto_id="mask_%s")
        self.fields["numbers"].widget = forms.HiddenInput()
        # The browser knows the first person's, and must neither fill them in nor keep the second one's.
        for name in ("password", "code"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    @property
    def agreement(self) -> Agreement:
        """Return what the second person typed. Raises KeyError before validation."""
        return Agreement(**{name: self.cleaned_data[name] for name in ("username", "password", "code")})

    def forget(self) -> None:
        """No code is good twice, so none is shown again."""
        self.data = _with(self.data, code="")
