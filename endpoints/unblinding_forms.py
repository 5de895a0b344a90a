"""The shape of an entry in the register of unblindings, and of what is decided about a reader."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from endpoints.models import UnblindedCase, Unblinding
from endpoints.services.unblindings import NewUnblinding
from trials.codes import normalise
from trials.forms import Day
from trials.models import User

_BETWEEN = ","
_DECISIONS = [each for each in UnblindedCase.Decision.choices if each[0] != UnblindedCase.Decision.WAITING]


class _Codes(forms.CharField):
    """Subject codes between commas, spaces or lines."""

    def clean(self, value: Any) -> tuple[str, ...]:
        words = (super().clean(value) or "").replace(_BETWEEN, " ").split()
        return tuple(normalise(word) for word in words)


class _Readers(forms.MultipleChoiceField):
    """Ticked boxes, or the names in one line as a signing page carries them."""

    def to_python(self, value: Any) -> list[str]:
        return [name for each in super().to_python(value) for name in each.split(_BETWEEN) if name]


class _Words(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=4000, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)


class UnblindingForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=Unblinding.Kind.choices)
    happened_on = Day(label=_("Happened on"), initial=timezone.localdate)
    who = forms.CharField(label=_("Who learned of it, and from whom"), max_length=500)
    known = _Words(
        label=_("What kind of thing became known"),
        help_text=_("The kind alone (the arm, the site, another reader's result), never the thing itself."),
    )
    subjects = _Codes(
        label=_("Subjects"), required=False, max_length=100_000, help_text=_("Codes; none where no subject is touched.")
    )
    readers = _Readers(label=_("Readers who learned of it"), required=False, widget=forms.CheckboxSelectMultiple)
    impact = _Words(label=_("Impact on reads and analysis"))
    action = _Words(label=_("Action taken"))

    def __init__(self, *args: Any, readers: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = cast("forms.MultipleChoiceField", self.fields["readers"])
        offered.choices = [(user.get_username(), str(user)) for user in readers]

    def new(self) -> NewUnblinding:
        """Return what was told; raises KeyError before validation."""
        told = self.cleaned_data
        return NewUnblinding(**told | {"kind": Unblinding.Kind(told["kind"]), "readers": tuple(told["readers"])})

    def carried(self) -> dict[str, str]:
        """Return the same as fields of one line each, for the page of the signature."""
        told = self.cleaned_data
        lists = {name: _BETWEEN.join(told[name]) for name in ("subjects", "readers")}
        return {name: str(value) for name, value in told.items()} | lists


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(label=_("Decision"), choices=_DECISIONS, widget=forms.RadioSelect)
    reason = _Words(label=_("Reason"))
