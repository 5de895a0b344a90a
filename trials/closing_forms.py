"""The shape of what a step of closing, or opening again, is told by."""

from django import forms
from django.utils.translation import gettext_lazy as __

from trials.forms import Day
from trials.models import Closure
from trials.services.closing import LONGEST_HOURS, Step

Kind = Closure.Kind


class _StepForm(forms.Form):
    reason = forms.CharField(label=__("Reason"), max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))


class CloseForm(_StepForm):
    cut_off = Day(label=__("Cut-off"), help_text=__("The last day whose data are analysed; today or earlier."))
    field_order = ("cut_off", "reason")


class AskForm(_StepForm):
    hours = forms.IntegerField(label=__("For how many hours"), min_value=1, max_value=LONGEST_HOURS, initial=24)
    reason = forms.CharField(
        label=__("What must change, and why"), max_length=4000, widget=forms.Textarea(attrs={"rows": 3})
    )
    field_order = ("hours", "reason")


class OpenForm(_StepForm):
    pass


FORMS: dict[Closure.Kind, type[_StepForm]] = {Kind.CLOSED: CloseForm, Kind.ASKED: AskForm, Kind.OPENED: OpenForm}


def step_of(form: forms.Form, kind: Closure.Kind) -> Step:
    """Return what the form tells; raises KeyError before validation."""
    told = form.cleaned_data
    return Step(kind=kind, reason=told["reason"], cut_off=told.get("cut_off"), hours=told.get("hours"))
