"""What is typed to withdraw consent, to confirm it after the preview, and to say who was told of it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from trials.agreement import Level
from trials.agreement_forms import Several
from trials.codes import normalise
from trials.forms import Day, ReasonForm
from trials.models import Consent, ConsentForm, Subject
from trials.services.withdrawal import NewWithdrawal

_MODULES = "modules"


class WithdrawForm(ReasonForm):
    """A level, or single modules: taking back is no harder than giving (GDPR 7(3))."""

    what = forms.ChoiceField(
        label=__("What is taken back"),
        choices=[*Consent.Level.choices, (_MODULES, __("only the modules ticked below"))],
        widget=forms.RadioSelect,
    )
    modules = Several(
        label=__("Modules"),
        choices=[each for each in ConsentForm.Scope.choices if each[0] != ConsentForm.Scope.IMAGING],
        required=False,
    )
    on = Day(label=__("Withdrawn on"))
    field_order = ["what", "modules", "on", "reason"]

    def withdrawal(self) -> NewWithdrawal:
        told = self.cleaned_data
        is_level = told["what"] != _MODULES
        return NewWithdrawal(
            on=told["on"],
            reason=told["reason"],
            level=Level(told["what"]) if is_level else None,
            modules=() if is_level else told["modules"],
        )


class ConfirmForm(forms.Form):
    """The code typed under the preview."""

    code = forms.CharField(
        label=__("Type the subject's code to confirm"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, subject: Subject, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject

    def clean_code(self) -> str:
        if normalise(self.cleaned_data["code"]) != self.subject.code:
            raise forms.ValidationError(_("This is not the code of this subject. Nothing was done."), code="code")
        return self.subject.code


class ToldForm(forms.Form):
    """Which recipients were told of a withdrawal, and when."""

    names = Several(label=__("Who was told"))
    on = Day(label=__("Told on"), initial=timezone.localdate)

    def __init__(self, *args: Any, recipients: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = self.fields["names"]
        if isinstance(names, Several):
            names.choices = [(name, name) for name in recipients]
