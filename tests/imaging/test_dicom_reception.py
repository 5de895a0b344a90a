"""What the DICOM node does with an object when the house behind it is not as it was."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection

from imaging import dicom_node
from imaging.models import Submission
from imaging.services import desk, submissions
from tests.cast import Cast, actor_for


@pytest.mark.django_db
@pytest.mark.req("R-DICOM-08")
def test_after_its_delivery_was_discarded_an_association_goes_on_with_a_new_one(cast: Cast) -> None:
    reception = dicom_node.Reception("ALBA_PACS")
    assert reception.take(b"first") == dicom_node.SUCCESS
    first = Submission.objects.get()
    desk.discard(by=actor_for(cast.coordinator), submission=first, reason="sent by mistake")
    assert [reception.take(data) for data in (b"second", b"third")] == [dicom_node.SUCCESS] * 2
    second = Submission.objects.exclude(pk=first.pk).get()
    assert list(second.files.order_by("number").values_list("number", "size")) == [(0, 6), (1, 5)]
    assert Submission.objects.get(pk=first.pk).state == Submission.State.DISCARDED
    reception.close()
    second.refresh_from_db()
    assert second.state == Submission.State.SORTING


@pytest.mark.django_db
@pytest.mark.req("R-DICOM-08")
def test_after_its_delivery_was_closed_an_association_goes_on_with_a_new_one(cast: Cast) -> None:
    reception = dicom_node.Reception("ALBA_PACS")
    reception.take(b"first")
    submissions.close_association(by=reception.by, submission=Submission.objects.get())
    assert reception.take(b"second") == dicom_node.SUCCESS
    assert sorted(each.files.count() for each in Submission.objects.all()) == [1, 1]


@pytest.mark.req("R-DICOM-07")
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (OperationalError("the database is away"), 0xA700),
        (OSError("no space left on device"), 0xA700),
        (ValidationError("too large", code="too-large"), 0xC000),
    ],
)
def test_a_sender_learns_whether_trying_again_may_help(failure: Exception, status: int) -> None:
    def take(_data: bytes) -> int:
        raise failure

    event = SimpleNamespace(assoc=SimpleNamespace(reception=SimpleNamespace(take=take)), encoded_dataset=lambda: b"")
    assert dicom_node.handle_store(event) == status


def _asked_after_the_line_broke() -> bool:
    """In a thread, whose connection is its own, as an association's is."""
    connection.ensure_connection()
    connection.connection.close()
    dicom_node._renew_connection()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    finally:
        connection.close()


@pytest.mark.req("R-DICOM-07")
@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no line that could break")
def test_a_line_to_the_database_that_broke_between_two_objects_is_made_anew() -> None:
    with ThreadPoolExecutor(1) as association:
        assert association.submit(_asked_after_the_line_broke).result()
