"""The installation's own small certification authority: made once, kept in one folder, used to seal reports.

Its root key lies on the same machine as what it seals: it proves that a report came from this installation unchanged,
not that the installation itself was honest. Whoever needs that asks an outside time-stamp service as well.
"""

import datetime as dt
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ORGANISATION = "Corelab installation"
_FOLDER = "authority"
_CRL = "root.crl"
_ROLES = ("root", "seal", "stamp")
_KINDS = ("pem", "key")
_FILES = (*(f"{role}.{kind}" for role in _ROLES for kind in _KINDS), _CRL)
_ORIGIN = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._:/-]{0,38}[0-9A-Za-z])?")
# Certificates are made on the first day; reports are kept for 25 years after a trial's end.
_ROOT_LIFE = dt.timedelta(days=60 * 365)
_LEAF_LIFE = dt.timedelta(days=50 * 365)
_LIST_LIFE = dt.timedelta(days=30)
_LIST_RENEWAL = dt.timedelta(days=7)
# A second machine of the installation may run a little behind.
_CLOCK_SLACK = dt.timedelta(minutes=5)


class AuthorityUnusable(RuntimeError):
    """The keys of the seal cannot be used; the text tells the operator why and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key; the key never shows in a representation."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """What sealing and checking need: the root, the two certificates it issued, and where its files lie."""

    folder: Path
    origin: str
    root: Identity
    seal: Identity
    stamp: Identity

    @property
    def root_pem(self) -> bytes:
        """The root certificate, which outsiders need and may have."""
        return self.root.certificate.public_bytes(Encoding.PEM)


def open_authority(keys: Path, *, origin: str, at: dt.datetime) -> Authority:
    """Open the authority in the keys folder, or make it where no part of it exists; `at` is the time now, in UTC.

    Two processes may race: one authority comes out. Raises AuthorityUnusable, and ValueError for an unfit origin.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is 1 to 40 letters, digits and . _ : / - and begins and ends with letter or digit")
    folder = keys / _FOLDER
    with _told_to_operator(folder):
        if not folder.exists() or not any(folder.iterdir()):
            _make(folder, origin=origin, start=at - _CLOCK_SLACK)
        authority = _load(folder, origin=origin)
        _check(authority, at=at)
    return authority


def revocation_list(authority: Authority, *, at: dt.datetime) -> bytes:
    """Return the root's revocation list (DER), renewed with the same entries where it ends within a week of `at`.

    Raises AuthorityUnusable.
    """
    path = authority.folder / _CRL
    with _told_to_operator(authority.folder):
        held = x509.load_pem_x509_crl(_read(path))
        if not held.is_signature_valid(authority.root.key.public_key()):
            raise ValueError("the revocation list is not the root's")
        if held.next_update_utc is None or held.next_update_utc - at < _LIST_RENEWAL:
            held = _issue_list(authority.root, start=at - _CLOCK_SLACK, entries=held)
            _replace(path, held.public_bytes(Encoding.PEM))
    return held.public_bytes(Encoding.DER)


@contextmanager
def _told_to_operator(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError, InvalidSignature) as error:
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or "a certificate is not the root's"
        raise AuthorityUnusable(
            f"The sealing keys in the folder {folder.name} cannot be used: {reason}. Nothing was changed or made anew. "
            "Put the whole folder back from the backup, readable by the program's account alone; without it no report "
            "is sealed, and reports sealed before can still be checked."
        ) from None


def _make(folder: Path, *, origin: str, start: dt.datetime) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A whole folder is renamed into place: that succeeds for one process only and never leaves a part behind.
    scratch = folder.with_name(f".{_FOLDER}-{secrets.token_hex(16)}")
    scratch.mkdir(mode=0o700)
    for name, data in _new_files(origin=origin, start=start).items():
        _write(scratch / name, data)
    _sync(scratch)
    try:
        scratch.rename(folder)
    except OSError as error:
        for name in _FILES:
            (scratch / name).unlink()
        scratch.rmdir()
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    _sync(folder.parent)


def _new_files(*, origin: str, start: dt.datetime) -> Mapping[str, bytes]:
    root = _issue_root(origin=origin, start=start)
    made = {
        "root": root,
        "seal": _issue_leaf(root, title="Report seal", origin=origin, start=start),
        "stamp": _issue_leaf(root, title="Own clock", origin=origin, start=start, is_stamp=True),
    }
    files = {_CRL: _issue_list(root, start=start, entries=()).public_bytes(Encoding.PEM)}
    for role, identity in made.items():
        files[f"{role}.pem"] = identity.certificate.public_bytes(Encoding.PEM)
        files[f"{role}.key"] = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return files


def _issue_root(*, origin: str, start: dt.datetime) -> Identity:
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("Root", origin=origin)
    builder = _builder(key, subject=name, issuer=name, start=start, life=_ROOT_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
    return Identity(certificate=builder.sign(key, hashes.SHA256()), key=key)


def _issue_leaf(root: Identity, *, title: str, origin: str, start: dt.datetime, is_stamp: bool = False) -> Identity:
    key, subject = ec.generate_private_key(ec.SECP256R1()), _name(title, origin=origin)
    issuer = root.certificate.subject
    builder = _builder(key, subject=subject, issuer=issuer, start=start, life=_LEAF_LIFE)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())
    builder = builder.add_extension(authority, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if is_stamp:
        # RFC 3161 section 2.3: this purpose alone, and critical.
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(_usage("digital_signature"), critical=True).add_extension(
            purpose, critical=True
        )
    else:
        builder = builder.add_extension(_usage("digital_signature", "content_commitment"), critical=True)
    return Identity(certificate=builder.sign(root.key, hashes.SHA256()), key=key)


def _builder(
    key: ec.EllipticCurvePrivateKey, *, subject: x509.Name, issuer: x509.Name, start: dt.datetime, life: dt.timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + life)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _name(title: str, *, origin: str) -> x509.Name:
    parts = {
        NameOID.ORGANIZATION_NAME: ORGANISATION,
        NameOID.ORGANIZATIONAL_UNIT_NAME: origin,
        NameOID.COMMON_NAME: f"{title} of {origin}",
    }
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])


def _usage(*granted: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in granted for name in names})


def _issue_list(
    root: Identity, *, start: dt.datetime, entries: Iterable[x509.RevokedCertificate]
) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.certificate.subject)
    builder = builder.last_update(start).next_update(start + _LIST_LIFE)
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key())
    builder = builder.add_extension(authority, critical=False)
    # Numbers must grow (RFC 5280 section 5.2.3), and a clock needs no stored counter.
    builder = builder.add_extension(x509.CRLNumber(int(start.timestamp() * 1000)), critical=False)
    return builder.sign(root.key, hashes.SHA256())


def _load(folder: Path, *, origin: str) -> Authority:
    missing = [name for name in _FILES if not (folder / name).exists()]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing")
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise ValueError("other accounts may open the folder")
    root, seal, stamp = (_load_identity(folder, role) for role in _ROLES)
    return Authority(folder=folder, origin=origin, root=root, seal=seal, stamp=stamp)


def _load_identity(folder: Path, role: str) -> Identity:
    texts = [_read(folder / f"{role}.{kind}") for kind in _KINDS]
    try:
        certificate, key = x509.load_pem_x509_certificate(texts[0]), load_pem_private_key(texts[1], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"{role}.pem or {role}.key is damaged") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ValueError(f"{role}.key does not belong to {role}.pem")
    return Identity(certificate=certificate, key=key)


def _check(authority: Authority, *, at: dt.datetime) -> None:
    issuer = authority.root.certificate
    for identity in (authority.root, authority.seal, authority.stamp):
        identity.certificate.verify_directly_issued_by(issuer)
        if not identity.certificate.not_valid_before_utc <= at <= identity.certificate.not_valid_after_utc:
            raise ValueError("a certificate is not valid at the time this computer's clock shows")
    if issuer.subject != _name("Root", origin=authority.origin):
        raise ValueError("they were made for an installation of another name")


def _read(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as file:
        if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
            raise ValueError(f"other accounts may read {path.name}")
        return file.read()


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{secrets.token_hex(16)}")
    _write(scratch, data)
    scratch.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
