"""What must hold before anything is served: settings that would show health data to others refuse the start (S20)."""

import ipaddress
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from config.databases import is_in_clear, is_of_this_machine
from config.single import CannotRun
from deid.defacing.program import is_there
from identity import switch
from imaging.services import quotas

_BROKERS_UNDER_TLS = frozenset({"rediss", "amqps"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """The settings that decide who can reach and read what."""

    is_debug: bool
    hosts: Sequence[str]
    bind: str
    trusted_proxy: str | None
    home: Path
    keys: Path
    session_secret: str
    wrapping_secret: str
    policies: Sequence[str]
    databases: Sequence[str]
    broker: str


def of_settings() -> Posture:
    policy: dict[str, Any] = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return Posture(
        is_debug=settings.DEBUG,
        hosts=settings.ALLOWED_HOSTS,
        bind=settings.BIND_ADDRESS,
        trusted_proxy=settings.TRUSTED_PROXY,
        home=settings.HOME,
        keys=settings.KEYS,
        session_secret=settings.SECRET_KEY,
        wrapping_secret=settings.KEY_ENCRYPTION_KEY.hex(),
        policies=[str(word) for words in policy.values() for word in words],
        databases=[*settings.DATABASE_URLS.values(), *filter(None, [os.environ.get(switch.URL)])],
        broker=settings.CELERY_BROKER_URL,
    )


def faults(posture: Posture) -> Iterator[str]:
    """Tell in sentences for the operator what must change before a start."""
    if posture.is_debug:
        yield "DEBUG is on: error pages would show what was sent. Switch it off."
    if any("*" in host or host.startswith(".") for host in posture.hosts):
        yield "CORELAB_HOSTS holds a wildcard: name each host, or a forged Host header makes links to anywhere."
    if any("unsafe" in word for word in posture.policies):
        yield "The content security policy allows unsafe sources: take them out."
    if posture.session_secret == posture.wrapping_secret:
        yield "CORELAB_SECRET_KEY and CORELAB_KEY_ENCRYPTION_KEY are the same: give each a key of its own."
    if any(map(is_in_clear, posture.databases)):
        yield (
            "A database on another machine is reached without TLS: put sslmode=verify-full and sslrootcert into each "
            "CORELAB_…DATABASE…_URL."
        )
    if _is_open(posture.broker):
        yield (
            "The broker on another machine is reached without TLS, or by any certificate: whoever stands between could "
            "give the workers tasks. Set CORELAB_BROKER_URL to rediss://…?ssl_cert_reqs=required&ssl_ca_certs=FILE."
        )
    yield from _open_lines(posture)
    yield from _open_folders(posture)


def _is_open(broker: str) -> bool:
    told = urlsplit(broker)
    asks = parse_qs(told.query).get("ssl_cert_reqs", [""])[0].lower().removeprefix("cert_")
    return not (told.scheme in _BROKERS_UNDER_TLS and asks == "required") and not is_of_this_machine(
        told.hostname or ""
    )


def _open_lines(posture: Posture) -> Iterator[str]:
    public = [host for host in posture.hosts if not _is_loopback(host)]
    if public and not posture.trusted_proxy:
        yield (
            "CORELAB_HOSTS names a host, but no proxy speaks TLS for it: set CORELAB_TRUSTED_PROXY to the proxy's "
            "address, or leave CORELAB_HOSTS empty."
        )
    if not public and not _is_loopback(posture.bind):
        yield (
            "CORELAB_BIND opens the doors to other machines without TLS: name the host in CORELAB_HOSTS and the TLS "
            "proxy in CORELAB_TRUSTED_PROXY, or leave CORELAB_BIND at 127.0.0.1."
        )


def _open_folders(posture: Posture) -> Iterator[str]:
    for folder in (posture.home, posture.keys):
        if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            yield f"{folder} can be read by other accounts of this machine: chmod 700 {folder}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _unreadable_shares() -> Iterator[str]:
    for share in quotas.Share:
        try:
            quotas.for_all(share)
        except ValueError:
            yield (
                f"CORELAB_QUOTA_{share.upper()} is no three whole numbers: gigabytes, files and deliveries under way, "
                "as in 2000,2000000,100."
            )


def _absent_program() -> Iterator[str]:
    if settings.DEFACER and not is_there(settings.DEFACER):
        yield "CORELAB_DEFACER names a program that is not on this machine: install it, or leave the variable out."


def _found() -> list[str]:
    return [*faults(of_settings()), *_unreadable_shares(), *_absent_program()]


def refuse_unsafe() -> None:
    """Raise CannotRun with everything that must change."""
    if found := _found():
        raise CannotRun("Nothing was started.\n" + "\n".join(f"- {sentence}" for sentence in found))


@register(Tags.security)
def check(**_told: Any) -> list[CheckMessage]:
    """Let every command of ours that serves or works refuse by itself, also where no supervisor started it."""
    return [Error(sentence, id="corelab.E001") for sentence in _found()]
