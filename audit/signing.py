"""The ceremony of an electronic signature: what is signed is shown, then signed with password and second factor.

Design 3d of the regulation paper; 21 CFR 11.50 (manifestation), 11.70 (linking), 11.100(c) (letter), 11.200 (factors).
"""

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.core import signing as tokens
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from audit import clock, letters
from audit.actor import ACCOUNT, Actor
from audit.context import widened
from audit.meanings import Meaning
from audit.models import AuditEvent, Signature
from audit.services import TRIES_WINDOW, Thing, canonical, has_tried_too_often, record

OFFER_VALID = dt.timedelta(minutes=15)
_SALT = "corelab.signature.offer"
# Enough to compare by eye: 40 bits of the digest.
_SHORT = 10

P = ParamSpec("P")
T = TypeVar("T")


class SignatureRefused(ValidationError):
    """A signature that was refused; `attempt` is the event that `signing` writes of it after the rollback."""

    def __init__(self, message: Any, *, code: str, attempt: dict[str, Any]) -> None:
        super().__init__(message, code=code)
        self.attempt = attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What stands before the signer: the frozen contents, their SHA-256, and a token that says this was shown."""

    contents: dict[str, Any]
    sha256: str
    token: str
    meanings: tuple[Meaning, ...]

    @property
    def short(self) -> str:
        """Return the digest's beginning in groups, to be compared by eye."""
        head = self.sha256[:_SHORT].upper()
        return f"{head[:5]} {head[5:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the signer gives: the token of what was shown, a meaning, the password, and a second factor.

    `code_at` is the moment of the code where the demo is seeded or a test plays many signatures; no door sets it.
    """

    token: str
    meaning: str
    password: str = field(repr=False)
    code: str = field(repr=False)
    code_at: dt.datetime | None = None


def sha256_of(contents: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(contents).encode()).hexdigest()


def still_stands(signature: Signature | None, *, obj: Model, sha256: str) -> bool:
    """Whether it is this record's signature, and covers contents of this SHA-256 (hex; 21 CFR 11.70).

    Judged by the signature's own row, which nothing changes: a record altered together with its hash does not pass.
    """
    if signature is None or (signature.object_type, signature.object_id) != (obj._meta.label, str(obj.pk)):
        return False
    return signature.record_sha256 == sha256


def offer(*, by: Actor, obj: Model, contents: Mapping[str, Any], meanings: tuple[Meaning, ...]) -> Offer:
    """Freeze what is to be signed and name it; the token is good for this person, this record, once, 15 minutes."""
    frozen: dict[str, Any] = json.loads(canonical(contents))
    sha256 = sha256_of(frozen)
    told = {"by": by.id, "object": _name(obj), "sha256": sha256, "nonce": secrets.token_hex(16)}
    return Offer(contents=frozen, sha256=sha256, token=tokens.dumps(told, salt=_SALT), meanings=meanings)


def signing(service: Callable[P, T]) -> Callable[P, T]:
    """Make a service that signs one transaction, as `atomic` does; a refused signature is recorded after its rollback.

    It must be the outermost transaction, or the event falls with the one around it.
    """

    @wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with transaction.atomic():
                # First of all: the record may be frozen by the very signature that is played again.
                _refuse_replay(kwargs)
                return service(*args, **kwargs)
        except SignatureRefused as refusal:
            with transaction.atomic():
                record(**refusal.attempt)
            raise

    return run


@transaction.atomic
def sign(
    *,
    by: Actor,
    proof: Proof,
    obj: Model,
    contents: Mapping[str, Any],
    meanings: tuple[Meaning, ...],
    trial_code: str,
) -> Signature:
    """Sign the frozen `contents` of `obj` as they were offered.

    Raises SignatureRefused, with its event: `no-letter`, `clock`, `token`, `token-old`, `token-foreign`, `changed`,
    `meaning`, `too-many-tries`, `wrong-password`, `wrong-code`; `signing` adds `replayed`. Nothing else is written.
    """
    attempt = {"by": by, "obj": obj, "trial_code": trial_code, "after": {"meaning": proof.meaning}}
    user = get_user_model().objects.filter(username=by.id).first()
    organisation: str = getattr(user, "organisation", "")
    _refuse_without_letter(organisation, attempt)
    _refuse_odd_clock(attempt)
    sha256 = sha256_of(contents)
    nonce = _refuse_token(by, proof, obj, sha256, attempt)
    if proof.meaning not in {str(each) for each in meanings}:
        raise _refused("meaning", _("This record is not signed with that meaning. Choose one from the list."), attempt)
    method = _refuse_factors(by, proof, attempt)
    told = {
        "meaning": proof.meaning,
        "record_sha256": sha256,
        "printed_name": by.name,
        "organisation": organisation,
        "method": method,
    }
    event = record(by=by, act="record.signed", obj=obj, trial_code=trial_code, after=told)
    return Signature.objects.create(
        event_sequence=event.sequence,
        ceremony=nonce,
        signer_id=by.id,
        role=by.role,
        object_type=event.object_type,
        object_id=event.object_id,
        contents=canonical(contents),
        at=event.at,
        **told,
    )


def _name(obj: Model) -> str:
    return f"{obj._meta.label}:{obj.pk}"


def _refused(code: str, sentence: Any, attempt: dict[str, Any], *, act: str = "signature.refused") -> SignatureRefused:
    told = attempt | {"act": act, "after": attempt["after"] | {"cause": code}}
    return SignatureRefused(sentence, code=code, attempt=told)


def _refuse_without_letter(organisation: str, attempt: dict[str, Any]) -> None:
    if not letters.is_on_file(organisation):
        raise _refused(
            "no-letter",
            _(
                "No letter of non-repudiation of your organisation is on file, so nothing was signed. "
                "Ask the operator to record your organisation and its letter, then sign again."
            ),
            attempt,
        )


def _refuse_odd_clock(attempt: dict[str, Any]) -> None:
    if clock.is_unsafe():
        raise _refused(
            "clock",
            _(
                "The clocks of this installation disagree, so nothing was signed: a signature must carry the right "
                "time. The operator has been told; sign again once the clock is set."
            ),
            attempt,
        )


def _refuse_token(by: Actor, proof: Proof, obj: Model, sha256: str, attempt: dict[str, Any]) -> str:
    """Return the token's nonce."""
    try:
        told = tokens.loads(proof.token, salt=_SALT, max_age=OFFER_VALID)
    except tokens.SignatureExpired:
        raise _refused(
            "token-old", _("You opened this signature too long ago: nothing was signed. Open it again."), attempt
        ) from None
    except tokens.BadSignature:
        raise _refused(
            "token", _("This form does not come from the signing page: nothing was signed. Open it again."), attempt
        ) from None
    if (told["by"], told["object"]) != (by.id, _name(obj)):
        raise _refused(
            "token-foreign",
            _("This signature was opened by somebody else or for another record: nothing was signed."),
            attempt,
        )
    if told["sha256"] != sha256:
        raise _refused(
            "changed", _("The record has changed since it was shown to you. Look again, then sign."), attempt
        )
    nonce: str = told["nonce"]
    return nonce


def _refuse_replay(told: Mapping[str, Any]) -> None:
    """Raise SignatureRefused (`replayed`) where the form was signed before, whoever brings it now."""
    by, proof = told["by"], told["proof"]
    try:
        nonce = tokens.loads(proof.token, salt=_SALT)["nonce"]
    except tokens.BadSignature:
        # Not ours: `sign` says so.
        return
    with widened("a form is signed once, whoever brings it"):
        signed = Signature.objects.filter(ceremony=nonce).first()
        event = AuditEvent.objects.get(sequence=signed.event_sequence) if signed else None
    if event is None:
        return
    thing = Thing(kind=event.object_type, key=event.object_id, name=event.object_label)
    attempt = {
        "by": by.acting_as(by.role or ACCOUNT),
        "obj": thing,
        "trial_code": event.trial_code,
        "after": {"meaning": proof.meaning},
    }
    raise _refused("replayed", _("This form was signed already; nothing was signed again."), attempt)


def _refuse_factors(by: Actor, proof: Proof, attempt: dict[str, Any]) -> str:
    """Return how the signer was known: both components, every time (11.200(a)(1), draft Annex 11)."""
    if by.user_id is not None and has_tried_too_often(username=by.id, user_id=by.user_id):
        minutes = TRIES_WINDOW // dt.timedelta(minutes=1)
        raise _refused(
            "too-many-tries",
            _("Too many wrong passwords or codes: nothing was signed. Wait %(minutes)s minutes, then sign again.")
            % {"minutes": minutes},
            attempt,
            act="signature.locked",
        )
    user = authenticate(username=by.id, password=proof.password)
    if user is None or user.pk != by.user_id:
        raise _refused(
            "wrong-password",
            _("That is not your password: nothing was signed. Type it again."),
            attempt,
            act="signature.failed",
        )
    method = import_string(settings.SECOND_FACTOR)(user=user, code=proof.code, at=proof.code_at)
    if method is None:
        raise _refused(
            "wrong-code",
            _(
                "That code of your second factor does not hold now: nothing was signed. Wait for the next code, and "
                "set up an authenticator under your account if you have none."
            ),
            attempt,
            act="signature.failed",
        )
    return f"password+{method}"
