"""The periodic review of who may what: every role is kept or ended with a reason, and the whole is signed (C02)."""

import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from audit.context import acting
from audit.models import AuditEvent
from audit.selectors import signatures
from audit.signing import SignatureRefused
from tests.cast import TODAY, Cast, actor_for
from tests.people import STAGE
from tests.roles import become_owner
from tests.signing import prove
from tests.signpage import sign
from trials import access
from trials.models import AccessReview, Membership, User
from trials.roles import Role
from trials.services import access_reviews, members
from trials.services.access_reviews import Decision, Flag, Verdict

pytestmark = pytest.mark.django_db
ADDRESS = "/trials/TUNDRA/people/review/"
KEEP = Decision(verdict=Verdict.KEEP, reason="still at work here")
END = Decision(verdict=Verdict.END, reason="left the project")


def decisions(cast: Cast, *leaving: User) -> dict[int, Decision]:
    """Keep everybody, with a reason, but for those who leave."""
    found = access_reviews.seats(cast.trial, reviewer=actor_for(cast.administrator))
    return {each.membership.pk: END if each.membership.user in leaving else KEEP for each in found}


def review(cast: Cast, told: dict[int, Decision], **proof: Any) -> AccessReview:
    by = actor_for(cast.administrator)
    offered = access_reviews.offer_review(by=by, trial=cast.trial, decisions=told)
    return access_reviews.review(by=by, trial=cast.trial, decisions=told, proof=prove(by, offered, **proof))


def flags(cast: Cast, user: User) -> set[Flag]:
    found = access_reviews.seats(cast.trial, reviewer=actor_for(cast.administrator))
    return {flag for each in found if each.membership.user == user for flag in each.flags}


@pytest.mark.req("R-ROLE-06")
def test_a_signed_review_ends_what_it_ends_at_once_and_keeps_the_rest(cast: Cast) -> None:
    made = review(cast, decisions(cast, cast.sponsor))
    count = Membership.objects.filter(trial=cast.trial).count()
    assert (made.number, made.kept, made.ended) == (1, count - 1, 1)
    assert not access.scopes(actor_for(cast.sponsor))
    assert access.scopes(actor_for(cast.alba))
    ended = Membership.objects.get(user=cast.sponsor)
    assert (ended.ended_by, ended.ends) == ("anke", TODAY - dt.timedelta(days=1))
    (signature,) = signatures(made)
    assert signature.record_sha256 == made.record_sha256
    assert (signature.signer_id, signature.role) == ("anke", "administrator")
    row = next(one for one in made.contents["roles"] if one["account"] == "sven")
    assert (row["decision"], row["reason"]) == ("end", "left the project")
    assert AuditEvent.objects.get(act="access.reviewed").object_id == str(made.pk)
    assert AuditEvent.objects.get(act="role.ended").reason == "left the project"


@pytest.mark.req("R-ROLE-06")
def test_a_refused_signature_leaves_roles_as_they_were_and_an_event(cast: Cast) -> None:
    with pytest.raises(SignatureRefused):
        review(cast, decisions(cast, cast.sponsor), password="wrong")
    assert access.scopes(actor_for(cast.sponsor))
    assert not AccessReview.objects.exists()
    assert AuditEvent.objects.filter(act="signature.failed", trial_code="TUNDRA").count() == 1


@pytest.mark.req("R-ROLE-06")
def test_what_deserves_a_look_is_flagged(cast: Cast) -> None:
    assert flags(cast, cast.coordinator) == {Flag.CONFLICT, Flag.ENDLESS}
    assert flags(cast, cast.administrator) == {Flag.OWN, Flag.ENDLESS}
    assert flags(cast, cast.inspector) == set()
    with acting(STAGE, reason="years went by"):
        Membership.objects.filter(user=cast.sponsor).update(starts=TODAY - dt.timedelta(days=91))
        User.objects.filter(pk=cast.monitor.pk).update(is_active=False)
    assert flags(cast, cast.sponsor) == {Flag.UNUSED, Flag.ENDLESS}
    assert flags(cast, cast.monitor) == {Flag.CLOSED}
    User.objects.filter(pk=cast.sponsor.pk).update(last_login=timezone.now())
    assert flags(cast, cast.sponsor) == {Flag.ENDLESS}


@pytest.mark.req("R-ROLE-06")
def test_ending_a_role_and_keeping_a_flagged_one_need_a_reason(cast: Cast) -> None:
    silent = {pk: Decision(verdict=Verdict.KEEP, reason="") for pk in decisions(cast)}
    founder = set(Membership.objects.filter(user=cast.coordinator).values_list("pk", flat=True))
    for pk, verdict in ((min(founder), Verdict.KEEP), (min(set(silent) - founder), Verdict.END)):
        told = dict.fromkeys(silent, KEEP) | {pk: Decision(verdict=verdict, reason=" ")}
        with pytest.raises(ValidationError) as refused:
            review(cast, told)
        assert refused.value.code == "no-reason"
    assert review(cast, silent | dict.fromkeys(founder, KEEP)).ended == 0


@pytest.mark.req("R-ROLE-06")
def test_a_review_covers_every_role_and_never_leaves_a_trial_without_administrator(cast: Cast) -> None:
    told = decisions(cast)
    told.pop(Membership.objects.get(user=cast.alba).pk)
    with pytest.raises(ValidationError) as refused:
        review(cast, told)
    assert refused.value.code == "undecided"
    with pytest.raises(ValidationError) as refused:
        review(cast, decisions(cast, cast.coordinator, cast.administrator))
    assert refused.value.code == "last-administrator"
    assert not AccessReview.objects.exists()


@pytest.mark.req("R-ROLE-06")
def test_a_role_that_changed_since_it_was_shown_must_be_looked_at_again(cast: Cast) -> None:
    by, told = actor_for(cast.administrator), decisions(cast)
    offered = access_reviews.offer_review(by=by, trial=cast.trial, decisions=told)
    with acting(STAGE, reason="renewed"):
        Membership.objects.filter(user=cast.sponsor).update(ends=TODAY + dt.timedelta(days=9))
    with pytest.raises(SignatureRefused) as refused:
        access_reviews.review(by=by, trial=cast.trial, decisions=told, proof=prove(by, offered))
    assert refused.value.code == "changed"


@pytest.mark.req("R-ROLE-06")
def test_only_an_administrator_reviews_and_a_signed_review_is_evidence(cast: Cast) -> None:
    for who in (cast.data_manager, cast.inspector, cast.officer):
        with pytest.raises(PermissionDenied):
            access_reviews.offer_review(by=actor_for(who), trial=cast.trial, decisions=decisions(cast))
    made = review(cast, decisions(cast))
    become_owner()
    for change in (lambda: AccessReview.objects.update(kept=0), made.delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


@pytest.mark.req("R-ROLE-06")
def test_the_next_review_is_due_after_the_days_that_the_settings_name(cast: Cast, client: Client) -> None:
    days = dt.timedelta(days=settings.ACCESS_REVIEW_DAYS)
    assert access_reviews.due_on(cast.trial) == TODAY + days
    with acting(STAGE, reason="half a year went by"):
        Membership.objects.filter(user=cast.coordinator).update(starts=TODAY - days)
    for who, is_told in ((cast.administrator, True), (cast.data_manager, False)):
        client.force_login(who)
        assert ("is due by" in client.get("/trials/TUNDRA/").content.decode()) is is_told
    review(cast, decisions(cast))
    assert access_reviews.due_on(cast.trial) == TODAY + days


def posted(cast: Cast, **changes: str) -> dict[str, str]:
    told: dict[str, str] = {}
    for pk, each in decisions(cast).items():
        told |= {f"verdict_{pk}": str(each.verdict), f"reason_{pk}": each.reason}
    return told | changes


@pytest.mark.req("R-ROLE-06")
def test_the_page_lists_every_role_leads_to_the_signature_and_shows_what_was_signed(cast: Cast, client: Client) -> None:
    client.force_login(cast.administrator)
    page = client.get(ADDRESS).content.decode()
    for word in ("Alba Sitestaff", "excludes another role", "No review has been signed yet"):
        assert word in page
    leaving = Membership.objects.get(user=cast.sponsor).pk
    told = posted(cast, **{f"verdict_{leaving}": "end", f"reason_{leaving}": ""})
    assert "Say why Sven Sponsor loses the role" in client.post(ADDRESS, told).content.decode()
    told[f"reason_{leaving}"] = "left the sponsor"
    page_to_sign = client.post(ADDRESS, told)
    assert "left the sponsor" in page_to_sign.content.decode()
    assert sign(client, page_to_sign).status_code == 302
    assert Membership.objects.get(pk=leaving).ended_by == "anke"
    page = client.get(ADDRESS).content.decode()
    assert "Anke Administrator" in page
    assert "Roles that have ended" in page


@pytest.mark.req("R-ROLE-06")
def test_who_only_looks_sees_the_list_without_its_fields(cast: Cast, client: Client) -> None:
    for who in (cast.inspector, cast.officer):
        client.force_login(who)
        page = client.get(ADDRESS).content.decode()
        assert "Alba Sitestaff" in page
        assert "Go on to the signature" not in page
        assert client.post(ADDRESS, posted(cast)).status_code == 403


@pytest.mark.req("R-ROLE-02")
def test_a_seat_keeps_who_granted_it_why_and_who_ended_it(cast: Cast) -> None:
    made = members.grant(
        by=actor_for(cast.administrator),
        user=cast.stranger,
        trial=cast.trial,
        role=Role.SPONSOR,
        trial_site=None,
        starts=TODAY,
        ends=None,
        reason="delegation log, line 7",
    )
    assert (made.granted_by, made.reason, made.ended_by) == ("anke", "delegation log, line 7", "")
    members.end(by=actor_for(cast.coordinator), membership=made, reason="left")
    made.refresh_from_db()
    assert made.ended_by == "clara"
    with pytest.raises(DatabaseError, match="reason"), transaction.atomic(), acting(STAGE):
        Membership.objects.filter(pk=made.pk).update(granted_by="somebody else")
