"""Who gets in by the DICOM door, and who sees what came in by it: the matrix of rights for a door without pages."""

import pytest

from audit.context import acting
from imaging.dicom_node import OUT_OF_RESOURCES, SUCCESS, Reception
from imaging.models import Submission
from imaging.services import doors
from tests.cast import Cast, actor_for, add_site, found_trial
from tests.imaging.scans import ct_series
from tests.people import STAGE
from trials import access
from trials.models import Trial, TrialSite

pytestmark = pytest.mark.django_db
# Everybody of the cast who sees a delivery of site 01.
SEES = {"coordinator", "data_manager", "alba", "analyst", "officer", "inspector"}
OTHERS = {
    "brisa",
    "reader",
    "second_reader",
    "adjudicator",
    "administrator",
    "statistician",
    "sponsor",
    "monitor",
    "operator",
    "stranger",
}


def sent(title: str) -> int:
    reception = Reception(title)
    status = reception.take(ct_series(1)[0])
    reception.close()
    return status


def close_site(site: TrialSite) -> None:
    with acting(STAGE, reason="the site has ended its work"):
        TrialSite.objects.filter(pk=site.pk).update(state=TrialSite.State.CLOSED)


def close_trial(trial: Trial, state: str) -> None:
    with acting(STAGE, reason="the trial is not open"):
        Trial.objects.filter(pk=trial.pk).update(state=state)


@pytest.mark.req("R-ROLE-10")
def test_only_an_open_site_of_an_open_trial_gets_in_under_its_own_title(cast: Cast) -> None:
    assert set(doors.known_ae_titles()) == {"ALBA_PACS", "BRISA_PACS"}
    close_site(cast.site_b)
    assert doors.known_ae_titles() == ["ALBA_PACS"]
    for title in ("BRISA_PACS", "NOBODY", "", "alba_pacs", "ALBA_PACS2"):
        assert sent(title) == OUT_OF_RESOURCES
    assert not Submission.objects.exists()
    for state in (Trial.State.PREPARING, Trial.State.CLOSED):
        close_trial(cast.trial, state)
        assert doors.known_ae_titles() == []
        assert sent("ALBA_PACS") == OUT_OF_RESOURCES
    assert not Submission.objects.exists()


@pytest.mark.req("R-ROLE-10")
def test_a_site_that_is_closed_while_it_sends_gets_no_further_object_in(cast: Cast) -> None:
    reception = Reception("ALBA_PACS")
    first, second = ct_series(2)
    assert reception.take(first) == SUCCESS
    close_site(cast.site_a)
    assert reception.take(second) == OUT_OF_RESOURCES
    assert Submission.objects.get().files.count() == 1


@pytest.mark.req("R-ROLE-10")
def test_what_came_in_lands_in_the_trial_and_site_of_its_title_and_is_seen_by_their_people_alone(cast: Cast) -> None:
    other = found_trial(cast.stranger, "FJORD")
    add_site(other, cast.stranger, code="nord", number="01", ae_title="NORD_PACS")
    assert sent("ALBA_PACS") == SUCCESS
    delivery = Submission.objects.get()
    assert (delivery.trial_site, delivery.trial_site.trial) == (cast.site_a, cast.trial)
    for who in SEES | OTHERS:
        actor = actor_for(getattr(cast, who))
        assert access.visible(actor, Submission.objects.all()).exists() is (who in SEES), who
