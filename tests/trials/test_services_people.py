import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from audit.models import AuditEvent
from tests.cast import PASSWORD, TODAY, Cast, actor_for, add_site, found_trial
from trials import access
from trials.models import Membership, Trial
from trials.roles import Act, Role
from trials.services import members, sign_in, subjects, trials

pytestmark = pytest.mark.django_db


def grant(cast: Cast, **changes: object) -> Membership:
    told: dict[str, object] = {
        "by": actor_for(cast.coordinator),
        "user": cast.stranger,
        "trial": cast.trial,
        "role": Role.MONITOR,
        "trial_site": None,
        "starts": TODAY,
        "ends": None,
    }
    return members.grant(**(told | changes))  # type: ignore[arg-type]  # each test changes one named fact


@pytest.mark.req("R-ACC-02")
def test_a_reader_gets_no_second_role_and_nobody_else_becomes_a_reader(cast: Cast) -> None:
    with pytest.raises(ValidationError, match="blinded reader"):
        grant(cast, user=cast.reader, role=Role.SPONSOR)
    with pytest.raises(ValidationError, match="blinded reader"):
        grant(cast, user=cast.analyst, role=Role.READER)


@pytest.mark.req("R-ACC-02")
def test_a_site_of_another_trial_is_no_place_for_a_role(cast: Cast) -> None:
    other = found_trial(cast.coordinator, "FJORD")
    site = add_site(other, cast.coordinator, code="nord", number="01", ae_title="NORD")
    with pytest.raises(ValidationError, match="another trial"):
        grant(cast, role=Role.SITE_STAFF, trial_site=site)


@pytest.mark.req("R-ACC-02")
def test_a_coordinator_of_one_trial_is_a_stranger_to_another(cast: Cast) -> None:
    found_trial(cast.stranger, "FJORD")
    with pytest.raises(Http404):
        grant(cast, by=actor_for(cast.stranger), user=cast.stranger)


@pytest.mark.req("R-ACC-02")
def test_a_second_seat_in_the_same_role_survives_the_end_of_the_first(cast: Cast) -> None:
    first = Membership.objects.get(user=cast.monitor)
    Membership.objects.filter(pk=first.pk).update(starts=TODAY - dt.timedelta(days=5))
    first.refresh_from_db()
    grant(cast, user=cast.monitor)
    members.end(by=actor_for(cast.coordinator), membership=first, reason="renewed")
    assert access.may(actor_for(cast.monitor), Act.AUDIT_VIEW, cast.trial) == Role.MONITOR


@pytest.mark.req("R-TRI-01")
def test_being_superuser_does_not_found_a_trial(cast: Cast) -> None:
    new = trials.NewTrial(code="FJORD", title="F", protocol_number="F-1", sponsor="Northlight")
    with pytest.raises(PermissionDenied):
        trials.create(by=actor_for(cast.operator), new=new)
    assert not Trial.objects.filter(code="FJORD").exists()


@pytest.mark.req("R-TRI-02")
def test_a_trial_opens_once(cast: Cast) -> None:
    with pytest.raises(ValidationError, match="not being prepared"):
        trials.open_trial(by=actor_for(cast.coordinator), trial=cast.trial)


@pytest.mark.req("R-SUB-04")
def test_a_consent_form_of_another_trial_does_not_count(cast: Cast) -> None:
    other = found_trial(cast.coordinator, "FJORD")
    form = subjects.add_consent_form(
        by=actor_for(cast.coordinator), trial=other, version="1", approved_on=TODAY, scopes=("imaging",)
    )
    consent = subjects.NewConsent(form=form, scopes=("imaging",), on=TODAY)
    with pytest.raises(ValidationError, match="another trial"):
        subjects.give_consent(by=actor_for(cast.alba), subject=cast.subject_a, consent=consent)


@pytest.mark.req("R-ACC-01")
def test_identify_gives_the_account_or_nothing_and_writes_one_event_each(cast: Cast) -> None:
    told = {"username": "alba", "request_id": "request-0818"}
    assert sign_in.identify(password=PASSWORD, **told) == cast.alba
    assert sign_in.identify(password="wrong", **told) is None
    events = AuditEvent.objects.filter(request_id="request-0818").order_by("sequence")
    assert list(events.values_list("act", flat=True)) == ["sign_in.succeeded", "sign_in.failed"]
