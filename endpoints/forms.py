"""The shape of what readers and coordinators type; whether it may be done is for the services."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from endpoints.measure.geometry import PixelPoint
from endpoints.models import Lesion, Measurement
from endpoints.services.lesions import Line, NewFinding, NewLesion
from trials.models import User

_ENDS = ("row_1", "column_1", "row_2", "column_2")
LINE_FIELDS = (*_ENDS, "series", "frame", "token")
# No case has more series, no series more frames: a larger number would overflow the database's offset.
LAST_POSITION = 999_999


class LesionForm(forms.Form):
    """Naming a lesion; the kinds offered are those of the scan."""

    kind = forms.ChoiceField(label=_("Kind"))
    organ = forms.CharField(
        label=_("Organ and place"),
        max_length=60,
        help_text=_("For example: right lung, segment 3. All lymph nodes count as one organ."),
    )
    is_node = forms.BooleanField(label=_("Lymph node (its short axis is measured)"), required=False)

    def __init__(self, *args: Any, kinds: Sequence[Lesion.Kind], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"] = forms.ChoiceField(label=_("Kind"), choices=[(kind.value, kind.label) for kind in kinds])

    def new(self) -> NewLesion:
        told = self.cleaned_data
        return NewLesion(kind=Lesion.Kind(told["kind"]), organ=told["organ"], is_node=told["is_node"])


class LabelForm(forms.Form):
    """Which lesion of the case is meant: its label, never a database key."""

    lesion = forms.CharField(max_length=8)


class FindingForm(LabelForm):
    """How a lesion stands; either the ends of a line in pixels or a typed length comes with `measured`."""

    state = forms.ChoiceField(label=_("State"), choices=Measurement.State.choices)
    value = forms.DecimalField(label=_("mm"), required=False, max_digits=4, decimal_places=1)
    series = forms.IntegerField(required=False, min_value=0, max_value=LAST_POSITION)
    frame = forms.IntegerField(required=False, min_value=0, max_value=LAST_POSITION)
    token = forms.CharField(required=False, max_length=16)
    row_1 = forms.FloatField(required=False)
    column_1 = forms.FloatField(required=False)
    row_2 = forms.FloatField(required=False)
    column_2 = forms.FloatField(required=False)

    def clean(self) -> dict[str, Any]:
        told = self.cleaned_data
        given = [told.get(name) is not None for name in (*_ENDS, "series", "frame")]
        if any(given) and not all(given):
            raise forms.ValidationError(_("A line has two ends on one image."), code="line")
        return told

    def finding(self) -> NewFinding:
        told = self.cleaned_data
        return NewFinding(
            state=Measurement.State(told["state"]),
            line=self._line() if told["series"] is not None else None,
            typed_mm=told["value"],
        )

    def _line(self) -> Line:
        told = self.cleaned_data
        return Line(
            series=told["series"],
            frame=told["frame"],
            token=told["token"],
            start=PixelPoint(row=told["row_1"], column=told["column_1"]),
            end=PixelPoint(row=told["row_2"], column=told["column_2"]),
        )


class LockForm(forms.Form):
    """What goes to the signing page: the comment, and the name of the findings that were looked at."""

    comment = forms.CharField(
        label=_("Comment"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean_comment(self) -> str:
        # A browser sends line ends in two ways, and the comment comes twice: it must be the same text under the digest.
        return "\n".join(self.cleaned_data["comment"].splitlines())


class AssignForm(forms.Form):
    """Who reads; the time point stands beside the form, or all waiting ones are meant."""

    time_point = forms.IntegerField(required=False, widget=forms.HiddenInput)
    reader = forms.ModelChoiceField(label=_("Reader"), queryset=User.objects.none(), empty_label=_("choose one"))

    def __init__(self, *args: Any, readers: Sequence[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = User.objects.filter(pk__in=[reader.pk for reader in readers])
        field: Any = self.fields["reader"]
        field.queryset = chosen
