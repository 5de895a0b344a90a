"""Somebody outside the demo: an account with a password, whose factor no page shows."""

import base64
import hashlib
import hmac
import struct
import time
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.test import Client

from tests.people import ORGANISATION, PASSWORD, actor_for
from tests.softkey import SoftKey
from trials.models import User
from trials.services import factors


def code_of(secret: str, steps: int = 0) -> str:
    """RFC 6238 by hand: the code so many steps of 30 seconds from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


@dataclass(slots=True)
class Newcomer:
    """A person with an authenticator app of their own; `code` gives one that was not used yet."""

    user: User
    secret: str
    recovery_codes: list[str]

    def code(self) -> str:
        """A code that holds now: what was used before is forgotten, as if half a minute had gone by."""
        held = Authenticator.objects.get(user=self.user, type="totp")
        held.data["last_step"] = 0
        held.save()
        return code_of(self.secret)

    def first_step(self, client: Client, **told: Any) -> Any:
        return client.post("/sign-in/", {"username": self.user.username, "password": PASSWORD, **told})

    def sign_in(self, client: Client) -> Client:
        """Both steps, by the pages."""
        assert self.first_step(client)["Location"] == "/sign-in/second/"
        assert client.post("/sign-in/second/", {"code": self.code()}).status_code == 302
        assert is_in(client)
        return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def bare(username: str) -> User:
    """An account without a second factor."""
    names = {"first_name": username.title(), "last_name": "Newcomer"}
    return User.objects.create_user(username, password=PASSWORD, organisation=ORGANISATION, **names)


def newcomer(username: str) -> Newcomer:
    user = bare(username)
    begun = factors.enrol_begin(user=user)
    told: dict[str, Any] = {"pending": begun.pending, "password": PASSWORD, "code": code_of(begun.secret)}
    codes = factors.enrol(by=actor_for(user), user=user, **told)
    return Newcomer(user=user, secret=begun.secret, recovery_codes=list(codes))


def give_passkey(client: Client, key: SoftKey, *, code: str = "", name: str = "key on my ring") -> Any:
    """Enrol a passkey by the pages, as the script of the button does."""
    options = client.post("/account/passkeys/begin/", secure=True).json()
    told = {"name": name, "password": PASSWORD, "code": code, "passkey": key.create(options)}
    return client.post("/account/passkeys/add/", told, secure=True)


def come_by(client: Client, key: SoftKey) -> Any:
    """Sign in with the passkey alone."""
    options = client.post("/sign-in/passkey/begin/", secure=True).json()
    return client.post("/sign-in/passkey/", {"passkey": key.get(options)}, secure=True)
