"""Shapes of what people type on the imaging pages; rules live in the services."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from deid.burned.boxes import Box
from imaging.models import PixelReview, QCDecision, Tool
from imaging.services.conflicts import Choice
from trials.forms import Day
from trials.models import TimePoint, User
from trials.services.trials import AE_TITLE


class SendForm(forms.Form):
    """Whose scan, and which visit; `files` serves browsers without JavaScript."""

    time_point = forms.ModelChoiceField(TimePoint.objects.none(), label=_("Subject and time point"))

    def __init__(self, *args: Any, time_points: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["time_point"]
        field.queryset = time_points
        field.label_from_instance = _visit


def _visit(time_point: TimePoint) -> str:
    return f"{time_point.subject.code} · {time_point.scheduled.name} ({time_point.due_on:%d %b %Y})"


class AssignForm(SendForm):
    """The same choice for a delivery that came without."""


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class DecisionForm(forms.Form):
    """What goes to the signing page."""

    # What the page showed, by its hash: the signature covers that and nothing else.
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    verdict = forms.ChoiceField(label=_("Verdict"), choices=QCDecision.Verdict.choices, widget=forms.RadioSelect)
    comment = forms.CharField(
        label=_("Comment"),
        help_text=_("What the site reads when you ask or refuse."),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean_comment(self) -> str:
        # Browsers send line ends in two ways, and the comment comes twice: under the digest it is the same text.
        return "\n".join(self.cleaned_data["comment"].splitlines())


class BoxesForm(forms.Form):
    """Boxes as lines of four numbers, typed or written by pointing."""

    boxes = forms.CharField(
        label=_("Boxes, one a line: left, top, right, bottom"),
        help_text=_("In pixels from the top left corner. Draw on the picture, or type. They apply to every frame."),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )

    @classmethod
    def showing(cls, rows: Iterable[list[Any]]) -> "BoxesForm":
        return cls(initial={"boxes": "\n".join(" ".join(map(str, row[:4])) for row in rows)})

    def clean_boxes(self) -> list[Box]:
        return [_box(line) for line in self.cleaned_data["boxes"].splitlines() if line.strip()]


def _box(line: str) -> Box:
    numbers = line.replace(",", " ").split()
    try:
        left, top, right, bottom = (int(number) for number in numbers)
        return Box(left, top, right, bottom)
    except ValueError:
        said = _("“%(line)s” is no box: write left, top, right, bottom as whole numbers, right and bottom the larger.")
        raise forms.ValidationError(said % {"line": line[:60]}, code="no-box") from None


class PictureForm(forms.Form):
    """What goes to the signing page of a picture."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    verdict = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (PixelReview.State.RELEASED, _("release it: nothing identifying is left outside the boxes")),
            (PixelReview.State.REFUSED, _("refuse it: it stays encrypted, and the site is told")),
        ],
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=_("Comment"),
        help_text=_("What the site reads when you refuse. Write no name here."),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean_comment(self) -> str:
        return "\n".join(self.cleaned_data["comment"].splitlines())


class AnswerForm(forms.Form):
    text = forms.CharField(label=_("Answer"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


class ConflictForm(forms.Form):
    """What becomes of images whose identity is filed with other content."""

    choice = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (Choice.KEEP, _("Keep the filed images; destroy the new files")),
            (Choice.ASK, _("Set both aside and ask the site: nobody reads this time point until it is judged again")),
        ],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Kept in the trail; where the site is asked, it reads this."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class BindingForm(forms.Form):
    """What a name that calls the DICOM node is bound to."""

    certificate = forms.CharField(
        label=_("TLS client certificate"),
        help_text=_("As PEM, or its SHA-256 fingerprint in hexadecimal."),
        max_length=20_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    networks = forms.CharField(
        label=_("Networks it calls from"),
        help_text=_("One a line, such as 192.0.2.0/24."),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    host = forms.GenericIPAddressField(label=_("Address it listens at"), required=False)
    port = forms.IntegerField(label=_("Port it listens at"), min_value=1, max_value=65_535, required=False)


class DoorForm(BindingForm):
    """What a site's DICOM sender must show, and where it takes reports of storage commitment."""

    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class ToolForm(BindingForm):
    """A DICOM tool of the core laboratory; `holders` are those in whose name it may call."""

    label = forms.CharField(
        label=_("Tool"), max_length=80, help_text=_("Such as: viewer of room 4. No names of people.")
    )
    ae_title = forms.CharField(label=_("DICOM AE title"), max_length=16, validators=[AE_TITLE])
    holder = forms.ModelChoiceField(
        User.objects.none(), label=_("In whose name"), help_text=_("It sees what this person may see, and no more.")
    )
    purpose = forms.ChoiceField(label=_("What it does"), choices=Tool.Purpose.choices)
    ends_on = Day(label=_("Last day"), help_text=_("At most a year from today."))
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
    field_order = ("label", "ae_title", "holder", "purpose", "networks", "certificate", "host", "port", "ends_on")

    def __init__(self, *args: Any, holders: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["holder"]
        field.queryset = holders
        field.label_from_instance = lambda user: user.get_full_name() or user.get_username()
