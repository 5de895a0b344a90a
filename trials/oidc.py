"""The protocol of the house's sign-in service: OpenID Connect, authorization code with PKCE, state and nonce.

allauth's client checks no nonce and skips the signature of a token that came over the back channel, so this is ours:
PyJWT checks every token, and the algorithm is chosen from our list, never by the token (OIDC Core 3.1.3.7, RFC 7636,
RFC 9207).
"""

import base64
import hashlib
import hmac
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"})
_REQUIRED = ("iss", "aud", "exp", "iat", "sub", "nonce")
_LARGEST = 256 * 1024
_SECONDS = 10.0
# What two clocks may be apart.
_LEEWAY = 30
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidSignatureError, "signature"),
)


class ProviderRefused(ValueError):
    """What came back is not to be believed, or nothing came back. `cause` is one word of ours, for the event."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The sign-in service and who we are to it. `strong` are amr or acr values that stand for a second factor."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    strong: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where the browser goes, and what its session keeps until it comes back."""

    address: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the service says it was: nothing else of its token is kept."""

    issuer: str
    subject: str
    is_strong: bool


def is_safe(address: str) -> bool:
    """Whether an address may carry secrets: over TLS, or on this very machine."""
    told = urllib.parse.urlsplit(address)
    return told.scheme == "https" or (told.scheme == "http" and told.hostname in _LOOPBACK)


def begin(provider: Provider, *, back: str) -> Start:
    """Ask for an authorization code that comes to `back`. Raises ProviderRefused."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _each in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": back,
        "scope": "openid",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    where = _address(_discover(provider), "authorization_endpoint")
    joint = "&" if urllib.parse.urlsplit(where).query else "?"
    address = where + joint + urllib.parse.urlencode(asked)
    return Start(address=address, state=state, nonce=nonce, verifier=verifier)


def finish(provider: Provider, *, code: str, back: str, nonce: str, verifier: str) -> Identity:
    """Exchange the code, and return whom the signed token names. Raises ProviderRefused."""
    known = _discover(provider)
    told = _exchange(provider, known, code=code, back=back, verifier=verifier)
    claims = _claims(provider, known, str(told.get("id_token", "")))
    if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
        raise ProviderRefused("nonce")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise ProviderRefused("audience")
    amr = claims.get("amr", [])
    ways = {str(each) for each in amr} if isinstance(amr, list) else set()
    is_strong = bool(provider.strong & (ways | {str(claims.get("acr", ""))}))
    return Identity(issuer=provider.issuer, subject=str(claims["sub"]), is_strong=is_strong)


def _claims(provider: Provider, known: Mapping[str, Any], token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        algorithm = str(header.get("alg", ""))
        if algorithm not in _ALGORITHMS:
            raise ProviderRefused("algorithm")
        key = jwt.PyJWK(_key(known, header), algorithm=algorithm).key
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=provider.client_id,
            issuer=provider.issuer,
            leeway=_LEEWAY,
            options={"require": list(_REQUIRED)},
        )
    except jwt.PyJWTError as error:
        raise ProviderRefused(_cause(error)) from None
    return claims


def _cause(error: Exception) -> str:
    return next((cause for kind, cause in _CAUSES if isinstance(error, kind)), "token")


def _key(known: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one public key that the header names; secrets (oct) never check a token of ours."""
    told = _get(_address(known, "jwks_uri")).get("keys", [])
    keys = [key for key in told if isinstance(key, dict) and key.get("kty") in {"RSA", "EC", "OKP"}]
    fitting = [key for key in keys if key.get("use", "sig") == "sig" and key.get("kid") == header.get("kid")]
    if len(fitting) != 1:
        raise ProviderRefused("key")
    return fitting[0]


def _discover(provider: Provider) -> dict[str, Any]:
    known = _get(provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if known.get("issuer") != provider.issuer:
        raise ProviderRefused("issuer")
    return known


def _exchange(provider: Provider, known: Mapping[str, Any], *, code: str, back: str, verifier: str) -> dict[str, Any]:
    told = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    ways = known.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if "client_secret_basic" in ways:
        name, secret = urllib.parse.quote(provider.client_id), urllib.parse.quote(provider.client_secret)
        headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
    else:
        told |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    body = urllib.parse.urlencode(told).encode()
    return _get(_address(known, "token_endpoint"), body=body, headers=headers)


def _address(known: Mapping[str, Any], name: str) -> str:
    address = str(known.get(name, ""))
    if not is_safe(address):
        raise ProviderRefused("address")
    return address


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The operator named one service; its answers come from where it says they do."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def _get(address: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a JSON object, from a small answer that comes soon. Raises ProviderRefused."""
    if not is_safe(address):
        raise ProviderRefused("address")
    asked = urllib.request.Request(address, data=body, headers={"Accept": "application/json", **(headers or {})})  # noqa: S310  is_safe has looked
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(asked, timeout=_SECONDS) as answer:
            told = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError):
        raise ProviderRefused("unreachable") from None
    if not isinstance(told, dict):
        raise ProviderRefused("unreachable")
    return told
