"""The bytes of a seal inside a PDF: where they lie, and the mark by which the key of the seal closes the whole file."""

import re
from dataclasses import dataclass

from asn1crypto import core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from audit import der

# Numbers under 2.25 belong to whoever drew them (ITU-T X.667).
OID_ARC = "2.25.46883234327508119553597680784000303752"
_MARK_SIZE = 64
_DIGITS = 2 * _MARK_SIZE
_MARK = (core.ObjectIdentifier(f"{OID_ARC}.2").dump(), der.join(der.SET, (der.join(der.OCTETS, (bytes(_MARK_SIZE),)),)))
_MARK_HEAD = der.join(der.SEQUENCE, _MARK)[:-_MARK_SIZE]
# RFC 3161 appendix A.
_STAMP_OID = core.ObjectIdentifier("1.2.840.113549.1.9.16.2.14").dump()
# Unsigned attributes stand last in the signer's part, which stands last all the way up (RFC 5652 section 5).
_UNSIGNED, _DEPTH = 0xA1, 4
_CERTIFICATES, _MOST_CERTIFICATES = 0xA0, 20
_LARGEST = 256 * 1024
_ALGORITHM = ec.ECDSA(hashes.SHA256())
_WORD = b"/ByteRange"
# The one way in which seals of ours write these.
_RANGE = re.compile(rb"/ByteRange \[0 ([1-9]\d{0,8}) ([1-9]\d{0,8}) ([1-9]\d{0,8})\]")
_CONTAINER = re.compile(rb"<3082(?:[0-9A-F]{2})+>")


class ContainerDamaged(ValueError):
    """The place of the seal or what stands there is not as a seal of ours writes it."""


@dataclass(frozen=True, slots=True)
class Place:
    """`start` and `stop` enclose the container with its angle brackets; at `end` the sealed range ends."""

    start: int
    stop: int
    end: int


def count(pdf: bytes) -> int:
    """Count the signatures that the bytes speak of, readable or not."""
    return pdf.count(_WORD)


def place_of(pdf: bytes) -> Place:
    """Return where the first seal says that it lies. Raises ContainerDamaged where no container stands there."""
    found = _RANGE.search(pdf)
    start, stop, rest = map(int, found.groups()) if found else (0, 0, 0)
    if stop - start > _LARGEST or not _CONTAINER.fullmatch(pdf, start, stop):
        raise ContainerDamaged
    return Place(start=start, stop=stop, end=stop + rest)


def signature_in(pdf: bytes, place: Place) -> bytes:
    """Return the signature (CMS, DER) without the padding behind it."""
    padded = bytes.fromhex(pdf[place.start + 1 : place.stop - 1].decode("ascii"))
    return padded[: 4 + int.from_bytes(padded[2:4])]


def certificates_in(pdf: bytes, place: Place) -> list[x509.Certificate]:
    """Return the first few certificates that the seal carries; nothing vouches for them yet. Raises ValueError."""
    _, wrapped = der.split(signature_in(pdf, place))
    (signed,) = der.split(wrapped)
    listed = [each for part in der.split(signed) if part[0] == _CERTIFICATES for each in der.split(part)]
    return [x509.load_der_x509_certificate(each) for each in listed[:_MOST_CERTIFICATES]]


def with_unsigned(signature: bytes, *, time_stamp: bytes) -> bytes:
    """Return a signature (CMS, DER) with its time-stamp (DER) and with the closing mark, still zeros.

    A PDF signature leaves its own container free: letter case, padding, versions, whatever is unsigned in it. So the
    key of the seal signs the file once more, from the first byte to the last, with the mark alone taken as zeros.
    """
    stamp = der.join(der.SEQUENCE, (_STAMP_OID, der.join(der.SET, (time_stamp,))))
    unsigned = der.join(_UNSIGNED, sorted((stamp, _MARK_HEAD + bytes(_MARK_SIZE))))
    return _with_last(signature, unsigned, depth=_DEPTH)


def close(pdf: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the freshly signed PDF with its closing mark filled in. Raises ContainerDamaged."""
    at = _mark_place(pdf, place_of(pdf))
    numbers = decode_dss_signature(key.sign(pdf, _ALGORITHM))
    mark = b"".join(number.to_bytes(_MARK_SIZE // 2) for number in numbers)
    return pdf[:at] + mark.hex().upper().encode() + pdf[at + _DIGITS :]


def is_closed(pdf: bytes, place: Place, *, by: x509.Certificate) -> bool:
    """Tell whether the sealed range, container included, is to the last bit what the certificate's key closed."""
    key = by.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        at = _mark_place(pdf, place)
        mark = bytes.fromhex(pdf[at : at + _DIGITS].decode("ascii"))
        halves = int.from_bytes(mark[: _MARK_SIZE // 2]), int.from_bytes(mark[_MARK_SIZE // 2 :])
        key.verify(encode_dss_signature(*halves), _opened(pdf[: place.end], at), _ALGORITHM)
    except (ContainerDamaged, InvalidSignature):
        return False
    return True


def _with_last(element: bytes, part: bytes, *, depth: int) -> bytes:
    parts = der.split(element)
    last = _with_last(parts[-1], part, depth=depth - 1) if depth else parts[-1] + part
    return der.join(element[0], (*parts[:-1], last))


def _opened(pdf: bytes, at: int) -> bytes:
    return pdf[:at] + b"0" * _DIGITS + pdf[at + _DIGITS :]


def _mark_place(pdf: bytes, place: Place) -> int:
    head = _MARK_HEAD.hex().upper().encode()
    container = pdf[place.start : place.stop]
    at = container.find(head) + len(head)
    if container.count(head) != 1 or at + _DIGITS >= len(container):
        raise ContainerDamaged
    return place.start + at
