"""Rows and ceremonies of passkeys, for `trials.services.passkeys` alone.

allauth keeps the rows, in its own layout; fido2, which it brings, checks what a browser answers. Here stands what it
leaves open: a row is bound to its holder, a counter that runs backwards is a copied key, and every passkey verifies
its person (WebAuthn 7.1, 7.2).
"""

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from trials.adapters import SecretUnreadable, seal, unseal
from trials.models import User

# As long as a person needs to find the key; the challenge dies with it.
CEREMONY_SECONDS = 300
TICKET = dt.timedelta(minutes=2)
_TICKET_MARK, _TICKET_BYTES = "pk-", 12
_UV = UserVerificationRequirement.REQUIRED


class PasskeyRefused(ValueError):
    """What the browser answered is not what was asked, or not by a passkey of this account."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What the browser is asked (JSON), and what the session keeps until it answers."""

    options: dict[str, Any]
    state: dict[str, Any]


def rows(user: User) -> list[Any]:
    """Return the account's passkeys, oldest first; one that was moved here or altered is none."""
    held = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).order_by("pk")
    return [row for row in held if _is_bound(row)]


def begin_registration(user: User, *, host: str) -> Ceremony:
    # An opaque number: the passkey's provider learns the account's name, no address and no role.
    who = PublicKeyCredentialUserEntity(id=str(user.pk).encode(), name=user.get_username(), display_name=str(user))
    options, state = _server(host).register_begin(
        user=who,
        credentials=[credential_of(row) for row in rows(user)],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_UV,
    )
    return _ceremony(options, state)


def register(user: User, *, host: str, state: Mapping[str, Any], response: Mapping[str, Any], name: str) -> Any:
    """Store the new passkey. Raises PasskeyRefused."""
    _refuse_old(state)
    try:
        told = _server(host).register_complete(state, response).credential_data
    except (ValueError, TypeError, KeyError, AttributeError):
        raise PasskeyRefused from None
    if told is None or Authenticator.objects.filter(data__key=_key(told)).exists():
        raise PasskeyRefused
    kept = {"name": name, "credential": dict(response), "key": _key(told), "bound": _bind(user, told), "count": 0}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=kept)


def begin_authentication(user: User | None, *, host: str) -> Ceremony:
    """Ask for a passkey of this account, or, with None, for any that names its account itself."""
    known = [credential_of(row) for row in rows(user)] if user else None
    return _ceremony(*_server(host).authenticate_begin(credentials=known, user_verification=_UV))


def takes(user: User, *, host: str, state: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    """Whether a passkey of this account answered what was asked; then it is marked as used."""
    known = [credential_of(row) for row in rows(user)]
    try:
        _refuse_old(state)
        proven = _server(host).authenticate_complete(state, known, response)
        count = AuthenticationResponse.from_dict(response).response.authenticator_data.counter
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    row = _locked(user, _key(proven))
    last = row.data.get("count", 0)
    if (count or last) and count <= last:
        return False
    row.data["count"], row.last_used_at = count, timezone.now()
    row.save(update_fields=["data", "last_used_at"])
    return True


def account_of(response: Mapping[str, Any]) -> User | None:
    """Return the open account that a discoverable passkey names; that it may is for `authenticate`."""
    try:
        number = int(websafe_decode(response["response"]["userHandle"]).decode())
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return User.objects.filter(pk=number, is_active=True).first() if 0 < number < 2**63 else None


def give_ticket(user: User, response: Mapping[str, Any]) -> str:
    """Return a code that stands once, for two minutes, for the passkey that answered: `takes` has just said so."""
    row = _locked(user, hashlib.sha256(AuthenticationResponse.from_dict(response).raw_id).hexdigest())
    ticket = _TICKET_MARK + secrets.token_hex(_TICKET_BYTES)
    row.data |= {"ticket": _digest(ticket), "ticket_until": (timezone.now() + TICKET).timestamp()}
    row.save(update_fields=["data"])
    return ticket


def takes_ticket(user: User, code: str) -> bool:
    """Whether the code stands for a passkey of this account; then it is used."""
    if not code.strip().startswith(_TICKET_MARK):
        return False
    wanted, now = _digest(code.strip()), timezone.now().timestamp()
    for row in Authenticator.objects.select_for_update().filter(user=user, type=Authenticator.Type.WEBAUTHN):
        told = row.data
        if constant_time_compare(told.get("ticket", ""), wanted) and told["ticket_until"] > now and _is_bound(row):
            del row.data["ticket"], row.data["ticket_until"]
            row.save(update_fields=["data"])
            return True
    return False


def _locked(user: User, key: str) -> Any:
    held = Authenticator.objects.select_for_update().filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return held.get(data__key=key)


def credential_of(row: Any) -> AttestedCredentialData:
    told = RegistrationResponse.from_dict(row.data["credential"]).response.attestation_object.auth_data
    credential: AttestedCredentialData | None = told.credential_data
    if credential is None:
        raise PasskeyRefused
    return credential


def _server(host: str) -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(name="Corelab", id=host))


def _ceremony(options: Any, state: Any) -> Ceremony:
    # Through JSON: the session takes no enumerations.
    told = json.loads(json.dumps({"options": dict(options)["publicKey"], "state": dict(state)}, default=dict))
    return Ceremony(options=told["options"], state=told["state"] | {"at": timezone.now().timestamp()})


def _refuse_old(state: Mapping[str, Any]) -> None:
    if not state or timezone.now().timestamp() - state["at"] > CEREMONY_SECONDS:
        raise PasskeyRefused


def _key(credential: AttestedCredentialData) -> str:
    return hashlib.sha256(credential.credential_id).hexdigest()


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def _bind(user: User, credential: AttestedCredentialData) -> str:
    """Seal id and public key to their holder: put on another account's row, they open nothing."""
    return seal(hashlib.sha256(bytes(credential)).hexdigest(), holder=_holder(user.pk))


def _is_bound(row: Any) -> bool:
    try:
        bound = unseal(str(row.data.get("bound", "")), holder=_holder(row.user_id))
        return bound == hashlib.sha256(bytes(credential_of(row))).hexdigest()
    except (SecretUnreadable, ValueError, TypeError, KeyError, AttributeError):
        return False


def _holder(account: int) -> str:
    return f"passkey of account {account}"
