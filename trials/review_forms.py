"""The shape of what a review of roles decides, and of the day that is asked about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from trials.forms import Day
from trials.services.access_reviews import Decision, Seat, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatLine:
    """A role of the list with its two fields."""

    seat: Seat
    verdict: forms.BoundField
    reason: forms.BoundField


class DecisionsForm(forms.Form):
    """Keep or end, and why, for every role that a review shows."""

    def __init__(self, *args: Any, seats: Iterable[Seat], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seats = list(seats)
        for seat in self._seats:
            who = f"{seat.membership.user}, {seat.membership.role.replace('_', ' ')}"
            self.fields[_name("verdict", seat)] = forms.ChoiceField(
                label=_("Decision: %(who)s") % {"who": who}, choices=Verdict.choices, initial=Verdict.KEEP.value
            )
            reason = forms.CharField(label=_("Reason: %(who)s") % {"who": who}, max_length=500, required=False)
            self.fields[_name("reason", seat)] = reason

    @property
    def lines(self) -> Iterator[SeatLine]:
        for seat in self._seats:
            yield SeatLine(seat=seat, verdict=self[_name("verdict", seat)], reason=self[_name("reason", seat)])

    @property
    def decisions(self) -> dict[int, Decision]:
        """Return what was decided, by the key of the membership; raises KeyError before validation."""
        return {seat.membership.pk: self._decision(seat) for seat in self._seats}

    def _decision(self, seat: Seat) -> Decision:
        told = self.cleaned_data
        return Decision(verdict=Verdict(told[_name("verdict", seat)]), reason=told[_name("reason", seat)])


def _name(word: str, seat: Seat) -> str:
    return f"{word}_{seat.membership.pk}"


class AsOfForm(forms.Form):
    day = Day(label=__("Day (UTC)"))

    def clean_day(self) -> Any:
        if self.cleaned_data["day"] > timezone.localdate():
            raise forms.ValidationError(
                _("That day has not come yet: nobody can say what will be changed until then."), code="future"
            )
        return self.cleaned_data["day"]
