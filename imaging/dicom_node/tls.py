"""TLS of the node: BCP 195 by RFC 8996 and RFC 9325 (S03)."""

import ssl
from hashlib import sha256

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Forward secrecy and authenticated encryption alone (PS3.15 B.12); TLS 1.3 has nothing else.
SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"


def context() -> ssl.SSLContext | None:
    """Return what the installation's certificate asks of callers; None without one. Raises ImproperlyConfigured."""
    return _context(ssl.PROTOCOL_TLS_SERVER)


def calling_context() -> ssl.SSLContext | None:
    """Return how the node itself calls; None where it has no certificate. Raises ImproperlyConfigured."""
    return _context(ssl.PROTOCOL_TLS_CLIENT)


def _context(protocol: int) -> ssl.SSLContext | None:
    if not settings.DICOM_TLS_CERTIFICATE:
        return None
    made = ssl.SSLContext(protocol)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.set_ciphers(SUITES)
    # A peer is known by its certificate itself, not by a name in it.
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    try:
        made.load_cert_chain(settings.DICOM_TLS_CERTIFICATE, settings.DICOM_TLS_KEY or None)
        made.load_verify_locations(settings.DICOM_TLS_AUTHORITIES)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise ImproperlyConfigured(
            "The DICOM node cannot use CORELAB_DICOM_TLS_CERTIFICATE, _KEY or _AUTHORITIES; it was not started."
        ) from error
    return made


def certificate_of(line: object) -> str:
    """Return the SHA-256 (hex) of the caller's certificate as DER; "" where the line is not TLS."""
    if not isinstance(line, ssl.SSLSocket):
        return ""
    return sha256(line.getpeercert(binary_form=True) or b"").hexdigest()
