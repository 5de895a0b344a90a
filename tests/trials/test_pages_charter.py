import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from audit.models import AuditEvent, Signature
from tests.cast import Cast, actor_for
from tests.signpage import sign
from tests.tampering import change_frozen
from trials.models import Charter, User
from trials.services import charters

pytestmark = pytest.mark.django_db
ADDRESS = "/trials/TUNDRA/charter/"
SETTINGS = {
    "settings-criteria": "recist11",
    "settings-confirmation_required": "",
    "settings-confirmation_days": 35,
    "settings-minimum_sd_days": 42,
    "settings-reason": "the protocol was amended",
}
VISIT = {
    "visit-code": "FU3",
    "visit-name": "Follow-up 3",
    "visit-day": 168,
    "visit-window_before": 5,
    "visit-window_after": 9,
}


@pytest.fixture
def draft(cast: Cast, client: Client) -> Charter:
    client.force_login(cast.coordinator)
    return charters.amend(by=actor_for(cast.coordinator), charter=cast.charter, reason="a third follow-up")


@pytest.mark.req("R-TRI-04")
def test_the_draft_takes_settings_time_points_and_series(draft: Charter, client: Client) -> None:
    assert client.post(f"{ADDRESS}2/settings/", SETTINGS).status_code == 302
    assert client.post(f"{ADDRESS}2/time-points/", VISIT).status_code == 302
    point = draft.time_points.get(code="FU3")
    prefix = f"series-{point.pk}"
    told = {
        f"{prefix}-name": "CT",
        f"{prefix}-modality": "ct",
        f"{prefix}-minimum_slices": 2,
        f"{prefix}-required": "on",
    }
    assert client.post(f"{ADDRESS}time-points/{point.pk}/series/", told).status_code == 302
    draft.refresh_from_db()
    assert (draft.confirmation_required, draft.confirmation_days) == (False, 35)
    assert point.requirements.get().modality == "CT"


@pytest.mark.req("R-TRI-04")
def test_the_event_of_changed_settings_tells_the_values_before_and_after(draft: Charter, client: Client) -> None:
    client.post(f"{ADDRESS}2/settings/", SETTINGS)
    event = AuditEvent.objects.get(act="charter.changed")
    assert '"confirmation_days":28' in event.before
    assert '"confirmation_days":35' in event.after
    assert event.reason == "the protocol was amended"


@pytest.mark.req("R-TRI-04")
def test_settings_change_with_a_reason_only(draft: Charter, client: Client) -> None:
    answer = client.post(f"{ADDRESS}2/settings/", SETTINGS | {"settings-reason": " "})
    assert answer.status_code == 400
    assert "Say why the settings change." in answer.content.decode()
    draft.refresh_from_db()
    assert draft.confirmation_days == 28


@pytest.mark.req("R-TRI-04")
def test_a_time_point_can_leave_the_draft_again(draft: Charter, client: Client) -> None:
    point = draft.time_points.get(code="FU2")
    assert client.post(f"{ADDRESS}time-points/{point.pk}/remove/").status_code == 302
    assert not draft.time_points.filter(code="FU2").exists()
    assert AuditEvent.objects.filter(act="time_point.unscheduled").exists()


@pytest.mark.req("R-TRI-04")
def test_a_code_or_day_planned_twice_is_refused_beside_the_form(draft: Charter, client: Client) -> None:
    answer = client.post(f"{ADDRESS}2/time-points/", VISIT | {"visit-code": "BL"})
    assert answer.status_code == 400
    assert "already exists" in answer.content.decode()


@pytest.mark.req("R-TRI-05")
def test_the_signer_sees_what_is_signed_and_approval_freezes_just_that(
    cast: Cast, draft: Charter, client: Client
) -> None:
    assert f'href="{ADDRESS}2/approve/"' in client.get(ADDRESS).content.decode()
    page = client.get(f"{ADDRESS}2/approve/")
    offer, shown = page.context["offer"], page.content.decode()
    assert offer.sha256 in shown
    assert offer.short in shown
    for value in ("Baseline", "Follow-up 2", "CT chest", "112", "confirmation days", "I approve this record"):
        assert value in shown
    assert sign(client, page).status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.document_sha256) == (Charter.State.APPROVED, offer.sha256)
    assert Charter.objects.get(version=1).state == Charter.State.SUPERSEDED
    approved = client.get(ADDRESS).content.decode()
    for value in ("Clara Coordinator", "Tundra Core Laboratory", "I approve this record", offer.sha256):
        assert value in approved


@pytest.mark.req("R-SIG-01")
@pytest.mark.parametrize(("wrong", "sentence"), [("password", "not your password"), ("code", "does not hold now")])
def test_a_wrong_component_approves_nothing_and_the_page_asks_again(
    cast: Cast, draft: Charter, client: Client, wrong: str, sentence: str
) -> None:
    page = client.get(f"{ADDRESS}2/approve/")
    refused = sign(client, page, **{wrong: "eight loud otters"})
    assert refused.status_code == 400
    assert sentence in refused.content.decode()
    assert "eight loud otters" not in refused.content.decode()
    draft.refresh_from_db()
    assert draft.state == Charter.State.DRAFT
    assert not AuditEvent.objects.filter(act="charter.approved", object_id=str(draft.pk)).exists()
    assert sign(client, refused).status_code == 302


@pytest.mark.req("R-TRI-05")
def test_a_draft_that_changed_under_the_signer_is_shown_anew_and_then_signed(
    cast: Cast, draft: Charter, client: Client
) -> None:
    page = client.get(f"{ADDRESS}2/approve/")
    client.post(f"{ADDRESS}2/settings/", SETTINGS)
    refused = sign(client, page)
    assert refused.status_code == 400
    assert "changed since it was shown to you" in refused.content.decode()
    assert refused.context["offer"].sha256 != page.context["offer"].sha256
    draft.refresh_from_db()
    assert draft.state == Charter.State.DRAFT
    assert sign(client, refused).status_code == 302
    draft.refresh_from_db()
    assert (draft.state, draft.document_sha256) == (Charter.State.APPROVED, refused.context["offer"].sha256)


@pytest.mark.req("R-TRI-05")
def test_a_time_point_without_series_is_named_and_stops_approval(draft: Charter, client: Client) -> None:
    client.post(f"{ADDRESS}2/time-points/", VISIT)
    answer = client.get(f"{ADDRESS}2/approve/", follow=True)
    assert answer.redirect_chain == [(ADDRESS, 302)]
    assert "These time points require no series yet: FU3." in answer.content.decode()


@pytest.mark.req("R-SIG-09")
def test_pressing_the_button_twice_signs_once(cast: Cast, draft: Charter, client: Client) -> None:
    page = client.get(f"{ADDRESS}2/approve/")
    told = Signature.objects.count()
    assert sign(client, page).status_code == 302
    again = sign(client, page)
    assert again.headers["Location"] == ADDRESS
    assert Signature.objects.count() == told + 1


@pytest.mark.req("R-SIG-02")
def test_the_page_says_beforehand_what_is_missing_for_a_signature(cast: Cast, draft: Charter, client: Client) -> None:
    complete = client.get(f"{ADDRESS}2/approve/").content.decode()
    assert "of Tundra Core Laboratory" in complete
    assert "you cannot sign" not in complete
    User.objects.filter(pk=cast.coordinator.pk).update(organisation="Elsewhere", awaits_vouching=True)
    lacking = client.get(f"{ADDRESS}2/approve/").content.decode()
    assert "No letter of non-repudiation of your organisation is on file" in lacking
    assert "The operator revoked your old factors, so you cannot sign yet" in lacking
    Authenticator.objects.filter(user=cast.coordinator).delete()
    assert client.get(f"{ADDRESS}2/approve/")["Location"] == "/account/second-factor/"


@pytest.mark.req("R-SIG-11")
def test_a_charter_that_is_not_as_signed_says_that_its_signature_is_void(cast: Cast, client: Client) -> None:
    client.force_login(cast.monitor)
    assert "Signature void" not in client.get(ADDRESS).content.decode()
    change_frozen("trials_charter", "UPDATE trials_charter SET confirmation_days = 1 WHERE version = 1")
    page = client.get(ADDRESS).content.decode()
    assert "Signature void:" in page
    assert "no longer says what was signed" in page


@pytest.mark.req("R-TRI-06")
def test_a_frozen_charter_refuses_every_edit_in_words(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    point = cast.charter.time_points.get(code="BL")
    prefix = f"series-{point.pk}"
    told = {f"{prefix}-name": "PET", f"{prefix}-modality": "PT", f"{prefix}-minimum_slices": 1}
    answers = [
        client.post(f"{ADDRESS}1/settings/", SETTINGS),
        client.post(f"{ADDRESS}1/time-points/", VISIT),
        client.post(f"{ADDRESS}time-points/{point.pk}/series/", told),
    ]
    assert [answer.status_code for answer in answers] == [400] * 3
    approval = client.get(f"{ADDRESS}1/approve/", follow=True)
    assert "This charter is frozen" in approval.content.decode()
    removal = client.post(f"{ADDRESS}time-points/{point.pk}/remove/", follow=True)
    assert "This charter is frozen" in removal.content.decode()
    assert cast.charter.document_sha256 in client.get(f"{ADDRESS}?version=1").content.decode()
    assert cast.charter.time_points.count() == 3
    assert not cast.charter.time_points.get(code="BL").requirements.filter(name="PET").exists()


@pytest.mark.req("R-TRI-06")
def test_a_refused_edit_says_so_where_it_was_made(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    page = client.post(f"{ADDRESS}1/time-points/", VISIT).content.decode()
    assert "This charter is frozen" in page


@pytest.mark.req("R-TRI-06")
def test_a_new_version_needs_a_reason_and_keeps_the_old_one_in_force(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    assert client.post(f"{ADDRESS}1/amend/", {"amend-reason": ""}).status_code == 400
    assert client.post(f"{ADDRESS}1/amend/", {"amend-reason": "a new scanner"}).status_code == 302
    states = dict(Charter.objects.values_list("version", "state"))
    assert states == {1: Charter.State.APPROVED, 2: Charter.State.DRAFT}
    assert AuditEvent.objects.get(act="charter.amended").reason == "a new scanner"
    assert [one.version for one in client.get(ADDRESS).context["versions"]] == [2, 1]


@pytest.mark.req("R-TRI-06")
@pytest.mark.parametrize("name", ["alba", "analyst", "sponsor", "monitor", "officer"])
def test_others_read_the_charter_and_cannot_write_it(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    page = client.get(ADDRESS)
    assert page.status_code == 200
    assert [page.context[name] for name in ("may_write", "may_approve", "may_amend")] == [False] * 3
    assert client.post(f"{ADDRESS}1/amend/", {"amend-reason": "why not"}).status_code == 403
    assert client.post(f"{ADDRESS}1/time-points/", VISIT).status_code == 403


@pytest.mark.req("R-TRI-06")
@pytest.mark.parametrize("name", ["reader", "stranger", "operator"])
def test_readers_strangers_and_the_operator_find_no_charter(cast: Cast, client: Client, name: str) -> None:
    client.force_login(getattr(cast, name))
    assert client.get(ADDRESS).status_code == 404
    assert client.post(f"{ADDRESS}1/amend/", {"amend-reason": "why not"}).status_code == 404
