"""Erasure: two people, what law keeps stays and is named, what goes is gone from every file, and a certificate says so."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as live
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEvent
from audit.signing import SignatureRefused
from imaging import archive, quarantine
from imaging.models import IncomingFile, Instance, Submission
from privacy.models import Breach, BreachEntry, Certificate, Erasure, Tombstone
from privacy.selectors import erased_codes
from privacy.services import breaches, erasures, tombstones
from privacy.services.certificates import ATTACHMENT, certify
from reports import store
from reports.inspection import inspect
from reports.sealing import authority
from tests.cast import Cast, actor_for, withdraw
from tests.imaging.scans import ct_series, send
from tests.privacy.conftest import confirm, decide, wish
from tests.privacy.leaving import leave
from tests.reports.pdftext import text_of
from tests.signing import prove
from trials.agreement import Level as Withdrawal
from trials.models import Subject

pytestmark = pytest.mark.django_db
Erase = Callable[..., Tombstone]
Level, Ground = Erasure.Level, Erasure.Ground


def acts() -> list[str]:
    return list(AuditEvent.objects.filter(layer="act").order_by("sequence").values_list("act", flat=True))


def archived(subject: Subject) -> list[str]:
    rows = Instance.objects.filter(series__study__time_point__subject=subject)
    return list(rows.values_list("sha256", flat=True))


@pytest.mark.req("R-PRIV-04")
def test_nobody_erases_alone_and_only_the_officer_decides(cast: Cast) -> None:
    leave(cast.subject_a)
    with pytest.raises(PermissionDenied):
        decide(cast.coordinator, cast.trial, cast.subject_a, wish())
    erasure = decide(cast.officer, cast.trial, cast.subject_a, wish())
    with pytest.raises(ValidationError) as alone:
        confirm(cast.officer, erasure)
    assert alone.value.code == "one-person"
    with pytest.raises(Http404):
        erasures.offer_confirmation(by=actor_for(cast.monitor), erasure=erasure)
    with pytest.raises(ValidationError) as twice:
        decide(cast.officer, cast.trial, cast.subject_a, wish())
    assert twice.value.code == "waits"
    assert not Tombstone.objects.exists()


@pytest.mark.req("R-PRIV-04")
def test_both_signatures_pass_the_whole_ceremony(cast: Cast) -> None:
    leave(cast.subject_a)
    by, asked = actor_for(cast.officer), wish()
    offered = erasures.offer_decision(by=by, trial=cast.trial, subject=cast.subject_a, wish=asked)
    with pytest.raises(SignatureRefused) as refused:
        erasures.decide(
            by=by,
            trial=cast.trial,
            subject=cast.subject_a,
            wish=wish(level=Level.EVERYTHING, ground=Ground.LEGAL_DUTY),
            proof=prove(by, offered),
        )
    assert refused.value.code == "changed"
    erasure = decide(cast.officer, cast.trial, cast.subject_a, asked)
    confirm(cast.coordinator, erasure)
    erasure.refresh_from_db()
    assert {erasure.decision_signature_id, erasure.confirmation_signature_id} & {None} == set()
    assert acts().count("record.signed") >= 2


@pytest.mark.req("R-PRIV-05")
def test_the_link_goes_with_tokens_keys_and_originals_while_coded_images_stay(
    cast: Cast, filed: Submission, erase: Erase
) -> None:
    other = cast.subject_a.time_points.get(scheduled__code="FU1")
    waiting = send(cast.alba, other, ct_series(seed="two"))
    folder = Path(live.QUARANTINE_ROOT) / str(waiting.pk)
    assert folder.exists()
    cast.subject_a.refresh_from_db()
    assert cast.subject_a.person_token
    hashes = archived(cast.subject_a)
    tombstone = erase(cast.subject_a)
    cast.subject_a.refresh_from_db()
    assert (cast.subject_a.person_token, cast.subject_a.patient_id_token) == ("", "")
    for delivery in Submission.objects.filter(pk__in=(filed.pk, waiting.pk)):
        assert (bytes(delivery.wrapped_key), delivery.person_token, delivery.patient_id_token) == (b"", "", "")
    assert Submission.objects.get(pk=waiting.pk).state == Submission.State.DISCARDED
    assert set(waiting.files.values_list("state", flat=True)) == {IncomingFile.State.DISCARDED}
    assert not folder.exists()
    assert str(waiting.pk) not in quarantine.vault().list_submissions()
    assert all(archive.load(sha256) for sha256 in hashes)
    told = json.loads(tombstone.contents)
    assert set(told["destroyed"]["deliveries"]) == {str(filed.pk), str(waiting.pk)}
    assert told["destroyed"]["images"] == []
    assert any("17(3)(b)" in each["ground"] for each in told["stays"])
    assert erased_codes(cast.trial) == {cast.subject_a.code}


@pytest.mark.req("R-PRIV-05")
def test_no_file_of_the_installation_keeps_a_token_or_an_original(cast: Cast, filed: Submission, erase: Erase) -> None:
    cast.subject_a.refresh_from_db()
    token = cast.subject_a.person_token.encode()
    erase(cast.subject_a)
    found = [
        path
        for path in Path(live.HOME).rglob("*")
        if path.is_file() and "sqlite" not in path.name and token in path.read_bytes()
    ]
    assert found == []


@pytest.mark.req("R-PRIV-06")
def test_coded_images_stay_where_a_law_keeps_them_and_the_refusal_names_it(cast: Cast, filed: Submission) -> None:
    leave(cast.subject_a)
    for ground in (Ground.CONSENT_WITHDRAWN, Ground.NO_LONGER_NEEDED, Ground.OBJECTION):
        with pytest.raises(ValidationError, match=r"17\(3\)\(b\)") as refused:
            decide(cast.officer, cast.trial, cast.subject_a, wish(level=Level.EVERYTHING, ground=ground))
        assert refused.value.code == "must-stay"
    assert not Erasure.objects.exists()


@pytest.mark.req("R-PRIV-06")
@pytest.mark.parametrize("level", Level.values)
def test_nothing_is_erased_while_scans_are_still_collected(cast: Cast, filed: Submission, level: str) -> None:
    for ground in set(Ground.values) - {Ground.RETENTION_OVER}:
        with pytest.raises(ValidationError) as refused:
            decide(cast.officer, cast.trial, cast.subject_a, wish(level=Level(level), ground=Ground(ground)))
        assert refused.value.code == "collecting"
    assert not Erasure.objects.exists()


@pytest.mark.req("R-PRIV-06")
def test_images_that_a_law_wants_gone_go_and_their_hashes_stay(
    cast: Cast, filed: Submission, erase: Erase, client: Client
) -> None:
    hashes = archived(cast.subject_a)
    assert len(hashes) == 5
    tombstone = erase(cast.subject_a, level=Level.EVERYTHING, ground=Ground.LEGAL_DUTY)
    assert not any(archive.path_of(sha256).exists() for sha256 in hashes)
    told = json.loads(tombstone.contents)["destroyed"]["images"]
    assert {image["sha256"] for image in told} == set(hashes)
    assert set(archived(cast.subject_a)) == set(hashes)
    client.force_login(cast.coordinator)
    series = Instance.objects.filter(sha256__in=hashes)[0].series_id
    assert client.get(reverse("series", args=[series])).status_code == 200
    gone = client.get(reverse("series-frame", args=[series, 0]))
    assert gone.status_code == 410
    assert "was erased" in gone.content.decode()


@pytest.mark.req("R-PRIV-05")
def test_images_out_of_analysis_are_left_to_those_who_decide_there(cast: Cast, filed: Submission) -> None:
    withdraw(cast.alba, cast.subject_a, Withdrawal.W6)
    with pytest.raises(ValidationError) as refused:
        decide(cast.officer, cast.trial, cast.subject_a, wish(level=Level.EVERYTHING, ground=Ground.UNLAWFUL))
    assert refused.value.code == "secluded"


@pytest.mark.req("R-PRIV-06")
def test_a_decision_can_be_dropped_with_a_reason_and_then_destroys_nothing(cast: Cast) -> None:
    leave(cast.subject_a)
    erasure = decide(cast.officer, cast.trial, cast.subject_a, wish())
    with pytest.raises(ValidationError):
        erasures.drop(by=actor_for(cast.coordinator), erasure=erasure, reason=" ")
    erasures.drop(by=actor_for(cast.coordinator), erasure=erasure, reason="the wrong subject")
    with pytest.raises(ValidationError) as gone:
        confirm(cast.coordinator, erasure)
    assert gone.value.code == "wrong-state"
    assert "erasure.dropped" in acts()


@pytest.mark.req("R-PRIV-07")
def test_the_certificate_is_sealed_and_names_what_went_what_stays_and_both_people(
    cast: Cast, filed: Submission, erase: Erase, tmp_path: Path
) -> None:
    tombstone = erase(cast.subject_a)
    made = certify(by=actor_for(cast.officer), tombstone=tombstone)
    pdf = store.load(made.pdf_sha256)
    text = text_of(pdf, tmp_path)
    for words in (cast.subject_a.code, "Dora Officer", "Clara Coordinator", "17(3)(b)", "17(1)(b)", "asked by letter"):
        assert words in text, words
    seen = inspect(pdf, roots=[authority().root_pem])
    assert seen.holds
    assert seen.files[ATTACHMENT] == tombstone.contents.encode()
    assert acts()[-1] == "erasure.certified"


@pytest.mark.req("R-PRIV-07")
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET id = id"])
def test_tombstones_certificates_and_breaches_are_append_only(cast: Cast, erase: Erase, verb: str) -> None:
    by, now = actor_for(cast.officer), timezone.now()
    certify(by=by, tombstone=erase(cast.subject_a))
    breach = breaches.open_breach(by=by, trial=cast.trial, title="a laptop was lost", known_at=now, codes=())
    breaches.note(by=by, breach=breach, kind=BreachEntry.Kind.FACTS, happened_at=now, text="it was encrypted")
    for model in (Tombstone, Certificate, Breach, BreachEntry):
        assert model._default_manager.exists()
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(verb.format(model._meta.db_table))


@pytest.mark.req("R-PRIV-08")
def test_a_line_of_the_outside_file_cannot_be_forged_or_changed(cast: Cast, erase: Erase) -> None:
    erase(cast.subject_a)
    path = Path(live.ERASURES_FILE)
    assert [told["subjects"] for told in tombstones.read()] == [[cast.subject_a.code]]
    assert path.stat().st_mode & 0o077 == 0
    good = path.read_bytes()
    path.write_bytes(good.replace(cast.subject_a.code.encode(), cast.subject_b.code.encode()))
    with pytest.raises(tombstones.TombstonesDamaged, match="Line 1"):
        list(tombstones.read())
    path.write_bytes(good + good[: len(good) // 2])
    assert len(list(tombstones.read())) == 1
    tombstones.append({"id": "after the cut"})
    assert [told["id"] for told in tombstones.read()][1:] == ["after the cut"]
    assert io.BytesIO(path.read_bytes()).readline() == good
