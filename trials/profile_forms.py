"""The shape of a de-identification profile as it is typed, and of a look at what it does."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from deid import Option
from deid.choices import Choices, TagAction, TagRule, read_tag, written
from deid.examples import Example
from deid.options import COLUMNS, DATES
from trials.services.profiles import LARGEST_LOOK

OPTION_NAMES: dict[Option, Any] = {
    Option.CLEAN_PIXEL_DATA: __("Clean pixel data: burned-in text is blanked, or a person looks; else refused"),
    Option.CLEAN_DESCRIPTORS: __("Clean descriptors: recognised words of descriptions stay"),
    Option.CLEAN_STRUCTURED_CONTENT: __("Clean structured content: coded findings and measurements of reports stay"),
    Option.CLEAN_GRAPHICS: __("Clean graphics: drawings of presentation states stay, their texts by recognised words"),
    Option.RETAIN_PATIENT_CHARACTERISTICS: __("Retain patient characteristics: age (to 89), sex, size and weight"),
    Option.RETAIN_SAFE_PRIVATE: __("Retain safe private attributes: known physics of the makers, factors of SUV too"),
    Option.RETAIN_DEVICE_IDENTITY: __("Retain device identity: serial numbers and station names"),
    Option.RETAIN_INSTITUTION_IDENTITY: __("Retain institution identity: name and address of the hospital"),
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: __(
        "Clean recognizable visual features: the declared program takes faces out of each series, or it is kept back"
    ),
    Option.RETAIN_UIDS: __("Retain UIDs: the hospital's own identifiers of studies, series and images"),
}
FACES = Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES
_REMOVED = "removed"
_LINE_PARTS = 3


def named(option: Option) -> Any:
    """Return an option in words, the standard's where there are none of ours."""
    return OPTION_NAMES.get(option, COLUMNS[option].meaning)


class ProfileForm(forms.Form):
    """The rules beside the Basic Profile; `choices` gives them once the form is valid."""

    dates = forms.ChoiceField(
        label=__("Dates"),
        widget=forms.RadioSelect,
        choices=[
            (Option.RETAIN_MODIFIED_DATES.value, __("moved by whole days, one number for each subject; times stay")),
            (Option.RETAIN_FULL_DATES.value, __("kept as they are")),
            (_REMOVED, __("removed, with the times")),
        ],
    )
    options = forms.MultipleChoiceField(
        label=__("Options of PS3.15"),
        widget=forms.CheckboxSelectMultiple,
        choices=[(option.value, named(option)) for option in Option if option not in DATES],
        required=False,
    )
    admits_unknown = forms.BooleanField(
        label=__("Take objects of a kind that the standard's tables do not know, by a generic plan"),
        help_text=__("Else they are kept in quarantine."),
        required=False,
    )
    words = forms.CharField(
        label=__("Words that may stay in descriptions"),
        help_text=__("Beside those that were reviewed, such as the name of a tracer. Separate them by spaces."),
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=10_000,
        required=False,
    )
    tags = forms.CharField(
        label=__("Single attributes"),
        help_text=__("A line for each: its tag, keep or remove, and why, as in: (0018,1151) remove not measured here"),
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
        max_length=40_000,
        required=False,
    )
    reason = forms.CharField(
        label=__("Reason"),
        max_length=500,
        help_text=__("It stands in the audit trail beside each value that changes."),
        error_messages={"required": __("Say why the profile changes.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not settings.DEFACER:
            self._leave_faces_out()

    def _leave_faces_out(self) -> None:
        """No program that takes faces out is declared, so that nobody could execute the option (deid.lint says so)."""
        field = self.fields["options"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  declared above
        field.choices = [(option.value, named(option)) for option in Option if option not in {*DATES, FACES}]
        field.help_text = _(
            "Faces are taken out where the operator declares a program (CORELAB_DEFACER), or at the site: python -m "
            "deid clean --defacer."
        )

    def clean_tags(self) -> tuple[TagRule, ...]:
        lines = [line.strip() for line in str(self.cleaned_data["tags"]).splitlines()]
        return tuple(sorted(_rule(line) for line in lines if line))

    @property
    def choices(self) -> Choices:
        """Return what was chosen; raises KeyError before validation."""
        told = self.cleaned_data
        dates = {told["dates"]} - {_REMOVED}
        return Choices(
            options=frozenset(map(Option, {*told["options"], *dates})),
            admits_unknown=told["admits_unknown"],
            words=frozenset(told["words"].casefold().replace(",", " ").split()),
            tag_rules=told["tags"],
        )


def _rule(line: str) -> TagRule:
    tag, action, reason = [*line.split(None, 2), "", ""][:_LINE_PARTS]
    try:
        return TagRule(tag=read_tag(tag), action=TagAction(action.casefold()), reason=reason)
    except ValueError:
        raise forms.ValidationError(
            _("This line is no attribute with a decision: %(line)s. Write it as (0018,1151) remove, and why."),
            code="line",
            params={"line": line[:60]},
        ) from None


def typed(choices: Choices) -> dict[str, Any]:
    """Return choices as the initial values of a ProfileForm."""
    dates = sorted(choices.options & DATES)
    return {
        "dates": dates[0].value if dates else _REMOVED,
        "options": sorted(choices.options - DATES),
        "admits_unknown": choices.admits_unknown,
        "words": " ".join(sorted(choices.words)),
        "tags": "\n".join(f"{written(rule.tag)} {rule.action} {rule.reason}" for rule in choices.tag_rules),
    }


class LookForm(forms.Form):
    """On what the rules are tried: an object made up by code, or a file for this look alone."""

    kind = forms.ChoiceField(
        label=__("A made-up object"), choices=[(kind.value, kind.value) for kind in Example], initial=Example.CT.value
    )
    file = forms.FileField(
        label=__("Or a file of your own, for this look alone"),
        help_text=__("At most 16 MB. It is not stored, and what it says is shown once, on the next page."),
        required=False,
    )

    @property
    def upload(self) -> bytes:
        """Return the file, b"" where none came; a byte more than is allowed tells the service that it is too large."""
        file = self.cleaned_data["file"]
        return bytes(file.read(LARGEST_LOOK + 1)) if file else b""
