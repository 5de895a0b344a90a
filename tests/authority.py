"""A time-stamp service on this machine, made with openssl, and what makes outside tools trust a root of ours."""

import ctypes.util
import datetime as dt
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.services import lacking, need_program

_SETTINGS = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{more}
[ts]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
certs = {folder}/ca.pem
default_policy = 1.2.3.4.1
digests = {digests}
ess_cert_id_alg = sha256
"""
# certutil is rarely installed, but the library that pdfsig asks is there wherever pdfsig is.
_TRUST = """
import ctypes, ctypes.util, pathlib, sys
nss, smime = (ctypes.CDLL(ctypes.util.find_library(name)) for name in ("nss3", "smime3"))
pointer = ctypes.c_void_p
for asked in (nss.PK11_GetInternalKeySlot, nss.CERT_GetDefaultCertDB, smime.CERT_DecodeCertFromPackage):
    asked.restype = pointer
der = pathlib.Path(sys.argv[2]).read_bytes()
assert nss.NSS_InitReadWrite(b"sql:" + sys.argv[1].encode()) == 0
slot = pointer(nss.PK11_GetInternalKeySlot())
assert nss.PK11_InitPin(slot, None, b"") == 0
root = pointer(smime.CERT_DecodeCertFromPackage(der, len(der)))
assert nss.PK11_ImportCert(slot, root, ctypes.c_ulong(0), b"root", 0) == 0
trusted = (ctypes.c_uint * 3)(0x98, 0x98, 0x98)
assert nss.CERT_ChangeCertTrust(pointer(nss.CERT_GetDefaultCertDB()), root, trusted) == 0
nss.CERT_DestroyCertificate(root)
nss.PK11_FreeSlot(slot)
assert nss.NSS_Shutdown() == 0
"""
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class TimeStampAuthority:
    """A root and a time-stamp certificate in a folder; `reply` answers a query (DER) as RFC 3161 says."""

    folder: Path

    @property
    def root(self) -> bytes:
        return (self.folder / "ca.pem").read_bytes()

    @property
    def der(self) -> bytes:
        return x509.load_pem_x509_certificate(self.root).public_bytes(Encoding.DER)

    def revocation_list(self) -> bytes:
        """An empty list (DER), valid now."""
        key, root = load_pem_private_key((self.folder / "ca.key").read_bytes(), None), self.root
        builder = x509.CertificateRevocationListBuilder().issuer_name(x509.load_pem_x509_certificate(root).subject)
        start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        builder = builder.last_update(start).next_update(start + dt.timedelta(days=1))
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    def reply(self, query: bytes) -> Answer:
        asked, told = self.folder / "query", self.folder / "reply"
        asked.write_bytes(query)
        _openssl(
            self.folder, "ts", "-reply", "-config", "settings", "-section", "ts", "-queryfile", asked, "-out", told
        )
        return 200, {}, told.read_bytes()


def make_authority(
    folder: Path, *, digests: str = "sha256,sha384,sha512", more: str = "", name: str = "Test"
) -> TimeStampAuthority:
    """Make a root and a time-stamp certificate with openssl; `more` are further lines of the latter's extensions."""
    folder.mkdir(parents=True)
    (folder / "settings").write_text(_SETTINGS.format(folder=folder, digests=digests, more=more))
    (folder / "serial").write_text("01\n")
    fresh = ("-config", "settings", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    root = ("-x509", "-keyout", "ca.key", "-out", "ca.pem", "-extensions", "ca", "-days", "3650")
    _openssl(folder, "req", *fresh, *root, "-subj", f"/O={name}/CN={name} root")
    _openssl(folder, "req", *fresh, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", f"/O={name}/CN={name} clock")
    issue = ("-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-days", "3650")
    _openssl(folder, "x509", *issue, "-out", "tsa.pem", "-extfile", "settings", "-extensions", "tsa")
    return TimeStampAuthority(folder=folder)


@contextmanager
def serving(answer: Callable[[bytes], Answer]) -> Iterator[str]:
    """Serve over HTTP on a free port: `answer` gets the body, and gives status, headers and body. Yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, headers, body = answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815  the server's own spelling

        def log_message(self, *_: object) -> None:
            """A quiet server."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="clock", scope="session")
def clock_fixture(tmp_path_factory: pytest.TempPathFactory) -> TimeStampAuthority:
    return make_authority(tmp_path_factory.mktemp("clock") / "made")


@pytest.fixture(name="clock_url")
def clock_url_fixture(clock: TimeStampAuthority) -> Iterator[str]:
    with serving(clock.reply) as url:
        yield url


def trust_store(folder: Path, root: bytes) -> str:
    """Make a store in which NSS, and so pdfsig, trusts the root (DER); return its name for `pdfsig -nssdir`."""
    if not (ctypes.util.find_library("nss3") and ctypes.util.find_library("smime3")):
        lacking("the NSS library is not installed: apt-get install libnss3")
    folder.mkdir()
    (folder / "root.der").write_bytes(root)
    subprocess.run([sys.executable, "-c", _TRUST, str(folder), str(folder / "root.der")], check=True, timeout=30)
    return f"sql:{folder}"


def _openssl(folder: Path, *arguments: str | Path) -> None:
    command = [need_program("openssl", "openssl"), *map(str, arguments)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=30)
