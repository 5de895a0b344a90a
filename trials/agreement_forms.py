"""The shape of what is typed about consent; the scan of a signed form is hashed in the browser and never sent."""

from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __

from trials.forms import Day, ReasonForm, SiteChoice
from trials.models import Consent, ConsentForm, Restriction, Trial, TrialSite
from trials.models.consents import LANGUAGE, SHA256
from trials.services.consent_forms import NewForm
from trials.services.consents import NewAnswer, NewConsent, Paper

_BASIS = "basis_"
_CHOOSE = __("Scan of the signed form, to take its fingerprint; it is not sent")
_NEVER_SENT = __(
    "Choose the scan below and its fingerprint is worked out in your browser; the scan itself is never sent."
)


class Several(forms.MultipleChoiceField):
    """Boxes to tick; gives a tuple."""

    widget = forms.CheckboxSelectMultiple

    def clean(self, value: Any) -> tuple[str, ...]:
        return tuple(super().clean(value))


class Language(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        told = {"label": __("Language"), "help_text": __("Of the form that was used: es, or es-MX.")} | kwargs
        super().__init__(max_length=6, validators=[LANGUAGE], **told)


def _scopes(**kwargs: Any) -> Several:
    return Several(choices=ConsentForm.Scope.choices, **kwargs)


def _offer(form: forms.BaseForm, name: str, rows: QuerySet[Any]) -> None:
    cast("forms.ModelChoiceField[Any]", form.fields[name]).queryset = rows


class ConsentVersionForm(forms.Form):
    version = forms.CharField(label=__("Version"), max_length=20)
    approved_on = Day(label=__("Approved by the ethics committee on"))
    scopes = _scopes(label=__("What this version asks for"))
    mandatory = _scopes(
        label=__("Without these nobody can take part"),
        required=False,
        help_text=__("Images to the core laboratory always are; the others can be refused one by one."),
    )
    valid_days = forms.IntegerField(
        label=__("Valid for so many days"),
        min_value=1,
        max_value=36_500,
        required=False,
        help_text=__("Leave empty if it does not expire."),
    )
    supersedes = forms.ModelChoiceField(
        label=__("Takes the place of version"),
        queryset=ConsentForm.objects.none(),
        required=False,
        empty_label=__("none: this is the first"),
    )
    reconsent = forms.ChoiceField(
        label=__("Those who signed the version before"), choices=ConsentForm.Again.choices, required=False
    )

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "supersedes", trial.consent_forms.filter(superseded_by__isnull=True))

        for scope in ConsentForm.Scope:
            self.fields[_BASIS + scope.value] = forms.ChoiceField(
                label=_("Legal basis: %(module)s") % {"module": scope.label},
                choices=[("", _("not asked for")), *ConsentForm.Basis.choices],
                required=False,
            )

    def clean_reconsent(self) -> str:
        return self.cleaned_data["reconsent"] or ConsentForm.Again.NONE.value

    def new_form(self) -> NewForm:
        """Gather the bases, of which each module has a field of its own."""
        told = self.cleaned_data
        bases = {scope.value: told[_BASIS + scope.value] for scope in ConsentForm.Scope}
        plain = {name: value for name, value in told.items() if not name.startswith(_BASIS)}
        return NewForm(**plain, bases=bases)


class ApprovalForm(forms.Form):
    """The ethics approval of a version for one site and language."""

    trial_site = SiteChoice(label=__("Site"), queryset=TrialSite.objects.none(), empty_label=None)
    language = Language()
    on = Day(label=__("Approved for this site on"))

    def __init__(self, *args: Any, sites: QuerySet[TrialSite], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "trial_site", sites)


class Fingerprint(forms.CharField):
    """A SHA-256, in whichever case some tool wrote it."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


class PaperForm(forms.Form):
    """A scan by its fingerprint. The file field has no name, so no browser sends it; a script fills the fingerprint."""

    scan_sha256 = Fingerprint(
        label=__("SHA-256 of the scan"),
        max_length=64,
        validators=[SHA256],
        help_text=_NEVER_SENT,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "data-fingerprint": _CHOOSE}),
    )
    scan_pages = forms.IntegerField(label=__("Pages of the scan"), min_value=1, max_value=500)
    checks = Several(label=__("On the paper you see"), choices=Consent.Check.choices, required=False)

    def paper(self) -> Paper:
        told = self.cleaned_data
        return Paper(sha256=told["scan_sha256"], pages=told["scan_pages"])


class ConsentGivenForm(PaperForm):
    """What a signed form says."""

    form = forms.ModelChoiceField(
        label=__("Version of the consent form"), queryset=ConsentForm.objects.none(), empty_label=None
    )
    language = Language()
    scopes = _scopes(
        label=__("What the subject agreed to"), help_text=__("What is not ticked was refused, and counts so at once.")
    )
    on = Day(label=__("Signed on"))
    field_order = ["form", "language", "scopes", "on", "checks", "scan_sha256", "scan_pages"]

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "form", trial.consent_forms.all())

    def consent(self) -> NewConsent:
        told = self.cleaned_data
        return NewConsent(
            form=told["form"],
            language=told["language"],
            scopes=told["scopes"],
            on=told["on"],
            paper=self.paper(),
            checks=told["checks"],
        )


class RegisterForm(ConsentGivenForm):
    trial_site = SiteChoice(label=__("Site"), queryset=TrialSite.objects.none(), empty_label=None)
    day_zero = Day(label=__("Day zero"), help_text=__("Enrolment or first treatment: the planned days count from it."))
    field_order = ["trial_site", "day_zero", *ConsentGivenForm.field_order]

    def __init__(self, *args: Any, trial: Trial, sites: QuerySet[TrialSite], **kwargs: Any) -> None:
        super().__init__(*args, trial=trial, **kwargs)
        _offer(self, "trial_site", sites)


class AnswerForm(forms.Form):
    """That somebody was asked, or refused, without a signature."""

    kind = forms.ChoiceField(
        label=__("What happened"),
        choices=[
            (Consent.Kind.ASKED.value, __("the subject was asked and thinks about it")),
            (Consent.Kind.REFUSED.value, __("the subject refused")),
        ],
        widget=forms.RadioSelect,
    )
    form = forms.ModelChoiceField(
        label=__("Version of the consent form"), queryset=ConsentForm.objects.none(), empty_label=None
    )
    language = Language()
    scopes = _scopes(label=__("Which modules"), required=False, help_text=__("None ticked: all of the form."))
    on = Day(label=__("On"))

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer(self, "form", trial.consent_forms.all())

    def answer(self) -> NewAnswer:
        told = self.cleaned_data
        return NewAnswer(
            form=told["form"],
            language=told["language"],
            kind=Consent.Kind(told["kind"]),
            on=told["on"],
            scopes=told["scopes"],
        )


class CheckForm(PaperForm):
    """What the second person sees on the scan they hold."""


class RejectForm(forms.Form):
    note = forms.CharField(
        label=__("What is wrong with the paper"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


class RestrictForm(ReasonForm):
    ground = forms.ChoiceField(label=__("Ground"), choices=Restriction.Ground.choices)
    field_order = ["ground", "reason"]
