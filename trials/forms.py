"""The shape of what is typed; whether it may be done is for the services."""

from typing import Any, cast

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from audit.context import widened
from trials.models import (
    Charter,
    ImagingRequirement,
    ScheduledTimePoint,
    Trial,
    TrialSite,
    User,
)
from trials.models.subjects import FIRST_DAY, LAST_DAY
from trials.roles import Role
from trials.services.charters import SETTINGS
from trials.services.trials import AE_TITLE, TIME_ZONES

ROLE_NAMES = {
    Role.COORDINATOR: __("coordinator"),
    Role.SITE_STAFF: __("site staff"),
    Role.QC_ANALYST: __("QC analyst"),
    Role.READER: __("blinded reader"),
    Role.MONITOR: __("monitor"),
    Role.SPONSOR: __("sponsor"),
    Role.DATA_PROTECTION_OFFICER: __("data protection officer"),
    Role.ADJUDICATOR: __("blinded adjudicator"),
    Role.ADMINISTRATOR: __("administrator"),
    Role.INSPECTOR: __("inspector"),
    Role.STATISTICIAN: __("unblinded statistician"),
    Role.SITE_MONITOR: __("monitor of a site"),
}
# Words of our own addresses that a trial code would shadow.
RESERVED_CODES = frozenset({"new"})


class Day(forms.DateField):
    """A calendar day, picked or typed as 2025-03-31."""

    widget = forms.DateInput(
        attrs={"type": "date", "min": FIRST_DAY.isoformat(), "max": LAST_DAY.isoformat()}, format="%Y-%m-%d"
    )
    default_validators = [
        MinValueValidator(FIRST_DAY, message=__("No trial is so old: check the year.")),
        MaxValueValidator(LAST_DAY, message=__("No trial runs so long: check the year.")),
    ]


class SiteChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # takes no parameter at run time
    def label_from_instance(self, obj: TrialSite) -> str:
        return f"{obj.number} · {obj.site.name}"


class Password(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "current-password"})
        super().__init__(widget=widget, strip=False, max_length=1024, **kwargs)


class Code(forms.CharField):
    """A second factor's code, typed with or without gaps."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"})
        super().__init__(widget=widget, max_length=32, **kwargs)


def _offer(form: forms.BaseForm, name: str, rows: QuerySet[Any]) -> None:
    cast("forms.ModelChoiceField[Any]", form.fields[name]).queryset = rows


class SignInForm(forms.Form):
    username = forms.CharField(
        label=__("Name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = Password(label=__("Password"))


class EnrolForm(forms.Form):
    password = Password(label=__("Your password"))
    code = Code(label=__("Code that the app shows now"))


class RemoveFactorForm(EnrolForm):
    code = Code(label=__("Code of the app, or a recovery code"))


class TrialForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    sponsor_name = forms.CharField(label=__("Sponsor"), max_length=120)

    class Meta:
        model = Trial
        fields = ["code", "title", "protocol_number"]
        help_texts = {"code": __("Short and lasting: it stands in addresses, reports and the audit trail.")}

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if code.lower() in RESERVED_CODES:
            raise forms.ValidationError(_("This word is an address of ours. Choose another code."), code="reserved")
        return code

    def validate_unique(self) -> None:
        with widened("a short code is one trial's in the installation"):
            super().validate_unique()


class CharterSettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    reason = forms.CharField(
        label=__("Reason"),
        max_length=500,
        help_text=__("It stands in the audit trail beside each value that changes."),
        error_messages={"required": __("Say why the settings change.")},
    )

    class Meta:
        model = Charter
        fields = SETTINGS


class TimePointForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    class Meta:
        model = ScheduledTimePoint
        fields = ["code", "name", "day", "window_before", "window_after"]

    # SQLite has no small integers: without bounds a day could lie outside any calendar.
    day = forms.IntegerField(label=__("Planned day"), min_value=-3650, max_value=30_000)
    window_before = forms.IntegerField(label=__("Days before allowed"), min_value=0, max_value=3650, initial=7)
    window_after = forms.IntegerField(label=__("Days after allowed"), min_value=0, max_value=3650, initial=7)


class RequirementForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter at run time
    class Meta:
        model = ImagingRequirement
        fields = ["name", "modality", "body_part", "minimum_slices", "maximum_slice_thickness", "required"]

    def clean_modality(self) -> str:
        return str(self.cleaned_data["modality"]).upper()

    def clean_body_part(self) -> str:
        return str(self.cleaned_data["body_part"]).upper()


class ReasonForm(forms.Form):
    reason = forms.CharField(label=__("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class TokenForm(forms.Form):
    """`sites` are those whose machines the person may let send."""

    trial_site = SiteChoice(label=__("Site"), queryset=TrialSite.objects.none())
    label = forms.CharField(
        label=__("Sending system"),
        max_length=80,
        help_text=__("Such as: PACS gateway of radiology. No names of people."),
    )
    ends_on = Day(label=__("Last day"), help_text=__("At most a year from today."))
    reason = forms.CharField(label=__("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, sites: QuerySet[TrialSite], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("Any", self.fields["trial_site"]).queryset = sites


class SiteForm(forms.Form):
    number = forms.CharField(label=__("Number in this trial"), max_length=10)
    code = forms.SlugField(
        label=__("Site code"),
        max_length=20,
        help_text=__("A hospital this installation knows already keeps its name and time zone."),
    )
    name = forms.CharField(label=__("Hospital"), max_length=120)
    time_zone = forms.ChoiceField(label=__("Time zone"), choices=[(name, name) for name in TIME_ZONES], initial="UTC")
    ae_title = forms.CharField(
        label=__("DICOM AE title of the sender"),
        max_length=16,
        required=False,
        validators=[AE_TITLE],
        help_text=__("Only if the hospital sends from its PACS; leave empty for the browser alone."),
    )

    def clean_ae_title(self) -> str:
        title: str = self.cleaned_data["ae_title"]
        with widened("an AE title is one site's in all trials"):
            is_taken = bool(title) and TrialSite.objects.filter(ae_title=title).exists()
        if is_taken:
            raise forms.ValidationError(
                _("Another site sends under this AE title already, so deliveries could not be told apart."),
                code="taken",
            )
        return title


class MemberForm(forms.Form):
    user = forms.CharField(
        label=__("Account name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.TypedChoiceField(label=__("Role"), choices=list(ROLE_NAMES.items()), coerce=Role)
    trial_site = SiteChoice(
        label=__("Site"),
        queryset=TrialSite.objects.none(),
        required=False,
        empty_label=__("whole trial"),
        help_text=__("For site staff and the monitor of a site."),
    )
    starts = Day(label=__("From"))
    ends = Day(
        label=__("Until"),
        required=False,
        help_text=__(
            "Leave empty if no end is agreed. A monitor needs one within a year, an inspector within 90 days."
        ),
    )
    reason = forms.CharField(
        label=__("What it rests on"),
        max_length=500,
        required=False,
        help_text=__("Such as the line of the delegation log, or the letter that announces a visit."),
    )

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "trial_site", trial.sites.select_related("site"))

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        starts, ends = told.get("starts"), told.get("ends")
        if starts and ends and ends < starts:
            self.add_error("ends", _("The last day lies before the first."))
        return told

    def clean_user(self) -> User:
        user = User.objects.filter(username=self.cleaned_data["user"], is_active=True).first()
        if user is None:
            raise forms.ValidationError(
                _("No open account has this name. The operator of this installation makes accounts."),
                code="unknown",
            )
        return user
