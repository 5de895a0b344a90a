"""A report that comes back: whoever brings it reads in words what holds, and learns nothing of a trial that is not theirs."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography import x509
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from audit import guards
from audit.context import acting
from audit.models import AuditEvent, Checkpoint, Tile
from audit.sealing import public_key, seal_all
from audit.selectors import signature_of
from audit.verifier import sha256_of
from reports import sealing, store, verifying
from reports.authority import open_authority
from reports.document import render
from reports.models import Report, SealedDocument
from reports.seal import seal
from reports.sealing import EXTRACT_NAME, seal_report
from reports.services import build, read
from reports.verifying import Verification, verify
from tests.cast import TODAY, Cast, actor_for
from tests.people import STAGE
from tests.roles import become_owner
from tests.signing import release
from tests.tampering import change_frozen
from trials.models import User

pytestmark = pytest.mark.django_db
PAGE = "/verify/"


def ask(user: User, data: bytes) -> Verification:
    return verify(by=actor_for(user), pdf=data)


def failed(told: Verification) -> str:
    return " ".join(finding.sentence for finding in told.findings if not finding.holds)


def bring(client: Client, data: bytes) -> Any:
    return client.post(PAGE, {"file": SimpleUploadedFile("mine.pdf", data, content_type="application/pdf")})


def last_event() -> AuditEvent:
    return AuditEvent.objects.filter(act="report.verified").latest("sequence")


@pytest.fixture
def pdf(document: SealedDocument) -> bytes:
    return store.load(document.pdf_sha256)


@pytest.mark.req("R-SIG-30")
@pytest.mark.parametrize("name", ["sponsor", "monitor", "coordinator"])
def test_a_report_as_it_was_taken_holds_in_every_line_and_is_named_to_who_may_see_it(
    cast: Cast, released: Report, pdf: bytes, name: str
) -> None:
    told = ask(getattr(cast, name), pdf)
    assert told.holds
    assert told.report == released
    words = " ".join(finding.sentence for finding in told.findings)
    for sentence in (
        "unchanged, to the last bit", "that of this installation", "the attached extract proves",
        "still begins with the", "known here as the document", "still have the hash", "signature still stands",
    ):  # fmt: skip
        assert sentence.lower() in words.lower()


@pytest.mark.req("R-SIG-31")
@pytest.mark.parametrize("name", ["stranger", "reader", "alba", "operator"])
def test_who_may_not_see_the_trial_reads_the_same_lines_and_no_name_of_it(
    cast: Cast, pdf: bytes, client: Client, name: str
) -> None:
    user: User = getattr(cast, name)
    assert ask(user, pdf).findings == ask(cast.sponsor, pdf).findings
    client.force_login(user)
    page = bring(client, pdf)
    told = page.content.decode().partition("<main")[2]
    assert page.status_code == 200
    assert "Everything holds." in told
    for word in ("TUNDRA", "Northlight", "Clara", "/reports/", cast.subject_a.code):
        assert word not in told


@pytest.mark.req("R-SIG-32")
def test_each_verification_is_kept_with_hash_and_outcome(cast: Cast, released: Report, pdf: bytes) -> None:
    ask(cast.stranger, pdf)
    event = last_event()
    assert json.loads(event.after) == {
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "is_known": True,
        "holds": True,
    }
    assert (event.actor_id, event.role, event.trial_code) == ("stig", "account", "TUNDRA")
    assert (event.object_type, event.object_id) == ("reports.Report", str(released.pk))
    ask(cast.sponsor, pdf + b"\n")
    event = last_event()
    assert (event.actor_id, event.trial_code, event.object_type) == ("sven", "", "reports.UnknownFile")
    assert json.loads(event.after)["is_known"] is False
    assert ask(cast.sponsor, pdf).holds
    assert last_event().role == "sponsor"


def flip_in_the_middle(pdf: bytes) -> bytes:
    at = len(pdf) // 3
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


@pytest.mark.req("R-SIG-33")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (flip_in_the_middle, "has been changed since"),
        (lambda pdf: pdf + b"%%EOF\n", "bytes were added after sealing"),
        (lambda pdf: pdf[:-9], "cut short"),
        (lambda _pdf: b"%PDF-1.7 and nothing else", "carries no seal"),
        (lambda _pdf: b"<html>a page</html>", "not a PDF document"),
        (lambda _pdf: b"", "not a PDF document"),
    ],
)
def test_whatever_was_done_to_the_file_is_said_and_the_file_is_unknown(
    cast: Cast, pdf: bytes, change: Callable[[bytes], bytes], words: str
) -> None:
    told = ask(cast.sponsor, change(pdf))
    assert not told.holds
    assert told.report is None
    assert words in failed(told)
    assert "not known here" in failed(told)
    assert "was not looked at" in failed(told)
    assert json.loads(last_event().after)["holds"] is False


@pytest.mark.req("R-SIG-33")
def test_the_draft_of_a_report_is_no_report(cast: Cast, built: Report) -> None:
    told = ask(cast.coordinator, store.load(built.pdf_sha256))
    assert "carries no seal" in failed(told)
    assert told.report is None


@pytest.mark.req("R-SIG-33")
def test_the_seal_of_another_installation_is_told_and_its_name_is_not_kept(
    cast: Cast, released: Report, tmp_path: Path
) -> None:
    foreign = open_authority(tmp_path / "foreign", origin="forger.example", at=timezone.now())
    plain = render(read(released), contents_sha256=released.contents_sha256, signature=None)
    told = ask(
        cast.sponsor, seal(plain, authority=foreign, attachments={}, at=timezone.now(), reason="Made to mislead.")
    )
    assert "not that of this installation" in failed(told)
    assert "forger.example" in failed(told)
    assert "forger" not in last_event().after + last_event().object_label


def resealed(released: Report, extract: bytes | None) -> bytes:
    """The report under our own seal, with another extract: what only somebody with our keys can make."""
    plain = render(read(released), contents_sha256=released.contents_sha256, signature=None)
    attachments = {} if extract is None else {EXTRACT_NAME: extract}
    return seal(plain, authority=sealing.authority(), attachments=attachments, at=timezone.now(), reason="again")


def extract_of(released: Report) -> dict[str, Any]:
    signature = signature_of(released.signature_id) if released.signature_id else None
    assert signature
    told = sealing._extract(released, signature)
    assert told
    return told


def forge_payload(told: dict[str, Any]) -> None:
    shown = [entry["event"] for entry in told["entries"] if entry["event"]]
    shown[-1]["after"] = '{"meaning":"something else"}'


def forge_leaf(told: dict[str, Any]) -> None:
    told["entries"][-1]["leaf"] = "0" * 64


def forge_key(told: dict[str, Any]) -> None:
    told["public_key"] = "0" * 64


def forge_checkpoint(told: dict[str, Any]) -> None:
    told["checkpoint"]["text"] = told["checkpoint"]["text"].replace("size ", "size 1")


@pytest.mark.req("R-SIG-34")
@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (forge_payload, "its label, before, after or reason was edited"),
        (forge_leaf, "is not in the log"),
        (forge_key, "names another key"),
        (forge_checkpoint, "is not signed with the key of the log"),
    ],
)
def test_an_extract_that_proves_nothing_is_found_even_under_our_own_seal(
    cast: Cast, released: Report, forge: Callable[[dict[str, Any]], None], words: str
) -> None:
    seal_all()
    extract = extract_of(released)
    honest = ask(cast.sponsor, resealed(released, json.dumps(extract).encode()))
    assert "extract" not in failed(honest)
    forge(extract)
    told = ask(cast.sponsor, resealed(released, json.dumps(extract).encode()))
    assert words in failed(told)


@pytest.mark.req("R-SIG-34")
@pytest.mark.parametrize("extract", [None, b"", b"[1, 2", b"[]", b'{"entries": 7}', b"[" * 100_000])
def test_a_missing_or_broken_extract_gets_a_sentence(cast: Cast, released: Report, extract: bytes | None) -> None:
    told = ask(cast.sponsor, resealed(released, extract))
    assert "does not have the form" in failed(told)


def lift() -> None:
    become_owner()
    with connection.cursor() as cursor:
        guards.unguard_trail(cursor.execute, vendor=connection.vendor)
        guards.remove(cursor.execute, vendor=connection.vendor, table="audit_checkpoint")


def cut() -> None:
    Checkpoint.objects.all().delete()


def rewrite() -> None:
    """Put another role into the first record, and seal everything anew with the right key."""
    AuditEvent.objects.filter(pk=AuditEvent.objects.earliest("pk").pk).update(role="monitor")
    Checkpoint.objects.all().delete()
    Tile.objects.all().delete()
    seal_all()


@pytest.mark.req("R-SIG-35")
@pytest.mark.parametrize("tamper", [cut, rewrite])
def test_a_log_that_was_cut_or_written_anew_is_told_by_a_report_that_lies_outside(
    cast: Cast, pdf: bytes, tamper: Callable[[], None]
) -> None:
    lift()
    tamper()
    assert "no longer begins with the records" in failed(ask(cast.sponsor, pdf))


@pytest.mark.req("R-SIG-35")
def test_contents_that_changed_here_since_the_release_are_told(cast: Cast, pdf: bytes) -> None:
    change_frozen("reports_report", "UPDATE reports_report SET contents = replace(contents, '31.5', '81.5')")
    told = ask(cast.stranger, pdf)
    assert "no longer have the hash" in failed(told)
    assert "Signature void" in failed(told)


@pytest.mark.req("R-SIG-35")
def test_contents_that_were_changed_together_with_their_hash_are_told_by_the_signature(
    cast: Cast, released: Report, pdf: bytes, client: Client
) -> None:
    sql = "UPDATE reports_report SET contents = '{}', contents_sha256 = '%s'"
    change_frozen("reports_report", sql % sha256_of("{}"))
    assert "Signature void" in failed(ask(cast.sponsor, pdf))
    client.force_login(cast.sponsor)
    assert "no longer matches its hash" in client.get(reverse("report", args=[released.pk])).content.decode()


@pytest.mark.req("R-SIG-35")
def test_a_signature_moved_to_another_report_does_not_stand_there(
    cast: Cast, released: Report, pdf: bytes, client: Client
) -> None:
    other = release(cast.coordinator, build(by=actor_for(cast.coordinator), trial=cast.trial, cut_off=TODAY))
    moved = released.signature_id
    assert moved
    key = moved.hex if connection.vendor == "sqlite" else str(moved)
    change_frozen("reports_report", f"UPDATE reports_report SET signature_id = '{key}'")  # noqa: S608  our own key
    assert ask(cast.sponsor, pdf).holds
    client.force_login(cast.sponsor)
    assert "Signature void" in client.get(reverse("report", args=[other.pk])).content.decode()
    assert "Signature void" not in client.get(reverse("report", args=[released.pk])).content.decode()


@pytest.mark.req("R-SIG-28")
def test_a_document_whose_seal_was_renewed_since_still_holds(cast: Cast, released: Report, pdf: bytes) -> None:
    seal_all()
    assert seal_report(released)
    assert ask(cast.sponsor, pdf).holds


@pytest.mark.req("R-SIG-36")
def test_the_page_takes_a_file_and_says_line_by_line_what_holds(
    cast: Cast, released: Report, pdf: bytes, client: Client
) -> None:
    client.force_login(cast.sponsor)
    assert client.get(PAGE).status_code == 200
    good, bad = bring(client, pdf), bring(client, flip_in_the_middle(pdf))
    told = good.content.decode()
    assert (good.status_code, bad.status_code) == (200, 200)
    assert told.count("badge--ok") == len(ask(cast.sponsor, pdf).findings)
    assert "badge--bad" not in told
    assert reverse("report", args=[released.pk]) in told
    assert hashlib.sha256(pdf).hexdigest() in told
    assert "Do not rely on this file." in bad.content.decode()
    assert "badge--bad" in bad.content.decode()


@pytest.mark.req("R-SIG-36")
@pytest.mark.parametrize(
    ("data", "words"),
    [(b"x" * (verifying.LARGEST + 1), "larger than 20.0\xa0MB"), (b"", "empty"), (None, "required")],
)
def test_a_file_too_large_or_none_gets_a_sentence_and_leaves_no_event(
    cast: Cast, client: Client, data: bytes | None, words: str
) -> None:
    client.force_login(cast.stranger)
    page = client.post(PAGE) if data is None else bring(client, data)
    assert page.status_code == 400
    assert words in page.content.decode()
    assert not AuditEvent.objects.filter(act="report.verified").exists()


@pytest.mark.req("R-SIG-36")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), is_pdf=st.booleans())
def test_any_bytes_at_all_get_an_answer(cast: Cast, data: bytes, *, is_pdf: bool) -> None:
    told = ask(cast.stranger, b"%PDF-1.7 /ByteRange [0 1 2 3]" + data if is_pdf else data)
    assert not told.holds
    assert told.report is None


@pytest.mark.req("R-SIG-36")
def test_an_upload_never_touches_a_disk(cast: Cast, pdf: bytes, client: Client) -> None:
    client.force_login(cast.sponsor)
    with mock.patch("django.core.files.temp.NamedTemporaryFile", side_effect=AssertionError("a file was spooled")):
        assert bring(client, pdf + b" " * (4 * 1024 * 1024)).status_code == 200


@pytest.mark.req("R-SIG-37")
def test_without_the_keys_nothing_is_judged_and_the_page_says_why(
    cast: Cast, pdf: bytes, client: Client, settings: Settings
) -> None:
    settings.SEAL_KEY_FILE.write_text("no key")
    with pytest.raises(ValidationError) as refused:
        ask(cast.sponsor, pdf)
    assert refused.value.code == "no-keys"
    client.force_login(cast.sponsor)
    page = bring(client, pdf)
    assert page.status_code == 400
    assert "nothing was checked" in page.content.decode()
    assert client.get(reverse("verify-root")).status_code == 404
    assert not AuditEvent.objects.filter(act="report.verified").exists()


@pytest.mark.req("R-SIG-37")
def test_the_page_gives_what_is_needed_to_check_without_us(cast: Cast, client: Client) -> None:
    client.force_login(cast.sponsor)
    assert public_key().hex() in client.get(PAGE).content.decode()
    answer = client.get(reverse("verify-root"))
    certificate = x509.load_pem_x509_certificate(answer.content)
    assert certificate == sealing.authority().root.certificate
    assert b"PRIVATE" not in answer.content


@pytest.mark.req("R-SIG-38")
def test_the_command_prints_the_same_lines_and_fails_where_one_does_not_hold(
    cast: Cast, pdf: bytes, tmp_path: Path
) -> None:
    path, out = tmp_path / "mine.pdf", io.StringIO()
    path.write_bytes(pdf)
    with acting(STAGE):
        call_command("verify_report", path, stdout=out)
    event = last_event()
    assert (event.actor_id, event.role) == ("machine:stage", "system")
    for finding in ask(cast.sponsor, pdf).findings:
        assert f"holds: {finding.sentence}" in out.getvalue()
    assert "everything holds" in out.getvalue()
    path.write_bytes(pdf + b"%")
    with pytest.raises(CommandError) as refused:
        call_command("verify_report", path, stdout=out)
    assert refused.value.returncode == 1
    assert "DOES NOT HOLD: 1 bytes were added after sealing" in out.getvalue()
    with pytest.raises(CommandError) as gone:
        call_command("verify_report", tmp_path / "none.pdf")
    assert gone.value.returncode == 2
