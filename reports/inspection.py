"""Looks at a PDF that came back from outside, and tells whether it is a report of this installation, unchanged.

The closing mark is judged first, over plain bytes: only what this installation sealed is ever parsed.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from types import MappingProxyType

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel

from reports import container
from reports.findings import Finding, Inspection

LARGEST = 50 * 1024 * 1024
_log = logging.getLogger("corelab.reports")
_HEAD = b"%PDF-"
_LONGEST_NAME = 100
_SOUND = "A second check holds: certificates, revocation list, time-stamp and the ban on changes agree."
_UNSOUND = "A second check fails: certificates, revocation list, time-stamp or the ban on changes do not agree."


@dataclass(frozen=True, slots=True)
class _Anchors:
    roots: tuple[x509.Certificate, ...]
    stamps: tuple[x509.Certificate, ...]

    def issued(self, certificate: x509.Certificate) -> bool:
        return any(_is_issued_by(certificate, root) for root in self.roots)


def inspect(pdf: bytes, *, roots: Sequence[bytes], stamp_roots: Sequence[bytes] = ()) -> Inspection:
    """Inspect any bytes at all; `roots` are this installation's root certificates (PEM).

    `stamp_roots` (PEM) vouch for outside time-stamp services. Whatever the bytes are, an Inspection comes back;
    ValueError is raised only for a root that is no certificate.
    """
    load = x509.load_pem_x509_certificates
    ours, theirs = ([root for text in texts for root in load(text)] for texts in (roots, stamp_roots))
    anchors = _Anchors(roots=tuple(ours), stamps=tuple(theirs))
    try:
        return _inspect(pdf, anchors)
    except Exception as error:  # noqa: BLE001  hostile bytes find every error there is, and none may reach the page
        _log.warning("an inspection stopped: %s", type(error).__name__)
        sentence = (
            "The seal cannot be read: it is damaged, or it is none of this installation. Do not rely on this file."
        )
        return _refusal(sentence, is_pdf=pdf.startswith(_HEAD))


def _refusal(sentence: str, *, is_pdf: bool = False, seal_count: int = 0) -> Inspection:
    return Inspection(sentences=(Finding(holds=False, sentence=sentence),), is_pdf=is_pdf, seal_count=seal_count)


def _inspect(pdf: bytes, anchors: _Anchors) -> Inspection:
    if len(pdf) > LARGEST:
        return _refusal("The file is larger than 50 MB. Reports are far smaller; it was not looked at.")
    if not pdf.startswith(_HEAD):
        return _refusal("The file is not a PDF document.")
    seals = container.count(pdf)
    if seals == 0:
        return _refusal("The file carries no seal: nothing in it shows where it comes from.", is_pdf=True)
    if seals > 1:
        sentence = f"The file carries {seals} signatures where a report carries one seal: something was added."
        return _refusal(sentence, is_pdf=True, seal_count=seals)
    outside = _look_outside(pdf, anchors)
    if not (outside.is_whole and outside.is_intact and outside.is_trusted):
        return outside
    return _look_inside(pdf, outside, anchors)


def _look_outside(pdf: bytes, anchors: _Anchors) -> Inspection:
    """Judge by the bytes and the keys alone."""
    place = container.place_of(pdf)
    carried = container.certificates_in(pdf, place)
    ours = [certificate for certificate in carried if anchors.issued(certificate)]
    is_intact = any(container.is_closed(pdf, place, by=certificate) for certificate in ours or carried)
    signer = _name_of((ours or carried)[0])
    return Inspection(
        sentences=(
            Finding(holds=True, sentence="The file is a PDF document with one seal."),
            _told_whole(len(pdf) - place.end),
            _told_trusted(holds=bool(ours), signer=signer),
            # Of a seal unknown to us nothing can be said but that it is not ours.
            *([_told_intact(holds=is_intact)] if ours or is_intact else []),
        ),
        is_pdf=True,
        seal_count=1,
        is_whole=place.end == len(pdf),
        is_intact=is_intact,
        is_trusted=bool(ours),
        signer=signer,
    )


def _is_issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _name_of(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = str(names[0].value) if names else "no name"
    return "".join(letter for letter in name if letter.isprintable())[:_LONGEST_NAME]


def _look_inside(pdf: bytes, outside: Inspection, anchors: _Anchors) -> Inspection:
    """Let pyHanko judge anew what is known to be ours: certificates, revocation list, time-stamp, permissions."""
    reader = PdfFileReader(BytesIO(pdf))
    (signature,) = reader.embedded_signatures
    stamp = next(extract_tst_data_iter(signature.signer_info, signed=False))
    moment: dt.datetime = stamp["encap_content_info"]["content"].parsed["gen_time"].native
    clock = x509.load_der_x509_certificate(extract_certs_for_validation(stamp).signer_cert.dump())
    if not _is_sound(_validate(signature, anchors, moment=moment), signature):
        return replace(outside, sentences=(*outside.sentences, Finding(holds=False, sentence=_UNSOUND)))
    files = _files_of(reader)
    return replace(
        outside,
        sentences=(
            *outside.sentences,
            Finding(holds=True, sentence=_SOUND),
            _told_time(moment, clock, is_own=anchors.issued(clock)),
            *(Finding(holds=True, sentence=f"Attached and sealed with it: {name}.") for name in files),
        ),
        sealed_at=moment,
        time_source=_name_of(clock),
        files=MappingProxyType(files),
    )


def _validate(signature: EmbeddedPdfSignature, anchors: _Anchors, *, moment: dt.datetime) -> PdfSignatureStatus:
    store = DocumentSecurityStore.read_dss(signature.reader)
    roots, stamps = ([_parsed(root) for root in chosen] for chosen in (anchors.roots, anchors.stamps))
    # Judged as of the time of sealing: certificates and lists end long before a report does.
    ours = {"trust_roots": roots, "moment": moment, "revocation_mode": "require"}
    # An outside service need not publish a revocation list; where it says that it does, the list must be there.
    theirs = {"trust_roots": roots + stamps, "moment": moment, "revocation_mode": "hard-fail"}
    contexts = store.as_validation_context(ours), store.as_validation_context(theirs)
    work = async_validate_pdf_signature(signature, contexts[0], contexts[1])
    # In a thread of its own: the caller's may run an event loop already.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def _parsed(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _is_sound(status: PdfSignatureStatus, signature: EmbeddedPdfSignature) -> bool:
    return (
        status.bottom_line
        and status.coverage == SignatureCoverageLevel.ENTIRE_FILE
        and status.timestamp_validity is not None
        and signature.docmdp_level == MDPPerm.NO_CHANGES
    )


def _files_of(reader: PdfFileReader) -> dict[str, bytes]:
    branch = reader.root
    for name in ("/Names", "/EmbeddedFiles", "/Names"):
        if name not in branch:
            return {}
        branch = branch[name]
    return {str(branch[at]): branch[at + 1]["/EF"]["/F"].data for at in range(0, len(branch), 2)}


def _told_whole(extra: int) -> Finding:
    if extra == 0:
        return Finding(holds=True, sentence="The seal covers the whole file: nothing was added after sealing.")
    if extra < 0:
        return Finding(holds=False, sentence=f"The file is cut short: {-extra} bytes at its end are missing.")
    sentence = f"{extra} bytes were added after sealing. They can replace whole pages; do not rely on this file."
    return Finding(holds=False, sentence=sentence)


def _told_intact(*, holds: bool) -> Finding:
    unchanged, changed = "is unchanged, to the last bit", "has been changed since. Do not rely on this file"
    return Finding(holds=holds, sentence=f"What was sealed {unchanged if holds else changed}.")


def _told_trusted(*, holds: bool, signer: str) -> Finding:
    if holds:
        return Finding(holds=True, sentence=f"The seal is that of this installation: {signer}.")
    sentence = f"The seal is not that of this installation. It names “{signer}”, which anybody can write into a seal."
    return Finding(holds=False, sentence=sentence)


def _told_time(moment: dt.datetime, clock: x509.Certificate, *, is_own: bool) -> Finding:
    source = "this installation's own clock" if is_own else f"the time-stamp service {_name_of(clock)}"
    return Finding(holds=True, sentence=f"It was sealed on {moment:%d %b %Y %H:%M:%S} UTC, by {source}.")
