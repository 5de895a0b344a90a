"""Seals a finished report: files attached, one signature over every byte, everything needed to check it inside.

PAdES B-LT in one revision, so that outside tools see one signature over the whole document. Further changes are
forbidden (DocMDP level 1), a countersignature inside the file among them: a sponsor signs the file from outside.
"""

import datetime as dt
import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from asn1crypto import cms, core, keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.embed import EmbeddedFileObject, EmbeddedFileParams, FileSpec, embed_file
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, SimpleSigner
from pyhanko.sign.signers.pdf_signer import (
    DSSContentSettings,
    PdfSignatureMetadata,
    PdfSigner,
    PdfSigningSession,
    SigDSSPlacementPreference,
)
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.registry import SimpleCertificateStore

from audit import stamps
from reports import container
from reports.authority import Authority, Identity, revocation_list
from reports.findings import SealFailed, StampService
from reports.inspection import inspect

_FIELD = "Seal"
_OWN_CLOCK_POLICY = f"{container.OID_ARC}.1"
_OWN_CLOCK = "The time of sealing is that of this installation's own clock."


class _Clock(TimeStamper):
    """Whatever gives time-stamps; the last one is kept as the bytes that it came in."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # theirs has no types
        self.last = b""

    async def token(self, query: tsp.TimeStampReq) -> bytes:
        raise NotImplementedError

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        self.last = await self.token(req)
        status = tsp.PKIStatusInfo({"status": "granted"})
        return tsp.TimeStampResp({"status": status, "time_stamp_token": cms.ContentInfo.load(self.last)})


class _OwnClock(_Clock):
    """The installation's own time-stamps: they tell when its clock says that it sealed, and no more."""

    def __init__(self, authority: Authority, *, at: dt.datetime) -> None:
        super().__init__()
        self._signer, self._at = SimpleSigner(*_signing(authority.stamp)), at

    async def token(self, query: tsp.TimeStampReq) -> bytes:
        told = {
            "version": "v1",
            "policy": _OWN_CLOCK_POLICY,
            "message_imprint": query["message_imprint"],
            "serial_number": x509.random_serial_number(),
            "gen_time": core.GeneralizedTime(self._at),
            "nonce": query["nonce"],
        }
        content = {"content_type": "tst_info", "content": cms.ParsableOctetString(tsp.TSTInfo(told).dump())}
        signed = await self._signer.async_sign_general_data(
            cms.EncapsulatedContentInfo(content),
            "sha256",
            detached=False,
            signed_attr_settings=PdfCMSSignedAttributes(signing_time=self._at),
        )
        return bytes(signed.dump())


class _OutsideClock(_Clock):
    """A time-stamp service of somebody else, asked with our own limits on time and size."""

    def __init__(self, service: StampService) -> None:
        super().__init__()
        self._service = service

    async def token(self, query: tsp.TimeStampReq) -> bytes:
        return stamps.exchange(self._service.url, query.dump(), timeout=self._service.timeout)


class _Signature(bytes):
    """A signature that pyHanko writes as it is."""

    __slots__ = ()

    def dump(self) -> bytes:
        return self


class _MarkedSigner(SimpleSigner):
    """Adds the time-stamp and the room for the closing mark as bytes: see `audit.der` why."""

    async def async_sign(self, *args: Any, **settings: Any) -> _Signature:
        clock: _Clock = settings.pop("timestamper")
        signed = await super().async_sign(*args, **settings)
        if not settings.get("dry_run"):
            value = extract_signer_info(signed["content"])["signature"].native
            await clock.async_timestamp(hashlib.sha256(value).digest(), "sha256")
        return _Signature(container.with_unsigned(signed.dump(), time_stamp=clock.last))


class _DatedSigner(PdfSigner):
    """Signs at a given time instead of asking the clock once more."""

    at: dt.datetime

    def init_signing_session(self, *args: Any, **settings: Any) -> PdfSigningSession:
        session = super().init_signing_session(*args, **settings)
        session.system_time = self.at
        return session


def seal(
    pdf: bytes,
    *,
    authority: Authority,
    attachments: Mapping[str, bytes],
    at: dt.datetime,
    reason: str,
    service: StampService | None = None,
) -> bytes:
    """Return the PDF with the files attached (name, bytes), signed at `at` (UTC, to the second) and checked.

    Without a service the time-stamp is by the installation's own clock, and the stated reason says so. With one it is
    by that service or there is no seal. Raises SealFailed, AuthorityUnusable.
    """
    moment = at.astimezone(dt.UTC).replace(microsecond=0)
    if container.count(pdf):
        raise SealFailed("The PDF carries a signature already. A report is sealed once, before anybody else signs it.")
    try:
        signer = _signer(authority, at=moment, reason=reason, service=service)
        sealed = container.close(_sign(pdf, signer, attachments, at=moment), authority.seal.key)
    except (stamps.StampFailed, PathError, ValidationError, PdfError, ValueError, OSError) as error:
        raise SealFailed(f"The report was not sealed. {_told(error)}") from error
    _check(sealed, authority, attachments, stamp_roots=service.roots if service else ())
    return sealed


def _told(error: Exception) -> str:
    if isinstance(error, stamps.StampFailed):
        return str(error)
    if isinstance(error, PathError | ValidationError) or isinstance(error.__cause__, PathError | ValidationError):
        return (
            "A certificate does not hold. If a time-stamp service is set, compare the root certificates set for it "
            "with those it publishes; else look at this computer's clock and at the sealing keys."
        )
    return "The PDF or the sealing keys are not fit for it; ask whoever runs this installation."


def _sign(pdf: bytes, signer: PdfSigner, attachments: Mapping[str, bytes], *, at: dt.datetime) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    # Written together with the signature: a revision of its own would look like a change.
    for name in sorted(attachments):
        _attach(writer, name, attachments[name], at=at)
    # In a thread of its own: the caller's may run an event loop already.
    with ThreadPoolExecutor(max_workers=1) as pool:
        signed: BytesIO = pool.submit(signer.sign_pdf, writer).result()
    return signed.getvalue()


def _attach(writer: IncrementalPdfFileWriter, name: str, data: bytes, *, at: dt.datetime) -> None:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    dates = EmbeddedFileParams(embed_checksum=False, creation_date=at, modification_date=at)
    embedded = EmbeddedFileObject.from_file_data(writer, data=data, mime_type=kind, params=dates)
    relation = pdf_name("/Data")
    embed_file(
        writer, FileSpec(file_spec_string=name, file_name=name, embedded_data=embedded, af_relationship=relation)
    )


def _signer(authority: Authority, *, at: dt.datetime, reason: str, service: StampService | None) -> PdfSigner:
    settings = PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        reason=reason if service else f"{reason} {_OWN_CLOCK}",
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=True,
        validation_context=_context(authority, at=at, service=service),
        dss_settings=DSSContentSettings(include_vri=False, placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE),
    )
    clock = _OutsideClock(service) if service else _OwnClock(authority, at=at)
    signer = _DatedSigner(settings, _MarkedSigner(*_signing(authority.seal)), timestamper=clock)
    signer.at = at
    return signer


def _context(authority: Authority, *, at: dt.datetime, service: StampService | None) -> ValidationContext:
    roots = [_parsed(authority.root.certificate)]
    crls = [revocation_list(authority, at=at)]
    if service is None:
        return ValidationContext(trust_roots=roots, crls=crls, revocation_mode="require", moment=at)
    # What the service's certificates say of revocation is fetched now and kept in the file, or there is no seal.
    outside = [_parsed(root) for text in service.roots for root in x509.load_pem_x509_certificates(text)]
    return ValidationContext(trust_roots=roots + outside, crls=crls, revocation_mode="hard-fail", allow_fetching=True)


def _parsed(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _signing(identity: Identity) -> tuple[asn1_x509.Certificate, keys.PrivateKeyInfo, SimpleCertificateStore]:
    plain = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    # The root stands once in the file, among the validation data.
    return _parsed(identity.certificate), keys.PrivateKeyInfo.load(plain), SimpleCertificateStore()  # type: ignore[no-untyped-call]  # as above


def _check(
    sealed: bytes, authority: Authority, attachments: Mapping[str, bytes], *, stamp_roots: Sequence[bytes]
) -> None:
    found = inspect(sealed, roots=[authority.root_pem], stamp_roots=stamp_roots)
    if not found.holds or dict(found.files) != dict(attachments):
        failed = " ".join(finding.sentence for finding in found.sentences if not finding.holds)
        raise SealFailed(f"The report was not sealed. The new seal did not pass our own check. {failed}")
