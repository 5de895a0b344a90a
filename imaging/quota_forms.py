"""The shape of a share of the room: whose it is, how much, and why."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from imaging.services.quotas import GIGABYTE, Room
from trials.models import Trial, TrialSite

_MOST = 2**31 - 1
_TRIAL = ""


class ShareForm(forms.Form):
    whose = forms.ChoiceField(label=__("Whose share"), required=False)
    gigabytes = forms.IntegerField(label=__("Gigabytes kept"), required=False, min_value=0, max_value=_MOST)
    number_of_files = forms.IntegerField(label=__("Files kept"), required=False, min_value=0, max_value=_MOST)
    deliveries = forms.IntegerField(label=__("Deliveries under way"), required=False, min_value=0, max_value=_MOST)
    reason = forms.CharField(label=__("Reason"), max_length=500)

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sites = {site.number: site for site in trial.sites.select_related("trial").order_by("number")}
        offered = cast("forms.ChoiceField", self.fields["whose"])
        sites = [(number, _("site %(number)s") % {"number": number}) for number in self._sites]
        offered.choices = [(_TRIAL, _("the whole trial")), *sites]

    @property
    def site(self) -> TrialSite | None:
        """Return the site whose share it is, None for the whole trial's; raises KeyError before validation."""
        return self._sites.get(self.cleaned_data["whose"])

    @property
    def room(self) -> Room:
        """Return the limit; what was left empty falls back to the rule for all."""
        told = self.cleaned_data
        size = told["gigabytes"]
        return Room(
            size=None if size is None else size * GIGABYTE, files=told["number_of_files"], deliveries=told["deliveries"]
        )
