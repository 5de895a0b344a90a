"""Two people at one desk take a name out of a trial's trail, and nobody alone can (A14, ICH E6(R3) 4.2.2(b))."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from audit.context import acting, current
from audit.evidence import gather
from audit.models import AuditEvent
from audit.sealing import seal_all
from audit.services import MAXIMUM_TRIES, TRIES_WINDOW
from audit.verifier import examine, is_masked
from tests.cast import PASSWORD, Cast, actor_for, found_trial, person
from tests.people import STAGE
from trials.models import User
from trials.roles import Role
from trials.services import authenticators, corrections, factors, masking, members
from trials.services.corrections import TrialChange
from trials.services.masking import Agreement

pytestmark = pytest.mark.django_db
PAGE = "/trials/TUNDRA/audit/mask/"
NAME = "Zacharias Zweistein"
GROUND = "a person's name was typed into the title"
WRONG = "eight loud otters"


def code_of(user: User) -> str:
    """What the person's authenticator shows now."""
    return str(factors.demo_code(user))


def agreement(user: User, **other: str) -> Agreement:
    return Agreement(**({"username": user.username, "password": PASSWORD, "code": code_of(user)} | other))


@pytest.fixture
def slip(cast: Cast) -> tuple[int, ...]:
    """The numbers of all records that hold a name: it was typed into the title and corrected."""
    for title in (f"The {NAME} trial", "The TUNDRA trial again"):
        corrections.correct_trial(
            by=actor_for(cast.coordinator), trial=cast.trial, change=TrialChange(title=title), reason="a slip"
        )
    return holding(NAME)


def holding(words: str) -> tuple[int, ...]:
    return tuple(
        event.sequence
        for event in AuditEvent.objects.order_by("sequence")
        if words in event.before + event.after + event.reason + event.object_label
    )


def mask(cast: Cast, sequences: tuple[int, ...], **other: Any) -> None:
    told: dict[str, Any] = {"by": actor_for(cast.officer), "trial": cast.trial, "ground": GROUND}
    if "agreement" not in other:
        other["agreement"] = agreement(cast.monitor)
    masking.mask(**(told | {"sequences": sequences} | other))


def refusal(cast: Cast, sequences: tuple[int, ...], **other: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        mask(cast, sequences, **other)
    assert not AuditEvent.objects.filter(act="trail.masked").exists()
    return str(refused.value.code)


def tries() -> list[tuple[str, str, str, str]]:
    """Wrong tries of agreeing: act, who sat there, the account that was named, the trial."""
    events = AuditEvent.objects.filter(after__contains="agree to a masking").order_by("sequence")
    return list(events.values_list("act", "actor_id", "object_label", "trial_code"))


@pytest.mark.req("R-MSK-01")
def test_officer_and_another_member_mask_every_record_of_a_name(cast: Cast, slip: tuple[int, ...]) -> None:
    assert len(slip) == 4
    mask(cast, slip)
    assert holding(NAME) == ()
    events = AuditEvent.objects.filter(sequence__in=slip)
    assert all(is_masked(event.commitment) for event in events)
    assert {(event.before, event.after, event.reason, event.object_label) for event in events} == {("", "", "", "")}
    assert {(event.actor_id, event.trial_code) for event in events} == {("clara", "TUNDRA")}


@pytest.mark.req("R-MSK-01")
def test_each_masking_is_an_act_that_names_both_people_and_the_ground(cast: Cast, slip: tuple[int, ...]) -> None:
    mask(cast, slip)
    told = list(AuditEvent.objects.filter(act="trail.masked").order_by("sequence"))
    assert [int(event.object_id) for event in told] == list(slip)
    for event in told:
        assert (event.actor_id, event.role, event.reason) == ("dora", "data_protection_officer", GROUND)
        assert json.loads(event.after) == {"agreed_by": "mona", "agreed_by_name": "Mona Monitor"}
        assert event.trial_code == "TUNDRA"


@pytest.mark.req("R-MSK-01")
@pytest.mark.parametrize(
    "who", ["coordinator", "alba", "analyst", "monitor", "sponsor", "reader", "stranger", "operator"]
)
def test_nobody_but_the_data_protection_officer_asks_for_it(cast: Cast, slip: tuple[int, ...], who: str) -> None:
    by = actor_for(getattr(cast, who))
    with pytest.raises((PermissionDenied, Http404)):
        mask(cast, slip, by=by)
    with pytest.raises((PermissionDenied, Http404)):
        masking.find(by=by, trial=cast.trial, sequences=slip)
    assert holding(NAME) == slip


@pytest.mark.req("R-MSK-01")
def test_records_of_another_trial_or_of_none_cannot_be_reached(cast: Cast, slip: tuple[int, ...]) -> None:
    found_trial(cast.stranger, code="FJORD")
    foreign = AuditEvent.objects.filter(trial_code="FJORD").latest("sequence").sequence
    of_none = AuditEvent.objects.filter(trial_code="").latest("sequence").sequence
    for sequence in (foreign, of_none, 10**12):
        assert refusal(cast, (*slip, sequence)) == "unknown"
    assert refusal(cast, ()) == "too-many"
    assert refusal(cast, tuple(range(masking.MOST_AT_ONCE + 1))) == "too-many"
    assert holding(NAME) == slip


@pytest.mark.req("R-MSK-02")
def test_one_person_is_not_two(cast: Cast, slip: tuple[int, ...]) -> None:
    assert refusal(cast, slip, agreement=agreement(cast.officer)) == "one-person"


@pytest.mark.req("R-MSK-02")
@pytest.mark.parametrize("who", ["alba", "analyst", "sponsor", "reader", "stranger", "operator"])
def test_who_may_not_see_the_trail_cannot_agree(cast: Cast, slip: tuple[int, ...], who: str) -> None:
    user = getattr(cast, who)
    assert refusal(cast, slip, agreement=Agreement(username=user.username, password=PASSWORD, code="1")) == "no-member"
    assert tries() == [("sign_in.failed", "dora", "unknown account", "TUNDRA")]


@pytest.mark.req("R-MSK-02")
def test_a_closed_account_and_an_ended_role_cannot_agree(cast: Cast, slip: tuple[int, ...]) -> None:
    User.objects.filter(pk=cast.monitor.pk).update(is_active=False)
    assert refusal(cast, slip) == "no-member"
    User.objects.filter(pk=cast.monitor.pk).update(is_active=True)
    seat = cast.trial.memberships.get(user=cast.monitor)
    members.end(by=actor_for(cast.coordinator), membership=seat, reason="left")
    assert refusal(cast, slip) == "no-member"


@pytest.mark.req("R-MSK-02")
@pytest.mark.parametrize("who", ["coordinator", "monitor"])
def test_whoever_else_may_see_the_trail_can_agree(cast: Cast, slip: tuple[int, ...], who: str) -> None:
    mask(cast, slip[:1], agreement=agreement(getattr(cast, who)))
    assert len(holding(NAME)) == 3


@pytest.mark.req("R-MSK-02")
def test_a_second_data_protection_officer_can_agree(cast: Cast, slip: tuple[int, ...]) -> None:
    other = person("dirk", "Dirk Officer")
    seat = cast.trial.memberships.get(user=cast.officer)
    by = actor_for(cast.coordinator).acting_as("coordinator")
    members.seat(by=by, user=other, trial=cast.trial, trial_site=None, role=Role(seat.role), starts=seat.starts)
    mask(cast, slip, agreement=agreement(other))
    assert holding(NAME) == ()


@pytest.mark.req("R-MSK-02")
def test_the_second_persons_code_is_good_once(cast: Cast, slip: tuple[int, ...]) -> None:
    typed = agreement(cast.monitor)
    mask(cast, slip[:1], agreement=typed)
    with pytest.raises(ValidationError) as refused:
        mask(cast, slip[1:], agreement=typed)
    assert refused.value.code == "wrong-factor"
    assert len(holding(NAME)) == 3


@pytest.mark.req("R-MSK-02")
def test_a_refused_masking_uses_up_no_code(cast: Cast, slip: tuple[int, ...]) -> None:
    typed = agreement(cast.monitor)
    assert refusal(cast, slip, agreement=typed, ground="  ") == "no-reason"
    mask(cast, slip, agreement=typed)
    assert holding(NAME) == ()


@pytest.mark.req("R-MSK-03")
@pytest.mark.parametrize("wrong", [{"password": WRONG}, {"code": "000 000"}, {"code": ""}, {"code": "9" * 400}])
def test_a_wrong_password_or_code_is_an_event_about_the_account_it_named(
    cast: Cast, slip: tuple[int, ...], wrong: dict[str, str]
) -> None:
    assert refusal(cast, slip, agreement=agreement(cast.monitor, **wrong)) == "wrong-factor"
    assert tries() == [("sign_in.failed", "dora", "Mona Monitor", "TUNDRA")]
    assert not holding(WRONG)
    assert holding(NAME) == slip


@pytest.mark.req("R-MSK-03")
def test_what_was_typed_for_a_name_is_repeated_nowhere(cast: Cast, slip: tuple[int, ...]) -> None:
    typed = Agreement(username=WRONG, password=PASSWORD, code="1")
    assert refusal(cast, slip, agreement=typed) == "no-member"
    assert not holding(WRONG)
    assert WRONG not in repr(Agreement(username="mona", password=WRONG, code=WRONG))


@pytest.mark.req("R-MSK-03")
def test_after_five_wrong_tries_the_right_ones_are_refused_here_and_at_the_door(
    cast: Cast, slip: tuple[int, ...], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MAXIMUM_TRIES):
        wrong = {"password": WRONG} if number % 2 else {"code": "1"}
        assert refusal(cast, slip, agreement=agreement(cast.monitor, **wrong)) == "wrong-factor"
    assert refusal(cast, slip) == "too-many-tries"
    assert [act for act, *_who in tries()] == ["sign_in.failed"] * MAXIMUM_TRIES + ["sign_in.locked"]
    assert client.post("/sign-in/", {"username": "mona", "password": PASSWORD}).status_code == 400
    # Others are not shut out by it.
    mask(cast, slip[:1], agreement=agreement(cast.coordinator))
    monkeypatch.setattr("audit.services.TRIES_WINDOW", TRIES_WINDOW * 0)
    mask(cast, slip[1:])
    assert holding(NAME) == ()


@pytest.mark.req("R-MSK-03")
def test_what_the_second_persons_proof_writes_is_not_the_officers_act(
    cast: Cast, slip: tuple[int, ...], settings: Settings
) -> None:
    codes = recovery_codes(cast.monitor)
    # By an older rule: the next right password is kept anew, and that is a write.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher", *settings.PASSWORD_HASHERS]
    with acting(STAGE):
        mask(cast, slip, agreement=agreement(cast.monitor, code=codes[0]))
        after = current()
    used = AuditEvent.objects.get(act="recovery_code.used")
    assert (used.actor_id, used.object_label) == ("mona", "Mona Monitor")
    rehashed = AuditEvent.objects.filter(object_type="trials.User", act="row.changed").latest("sequence")
    assert rehashed.actor_id == "machine:sign-in"
    assert after is not None
    assert after.actor.id == "dora"


def recovery_codes(user: User) -> tuple[str, ...]:
    """Of a real enrolment: those of a demo account are seen by nobody."""
    authenticators.rows(user).delete()
    begun = factors.enrol_begin(user=user)
    code = authenticators._code_at(begun.secret, int(timezone.now().timestamp()) // 30)
    return factors.enrol(by=actor_for(user), user=user, pending=begun.pending, password=PASSWORD, code=code)


@pytest.mark.req("R-MSK-04")
def test_every_seal_still_holds_and_the_verifier_knows_the_masking(
    cast: Cast, slip: tuple[int, ...], tmp_path: Path, settings: Settings
) -> None:
    settings.SEAL_KEY_FILE = tmp_path / "keys" / "seal.key"
    settings.CHECKPOINT_FILE = tmp_path / "outside" / "checkpoints.jsonl"
    seal_all()
    mask(cast, slip)
    seal_all()
    found = examine(gather(outside=settings.CHECKPOINT_FILE, with_rows=True))
    assert (found.faults, found.masked) == ([], len(slip))


@pytest.mark.req("R-MSK-04")
def test_every_screen_opens_over_a_masked_trail(cast: Cast, slip: tuple[int, ...], client: Client) -> None:
    mask(cast, slip)
    client.force_login(cast.monitor)
    month = {"since": "2020-01-01", "until": "2020-01-31", "view": "odd_hours"}
    for address, asked in (
        ("/trials/TUNDRA/audit/", {"layer": "both"}),
        (f"/history/trial/{cast.trial.pk}/", {}),
        (f"/history/trial/{cast.trial.pk}/", {"field": "trials.Trial:title"}),
        ("/trials/TUNDRA/audit/reviews/", month),
        ("/trials/TUNDRA/", {}),
    ):
        answer = client.get(address, asked)
        assert answer.status_code == 200, address
        assert NAME not in answer.content.decode(), address
    for form in ("csv", "jsonl"):
        answer = client.post("/trials/TUNDRA/audit/export/", {"layer": "both", "form": form})
        assert NAME.encode() not in b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # it streams
    client.force_login(cast.officer)
    page = client.get(PAGE, {"numbers": str(slip[0])}).content.decode()
    assert "masked" in page


@pytest.mark.req("R-MSK-05")
def test_all_records_are_masked_or_none(cast: Cast, slip: tuple[int, ...]) -> None:
    mask(cast, slip[:1])
    own = AuditEvent.objects.get(act="trail.masked").sequence
    for also, code in ((slip[0], "masked"), (own, "own-mask")):
        with pytest.raises(ValidationError) as refused:
            mask(cast, (*slip[1:], also), agreement=agreement(cast.coordinator))
        assert refused.value.code == code
        assert holding(NAME) == slip[1:]


@pytest.mark.req("R-MSK-05")
def test_a_number_named_twice_is_masked_once(cast: Cast, slip: tuple[int, ...]) -> None:
    mask(cast, (slip[0], slip[0]))
    assert AuditEvent.objects.filter(act="trail.masked").count() == 1


def typed(cast: Cast, numbers: str, **other: str) -> dict[str, str]:
    honest = {"username": "mona", "password": PASSWORD, "code": code_of(cast.monitor)}
    return {"numbers": numbers, "ground": GROUND} | honest | other


@pytest.mark.req("R-MSK-06")
def test_the_page_shows_the_records_asks_two_people_and_masks(
    cast: Cast, slip: tuple[int, ...], client: Client
) -> None:
    client.force_login(cast.officer)
    assert "Two people decide" not in client.get(PAGE).content.decode()
    numbers = ", ".join(map(str, slip))
    page = client.get(PAGE, {"numbers": numbers}).content.decode()
    assert page.count(NAME) >= len(slip)
    assert "Two people decide" in page
    assert "gone for good" in page
    assert re.search(rf'<input type="hidden" name="numbers" value="{numbers}"', page)
    assert len(ids := re.findall(r'\bid="([^"]+)"', page)) == len(set(ids))
    done = client.post(PAGE, typed(cast, numbers), follow=True)
    assert done.redirect_chain == [("/trials/TUNDRA/audit/", 302)]
    assert "every seal still holds" in done.content.decode()
    assert holding(NAME) == ()


@pytest.mark.req("R-MSK-06")
@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"ground": " "}, "This field is required"),
        ({"username": "dora"}, "Two people decide on a masking"),
        ({"username": "alba"}, "Nobody who may see the trail"),
        ({"username": "a\0b"}, "Null characters"),
        ({"password": WRONG}, "do not both fit"),
        ({"code": "000000"}, "do not both fit"),
        ({"code": ""}, "This field is required"),
    ],
)
def test_a_refusal_keeps_numbers_and_ground_and_neither_password_nor_code(
    cast: Cast, slip: tuple[int, ...], client: Client, other: dict[str, str], sentence: str
) -> None:
    client.force_login(cast.officer)
    sent = typed(cast, str(slip[0]), **other)
    answer = client.post(PAGE, sent)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in page
    assert f'name="numbers" value="{slip[0]}"' in page
    assert other.get("ground", "a person&#x27;s name was typed") in page
    for secret in (PASSWORD, WRONG):
        assert secret not in page
    assert not sent["code"] or f'value="{sent["code"]}"' not in page
    assert holding(NAME) == slip


@pytest.mark.req("R-MSK-06")
@pytest.mark.parametrize("numbers", ["", "x", "-1", "1.5", "0", "9" * 30, "²", "1;DROP", "99999999"])
def test_numbers_that_name_no_record_are_told(cast: Cast, client: Client, numbers: str) -> None:
    client.force_login(cast.officer)
    for answer in (client.get(PAGE, {"numbers": numbers}), client.post(PAGE, typed(cast, numbers))):
        assert answer.status_code == 400
        assert "Two people decide" not in answer.content.decode()
    assert not AuditEvent.objects.filter(act="trail.masked").exists()


@pytest.mark.req("R-MSK-06")
def test_the_browser_is_told_to_fill_in_nobodys_secrets(cast: Cast, slip: tuple[int, ...], client: Client) -> None:
    client.force_login(cast.officer)
    answer = client.get(PAGE, {"numbers": str(slip[0])})
    page = answer.content.decode()
    for name in ("username", "password", "code"):
        field = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
        assert field
        assert 'autocomplete="off"' in field[0]
    assert "no-store" in answer.headers["Cache-Control"]
