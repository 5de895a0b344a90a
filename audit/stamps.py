"""Time-stamps by an outside service (RFC 3161): proof that a checkpoint existed at a time no clock of ours names."""

import datetime as dt
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

import rfc3161_client
from asn1crypto import tsp
from cryptography import x509

from audit import der

LARGEST_REPLY = 64 * 1024
_CHUNK = 8 * 1024
# A whole answer is its status and the token; this status means "granted".
_GRANTED = bytes.fromhex("3003020100")
# What holds the signed data, and inside it the certificates (RFC 5652 sections 3 and 5.1).
_WRAPPED = _CERTIFICATES = 0xA0


class StampFailed(RuntimeError):
    """There is no time-stamp, or it does not prove what it should; the text says why."""


@dataclass(frozen=True, slots=True)
class StampRequest:
    """A query for one time-stamp (DER) and the number that its answer must repeat."""

    der: bytes
    nonce: int


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The operator named one address; an answer must come from there."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def request(data: bytes) -> StampRequest:
    """Ask for a time-stamp over the SHA-256 of `data`, with the service's certificate in the answer."""
    builder = rfc3161_client.TimestampRequestBuilder().data(data).nonce(nonce=True).cert_request(cert_request=True)
    query = builder.hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build()
    return StampRequest(der=query.as_bytes(), nonce=int(query.nonce or 0))


def fetch(url: str, data: bytes, *, timeout: float) -> bytes:
    """Return a time-stamp token (DER) over `data`; it is not yet checked against a root: see `check`.

    `timeout` is in seconds for the whole exchange. Raises StampFailed.
    """
    return exchange(url, request(data).der, timeout=timeout)


def exchange(url: str, query: bytes, *, timeout: float) -> bytes:
    """Send a time-stamp query (DER) and return the token of the answer, which must match the query.

    `timeout` is in seconds for the whole exchange. Raises StampFailed.
    """
    reply = _post(url, query, timeout=timeout)
    try:
        return _matching_token(reply, query)
    except ValueError:
        raise StampFailed("The time-stamp service sent something that is no time-stamp. Nothing was stamped.") from None


def check(token: bytes, data: bytes, *, roots: Sequence[bytes], nonce: int | None = None) -> dt.datetime:
    """Return the time (UTC) that the token proves for `data`, by a service that one of the roots (PEM) vouches for.

    A nonce is compared where one is given. Raises StampFailed.
    """
    builder = rfc3161_client.VerifierBuilder(roots=[root for pem in roots for root in _roots(pem)], nonce=nonce)
    if not roots:
        raise StampFailed("No root certificate is set by which a time-stamp could be checked.")
    try:
        answer = _decoded(token)
        builder.build().verify_message(answer, data)
        return answer.tst_info.gen_time.astimezone(dt.UTC)
    except rfc3161_client.VerificationError as error:
        raise StampFailed(f"The time-stamp does not prove this record: {error}.") from None
    except ValueError:
        raise StampFailed("The time-stamp is damaged: it cannot be read.") from None


def _roots(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise StampFailed("A root certificate set for time-stamps cannot be read. It must be PEM text.") from None


def _post(url: str, query: bytes, *, timeout: float) -> bytes:
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise StampFailed("The address of the time-stamp service must begin with http:// or https://.")
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    message = urllib.request.Request(url, data=query, headers=headers)  # noqa: S310  the scheme was checked
    deadline = time.monotonic() + timeout
    try:
        with urllib.request.build_opener(_NoRedirect).open(message, timeout=timeout) as reply:
            return _read(reply, deadline=deadline)
    except urllib.error.HTTPError as error:
        raise StampFailed(f"The time-stamp service refused: HTTP {error.code}. Nothing was stamped.") from None
    except (OSError, http.client.HTTPException, ValueError):
        raise StampFailed(
            "The time-stamp service did not answer in time or cannot be reached. Nothing was stamped; try again later."
        ) from None


def _read(reply: http.client.HTTPResponse, *, deadline: float) -> bytes:
    read = b""
    while chunk := reply.read1(_CHUNK):
        read += chunk
        if len(read) > LARGEST_REPLY:
            raise StampFailed("The time-stamp service sent far more than a time-stamp. Nothing was stamped.")
        # A socket's own timeout starts anew with every byte that drips in.
        if time.monotonic() > deadline:
            raise TimeoutError
    return read


def _matching_token(reply: bytes, query: bytes) -> bytes:
    status, *tokens = der.split(reply)
    if status != _GRANTED or len(tokens) != 1:
        raise StampFailed("The time-stamp service refused to stamp. Nothing was stamped; ask its operator.")
    told, asked = _decoded(tokens[0]).tst_info, tsp.TimeStampReq.load(query)
    wanted = asked["nonce"].native, asked["message_imprint"]["hashed_message"].native
    if (told.nonce, told.message_imprint.message) != wanted:
        raise StampFailed("The time-stamp service answered another question than was asked. Nothing was stamped.")
    return tokens[0]


def _decoded(token: bytes) -> rfc3161_client.TimeStampResponse:
    return rfc3161_client.decode_timestamp_response(der.join(der.SEQUENCE, (_GRANTED, _sorted(token))))


def _sorted(token: bytes) -> bytes:
    """Order the certificates in a token as DER asks, which services often do not; the order is under no signature."""
    kind, wrapped = der.split(token)
    (signed,) = der.split(wrapped)
    parts = [
        der.join(_CERTIFICATES, sorted(der.split(part))) if part[0] == _CERTIFICATES else part
        for part in der.split(signed)
    ]
    return der.join(der.SEQUENCE, (kind, der.join(_WRAPPED, (der.join(der.SEQUENCE, parts),))))
