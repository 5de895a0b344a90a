"""The shape of what is asked of the trail, and of what a review of it says."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from audit import acts
from audit.reviewing import Verdict, View
from audit.selectors import Wanted
from trials.forms import Day

BOTH = "both"
LAYERS = (("act", __("acts")), ("row", __("values")), (BOTH, __("acts and values")))
_ACTS = sorted((acts.OF_TRIALS | acts.ROWS).items())


def offer(form: forms.BaseForm, name: str, choices: Sequence[Any]) -> None:
    """Let a field of a filter take these choices, or any."""
    cast("forms.ChoiceField", form.fields[name]).choices = [("", _("any")), *choices]


class TrailForm(forms.Form):
    """The filter of the audit page; `wanted` is what it asks for."""

    layer = forms.ChoiceField(label=__("What"), choices=LAYERS, required=False, initial="act")
    act = forms.ChoiceField(label=__("Act"), required=False)
    person = forms.ChoiceField(label=__("Who"), required=False)
    kind = forms.ChoiceField(label=__("Object"), required=False)
    since = Day(label=__("From"), required=False)
    until = Day(label=__("Until"), required=False)
    text = forms.CharField(label=__("Words"), max_length=100, required=False)
    is_reasoned = forms.BooleanField(label=__("only with a reason"), required=False)

    def __init__(self, *args: Any, people: dict[str, str], kinds: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "act", [(act, f"{words} ({act})") for act, words in _ACTS])
        offer(self, "person", sorted(people.items(), key=lambda one: one[1].casefold()))
        offer(self, "kind", sorted(kinds.items(), key=lambda one: one[1].casefold()))

    def clean_layer(self) -> str:
        """Acts where nothing is chosen: values are many, and an act tells what they were for."""
        return self.cleaned_data["layer"] or "act"

    @property
    def wanted(self) -> Wanted:
        """Return the filter; raises KeyError before validation."""
        told = self.cleaned_data
        return Wanted(**(told | {"layer": "" if told["layer"] == BOTH else told["layer"]}))


class ScopeForm(forms.Form):
    """What a planned review looks at."""

    view = forms.ChoiceField(label=__("What to look for"), choices=View.choices)
    since = Day(label=__("From"))
    until = Day(label=__("Until"))

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        since, until = told.get("since"), told.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day lies before the first."))
        if until and until > timezone.localdate():
            self.add_error("until", _("Nothing can be reviewed before it has happened."))
        return told


class ReviewForm(ScopeForm):
    """The verdict on what a scope showed; `seen` names what that was."""

    verdict = forms.ChoiceField(label=__("Verdict"), choices=Verdict.choices, widget=forms.RadioSelect)
    findings = forms.CharField(
        label=__("What was looked at and found"), max_length=4000, widget=forms.Textarea(attrs={"rows": 4})
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, told: QueryDict | None = None, **kwargs: Any) -> None:
        # It stands below the scope's own form.
        super().__init__(told, auto_id="review_%s", **kwargs)
        for name in ScopeForm.base_fields:
            self.fields[name].widget = forms.HiddenInput()
