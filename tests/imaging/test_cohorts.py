"""A retrospective cohort: thousands of studies that nobody named wait at once, and everybody can still work."""

from itertools import chain

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imaging.dicom_node.reception import OUT_OF_RESOURCES, SUCCESS
from imaging.models import IncomingFile, Submission
from imaging.services import arrivals, held, quotas
from imaging.services.held import Kind
from imaging.services.quotas import Share
from imaging.views import deliveries, holding
from tests.cast import Cast, actor_for
from tests.imaging.reception import AtOnce, opened, store
from trials.models import TrialSite

pytestmark = pytest.mark.django_db
State = Submission.State
COHORT = 1000


def waiting(site: TrialSite, number: int) -> None:
    """Deliveries of two files each that came without a name."""
    now = timezone.now()
    made = [
        Submission(
            trial_site=site,
            door=Submission.Door.DICOM,
            state=State.UNASSIGNED,
            state_since=now,
            wrapped_key=b"sealed",
            sent_by="node",
            bytes_received=20,
            files_received=2,
        )
        for _ in range(number)
    ]
    Submission.objects.bulk_create(made)
    files = chain.from_iterable(
        (IncomingFile(submission=one, number=0, size=10), IncomingFile(submission=one, number=1, size=10))
        for one in made
    )
    IncomingFile.objects.bulk_create(files)


@pytest.mark.req("R-SEC-20")
def test_a_cohort_of_a_thousand_studies_that_nobody_named_stops_neither_its_site_nor_a_person(cast: Cast) -> None:
    waiting(cast.site_a, COHORT)
    assert store(opened("ALBA_PACS"), b"one study more") == SUCCESS
    by = actor_for(cast.alba)
    for level in quotas.levels(by=by, trial_site=cast.site_a):
        assert level.overrun(quotas.Room(deliveries=1)) == ""
        if level.share is not Share.PERSON:
            assert level.used.deliveries == COHORT + 1
            assert level.overrun(quotas.Room(deliveries=5 * COHORT)) == "", "and some such cohorts wait at once"


@pytest.mark.req("R-SEC-20")
def test_a_flood_of_associations_is_stopped_where_its_share_ends_however_fast_it_comes(
    cast: Cast, settings: object
) -> None:
    share = (arrivals.AMPLE.deliveries or 0) + 5
    settings.QUOTAS = {**settings.QUOTAS, "site": f"1,1000,{share}"}  # type: ignore[attr-defined]  # a fixture
    desk = AtOnce()  # Its clock stands: who is asked for is never asked for anew.
    answers = [store(opened("ALBA_PACS", desk), b"x") for _ in range(share + 2)]
    assert answers == [SUCCESS] * share + [OUT_OF_RESOURCES] * 2
    assert Submission.objects.count() == share
    assert store(opened("BRISA_PACS", desk), b"another site goes on") == SUCCESS


@pytest.mark.req("R-SEC-20")
def test_far_from_its_end_a_share_is_not_counted_anew_for_each_association(cast: Cast) -> None:
    desk = AtOnce()
    with CaptureQueriesContext(connection) as asked:
        assert {store(opened("ALBA_PACS", desk), b"x") for _ in range(10)} == {SUCCESS}
    assert len([one for one in asked if 'SUM("imaging_submission"' in one["sql"]]) == 1


@pytest.mark.req("R-DESK-08")
@pytest.mark.parametrize(
    "path", ["/", "/trials/TUNDRA/", "/trials/TUNDRA/deliveries/", "/trials/TUNDRA/quarantine/", "/trials/TUNDRA/room/"]
)
def test_a_page_asks_the_database_as_often_for_hundreds_of_waiting_deliveries_as_for_a_few(
    cast: Cast, client: Client, path: str
) -> None:
    client.force_login(cast.coordinator)
    client.get(path)
    waiting(cast.site_a, 3)
    with CaptureQueriesContext(connection) as few:
        assert client.get(path).status_code == 200
    waiting(cast.site_a, 297)
    with CaptureQueriesContext(connection) as many:
        page = client.get(path).content.decode()
    assert len(many) == len(few)
    assert page.count('<th scope="row">') <= max(deliveries.PAGE, holding.PAGE) + 10
    assert len(page) < 200_000


@pytest.mark.req("R-DESK-08")
def test_every_waiting_delivery_stands_on_just_one_page_of_each_list(cast: Cast, client: Client) -> None:
    waiting(cast.site_a, deliveries.PAGE + 20)
    client.force_login(cast.coordinator)
    told = {str(pk) for pk in Submission.objects.values_list("pk", flat=True)}
    for path, name, size in (("deliveries", "waiting", deliveries.PAGE), ("quarantine", "page", holding.PAGE)):
        number = -(-len(told) // size)
        pages = [client.get(f"/trials/TUNDRA/{path}/", {name: n + 1}).content.decode() for n in range(number)]
        seen = [[pk for pk in told if f"/deliveries/{pk}/" in page] for page in pages]
        assert sorted(chain.from_iterable(seen)) == sorted(told)
        assert len(seen[0]) == size
        assert f"{name}=2" in pages[0]


@pytest.mark.req("R-DESK-08")
def test_what_is_counted_at_the_desk_is_what_it_lists_by_kind_and_site(cast: Cast) -> None:
    waiting(cast.site_a, 7)
    waiting(cast.site_b, 2)
    found = held.held_by(actor_for(cast.coordinator), cast.trial)
    assert found.counts() == {(Kind.UNASSIGNED, "01"): 7, (Kind.UNASSIGNED, "02"): 2}
    assert (found.count(), len(found[:]), found.undecided()) == (9, 9, 9)
    assert {(item.files, item.size) for item in found} == {(2, 20)}
