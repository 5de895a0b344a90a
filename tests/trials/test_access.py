import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404

from audit.actor import machine
from tests.cast import TODAY, Cast, actor_for
from trials import access
from trials.models import Consent, Membership, Subject, TimePoint, Trial, TrialSite
from trials.roles import Act, Role

pytestmark = pytest.mark.django_db


@pytest.mark.req("R-ACC-03")
def test_each_road_ends_at_the_own_site(cast: Cast) -> None:
    alba = actor_for(cast.alba)
    assert list(access.visible(alba, Subject.objects.all())) == [cast.subject_a]
    assert {point.subject_id for point in access.visible(alba, TimePoint.objects.all())} == {cast.subject_a.pk}
    assert {row.subject_id for row in access.visible(alba, Consent.objects.all())} == {cast.subject_a.pk}
    assert list(access.visible(alba, TrialSite.objects.all())) == [cast.site_a]
    assert list(access.visible(alba, Trial.objects.all())) == [cast.trial]


@pytest.mark.req("R-ACC-03")
def test_superuser_stranger_machine_and_closed_role_see_nothing(cast: Cast) -> None:
    Membership.objects.filter(user=cast.monitor).update(
        starts=TODAY - dt.timedelta(days=9), ends=TODAY - dt.timedelta(days=1)
    )
    robot = machine("worker", source="worker", request_id="r")
    for actor in (actor_for(cast.operator), actor_for(cast.stranger), actor_for(cast.monitor), robot):
        assert not access.visible(actor, Trial.objects.all()).exists()
        assert not access.visible(actor, Subject.objects.all()).exists()
        assert access.acts_in(actor, cast.trial) == frozenset()


@pytest.mark.req("R-ACC-03")
def test_a_membership_without_the_group_and_a_group_without_membership_open_nothing(cast: Cast) -> None:
    Membership.objects.create(user=cast.stranger, trial=cast.trial, role=Role.MONITOR, starts=TODAY)
    assert access.acts_in(actor_for(cast.stranger), cast.trial) == frozenset()
    cast.operator.groups.set(cast.coordinator.groups.all())
    assert access.acts_in(actor_for(cast.operator), cast.trial) == frozenset()


@pytest.mark.req("R-ACC-03")
def test_a_role_counts_from_its_first_to_its_last_day(cast: Cast) -> None:
    seat = Membership.objects.filter(user=cast.monitor)
    for starts, ends, is_open in ((0, 0, True), (-5, None, True), (1, 2, False), (-5, -1, False)):
        last = None if ends is None else TODAY + dt.timedelta(days=ends)
        seat.update(starts=TODAY + dt.timedelta(days=starts), ends=last)
        assert bool(access.acts_in(actor_for(cast.monitor), cast.trial)) is is_open


@pytest.mark.req("R-ACC-03")
def test_require_stamps_the_role_hides_the_foreign_and_refuses_the_visible(cast: Cast) -> None:
    alba = actor_for(cast.alba)
    assert access.require(alba, Act.CONSENT_RECORD, cast.subject_a).role == Role.SITE_STAFF
    with pytest.raises(Http404):
        access.require(alba, Act.CONSENT_RECORD, cast.subject_b)
    with pytest.raises(PermissionDenied):
        access.require(alba, Act.TRIAL_EDIT, cast.trial)


@pytest.mark.req("R-ACC-03")
def test_tabs_know_acts_that_reach_one_site_only(cast: Cast) -> None:
    acts = access.acts_in(actor_for(cast.alba), cast.trial)
    assert Act.SUBJECT_VIEW in acts
    assert Act.AUDIT_VIEW not in acts
    assert access.may(actor_for(cast.alba), Act.SUBJECT_VIEW, cast.trial) is None
