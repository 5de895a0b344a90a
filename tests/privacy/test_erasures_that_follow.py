"""What a withdrawal erases (W5), and images destroyed out of analysis (W6), stay gone when a backup comes back, too."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from audit.context import acting
from imaging import archive, quarantine
from imaging.models import Instance, Seclusion, Submission
from imaging.tasks import seclude
from privacy.models import Erasure, Tombstone
from privacy.services import reapplying, tombstones
from privacy.services.burials import decide_destruction
from privacy.services.certificates import draw
from tests.cast import Cast, actor_for, withdraw
from tests.people import STAGE
from tests.privacy.conftest import Commits
from tests.reports.pdftext import text_of
from trials.agreement import Level
from trials.models import Subject

pytestmark = pytest.mark.django_db


@contextmanager
def lost() -> Iterator[None]:
    """Whatever the block writes into the database is not in the backup that comes back after it."""
    point = transaction.savepoint()
    yield
    transaction.savepoint_rollback(point)


def files_of(keep: dict[str, bytes]) -> None:
    """Put archived objects back as a restored archive does."""
    for sha256, data in keep.items():
        path = archive.path_of(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def tokens(cast: Cast) -> set[str]:
    subject = Subject.objects.get(pk=cast.subject_a.pk)
    return {subject.person_token, subject.patient_id_token} - {""}


@pytest.mark.req("R-PRIV-08", "R-CONS-11")
def test_a_restored_backup_erases_the_link_again_that_a_withdrawal_erased(
    cast: Cast, filed: Submission, django_capture_on_commit_callbacks: Commits
) -> None:
    assert tokens(cast)
    with lost(), django_capture_on_commit_callbacks(execute=True):
        withdraw(cast.alba, cast.subject_a, Level.W5)
        assert not tokens(cast)
    assert tokens(cast), "the backup has brought them back"
    assert [told["subjects"] for told in reapplying.pending()] == [[cast.subject_a.code]]
    assert reapplying.reapply() == 1
    assert not tokens(cast)
    erasure = Erasure.objects.get()
    assert (erasure.level, erasure.state, erasure.decision_signature_id) == ("link", "done", None)
    assert all(archive.load(sha256) for sha256 in Instance.objects.values_list("sha256", flat=True))
    assert reapplying.reapply() == 0


@pytest.mark.req("R-PRIV-07", "R-CONS-11")
def test_an_erasure_by_withdrawal_has_its_line_page_and_certificate(
    cast: Cast, filed: Submission, client: Client, tmp_path: Path, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(cast.alba, cast.subject_a, Level.W5)
    assert len(list(tombstones.read())) == 1
    client.force_login(cast.officer)
    erasure = Erasure.objects.get()
    address = f"/trials/TUNDRA/privacy/erasures/{erasure.pk}/"
    assert cast.subject_a.code in client.get("/trials/TUNDRA/privacy/erasures/").content.decode()
    assert "it followed from an act that is recorded by itself" in client.get(address).content.decode()
    assert client.post(f"{address}certificate/").status_code == 302
    assert client.get(f"{address}certificate/").content.startswith(b"%PDF")
    assert "alba, by the act that it followed from" in text_of(draw(Tombstone.objects.get()), tmp_path)


@pytest.mark.req("R-PRIV-08", "R-CONS-12")
def test_a_restored_backup_destroys_images_again_that_sponsor_and_officer_destroyed(
    cast: Cast, filed: Submission, django_capture_on_commit_callbacks: Commits
) -> None:
    stored = {one.sha256: archive.load(one.sha256) for one in Instance.objects.all()}
    before = tokens(cast)
    with lost(), django_capture_on_commit_callbacks(execute=True):
        withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
        row = Seclusion.objects.get()
        seclude(str(row.pk))
        for user in (cast.sponsor, cast.officer):
            row = decide_destruction(by=actor_for(user), row=row, reason="nobody consented")
        assert row.state == Seclusion.State.DESTROYED
    files_of(stored)
    (told,) = reapplying.pending()
    assert {image["sha256"] for image in told["destroyed"]["images"]} == set(stored)
    with django_capture_on_commit_callbacks(execute=True):
        assert reapplying.reapply() == 1
    assert not any(archive.path_of(sha256).exists() for sha256 in stored)
    assert tokens(cast) == before, "the link is not what they decided on"
    assert str(row.pk) not in quarantine.vault().list_submissions()


@pytest.mark.req("R-PRIV-04")
def test_the_database_takes_no_erasure_without_signatures_but_those_two(cast: Cast, filed: Submission) -> None:
    withdraw(cast.alba, cast.subject_a, Level.W5)
    for wrong in ({"level": "everything"}, {"ground": "17(1)(e)"}, {"level": "images"}):
        with pytest.raises(IntegrityError), transaction.atomic(), acting(STAGE, reason="tampering"):
            Erasure.objects.update(**wrong)
