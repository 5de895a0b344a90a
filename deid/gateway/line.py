"""The line to Corelab: one request at a time, tried again with growing pauses, its body streamed and never held."""

import email.utils
import http.client
import itertools
import json
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from deid.gateway.address import Address
from deid.version import ENGINE_VERSION

# Seconds between tries: about two minutes of trouble are waited out, longer ones are for the next run.
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
PATIENCE = 124
_LONGEST_PAUSE = 300.0
# A server may seal tens of megabytes before it answers.
_SILENCE = 300.0
_LONGEST_ANSWER = 32 << 20
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_WARNING = re.compile(r'299 \S+ "([^"]*)"')
_LINK = re.compile(r'<([^>]*)>; rel="status"')
_DELIVERY = re.compile(r"/dicomweb/deliveries/[0-9a-f-]{36}$")
Body = Callable[[], Iterator[bytes | memoryview]]


def pauses_within(seconds: float) -> tuple[float, ...]:
    """Return the pauses that fit into so many seconds of trouble."""
    ends = itertools.accumulate(PAUSES)
    return tuple(pause for pause, end in zip(PAUSES, ends, strict=True) if end <= seconds)


class Lost(Exception):
    """No answer could be had, try after try; the sentence is for people and holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said. `told` is its JSON, {} where it spoke none; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        try:
            told = json.loads(self.body)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    @property
    def sentence(self) -> str:
        """The server's own words on what it refused, else the bare status."""
        warned = _WARNING.search(self.headers.get("warning", ""))
        words = unquote(warned[1]) if warned else str(self.told.get("detail", ""))
        return _plain(words) or f"Corelab answered {self.status} and said no more."

    @property
    def deliveries(self) -> list[str]:
        """The addresses under which deliveries can be asked after, as paths: a token is shown to no other host."""
        found = (_DELIVERY.search(link) for link in _LINK.findall(self.headers.get("link", "")))
        return [match[0] for match in found if match]

    @property
    def said_at(self) -> datetime | None:
        """What the server's clock showed."""
        return _moment(self.headers.get("date", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How to reach one Corelab. `authority` is a file of certificates (PEM) to trust instead of the system's."""

    address: Address
    token: str = field(repr=False)
    authority: Path | None = None
    pauses: tuple[float, ...] = PAUSES
    sleep: Callable[[float], None] = time.sleep

    def get(self, path: str, **query: str) -> Answer:
        """Raises Lost."""
        return self._ask("GET", _with(path, query), {}, None)

    def post(self, path: str, body: Body, *, headers: dict[str, str], **query: str) -> Answer:
        """Send a body in chunks; `body` makes it anew for each try. Raises Lost, and whatever `body` raises."""
        return self._ask("POST", _with(path, query), headers | {"Transfer-Encoding": "chunked"}, body)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: Body | None) -> Answer:
        lost = ""
        for pause in (*self.pauses, None):
            try:
                answer = self._try(method, path, headers, body)
            except ssl.SSLCertVerificationError as refused:
                raise Lost(_untrusted(refused)) from None
            except (OSError, http.client.HTTPException) as trouble:
                lost, wanted = f"The line broke ({type(trouble).__name__}).", 0.0
            else:
                if answer.status not in _RETRIED:
                    return answer
                lost, wanted = answer.sentence, _wanted(answer)
            if pause is not None:
                # Scattered, so that many gateways do not come back in step.
                self.sleep(max(pause * random.uniform(0.75, 1.25), wanted))  # noqa: S311  no secret
        raise Lost(f"{lost} It was tried {len(self.pauses) + 1} times.")

    def _try(self, method: str, path: str, headers: dict[str, str], body: Body | None) -> Answer:
        connection = self._connect()
        try:
            self._send(connection, method, path, headers, body)
            return _read(connection.getresponse())
        finally:
            connection.close()

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], body: Body | None
    ) -> None:
        sent = {"Authorization": f"Bearer {self.token}", "User-Agent": f"corelab-gateway/{ENGINE_VERSION}"} | headers
        connection.connect()
        try:
            connection.request(
                method,
                self.address.root + path,
                body=body() if body else None,
                headers=sent,
                encode_chunked=body is not None,
            )
        except (BrokenPipeError, ConnectionResetError):
            # It may have answered before it heard all, and closed; if not, reading fails as well.
            return

    def _connect(self) -> http.client.HTTPConnection:
        if not self.address.is_encrypted:
            return http.client.HTTPConnection(self.address.host, self.address.port, timeout=_SILENCE)
        context = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return http.client.HTTPSConnection(self.address.host, self.address.port, timeout=_SILENCE, context=context)


def _with(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _read(response: http.client.HTTPResponse) -> Answer:
    body = response.read(_LONGEST_ANSWER)
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(status=response.status, headers=headers, body=body)


def _wanted(answer: Answer) -> float:
    """Return the seconds that Retry-After asks for (RFC 9110 10.2.3); a date is measured by the server's own clock."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return min(float(told), _LONGEST_PAUSE)
    until = _moment(told)
    if until is None:
        return 0.0
    return min(max((until - (answer.said_at or datetime.now(UTC))).total_seconds(), 0.0), _LONGEST_PAUSE)


def _moment(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _plain(words: str) -> str:
    """Return words of a server as one printable line of bounded length, since they are shown at a terminal."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())[:600]


def _untrusted(refused: ssl.SSLCertVerificationError) -> str:
    return (
        f"The certificate of this address cannot be trusted ({refused.verify_message}). Nothing was sent. Check the "
        "address and the clock of this machine; a hospital's own authority is named with --ca FILE."
    )
