"""What the doors for machines need of the domain: who may send, from where and by which certificate, and as whom."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actor import Actor, machine
from audit.context import acting, because, require_reason
from audit.services import record
from imaging.models import Door, Tool
from imaging.selectors import tools_in_force
from trials import access, closures
from trials.models import ConsentFormApproval, Trial, TrialSite
from trials.roles import Act


def sender(ae_title: str) -> TrialSite | None:
    """Return the open site of an open trial, its data not closed, that sends under this AE title, if any."""
    site = _open_sites().exclude(ae_title="").select_related("trial").filter(ae_title=ae_title).first()
    return site if site is not None and closures.takes_data(site) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is on the line before a name was said: address, and SHA-256 (hex) of the certificate; "" without TLS."""

    address: str
    certificate_sha256: str = ""


def known_ae_titles(caller: Caller) -> list[str]:
    """Return the names this caller may go by: those of open sites and of the core lab's tools."""
    sites = _open_sites().exclude(ae_title="").select_related("dicom_door")
    senders = [site.ae_title for site in sites if is_bound(getattr(site, "dicom_door", None), caller)]
    return senders + [tool.ae_title for tool in tools_in_force() if is_bound(tool, caller)]


def is_bound(door: Door | Tool | None, caller: Caller) -> bool:
    """Whether the caller's certificate and address are those that the name is bound to; None binds nothing."""
    if door is None:
        return True
    if door.certificate_sha256 and door.certificate_sha256 != caller.certificate_sha256:
        return False
    return not door.networks or is_within(caller.address, door.networks)


def is_within(told: str, networks: Sequence[str]) -> bool:
    """Whether an address lies in one of the networks."""
    # An IPv4 caller on an IPv6 socket comes with a prefix.
    address = ipaddress.ip_address(told.removeprefix("::ffff:"))
    return any(address in ipaddress.ip_network(network) for network in networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a name is bound to, as people typed it: a certificate, networks, and where it listens ("" and None: not)."""

    certificate: str = ""
    networks: Sequence[str] = ()
    host: str = ""
    port: int | None = None

    def read(self) -> dict[str, Any]:
        """Return it as it is kept. Raises ValidationError `certificate`, `network`, `listens`."""
        networks = [_network(each) for each in self.networks]
        listens = bool(self.host), self.port is not None
        if any(listens) and (not all(listens) or (networks and not is_within(self.host, networks))):
            words = _("Tell both the address and the port it listens at; the address lies in one of its networks.")
            raise ValidationError({"host": ValidationError(words, code="listens")})
        return {
            "certificate_sha256": _fingerprint(self.certificate),
            "networks": networks,
            "host": self.host or None,
            "port": self.port,
        }


@transaction.atomic
def bind(*, by: Actor, trial_site: TrialSite, binding: Binding, reason: str) -> Door:
    """Bind a site's AE title to a certificate (PEM, or its SHA-256 in hex) and to networks; empty binds nothing.

    For who may correct the site. Raises ValidationError `no-reason`, `certificate`, `network`, `listens`.
    """
    by = access.require(by, Act.TRIAL_EDIT, trial_site.trial)
    require_reason(reason)
    told = binding.read()
    with acting(by), because(reason):
        door, _made = Door.objects.select_for_update().get_or_create(trial_site=trial_site)
        before = {name: getattr(door, name) for name in told}
        for name, value in told.items():
            setattr(door, name, value)
        door.save()
        code = trial_site.trial.code
        record(by=by, act="door.bound", obj=trial_site, trial_code=code, before=before, after=told, reason=reason)
    return door


def _fingerprint(certificate: str) -> str:
    bare = certificate.strip().lower().replace(":", "")
    if not bare or re.fullmatch(r"[0-9a-f]{64}", bare):
        return bare
    try:
        return x509.load_pem_x509_certificate(certificate.strip().encode()).fingerprint(SHA256()).hex()
    except ValueError:
        words = _("That is no certificate: paste it as PEM, or its SHA-256 fingerprint. Nothing was changed.")
        raise ValidationError({"certificate": ValidationError(words, code="certificate")}) from None


def _network(told: str) -> str:
    try:
        return str(ipaddress.ip_network(told.strip()))
    except ValueError:
        words = _("“%(told)s” is no network such as 192.0.2.0/24 or address. Nothing was changed.")
        refusal = ValidationError(words, code="network", params={"told": told.strip()[:40]})
        raise ValidationError({"networks": refusal}) from None


def is_open(trial_site: TrialSite) -> bool:
    """Whether machines of this site may send now."""
    return _open_sites().filter(pk=trial_site.pk).exists() and closures.takes_data(trial_site)


def _open_sites() -> QuerySet[TrialSite]:
    """Sites that may send: some version of the consent form is approved for them, too (V02)."""
    is_live = Exists(
        ConsentFormApproval.objects.filter(trial_site=OuterRef("pk"), approved_on__lte=timezone.localdate())
    )
    return TrialSite.objects.filter(is_live, state=TrialSite.State.OPEN, trial__state=Trial.State.OPEN)


def node(*, ae_title: str, request_id: str) -> Actor:
    return machine("dicom-node", source="dicom", request_id=request_id, on_behalf_of=ae_title)
