"""Shapes of what people type on the imaging pages; rules live in the services."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from deid.burned.boxes import Box
from imaging.models import PixelReview, QCDecision, QuarantineDecision, Tool
from imaging.services.conflicts import Choice
from trials import codes
from trials.forms import Day
from trials.models import TimePoint, User
from trials.services.trials import AE_TITLE


class SubjectCodeForm(forms.Form):
    """A subject's code as it is typed from paper; `time_points` are the visits that expect a scan."""

    subject = forms.CharField(
        label=_("Code of the subject"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "aria-describedby": "subject-words"}
        ),
    )

    def __init__(self, *args: Any, time_points: QuerySet[TimePoint], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.time_points = time_points

    @property
    def is_found(self) -> bool:
        return self.is_bound and self.is_valid()

    def clean_subject(self) -> str:
        code = codes.normalise(self.cleaned_data["subject"])
        if not codes.is_valid(code):
            raise forms.ValidationError(
                _("This is no code of a subject: its check characters do not fit. Compare it and type it again."),
                code="check",
            )
        if not self.time_points.filter(subject__code=code).exists():
            sentence = _(
                "No visit of subject %(code)s expects a scan from your site. Look at the code, or ask the coordinator."
            )
            raise forms.ValidationError(sentence, code="unknown", params={"code": code})
        return code


class SendForm(forms.Form):
    """Whose scan, and which visit; `files` serves browsers without JavaScript."""

    time_point = forms.ModelChoiceField(
        TimePoint.objects.none(), label=_("Subject and time point"), empty_label=_("choose one")
    )

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


class HoldingForm(forms.Form):
    """A decision on files in quarantine, on its way to the signing page."""

    # The code of the reason; the signing page has a field named "code" of its own.
    held_for = forms.CharField(widget=forms.HiddenInput, max_length=40, required=False)
    verdict = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            (QuarantineDecision.Verdict.SENT_BACK, _("send back: ask the site; the files stay sealed")),
            (QuarantineDecision.Verdict.DESTROYED, _("destroy these files for good")),
        ],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Kept in the trail; where the site is asked, it reads this. Write no name here."),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, may_send_back: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_send_back:
            field: Any = self.fields["verdict"]
            field.choices = field.choices[1:]

    def clean_reason(self) -> str:
        return "\n".join(self.cleaned_data["reason"].splitlines())


class HoldingFilter(forms.Form):
    """What of the quarantine desk is shown."""

    kind = forms.ChoiceField(label=_("Kind"), required=False)
    site = forms.ChoiceField(label=_("Site"), required=False)

    def __init__(self, data: Any, *, kinds: Iterable[tuple[str, str]], sites: Iterable[str]) -> None:
        super().__init__(data)
        offered = {"kind": kinds, "site": [(number, number) for number in sites]}
        for name, choices in offered.items():
            field: Any = self.fields[name]
            field.choices = [("", _("all")), *choices]


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
        User.objects.none(),
        label=_("In whose name"),
        empty_label=_("choose one"),
        help_text=_("It sees what this person may see, and no more."),
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
