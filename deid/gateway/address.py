"""Where to send: an address that is safe to show a token to."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}
_DOOR = "/dicomweb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A Corelab: host, port, whether the line is encrypted, and the path under which it lives ("" at the top)."""

    host: str
    port: int
    is_encrypted: bool
    root: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_encrypted else 'http'}://{host}:{self.port}{self.root}"


def parse_address(text: str) -> Address:
    """Return the address that a URL names. Raises ValueError, also for one that would carry the token in the clear."""
    parts = urlsplit(text.strip())
    try:
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise ValueError("the port of the address is no number from 1 to 65535") from None
    if parts.scheme not in _PORTS or not host or not host.isascii() or parts.query or parts.fragment:
        raise ValueError("the address is not one like https://corelab.example.org")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address holds no user and no password; the token comes from its file")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError("http:// would show token and images to everybody on the line; use https://")
    root = parts.path.rstrip("/").removesuffix("/studies").removesuffix(_DOOR)
    if not root.isascii() or not root.isprintable() or " " in root:
        raise ValueError("the path of the address holds signs that no address has")
    return Address(host=host, port=port, is_encrypted=parts.scheme == "https", root=root)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
