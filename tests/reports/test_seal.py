"""Sealing a report: one revision, checked by outside tools, stamped by the clock that was asked for or not at all."""

import asyncio
import datetime as dt
import io
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_signer_info

from reports import container
from reports.authority import Authority, open_authority
from reports.findings import SealFailed, StampService
from reports.inspection import inspect
from reports.seal import seal
from tests.authority import (
    Answer,
    TimeStampAuthority,
    clock_fixture,  # noqa: F401  a fixture
    clock_url_fixture,  # noqa: F401  a fixture
    make_authority,
    serving,
    trust_store,
)
from tests.reports.pdftext import text_of
from tests.reports.sealed import (
    ORIGIN,
    REASON,
    authority_fixture,  # noqa: F401  a fixture
    now,
    plain_fixture,  # noqa: F401  a fixture
    sealed_fixture,  # noqa: F401  a fixture
    told_by_pdfsig,
    trail,
)
from tests.reports.test_authority import revoke
from tests.services import need_program

FILES = {"audit.json": trail()}


@pytest.mark.req("R-SEAL-01")
def test_pdfsig_finds_one_valid_signature_over_the_whole_document(sealed: bytes, tmp_path: Path) -> None:
    told = told_by_pdfsig(sealed, tmp_path)
    assert told.count("Signature #") == 1
    assert "Signature Validation: Signature is Valid." in told
    assert "Total document signed" in told
    assert "Not total document signed" not in told
    assert f"Signer Certificate Common Name: Report seal of {ORIGIN}" in told
    assert "Signature Type: ETSI.CAdES.detached" in told


@pytest.mark.req("R-SEAL-01")
def test_pdfsig_trusts_the_seal_where_the_root_of_the_installation_is_trusted(
    sealed: bytes, authority: Authority, tmp_path: Path
) -> None:
    store = trust_store(tmp_path / "store", authority.root.certificate.public_bytes(Encoding.DER))
    empty = trust_store(tmp_path / "empty", make_authority(tmp_path / "other").der)
    trusted = "Certificate Validation: Certificate is Trusted."
    assert trusted in told_by_pdfsig(sealed, tmp_path, "-nssdir", store)
    assert trusted not in told_by_pdfsig(sealed, tmp_path, "-nssdir", empty)


@pytest.mark.req("R-SEAL-01")
def test_openssl_verifies_the_signature_and_its_time_stamp(sealed: bytes, authority: Authority, tmp_path: Path) -> None:
    place = container.place_of(sealed)
    whole = cms.ContentInfo.load(container.signature_in(sealed, place))
    signer = extract_signer_info(whole["content"])
    token = next(each for each in signer["unsigned_attrs"] if each["type"].native == "signature_time_stamp_token")
    files = {"cms": whole.dump(), "content": sealed[: place.start] + sealed[place.stop :], "root": authority.root_pem}
    files |= {"token": token["values"][0].dump(), "signature": signer["signature"].native}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    verify = ["cms", "-verify", "-inform", "DER", "-binary", "-in", "cms", "-content", "content", "-CAfile", "root"]
    stamp = ["ts", "-verify", "-token_in", "-in", "token", "-data", "signature", "-CAfile", "root"]
    for command in ([*verify, "-out", "verified"], stamp):
        subprocess.run([need_program("openssl", "openssl"), *command], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.req("R-SEAL-02")
def test_attachments_signature_and_validation_data_are_one_revision(plain: bytes, sealed: bytes) -> None:
    reader = PdfFileReader(io.BytesIO(sealed))
    assert reader.xrefs.total_revisions == PdfFileReader(io.BytesIO(plain)).xrefs.total_revisions + 1
    assert sealed.startswith(plain)
    assert {"/Certs", "/CRLs"} <= set(reader.root["/DSS"])
    assert reader.root["/AF"][0]["/UF"] == "audit.json"
    assert reader.root["/Perms"]["/DocMDP"]["/Reference"][0]["/TransformParams"]["/P"] == 1


@pytest.mark.req("R-SEAL-02")
def test_a_poppler_reader_gets_the_same_file_and_the_same_pages(plain: bytes, sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "sealed.pdf").write_bytes(sealed)
    detach = [need_program("pdfdetach", "poppler-utils"), "-saveall", "-o", str(tmp_path), "sealed.pdf"]
    subprocess.run(detach, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "audit.json").read_bytes() == trail()
    assert text_of(sealed, tmp_path) == text_of(plain, tmp_path)


@pytest.mark.req("R-SEAL-03")
def test_a_twelve_page_report_grows_by_less_than_20_kb(plain: bytes, sealed: bytes) -> None:
    assert PdfFileReader(io.BytesIO(plain)).root["/Pages"]["/Count"] == 12
    assert len(sealed) - len(plain) <= 20_000


@pytest.mark.req("R-SEAL-04")
def test_without_a_service_the_seal_says_that_the_time_is_the_installations_own(
    sealed: bytes, authority: Authority
) -> None:
    found = inspect(sealed, roots=[authority.root_pem])
    reader = PdfFileReader(io.BytesIO(sealed))
    assert "own clock" in reader.embedded_signatures[0].sig_object["/Reason"]
    assert found.time_source == f"Own clock of {ORIGIN}"
    assert any("by this installation's own clock" in finding.sentence for finding in found.sentences)


@pytest.mark.req("R-SEAL-04")
def test_with_a_service_the_time_is_the_services(
    plain: bytes, authority: Authority, clock: TimeStampAuthority, clock_url: str
) -> None:
    service = StampService(url=clock_url, roots=(clock.root,))
    sealed = seal(plain, authority=authority, attachments=FILES, at=now(), reason=REASON, service=service)
    found = inspect(sealed, roots=[authority.root_pem], stamp_roots=[clock.root])
    assert found.holds
    assert any("by the time-stamp service Test clock" in finding.sentence for finding in found.sentences)
    assert "own clock" not in PdfFileReader(io.BytesIO(sealed)).embedded_signatures[0].sig_object["/Reason"]
    assert not inspect(sealed, roots=[authority.root_pem]).holds


@pytest.mark.req("R-SEAL-05")
def test_a_service_that_fails_leaves_no_seal_and_no_lesser_one(
    plain: bytes, authority: Authority, clock: TimeStampAuthority, tmp_path: Path
) -> None:
    foreign = make_authority(tmp_path / "foreign")

    def sealed_by(url: str) -> bytes:
        service = StampService(url=url, roots=(clock.root,), timeout=1)
        return seal(plain, authority=authority, attachments={}, at=now(), reason=REASON, service=service)

    with pytest.raises(SealFailed, match=r"was not sealed\. The time-stamp service did not answer"):
        sealed_by("http://127.0.0.1:9/")
    with serving(lambda _: (503, {}, b"")) as url, pytest.raises(SealFailed, match="HTTP 503"):
        sealed_by(url)
    with serving(foreign.reply) as url, pytest.raises(SealFailed, match="compare the root certificates"):
        sealed_by(url)


@pytest.mark.req("R-SEAL-05")
def test_a_service_that_changes_its_key_between_two_answers_leaves_no_seal(
    plain: bytes, authority: Authority, clock: TimeStampAuthority, tmp_path: Path
) -> None:
    replies = iter((clock.reply, make_authority(tmp_path / "foreign").reply))

    def answer(query: bytes) -> Answer:
        return next(replies)(query)

    with serving(answer) as url:
        service = StampService(url=url, roots=(clock.root,))
        with pytest.raises(SealFailed, match="our own check"):
            seal(plain, authority=authority, attachments={}, at=now(), reason=REASON, service=service)


@pytest.mark.req("R-SEAL-05")
@pytest.mark.parametrize("is_published", [True, False])
def test_a_revocation_list_that_the_service_promises_is_in_the_file_or_there_is_no_seal(
    plain: bytes,
    authority: Authority,
    tmp_path: Path,
    is_published: bool,  # noqa: FBT001  a parameter
) -> None:
    made: list[TimeStampAuthority] = []

    def answer(query: bytes) -> Answer:
        if query:
            return made[0].reply(query)
        return (200, {}, made[0].revocation_list()) if is_published else (404, {}, b"")

    with serving(answer) as url:
        made.append(make_authority(tmp_path / "clock", more=f"crlDistributionPoints = URI:{url}list.crl"))
        service = StampService(url=url, roots=(made[0].root,))

        def sealed() -> bytes:
            return seal(plain, authority=authority, attachments={}, at=now(), reason=REASON, service=service)

        if is_published:
            assert inspect(sealed(), roots=[authority.root_pem], stamp_roots=[made[0].root]).holds
        else:
            with pytest.raises(SealFailed, match="A certificate does not hold"):
                sealed()


@pytest.mark.req("R-SEAL-09")
def test_a_revoked_seal_seals_nothing(plain: bytes, tmp_path: Path) -> None:
    authority = open_authority(tmp_path, origin=ORIGIN, at=now())
    revoke(authority, serial=authority.seal.certificate.serial_number)
    with pytest.raises(SealFailed, match="A certificate does not hold"):
        seal(plain, authority=authority, attachments={}, at=now(), reason=REASON)


@pytest.mark.req("R-SEAL-09")
def test_a_seal_holds_years_after_its_revocation_list_has_ended(plain: bytes, tmp_path: Path) -> None:
    then = dt.datetime(2016, 2, 29, 12, tzinfo=dt.UTC)
    authority = open_authority(tmp_path, origin=ORIGIN, at=then)
    for sealed_at in (then, then + dt.timedelta(days=700)):
        sealed = seal(plain, authority=authority, attachments=FILES, at=sealed_at, reason=REASON)
        found = inspect(sealed, roots=[authority.root_pem])
        assert found.holds
        assert found.sealed_at == sealed_at


@pytest.mark.req("R-SEAL-04")
def test_the_own_clocks_certificate_and_the_seals_cannot_stand_in_for_each_other(
    plain: bytes, authority: Authority
) -> None:
    for swapped in (replace(authority, stamp=authority.seal), replace(authority, seal=authority.stamp)):
        with pytest.raises(SealFailed):
            seal(plain, authority=swapped, attachments={}, at=now(), reason=REASON)


@pytest.mark.req("R-SEAL-05")
def test_what_is_sealed_already_or_no_pdf_is_not_sealed(sealed: bytes, authority: Authority) -> None:
    with pytest.raises(SealFailed, match="carries a signature already"):
        seal(sealed, authority=authority, attachments={}, at=now(), reason=REASON)
    with pytest.raises(SealFailed, match="not fit for it"):
        seal(b"no PDF", authority=authority, attachments={}, at=now(), reason=REASON)


@pytest.mark.req("R-SEAL-03")
def test_sealing_and_inspecting_work_where_an_event_loop_is_running(plain: bytes, authority: Authority) -> None:
    async def work() -> bool:
        sealed = seal(plain, authority=authority, attachments={}, at=now(), reason=REASON)
        return inspect(sealed, roots=[authority.root_pem]).holds

    # In a thread of its own: after browser tests a loop of Playwright's runs in this one.
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        assert elsewhere.submit(lambda: asyncio.run(work())).result()
