"""The page on which a person signs: exactly what is signed, its digest, a meaning, password and second factor.

Every floor shows its records through this one page, so that a signature looks and works the same everywhere (3d).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from audit import letters
from audit.meanings import Meaning
from audit.signing import Offer, Proof, SignatureRefused
from trials.forms import Code, Password
from trials.http import ActorRequest
from trials.models import Trial
from trials.services import factors, passkeys

_NOTHING = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """One record to sign. `offered` freezes it, `signed` signs it; `back` is the address that cancels.

    `carried` are the fields of the form that led here: they come back with the signature.
    """

    heading: str
    what: str
    submit: str
    back: str
    offered: Callable[[], Offer]
    signed: Callable[[Proof], Any]
    trial: Trial | None = None
    carried: Mapping[str, str] = field(default_factory=dict)
    # What follows the signature, in words; "" where nothing needs saying.
    after: str = ""


class SignForm(forms.Form):
    token = forms.CharField(widget=forms.HiddenInput, max_length=2000)
    # Any meaning passes here; whether this record is signed with it is for `sign`, which leaves an event.
    meaning = forms.ChoiceField(label=_("Meaning of your signature"), choices=Meaning.choices)
    password = Password(label=_("Your password"))
    code = Code(label=_("Code of your second factor"))

    @property
    def proof(self) -> Proof:
        """Return what the signer gave; raises KeyError before validation."""
        return Proof(**{name: self.cleaned_data[name] for name in ("token", "meaning", "password", "code")})

    def stand_under(self, offer: Offer) -> None:
        """Ask for a signature under this offer: its meanings, its token, and a new code."""
        meaning = cast("forms.ChoiceField", self.fields["meaning"])
        meaning.choices = [(each.value, each.label) for each in offer.meanings]
        self.initial["token"] = offer.token
        if self.is_bound:
            # The old token may be spent, too old or of other contents, and no code is good twice.
            kept = {name: self.data[name] for name in self.data}
            self.data = kept | {"token": offer.token, "code": ""}


def is_signed(request: ActorRequest) -> bool:
    """Whether the request brings a signature, rather than asking for the page."""
    return request.method == "POST" and "token" in request.POST


@sensitive_post_parameters("password", "code")
def hold(request: ActorRequest, ceremony: Ceremony, *, done: Callable[[Any], HttpResponse]) -> HttpResponse:
    """Show the page, or sign and answer with `done`; a refusal is told on the page with a fresh offer."""
    if not is_signed(request):
        return _open(request, ceremony, SignForm())
    form = SignForm(request.POST)
    if not form.is_valid():
        return _open(request, ceremony, form)
    try:
        signed = ceremony.signed(form.proof)
    except ValidationError as refusal:
        form.add_error(None, refusal)
        # The button was pressed twice: the record is signed, and must not be offered once more.
        is_replayed = isinstance(refusal, SignatureRefused) and refusal.code == "replayed"
        return _leave(request, ceremony, form) if is_replayed else _open(request, ceremony, form)
    return done(signed)


def _open(request: ActorRequest, ceremony: Ceremony, form: SignForm) -> HttpResponse:
    try:
        offer = ceremony.offered()
    except ValidationError as refusal:
        return _leave(request, ceremony, form, refusal)
    form.stand_under(offer)
    return _page(request, ceremony, offer, form)


def _leave(
    request: ActorRequest, ceremony: Ceremony, form: SignForm, refusal: ValidationError | None = None
) -> HttpResponse:
    """Go back where the record cannot be signed, and say why."""
    told = form.non_field_errors() or (refusal.messages if refusal else ())
    for sentence in told:
        messages.error(request, str(sentence))
    return redirect(ceremony.back)


def _page(request: ActorRequest, ceremony: Ceremony, offer: Offer, form: SignForm) -> HttpResponse:
    context = {
        "ceremony": ceremony,
        "trial": ceremony.trial,
        "offer": offer,
        "facts": _facts(offer.contents),
        "form": form,
        "demo_code": factors.demo_code(request.user),
        "has_passkey": bool(passkeys.held_by(request.user)),
        "has_letter": letters.is_on_file(request.user.organisation),
    }
    return render(request, "sign.html", context, status=400 if form.is_bound else 200)


@dataclass(frozen=True, slots=True)
class Fact:
    """A name with its value, or with facts of its own."""

    name: str
    value: str
    inner: tuple["Fact", ...] = ()


def _facts(contents: Mapping[str, Any]) -> tuple[Fact, ...]:
    return tuple(_fact(name.replace("_", " "), value) for name, value in contents.items())


def _fact(name: str, value: Any) -> Fact:
    match value:
        case None | "" | [] | dict() if not value:
            return Fact(name, _NOTHING)
        case dict():
            return Fact(name, "", _facts(value))
        case [dict() | list(), *_]:
            inner = (_fact(str(number), each) for number, each in enumerate(value, start=1))
            return Fact(name, "", tuple(inner))
        case list():
            return Fact(name, ", ".join(str(each) for each in value))
        case bool():
            return Fact(name, str(_("yes") if value else _("no")))
        case _:
            return Fact(name, str(value))
