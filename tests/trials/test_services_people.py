import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404

from audit.context import acting
from audit.models import AuditEvent
from tests.cast import PASSWORD, TODAY, Cast, actor_for, add_form, add_site, found_trial, give
from tests.people import STAGE, person
from trials import access
from trials.models import Membership, Trial
from trials.roles import LONGEST_DAYS, Act, Role
from trials.services import members, sign_in, trials

pytestmark = pytest.mark.django_db


def grant(cast: Cast, **changes: object) -> Membership:
    told: dict[str, object] = {
        "by": actor_for(cast.coordinator),
        "user": cast.stranger,
        "trial": cast.trial,
        "role": Role.MONITOR,
        "trial_site": None,
        "starts": TODAY,
    }
    told |= changes
    # A visitor's role has a last day, counted from its first.
    days = LONGEST_DAYS.get(Role(str(told["role"])))
    told.setdefault("ends", told["starts"] + dt.timedelta(days=days) if days else None)  # type: ignore[operator]
    return members.grant(**told)  # type: ignore[arg-type]  # each test changes one named fact


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
    form = add_form(cast.coordinator, other)
    with pytest.raises(ValidationError, match="another trial"):
        give(cast.alba, cast.monitor, cast.subject_a, form)


@pytest.mark.req("R-ACC-01")
def test_identify_gives_the_account_or_nothing_and_writes_one_event_each(cast: Cast) -> None:
    told = {"username": "alba", "request_id": "request-0818"}
    assert sign_in.identify(password=PASSWORD, **told) == cast.alba
    assert sign_in.identify(password="wrong", **told) is None
    events = AuditEvent.objects.filter(request_id="request-0818").order_by("sequence")
    assert list(events.values_list("act", flat=True)) == ["sign_in.succeeded", "sign_in.failed"]


@pytest.mark.req("R-ACC-06")
@pytest.mark.parametrize(
    ("who", "role"),
    [
        ("sponsor", Role.QC_ANALYST),
        ("sponsor", Role.COORDINATOR),
        ("monitor", Role.QC_ANALYST),
        ("monitor", Role.COORDINATOR),
        ("analyst", Role.COORDINATOR),
        ("alba", Role.COORDINATOR),
        ("alba", Role.QC_ANALYST),
        ("alba", Role.MONITOR),
        ("alba", Role.SPONSOR),
        ("officer", Role.READER),
        ("reader", Role.COORDINATOR),
        ("adjudicator", Role.READER),
        ("administrator", Role.COORDINATOR),
        ("inspector", Role.MONITOR),
        ("statistician", Role.QC_ANALYST),
        ("statistician", Role.READER),
    ],
)
def test_roles_that_exclude_each_other_never_meet_in_one_person(cast: Cast, who: str, role: Role) -> None:
    with pytest.raises(ValidationError) as refusal:
        grant(cast, user=getattr(cast, who), role=role)
    assert refusal.value.code in {"blinding", "incompatible"}


@pytest.mark.req("R-ACC-06")
def test_roles_that_bear_each_other_may_meet(cast: Cast) -> None:
    assert grant(cast, user=cast.officer, role=Role.MONITOR).pk
    assert grant(cast, user=cast.monitor, role=Role.SPONSOR).pk


@pytest.mark.req("R-ACC-06")
def test_a_role_still_to_come_excludes_as_well_and_only_on_its_days(cast: Cast) -> None:
    next_week, in_a_month = TODAY + dt.timedelta(days=7), TODAY + dt.timedelta(days=30)
    grant(cast, role=Role.READER, starts=next_week, ends=in_a_month)
    for starts, ends in ((TODAY, None), (TODAY, next_week), (in_a_month, None)):
        with pytest.raises(ValidationError, match="blinded reader"):
            grant(cast, role=Role.SPONSOR, starts=starts, ends=ends)
    assert grant(cast, role=Role.SPONSOR, ends=next_week - dt.timedelta(days=1)).pk
    assert grant(cast, role=Role.SPONSOR, starts=in_a_month + dt.timedelta(days=1)).pk


@pytest.mark.req("R-ACC-06")
def test_a_mistaken_role_can_be_put_right_on_the_same_day(cast: Cast) -> None:
    mistaken = grant(cast, role=Role.QC_ANALYST)
    members.end(by=actor_for(cast.coordinator), membership=mistaken, reason="meant a reader")
    assert grant(cast, role=Role.READER).pk


@pytest.mark.req("R-ACC-07")
def test_nobody_grants_a_role_to_themselves(cast: Cast) -> None:
    with pytest.raises(ValidationError, match="Ask another administrator"):
        grant(cast, user=cast.coordinator, role=Role.DATA_PROTECTION_OFFICER)


@pytest.mark.req("R-ACC-07")
@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.ADMINISTRATOR])
def test_a_trial_keeps_one_coordinator_and_one_administrator(cast: Cast, role: Role) -> None:
    others = Membership.objects.filter(trial=cast.trial, role=role).exclude(user=cast.coordinator)
    by, last = actor_for(cast.coordinator), Membership.objects.get(user=cast.coordinator, trial=cast.trial, role=role)
    for other in others:
        members.end(by=by, membership=other, reason="leaves")
    grant(cast, role=role, starts=TODAY + dt.timedelta(days=1))
    with pytest.raises(ValidationError) as refusal:
        members.end(by=actor_for(cast.coordinator), membership=last, reason="leaves")
    assert refusal.value.code == f"last-{role}"
    grant(cast, user=person("nils", "Nils Newcomer"), role=role)
    members.end(by=actor_for(cast.coordinator), membership=last, reason="leaves")
    assert last.role not in {scope.role for scope in access.scopes(actor_for(cast.coordinator))}


@pytest.mark.req("R-ACC-08")
def test_an_ended_role_is_not_ended_again(cast: Cast) -> None:
    seat = Membership.objects.get(user=cast.monitor)
    by = actor_for(cast.coordinator)
    ended = members.end(by=by, membership=seat, reason="left")
    with pytest.raises(ValidationError, match="ended already"):
        members.end(by=by, membership=seat, reason="left again")
    assert Membership.objects.get(pk=seat.pk).ends == ended.ends == TODAY - dt.timedelta(days=1)
    assert AuditEvent.objects.filter(act="role.ended").count() == 1


@pytest.mark.req("R-ACC-08")
def test_a_role_ends_at_once_and_a_later_seat_still_opens_the_trial_on_its_day(cast: Cast) -> None:
    seat = Membership.objects.get(user=cast.monitor)
    later = grant(cast, user=cast.monitor, starts=TODAY + dt.timedelta(days=7))
    members.end(by=actor_for(cast.coordinator), membership=seat, reason="away for a week")
    assert access.may(actor_for(cast.monitor), Act.AUDIT_VIEW, cast.trial) is None
    with acting(STAGE, reason="a week went by"):
        Membership.objects.filter(pk=later.pk).update(starts=TODAY)
    assert access.may(actor_for(cast.monitor), Act.AUDIT_VIEW, cast.trial) == Role.MONITOR


@pytest.mark.req("R-ACC-08")
def test_a_role_called_off_before_its_first_day_never_begins(cast: Cast) -> None:
    later = grant(cast, starts=TODAY + dt.timedelta(days=7))
    members.end(by=actor_for(cast.coordinator), membership=later, reason="will not join")
    assert Membership.objects.get(pk=later.pk).ends == TODAY - dt.timedelta(days=1)
    assert not cast.stranger.groups.exists()
