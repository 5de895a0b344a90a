"""A small OpenID Connect provider that really runs: HTTP, PKCE, signed tokens; it can be told to lie."""

import base64
import hashlib
import json
import secrets
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "corelab", "a secret of the test alone"
KID = "key-1"


def make_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(slots=True)
class SmallProvider:
    """What it says of whoever comes; `claims` overrides parts of its tokens, `signer` signs them."""

    address: str = ""
    subject: str = "subject-7"
    claims: dict[str, Any] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=make_key)
    signer: rsa.RSAPrivateKey | None = None
    algorithm: str = "RS256"
    issuer: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, address: str) -> str:
        """Sign in there: return the address to which the browser is sent back."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        told = urllib.parse.urlencode({"code": code, "state": asked["state"], "iss": self.issuer or self.address})
        return f"{asked['redirect_uri']}?{told}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Exchange a code once, for the client that knows its secret and the verifier."""
        asked = self.codes.pop(form.get("code", ""), None)
        right = "Basic " + base64.b64encode(f"{CLIENT}:{urllib.parse.quote(SECRET)}".encode()).decode()
        if asked is None or authorization != right or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        return {"access_token": "unused", "token_type": "Bearer", "id_token": self._id_token(asked["nonce"])}

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        told = {
            "iss": self.address,
            "aud": CLIENT,
            "sub": self.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email": "ada@hospital.example",
        }
        told = {name: value for name, value in (told | self.claims).items() if value is not None}
        if self.algorithm == "none":
            return jwt.encode(told, "", algorithm="none", headers={"kid": KID})
        if self.algorithm == "HS256":
            # The trick of a public key used as a shared secret.
            public = base64.b64encode(self.jwks()["keys"][0]["n"].encode()).decode()
            return jwt.encode(told, public, algorithm="HS256", headers={"kid": KID})
        return jwt.encode(told, self.signer or self.key, algorithm=self.algorithm, headers={"kid": KID})

    def jwks(self) -> dict[str, Any]:
        public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": KID, "use": "sig", "alg": "RS256"}]}

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer or self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }


@contextmanager
def running() -> Iterator[SmallProvider]:
    """Serve a provider on a free port of this machine."""
    provider = SmallProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"/.well-known/openid-configuration": provider.discovery, "/jwks": provider.jwks}.get(self.path)
            self._answer(told() if told else None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = dict(urllib.parse.parse_qsl(body))
            self._answer(provider.token(form, self.headers.get("Authorization", "")))

        def _answer(self, told: dict[str, Any] | None) -> None:
            self.send_response(200 if told is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(told or {}).encode())

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
