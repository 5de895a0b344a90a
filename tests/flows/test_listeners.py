"""The doors stand on this machine alone until somebody says otherwise: asked of the kernel, not of the settings."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.stack import Stack

_LISTEN = "0A"


def sockets_of(process: int) -> set[str]:
    """Inodes of the sockets that a process holds."""
    found = set()
    for entry in Path(f"/proc/{process}/fd").glob("*"):
        try:
            place = str(entry.readlink())
        except OSError:
            continue
        if place.startswith("socket:["):
            found.add(place[8:-1])
    return found


def listeners(processes: list[int]) -> set[tuple[str, int]]:
    """Address and port of every TCP socket on which one of the processes listens, by either IP."""
    held = set().union(*map(sockets_of, processes))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{processes[0]}/net/{name}").read_text().splitlines()[1:]:
            _slot, local, _remote, state, *_rest = words = line.split()
            if state == _LISTEN and words[9] in held:
                address, port = local.split(":")
                found.add((_address(address), int(port, 16)))
    return found


def _address(coded: str) -> str:
    """The kernel writes each word of four bytes in the machine's order."""
    words = [bytes.fromhex(coded[at : at + 8])[::-1] for at in range(0, len(coded), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


@pytest.mark.req("R-SEC-01")
def test_web_and_dicom_listen_on_loopback_and_nothing_else_listens(stack: Stack) -> None:
    port = urlsplit(stack.address).port
    assert port is not None
    found = listeners([stack.process.pid, *stack.children("")])
    assert found == {("127.0.0.1", port), ("127.0.0.1", stack.dicom_port)}


@pytest.mark.req("R-SEC-01")
def test_an_address_of_the_kernel_is_read_right() -> None:
    assert _address("0100007F") == "127.0.0.1"
    assert _address("00000000") == "0.0.0.0"  # noqa: S104  read, not bound
    assert _address("00000000000000000000000001000000") == "::1"
