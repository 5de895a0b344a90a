"""A site's first page: what is due, what was received, and how to send."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-SITE-01")
def test_a_sites_first_page_shows_what_is_due_this_week_its_receipts_and_its_dicom_line(
    cast: Cast, client: Client
) -> None:
    client.force_login(cast.brisa)
    answer = client.get("/")
    page = answer.content.decode()
    (desk,) = answer.context["desks"]
    assert "My site" in page
    assert [site.number for site in desk.sites] == [cast.site_b.number]
    assert f"/sites/{cast.site_b.pk}/dicom/" in page
    assert {visit.time_point.subject for visit in desk.to_send} == {cast.subject_b}
    near = timezone.localdate() + dt.timedelta(days=7)
    assert all(visit.standing.overdue_days or visit.time_point.due_on <= near for visit in desk.to_send)
    assert desk.receipts == ()
    client.force_login(cast.coordinator)
    assert "My site" not in client.get("/").content.decode()
