"""TLS at the DICOM door: dcmtk with the right, a foreign, an expired and no certificate, and clients of yesterday."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pynetdicom import AE, build_context

from imaging import dicom_node
from imaging.dicom_node import limits, tls
from imaging.dicom_node.calling import Unreachable, line
from imaging.models import Tool
from imaging.services import doors
from imaging.services.doors import Caller
from tests.imaging.scans import ct_slice
from tests.services import need_program
from tests.stack import free_port, wait_until

KNOWN = "NORTE_PACS"
YESTERDAY, LONG_AGO = "20200102000000Z", "20200101000000Z"


def openssl(*words: str, where: Path) -> str:
    program = need_program("openssl", "openssl")
    return subprocess.run([program, *words], cwd=where, check=True, capture_output=True, text=True).stdout


class Authority:
    """A certification authority in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "index").touch()
        (folder / "conf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=p\ndefault_days=2\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        self._request("authority", "-x509", "-days", "2")

    def _request(self, name: str, *more: str) -> None:
        new = ["-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}"]
        openssl("req", *new, "-out", f"{name}.pem" if more else f"{name}.csr", *more, where=self.folder)

    def issue(self, name: str, *dates: str) -> tuple[Path, Path]:
        self._request(name)
        by = ["-cert", "authority.pem", "-keyfile", "authority.key", "-config", "conf", "-batch", "-notext"]
        openssl("ca", *by, "-in", f"{name}.csr", "-out", f"{name}.pem", *dates, where=self.folder)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def sender(ours: Authority) -> tuple[Path, Path]:
    return ours.issue("sender")


@pytest.fixture
def port(ours: Authority, sender: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[int]:
    """A node that knows one site, whose door is bound to the sender's certificate."""
    certificate, key = ours.issue("node") if not (ours.folder / "node.pem").exists() else _pair(ours.folder / "node")
    settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY = str(certificate), str(key)
    settings.DICOM_TLS_AUTHORITIES = str(ours.certificate)
    bound = openssl("x509", "-in", str(sender[0]), "-noout", "-fingerprint", "-sha256", where=ours.folder)
    fingerprint = bound.partition("=")[2].strip().replace(":", "").lower()

    def known(caller: Caller) -> list[str]:
        return [KNOWN] if caller.certificate_sha256 == fingerprint else ["OTHER"]

    monkeypatch.setattr(doors, "known_ae_titles", known)
    monkeypatch.setattr("imaging.dicom_node.line.PDU_SECONDS", 2)
    node = dicom_node.make_ae()
    server: Any = node.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=dicom_node.HANDLERS, ssl_context=tls.context()
    )
    yield server.server_address[1]
    node.shutdown()


def _pair(stem: Path) -> tuple[Path, Path]:
    return stem.with_suffix(".pem"), stem.with_suffix(".key")


def echo(port: int, ours: Authority, pair: tuple[Path, Path] | None) -> bool:
    """Whether dcmtk's echo is answered."""
    who = ["+tls", str(pair[1]), str(pair[0])] if pair else ["+tla"]
    words = [*who, "+cf", str(ours.certificate), "-aet", KNOWN, "-aec", "CORELAB", "127.0.0.1", str(port)]
    command = [need_program("echoscu", "dcmtk"), *words]
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


@pytest.mark.req("R-ARC-18")
def test_the_bound_certificate_gets_in_and_no_other(
    port: int, ours: Authority, sender: tuple[Path, Path], tmp_path: Path
) -> None:
    assert echo(port, ours, sender)
    # Ours, too, but not the one the site is bound to.
    assert not echo(port, ours, ours.issue("another"))
    assert not echo(port, ours, ours.issue("expired", "-startdate", LONG_AGO, "-enddate", YESTERDAY))
    assert not echo(port, ours, Authority(tmp_path / "foreign").issue("sender"))
    assert not echo(port, ours, None)
    assert echo(port, ours, sender)


@pytest.mark.req("R-ARC-18")
def test_a_caller_without_tls_gets_no_word(port: int) -> None:
    plain = AE(ae_title=KNOWN)
    plain.add_requested_context(dicom_node.VERIFICATION)
    plain.acse_timeout = 5
    assert not plain.associate("127.0.0.1", port, ae_title="CORELAB").is_established


def client(ours: Authority, sender: tuple[Path, Path], suites: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(ours.certificate))
    made.check_hostname = False
    made.load_cert_chain(*map(str, sender))
    made.set_ciphers(suites)
    return made


def agreed(port: int, context: ssl.SSLContext) -> str:
    """The suite that was agreed on; "" where none was."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as line, context.wrap_socket(line) as secure:
            return secure.cipher()[0]  # type: ignore[index]  # after a handshake there is one
    except OSError:
        return ""


@pytest.mark.req("R-ARC-18")
def test_versions_and_suites_of_yesterday_are_refused(port: int, ours: Authority, sender: tuple[Path, Path]) -> None:
    old = client(ours, sender, "ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    assert agreed(port, old) == ""
    for suites, expected in (
        ("ECDHE-RSA-AES256-SHA384:AES128-SHA256:ECDHE-RSA-AES128-SHA:@SECLEVEL=0", ""),
        ("AES256-GCM-SHA384:@SECLEVEL=0", ""),
        ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ):
        today = client(ours, sender, suites)
        today.maximum_version = ssl.TLSVersion.TLSv1_2
        assert agreed(port, today) == expected
    assert agreed(port, client(ours, sender, "DEFAULT")).startswith("TLS_")


@pytest.mark.req("R-ARC-19")
def test_callers_who_never_finish_a_handshake_keep_nobody_waiting(
    port: int, ours: Authority, sender: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAITING_CALLERS", 20)
    with ExitStack() as lines:
        silent = [lines.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(60)]
        begun = time.monotonic()
        assert echo(port, ours, sender)
        assert time.monotonic() - begun < 5
        silent[0].settimeout(5)
        assert silent[0].recv(1) == b""
        silent[-1].settimeout(10)
        assert silent[-1].recv(1) == b""


@pytest.mark.req("R-ARC-18")
def test_a_node_that_cannot_speak_tls_as_it_was_told_does_not_start(settings: Any, tmp_path: Path) -> None:
    settings.DICOM_TLS_CERTIFICATE = ""
    assert tls.context() is None
    settings.DICOM_TLS_CERTIFICATE = str(tmp_path / "none.pem")
    with pytest.raises(ImproperlyConfigured, match="was not started"):
        tls.context()


@pytest.mark.req("R-QR-05")
def test_the_node_calls_over_tls_and_sends_nothing_to_another_certificate_than_the_registered_one(
    port: int, ours: Authority, sender: tuple[Path, Path], tmp_path: Path
) -> None:
    there = free_port()
    words = ["+tls", str(sender[1]), str(sender[0]), "+cf", str(ours.certificate), "-od", str(tmp_path), str(there)]
    shelf = subprocess.Popen([need_program("storescp", "dcmtk"), *words], stderr=subprocess.DEVNULL)
    bound = openssl("x509", "-in", str(sender[0]), "-noout", "-fingerprint", "-sha256", where=ours.folder)
    right = bound.partition("=")[2].strip().replace(":", "").lower()
    contexts = [build_context("1.2.840.10008.5.1.4.1.1.2")]
    try:
        wait_until(lambda: listens(there), seconds=30)
        for certificate in (right, "ab" * 32):
            to = Tool(host="127.0.0.1", port=there, certificate_sha256=certificate)
            with suppress(Unreachable), line(to, ae_title="SHELF", contexts=contexts) as association:
                assert association.send_c_store(ct_slice(1, seed=certificate)).Status == 0
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        shelf.terminate()
        shelf.wait(timeout=30)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
