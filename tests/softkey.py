"""A passkey in software: it answers as a browser would, and can be made to lie."""

import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


@dataclass(slots=True)
class SoftKey:
    """One credential for one host; `count` is its signature counter (0: it keeps none)."""

    host: str = "testserver"
    origin: str = "https://testserver"
    count: int = 0
    verifies: bool = True
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    holder: str = ""

    def create(self, options: dict[str, Any]) -> str:
        """Answer a registration."""
        self.holder = options["user"]["id"]
        public = ES256.from_cryptography_key(self.private.public_key())  # type: ignore[no-untyped-call]  # fido2 leaves it
        credential = AttestedCredentialData.create(b"\0" * 16, self.id, public)
        flags = AuthenticatorData.FLAG(self._flags() | _ATTESTED)
        told = AuthenticatorData.create(sha256(self.host.encode()), flags, self.count, credential)
        client = self._client(CollectedClientData.TYPE.CREATE, options)
        response = {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", told, {})),
        }
        return self._json(response)

    def get(self, options: dict[str, Any]) -> str:
        """Answer an authentication."""
        if self.count:
            self.count += 1
        flags = struct.pack(">BI", self._flags(), self.count)
        told = AuthenticatorData(sha256(options["rpId"].encode()) + flags)
        client = self._client(CollectedClientData.TYPE.GET, options)
        signature = self.private.sign(told + client.hash, ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client),
            "authenticatorData": websafe_encode(told),
            "signature": websafe_encode(signature),
            "userHandle": self.holder,
        }
        return self._json(response)

    def _flags(self) -> int:
        return _PRESENT | (_VERIFIED if self.verifies else 0)

    def _client(self, kind: str, options: dict[str, Any]) -> CollectedClientData:
        told = {"type": str(kind), "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return CollectedClientData(json.dumps(told).encode())

    def _json(self, response: dict[str, Any]) -> str:
        name = websafe_encode(self.id)
        told = {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
        return json.dumps(told)
