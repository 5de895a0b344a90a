"""The shape of what is typed into the vault; nothing of it is ever filled in from what is stored."""

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from identity.person import FIRST_BIRTH, Correction, Implausible, Person, Sex
from trials.forms import ReasonForm

# No browser keeps or offers what is typed here.
_QUIET = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_SEXES = [(Sex.FEMALE.value, __("female")), (Sex.MALE.value, __("male")), (Sex.OTHER.value, __("other"))]


def _text(longest: int, **options: Any) -> forms.CharField:
    return forms.CharField(max_length=longest, widget=forms.TextInput(attrs=_QUIET), **options)


class BirthDate(forms.DateField):
    widget = forms.DateInput(attrs=_QUIET | {"type": "date", "min": FIRST_BIRTH.isoformat()}, format="%Y-%m-%d")

    def validate(self, value: dt.date | None) -> None:
        super().validate(value)
        if value and not FIRST_BIRTH <= value <= timezone.localdate():
            raise ValidationError(_("Check the year of the birth date."), code="birth-date")


class PersonForm(forms.Form):
    """Who a subject is."""

    name = _text(200, label=__("Name"))
    birth_date = BirthDate(label=__("Birth date"))
    sex = forms.ChoiceField(label=__("Sex"), choices=[("", "—"), *_SEXES])
    local_number = _text(64, label=__("Number in your hospital"), required=False)
    contact = forms.CharField(
        label=__("How to reach the person"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs=_QUIET | {"rows": 3}),
    )
    although_registered = forms.BooleanField(
        label=__("Record although this person is registered under another code, such as after a screening failure"),
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not self.errors:
            try:
                self.person  # noqa: B018  asked for its refusal
            except Implausible as wrong:
                self.add_error(wrong.field, ValidationError(_("Write this in letters or digits."), code="implausible"))
        return told

    @property
    def person(self) -> Person:
        told = {name: value for name, value in self.cleaned_data.items() if name != "although_registered"}
        return Person(**(told | {"sex": Sex(told["sex"])}))


class CorrectionForm(ReasonForm):
    """New values for what was recorded wrongly; an empty field leaves the value as it is."""

    name = _text(200, label=__("Name"), required=False)
    birth_date = BirthDate(label=__("Birth date"), required=False)
    sex = forms.ChoiceField(label=__("Sex"), choices=[("", __("as it is")), *_SEXES], required=False)
    local_number = _text(64, label=__("Number in your hospital"), required=False)
    contact = forms.CharField(
        label=__("How to reach the person"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs=_QUIET | {"rows": 3}),
    )
    field_order = ["name", "birth_date", "sex", "local_number", "contact", "reason"]

    @property
    def correction(self) -> Correction:
        told = {name: value for name, value in self.cleaned_data.items() if name != "reason" and value}
        return Correction(**(told | ({"sex": Sex(told["sex"])} if "sex" in told else {})))
