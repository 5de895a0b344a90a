"""Who gets in by the DICOM door, and who sees what came in by it: the matrix of rights for a door without pages."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from audit.context import acting
from audit.models import AuditEvent
from imaging.dicom_node.reception import OUT_OF_RESOURCES, SUCCESS
from imaging.models import Submission
from imaging.services import arrivals, doors
from tests.cast import Cast, actor_for, add_site, found_trial
from tests.imaging.reception import AtOnce, opened, store
from tests.imaging.scans import ct_series
from tests.people import STAGE
from trials import access
from trials.models import Trial, TrialSite

pytestmark = pytest.mark.django_db
CALLER = doors.Caller(address="192.0.2.7")
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
    reception = opened(title)
    status = store(reception, ct_series(1)[0])
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
    assert set(doors.known_ae_titles(CALLER)) == {"ALBA_PACS", "BRISA_PACS"}
    close_site(cast.site_b)
    assert doors.known_ae_titles(CALLER) == ["ALBA_PACS"]
    for title in ("BRISA_PACS", "NOBODY", "", "alba_pacs", "ALBA_PACS2"):
        assert sent(title) == OUT_OF_RESOURCES
    assert not Submission.objects.exists()
    for state in (Trial.State.PREPARING, Trial.State.CLOSED):
        close_trial(cast.trial, state)
        assert doors.known_ae_titles(CALLER) == []
        assert sent("ALBA_PACS") == OUT_OF_RESOURCES
    assert not Submission.objects.exists()


@pytest.mark.req("R-ROLE-10")
def test_a_site_that_is_closed_while_it_sends_gets_no_further_object_in(cast: Cast) -> None:
    desk = AtOnce()
    reception = opened("ALBA_PACS", desk)
    first, second = ct_series(2)
    assert store(reception, first) == SUCCESS
    close_site(cast.site_a)
    # So long an answer may be believed, and no longer.
    desk.now += arrivals.SECONDS
    assert arrivals.SECONDS <= 5
    assert store(reception, second) == OUT_OF_RESOURCES
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


@pytest.mark.req("R-ARC-17")
def test_a_title_is_believed_only_from_its_networks_and_by_its_certificate(cast: Cast) -> None:
    networks, fingerprint = ["192.0.2.0/24", "2001:db8::/32"], "ab" * 32
    by = actor_for(cast.coordinator)
    binding = doors.Binding(certificate=fingerprint.upper(), networks=networks)
    doors.bind(by=by, trial_site=cast.site_a, binding=binding, reason="agreed")
    bound = {
        ("192.0.2.7", fingerprint): True,
        ("::ffff:192.0.2.7", fingerprint): True,
        ("2001:db8::1", fingerprint): True,
        ("192.0.3.7", fingerprint): False,
        ("192.0.2.7", ""): False,
        ("192.0.2.7", "cd" * 32): False,
    }
    for (address, shown), is_known in bound.items():
        titles = doors.known_ae_titles(doors.Caller(address=address, certificate_sha256=shown))
        assert ("ALBA_PACS" in titles) is is_known
        assert "BRISA_PACS" in titles
    for wrong in ({"certificate": "nonsense"}, {"networks": ["192.0.2.1/24"]}, {"host": "192.0.2.9"}, {"port": 104}):
        told: dict[str, Any] = wrong
        with pytest.raises(ValidationError):
            doors.bind(by=by, trial_site=cast.site_a, binding=doors.Binding(**told), reason="agreed")
    with pytest.raises(ValidationError):
        doors.bind(by=by, trial_site=cast.site_a, binding=doors.Binding(), reason=" ")
    with pytest.raises(PermissionDenied):
        doors.bind(by=actor_for(cast.alba), trial_site=cast.site_a, binding=doors.Binding(), reason="mine")


@pytest.mark.req("R-ARC-17")
def test_the_coordinator_binds_a_sender_on_a_page_and_the_trail_keeps_why(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.coordinator)
    address = f"/trials/{cast.trial.code}/sites/{cast.site_a.pk}/door/"
    refused = client.post(address, {"certificate": "x", "networks": "", "reason": "agreed by letter"})
    assert (refused.status_code, "That is no certificate" in refused.content.decode()) == (400, True)
    told = {"certificate": "ab" * 32, "networks": "192.0.2.0/24 198.51.100.7", "reason": "agreed by letter"}
    assert client.post(address, told).status_code == 302
    assert cast.site_a.dicom_door.networks == ["192.0.2.0/24", "198.51.100.7/32"]
    assert "198.51.100.7/32" in client.get(address).content.decode()
    event = AuditEvent.objects.get(act="door.bound")
    assert (event.reason, event.trial_code) == ("agreed by letter", cast.trial.code)
