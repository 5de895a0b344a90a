"""The shape of what is typed about the rights of the person; whether it may be done is for the services."""

import datetime as dt
from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as __

from privacy.models import BreachEntry, Erasure, LegalBasis, Register, Request
from privacy.services.register import FIELDS
from privacy.services.requests import FURTHER_MONTHS
from trials.codes import normalise
from trials.forms import Day
from trials.models import Disclosure, Retention, Subject, Trial
from trials.models.retention import LEGAL_YEARS, MOST_YEARS
from trials.selectors import subjects_of

_ANSWERS = [each for each in Request.State.choices if each[0] != Request.State.OPEN]


class Moment(forms.DateTimeField):
    """A time in UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], **kwargs)


class Words(forms.CharField):
    """Some sentences."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=4000, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)


class Codes(forms.CharField):
    """Subject codes between commas or spaces."""

    def clean(self, value: Any) -> tuple[str, ...]:
        text = super().clean(value) or ""
        return tuple(normalise(word) for word in text.replace(",", " ").split())


class _OfTrial(forms.Form):
    """A form that offers subjects of one trial."""

    subject = forms.ModelChoiceField(label=__("Subject"), queryset=Subject.objects.none(), empty_label=__("choose one"))

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = cast("forms.ModelChoiceField[Subject]", self.fields["subject"])
        chosen.queryset = subjects_of(trial).order_by("code")
        # An address and a hidden field tell the code, never a row's number.
        chosen.to_field_name = "code"


class RequestForm(_OfTrial):
    kind = forms.ChoiceField(label=__("What is asked for"), choices=Request.Kind.choices)
    received_on = Day(label=__("Received on"), help_text=__("By whoever got it first: the month runs from that day."))


class AnswerForm(forms.Form):
    state = forms.ChoiceField(label=__("Outcome"), choices=_ANSWERS)
    words = Words(label=__("What the subject was told"))


class ExtensionForm(forms.Form):
    months = forms.TypedChoiceField(
        label=__("Further months"), coerce=int, choices=[(months, str(months)) for months in FURTHER_MONTHS]
    )
    told_on = Day(label=__("The person was told, with the reason, on"))
    reason = Words(label=__("Why a month is not enough"))


class ErasureForm(_OfTrial):
    level = forms.ChoiceField(
        label=__("What is destroyed"),
        choices=[each for each in Erasure.Level.choices if each[0] != Erasure.Level.IMAGES],
        widget=forms.RadioSelect,
    )
    ground = forms.ChoiceField(
        label=__("Ground"),
        choices=[each for each in Erasure.Ground.choices if each[0] != Erasure.Ground.RETENTION_OVER],
    )
    reason = Words(label=__("Reason"))


class ReasonForm(forms.Form):
    reason = Words(label=__("Reason"))


class LedgerForm(forms.Form):
    """The filter of the ledger."""

    kind = forms.ChoiceField(label=__("Kind"), required=False, choices=[("", __("any")), *Disclosure.Kind.choices])
    subject = forms.CharField(label=__("Subject"), required=False, max_length=20)
    recipient = forms.CharField(label=__("Recipient"), required=False, max_length=100)
    since = Day(label=__("From"), required=False)
    until = Day(label=__("Until"), required=False)

    def clean_subject(self) -> str:
        told = self.cleaned_data["subject"].strip()
        return normalise(told) if told else ""


class RetentionForm(forms.Form):
    years = forms.IntegerField(
        label=__("Years after the end of the trial"), min_value=LEGAL_YEARS, max_value=MOST_YEARS, initial=LEGAL_YEARS
    )
    rule = forms.CharField(label=__("Legal rule"), max_length=200, initial="Regulation (EU) 536/2014, article 58")
    ended_on = Day(label=__("Last day of the trial"), required=False)
    reason = forms.CharField(label=__("Reason of the change"), max_length=500, required=False)

    @classmethod
    def of(cls, clock: Retention | None, **kwargs: Any) -> "RetentionForm":
        """Return the form filled with the clock as it stands."""
        names = ("years", "rule", "ended_on")
        initial = {name: getattr(clock, name) for name in names} if clock else {}
        return cls(initial=initial, **kwargs)


class BreachForm(forms.Form):
    title = forms.CharField(label=__("What happened, in one line"), max_length=200)
    known_at = Moment(label=__("Known since (UTC)"), help_text=__("The 72 hours run from this moment."))
    codes = Codes(
        label=__("Affected subjects"), required=False, help_text=__("Codes; all subjects of the trial if left empty.")
    )


class EntryForm(forms.Form):
    kind = forms.ChoiceField(label=__("Kind"), choices=BreachEntry.Kind.choices)
    happened_at = Moment(label=__("When (UTC)"))
    text = Words(label=__("What"))

    @staticmethod
    def now() -> dict[str, dt.datetime]:
        return {"happened_at": timezone.now()}


class RegisterForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    reason = forms.CharField(label=__("Reason of the change"), max_length=500, required=False)
    review_on = Day(label=__("Assessment: to be reviewed on"), required=False)

    class Meta:
        model = Register
        fields = FIELDS
        widgets = {
            name: forms.Textarea(attrs={"rows": 2})
            for name in FIELDS
            if name not in {"without_processors", "without_transfers", "review_on"}
        }


class ProcessorForm(forms.Form):
    name = forms.CharField(label=__("Name and contact"), max_length=200)
    task = forms.CharField(label=__("What it does"), max_length=200)
    contract = forms.CharField(label=__("Contract"), max_length=200)
    place = forms.CharField(label=__("Place of processing"), max_length=120)


class TransferForm(forms.Form):
    recipient = forms.CharField(label=__("Recipient"), max_length=200)
    country = forms.CharField(label=__("Country"), max_length=80)
    safeguard = forms.CharField(label=__("Safeguard"), max_length=200)


class BasisForm(forms.Form):
    purpose = forms.ChoiceField(label=__("Purpose"), choices=LegalBasis.Purpose.choices)
    article_6 = forms.ChoiceField(label=__("GDPR article 6"), choices=LegalBasis.Article6.choices)
    article_9 = forms.ChoiceField(label=__("GDPR article 9"), choices=LegalBasis.Article9.choices)
    reason = forms.CharField(label=__("Reason of the change"), max_length=500, required=False)


class PermitForm(forms.Form):
    number = forms.CharField(label=__("Permit number"), max_length=60)
    recipient = forms.CharField(label=__("Recipient"), max_length=200)
    purpose = forms.CharField(label=__("Purpose"), max_length=300)
    valid_until = Day(label=__("Valid until"))
