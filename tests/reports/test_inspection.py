"""What comes back from outside: only the very bytes that were sealed are taken for a report, whatever else is shown."""

import io
import json
import random
import re
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.crypt import StandardSecurityHandler
from pyhanko.pdf_utils.embed import EmbeddedFileObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import BasePdfFileWriter, copy_into_new_writer

from reports import container, inspection
from reports.authority import Authority, open_authority
from reports.findings import Inspection
from reports.inspection import inspect
from reports.seal import seal
from tests.reports.pdftext import text_of
from tests.reports.sealed import (
    ORIGIN,
    REASON,
    authority_fixture,  # noqa: F401  a fixture
    now,
    plain_fixture,  # noqa: F401  a fixture
    report,
    sealed_fixture,  # noqa: F401  a fixture
    told_by_pdfsig,
    trail,
)

GIVEN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def refused(found: Inspection, words: str) -> bool:
    """Tell whether the file is refused, gives nothing away, and says why in these words."""
    told = " ".join(finding.sentence for finding in found.sentences if not finding.holds)
    return not found.holds and not found.files and found.sealed_at is None and bool(re.search(words, told))


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@pytest.mark.req("R-SEAL-06")
def test_a_sealed_report_holds_and_hands_out_what_was_attached(sealed: bytes, authority: Authority) -> None:
    found = inspect(sealed, roots=[authority.root_pem])
    assert found.holds
    assert (found.is_pdf, found.seal_count, found.is_whole, found.is_intact, found.is_trusted) == (True, 1, *[True] * 3)
    assert found.signer == f"Report seal of {ORIGIN}"
    assert found.sealed_at is not None
    assert abs((found.sealed_at - now()).total_seconds()) < 120
    assert json.loads(found.files["audit.json"]) == json.loads(trail())
    assert "unchanged, to the last bit" in " ".join(finding.sentence for finding in found.sentences)


@pytest.mark.req("R-SEAL-07")
def test_a_page_replaced_after_sealing_is_refused_though_pdfsig_calls_the_signature_valid(
    sealed: bytes, authority: Authority, tmp_path: Path
) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    page = writer.root["/Pages"]["/Kids"][0]
    forged = generic.StreamObject(stream_data=b"BT /Forged 24 Tf 90 700 Td (Response rate 100 %) Tj ET")
    page["/Contents"] = writer.add_object(forged)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    names = {generic.pdf_name(key): generic.pdf_name(value) for key, value in font.items()}
    page["/Resources"]["/Font"]["/Forged"] = generic.DictionaryObject(names)  # type: ignore[no-untyped-call]  # as below
    writer.update_container(page)
    writer.update_container(page["/Resources"]["/Font"])
    shadowed = written(writer)
    assert "Imaging results" in text_of(sealed, tmp_path)
    assert "Response rate 100 %" in text_of(shadowed, tmp_path)
    assert "Signature Validation: Signature is Valid." in told_by_pdfsig(shadowed, tmp_path)
    assert refused(inspect(shadowed, roots=[authority.root_pem]), "bytes were added after sealing")


@pytest.mark.req("R-SEAL-07")
def test_an_attachment_swapped_by_an_update_or_in_place_is_refused(sealed: bytes, authority: Authority) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    holder = writer.root["/AF"][0]["/EF"]
    other = EmbeddedFileObject.from_file_data(writer, data=b"{}", mime_type="application/json")
    holder["/F"] = holder["/UF"] = other.ef_stream_ref
    writer.update_container(holder)
    assert refused(inspect(written(writer), roots=[authority.root_pem]), "added after sealing")
    stream = zlib.compress(trail())
    assert sealed.count(stream) == 1
    in_place = sealed.replace(stream, zlib.compress(trail()[::-1]).ljust(len(stream), b"\0")[: len(stream)])
    assert refused(inspect(in_place, roots=[authority.root_pem]), "has been changed since")


@pytest.mark.req("R-SEAL-07")
def test_an_attachment_added_after_sealing_is_refused(sealed: bytes, authority: Authority) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    writer.add_object(generic.StreamObject(stream_data=b"anything"))
    assert refused(inspect(written(writer), roots=[authority.root_pem]), "added after sealing")


@pytest.mark.req("R-SEAL-06")
def test_every_flipped_bit_anywhere_is_found(sealed: bytes, authority: Authority) -> None:
    place, chance = container.place_of(sealed), random.Random(20261121)  # noqa: S311  a test that repeats itself
    anywhere = [chance.randrange(len(sealed) * 8) for _ in range(500)]
    in_the_gap = [chance.randrange(place.start * 8, place.stop * 8) for _ in range(500)]
    overlooked = [bit for bit in anywhere + in_the_gap if inspect(flip(sealed, bit), roots=[authority.root_pem]).holds]
    assert overlooked == []


@pytest.mark.req("R-SEAL-06")
def test_bits_that_the_signature_itself_leaves_free_are_found(
    sealed: bytes, authority: Authority, tmp_path: Path
) -> None:
    place = container.place_of(sealed)
    letter = next(at for at in range(place.start, place.stop) if sealed[at : at + 1].isalpha())
    padding = place.stop - 2
    for bit in (letter * 8 + 5, padding * 8):
        flipped = flip(sealed, bit)
        assert "Signature is Valid" in told_by_pdfsig(flipped, tmp_path)
        assert refused(inspect(flipped, roots=[authority.root_pem]), "changed since|cannot be read")


@pytest.mark.req("R-SEAL-07")
def test_bytes_after_the_end_are_refused_down_to_a_single_one(sealed: bytes, authority: Authority) -> None:
    for extra in (b"\n", b"\0", b"%%EOF\n", b"x" * 5000):
        assert refused(inspect(sealed + extra, roots=[authority.root_pem]), f"^{len(extra)} bytes were added")


@pytest.mark.req("R-SEAL-07")
def test_a_file_cut_short_is_refused_wherever_it_is_cut(sealed: bytes, authority: Authority) -> None:
    for kept in (len(sealed) - 1, len(sealed) - 500, len(sealed) // 2, 100, 5):
        assert refused(inspect(sealed[:kept], roots=[authority.root_pem]), "cut short|cannot be read|no seal")


@pytest.mark.req("R-SEAL-07")
def test_a_file_without_its_seal_is_told_apart(plain: bytes, sealed: bytes, authority: Authority) -> None:
    roots, place = [authority.root_pem], container.place_of(sealed)
    assert refused(inspect(plain, roots=roots), "carries no seal")
    assert refused(inspect(sealed[: len(plain)], roots=roots), "carries no seal")
    blank = sealed[: place.start + 1] + b"0" * (place.stop - place.start - 2) + sealed[place.stop - 1 :]
    assert refused(inspect(blank, roots=roots), "cannot be read")
    assert refused(inspect(sealed.replace(b"/ByteRange", b"/BiteRange"), roots=roots), "carries no seal")


@pytest.mark.req("R-SEAL-07")
def test_the_seal_of_another_installation_is_refused_even_under_the_same_name(
    plain: bytes, authority: Authority, tmp_path: Path
) -> None:
    other = open_authority(tmp_path, origin=ORIGIN, at=now())
    theirs = seal(plain, authority=other, attachments={}, at=now(), reason=REASON)
    found = inspect(theirs, roots=[authority.root_pem])
    assert refused(found, "not that of this installation. It names “Report seal of lab.example/1”")
    assert (found.is_intact, found.is_whole, found.is_trusted) == (True, True, False)
    assert inspect(theirs, roots=[authority.root_pem, other.root_pem]).holds
    assert not inspect(theirs, roots=[]).holds


@pytest.mark.req("R-SEAL-07")
def test_a_seal_moved_to_another_report_is_refused(sealed: bytes, authority: Authority) -> None:
    other = seal(report(20), authority=authority, attachments={}, at=now(), reason=REASON)
    place, there = container.place_of(sealed), container.place_of(other)
    width = there.stop - there.start
    moved = sealed[place.start : place.start + width - 1] + b">"
    forged = other[: there.start] + moved + other[there.stop :]
    assert refused(inspect(forged, roots=[authority.root_pem]), "changed since|cannot be read")


@pytest.mark.req("R-SEAL-07")
def test_a_second_signature_is_refused(sealed: bytes, authority: Authority) -> None:
    place = container.place_of(sealed)
    twice = sealed + sealed[place.stop : place.end]
    assert refused(inspect(twice, roots=[authority.root_pem]), "carries 2 signatures")


@pytest.mark.req("R-SEAL-10")
def test_what_is_no_pdf_and_what_is_too_large_is_said_in_words(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = [authority.root_pem]
    for data in (b"", b"\0", b"PK\x03\x04", b"%PDF", b" %PDF-1.7"):
        assert refused(inspect(data, roots=roots), "is not a PDF document")
    monkeypatch.setattr(inspection, "LARGEST", 1000)
    assert refused(inspect(b"%PDF-" + bytes(1000), roots=roots), "larger than 50 MB")


@pytest.mark.req("R-SEAL-10")
def test_an_encrypted_report_is_refused(plain: bytes, sealed: bytes, authority: Authority) -> None:
    for data in (plain, sealed):
        writer = copy_into_new_writer(IncrementalPdfFileWriter(io.BytesIO(data)).prev)
        writer._assign_security_handler(StandardSecurityHandler.build_from_pw("secret"))
        assert refused(inspect(written(writer), roots=[authority.root_pem]), "no seal|signatures|cannot be read")


@pytest.mark.req("R-SEAL-10")
@pytest.mark.parametrize(
    "body",
    [
        b"1 0 obj\n<</Type/Catalog/Pages 1 0 R/AcroForm 1 0 R>>\nendobj\n",
        b"1 0 obj\n" + b"[" * 200_000,
        b"xref\n0 99999999999\n" + b"0000000000 65535 f \n" * 1000,
        b"trailer<</Size 999999999/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF",
    ],
)
@pytest.mark.parametrize("seal_like", [b"", b"/ByteRange [0 9 99999 9]", b"/ByteRange [0 999999999 1 1]"])
def test_pdfs_made_to_trap_a_parser_are_refused(authority: Authority, body: bytes, seal_like: bytes) -> None:
    assert refused(inspect(b"%PDF-1.7\n" + body + seal_like, roots=[authority.root_pem]), "no seal|cannot be read")


@pytest.mark.req("R-SEAL-10")
def test_a_container_of_endless_nesting_is_refused(sealed: bytes, authority: Authority) -> None:
    place = container.place_of(sealed)
    width = (place.stop - place.start - 2) // 2
    for nested in (b"\x30\x80" * (width // 2 + 1), b"\xa0\x84\x7f\xff\xff\xff" * width, b"\xff" * width):
        forged = sealed[: place.start] + b"<" + nested[:width].hex().upper().encode() + b">" + sealed[place.stop :]
        assert refused(inspect(forged, roots=[authority.root_pem]), "cannot be read")


@pytest.mark.req("R-SEAL-10")
def test_the_largest_files_are_judged_in_a_few_seconds(sealed: bytes, authority: Authority) -> None:
    place = container.place_of(sealed)
    padding = bytes(inspection.LARGEST - len(sealed))
    signs = b"%PDF-" + b"/ByteRange [0 1 2 3" * ((inspection.LARGEST - 5) // 19)
    began = time.process_time()
    for data in (sealed + padding, sealed[: place.start] + padding + sealed[place.start :], signs):
        assert not inspect(data, roots=[authority.root_pem]).holds
    assert time.process_time() - began < 5


@pytest.mark.req("R-SEAL-10")
@given(rubbish=st.binary(max_size=3000), has_head=st.booleans())
@GIVEN
def test_rubbish_never_raises_and_never_holds(authority: Authority, rubbish: bytes, has_head: bool) -> None:  # noqa: FBT001
    found = inspect(b"%PDF-1.4\n" * has_head + rubbish, roots=[authority.root_pem])
    assert not found.holds
    assert found.sentences


@pytest.mark.req("R-SEAL-10")
@given(data=st.data())
@GIVEN
def test_a_sealed_report_torn_and_patched_never_raises_and_never_holds(
    sealed: bytes, authority: Authority, data: st.DataObject
) -> None:
    place = container.place_of(sealed)
    near = st.integers(place.start - 50, place.stop + 200) | st.integers(0, len(sealed))
    start, stop = sorted((data.draw(near), data.draw(near)))
    patched = sealed[:start] + data.draw(st.binary(max_size=60)) + sealed[stop:]
    if patched != sealed:
        assert not inspect(patched, roots=[authority.root_pem]).holds


def test_a_root_that_is_no_certificate_is_a_mistake_of_ours_and_told() -> None:
    with pytest.raises(ValueError, match="PEM"):
        inspect(b"%PDF-", roots=[b"nothing"])


def written(writer: BasePdfFileWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]  # theirs has no types
    return out.getvalue()
