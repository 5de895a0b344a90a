import base64
import datetime as dt
import hashlib
import hmac
import re
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from audit.actor import machine
from audit.context import acting
from audit.models import AuditEvent
from audit.services import TRIES_WINDOW
from config.demo import stage
from config.demo.people import PEOPLE
from tests import prepared
from tests.cast import PASSWORD, Cast, actor_for
from tests.stack import ROOT, environment_of
from trials.adapters import SecretUnreadable, seal, unseal
from trials.models import User
from trials.services import authenticators, factors

WRONG_PASSWORD = "eight loud otters"
COMMAND = machine("seed", source="command", request_id="test-request")
PAGE, SET_UP, REMOVE = ("/account/second-factor/", "/account/second-factor/set-up/", "/account/second-factor/remove/")


def code_of(secret: str, steps: int = 0) -> str:
    """RFC 6238 by hand: the code so many steps of 30 seconds from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def coming(secret: str) -> str:
    """The code of the next step: within the tolerance, and later than one that was used to enrol just now."""
    return code_of(secret, 1)


@dataclass(frozen=True, slots=True)
class Enrolled:
    user: User
    secret: str
    recovery_codes: tuple[str, ...]
    code: str = ""

    def verify(self, code: str) -> str | None:
        with acting(actor_for(self.user)):
            return factors.verify(user=self.user, code=code)


def enrol(user: User) -> Enrolled:
    begun = factors.enrol_begin(user=user)
    code = code_of(begun.secret)
    codes = factors.enrol(by=actor_for(user), user=user, pending=begun.pending, password=PASSWORD, code=code)
    return Enrolled(user=user, secret=begun.secret, recovery_codes=codes, code=code)


@dataclass(frozen=True, slots=True)
class Two:
    """Two people without a second factor."""

    ada: User
    bea: User


@pytest.fixture
def two(db: None) -> Two:
    make = User.objects.create_user
    return Two(
        ada=make("ada", password=PASSWORD, first_name="Ada", last_name="Newcomer"),
        bea=make("bea", password=PASSWORD, first_name="Bea", last_name="Newcomer"),
    )


@pytest.fixture
def ada(two: Two) -> Enrolled:
    return enrol(two.ada)


def stored() -> str:
    """Everything that the database holds about second factors, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mfa_authenticator")
        return str(cursor.fetchall())


def rewrite(user: User, **changes: Any) -> None:
    held = Authenticator.objects.get(user=user, type="totp")
    held.data |= changes
    held.save()


def acts(user: User) -> list[str]:
    events = AuditEvent.objects.filter(object_type="trials.User", object_id=str(user.pk), trial_code="")
    return list(events.order_by("sequence").values_list("act", flat=True))


def refusal_of(call: Any, **told: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        call(**told)
    return str(refused.value.code)


@pytest.mark.req("R-2FA-01")
def test_password_and_a_code_of_the_app_make_a_second_factor_with_ten_recovery_codes(two: Two) -> None:
    assert not factors.has_factor(two.ada)
    ada = enrol(two.ada)
    assert factors.has_factor(two.ada)
    assert not factors.has_factor(two.bea)
    assert len(set(ada.recovery_codes)) == 10
    assert ada.verify(coming(ada.secret)) == factors.Method.TOTP


@pytest.mark.req("R-2FA-01")
@pytest.mark.parametrize(("password", "steps"), [(WRONG_PASSWORD, 0), (PASSWORD, 4), ("", 0)])
def test_without_both_password_and_code_nothing_is_enrolled(two: Two, password: str, steps: int) -> None:
    begun = factors.enrol_begin(user=two.ada)
    told: dict[str, Any] = {"by": actor_for(two.ada), "user": two.ada, "pending": begun.pending}
    code = code_of(begun.secret, steps)
    assert refusal_of(factors.enrol, **told, password=password, code=code) == "wrong-factor"
    assert not factors.has_factor(two.ada)
    assert acts(two.ada)[-1] == "second_factor.failed"


@pytest.mark.req("R-2FA-01")
def test_a_second_app_does_not_replace_the_first_unseen(two: Two, ada: Enrolled) -> None:
    begun = factors.enrol_begin(user=two.ada)
    told: dict[str, Any] = {
        "by": actor_for(two.ada),
        "user": two.ada,
        "pending": begun.pending,
        "password": PASSWORD,
    }
    assert refusal_of(factors.enrol, **told, code=code_of(begun.secret)) == "has-factor"
    assert ada.verify(coming(ada.secret)) == "totp"


@pytest.mark.req("R-2FA-02")
def test_no_code_is_taken_twice_nor_one_older_than_the_last(ada: Enrolled) -> None:
    assert ada.verify(ada.code) is None
    rewrite(ada.user, last_step=0)
    older, newer = code_of(ada.secret), coming(ada.secret)
    assert ada.verify(newer) == "totp"
    assert [ada.verify(code) for code in (newer, older)] == [None, None]


@pytest.mark.req("R-2FA-02")
def test_a_code_whose_act_was_taken_back_is_still_good(ada: Enrolled) -> None:
    code = coming(ada.secret)
    with transaction.atomic():
        assert ada.verify(code) == "totp"
        transaction.set_rollback(True)
    assert ada.verify(code) == "totp"


EIGHT_AT_ONCE = """
import threading
import django
django.setup()
from django.db import connection
from audit.actor import machine
from audit.context import acting
from trials.models import User
from trials.services import factors

by, start, found = machine("test", source="command", request_id="test-request"), threading.Barrier(8), []

def take():
    with acting(by):
        start.wait()
        found.append(factors.verify(user=user, code=code))
    connection.close()

with acting(by):
    user = User.objects.create_user("ada")
    factors.enrol_demo(by=by, user=user)
code = factors.demo_code(user)
threads = [threading.Thread(target=take) for _each in range(8)]
for step in ("start", "join"):
    for thread in threads:
        getattr(thread, step)()
print(sorted(map(str, found)))
"""


@pytest.mark.any_engine
@pytest.mark.req("R-2FA-02")
def test_of_eight_connections_at_once_one_takes_the_code(tmp_path: Path) -> None:
    """On a database in a file: what tests share in memory has one connection."""
    prepared.lay(tmp_path)
    environment = environment_of(tmp_path, DJANGO_SETTINGS_MODULE="config.settings", PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", EIGHT_AT_ONCE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == (f"{['None'] * 7 + ['totp']}\n", 0), done.stderr


@pytest.mark.req("R-2FA-03")
@pytest.mark.parametrize("steps", [-4, 4])
def test_a_code_two_minutes_off_is_refused(ada: Enrolled, steps: int) -> None:
    rewrite(ada.user, last_step=0)
    assert ada.verify(code_of(ada.secret, steps)) is None


@pytest.mark.req("R-2FA-03")
def test_a_code_with_gaps_is_read_as_the_app_shows_it(ada: Enrolled) -> None:
    code = coming(ada.secret)
    assert ada.verify(f" {code[:3]} {code[3:]}\n") == "totp"


@pytest.mark.req("R-2FA-03")
@pytest.mark.parametrize(
    "code", ["", " ", "-", "12345", "abcdef", "１２３４５６", "\x00", "0" * 100_000, "None", "é" * 6]
)
def test_anything_that_is_no_code_is_refused_in_peace(ada: Enrolled, code: str) -> None:
    assert ada.verify(code) is None


@pytest.mark.any_engine
@pytest.mark.req("R-2FA-03")
@given(st.text())
def test_no_text_fits_but_the_codes_of_the_moment(text: str) -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    right = {code_of(secret, steps) for steps in (-2, -1, 0, 1, 2)}
    is_near = re.sub(r"\W|_", "", text) in right
    assert is_near or authenticators.step_of(secret, text, at=timezone.now()) == 0


@pytest.mark.req("R-2FA-04")
def test_each_recovery_code_works_once_and_leaves_an_event(ada: Enrolled) -> None:
    first, second, *_others = ada.recovery_codes
    assert ada.verify(first) == factors.Method.RECOVERY_CODE
    assert ada.verify(first) is None
    assert ada.verify(f"{second[:4]} {second[4:]}") == "recovery_code"
    assert acts(ada.user)[-2:] == ["recovery_code.used", "recovery_code.used"]
    last = AuditEvent.objects.filter(act="recovery_code.used").latest("sequence")
    assert (last.actor_id, last.role, last.after) == ("ada", "account", '{"recovery_codes_left":8}')


@pytest.mark.req("R-2FA-04")
def test_the_codes_of_one_account_are_nothing_to_another(cast: Cast, two: Two, ada: Enrolled) -> None:
    bea = enrol(two.bea)
    assert bea.verify(ada.recovery_codes[0]) is None
    assert bea.verify(coming(ada.secret)) is None
    assert Enrolled(cast.sponsor, "", ()).verify(coming(ada.secret)) is None


@pytest.mark.req("R-2FA-05")
def test_the_database_holds_neither_the_secret_nor_a_recovery_code(ada: Enrolled) -> None:
    text = stored()
    assert "totp" in text
    raw = base64.b32decode(ada.secret)
    for clear in (ada.secret, raw.hex(), base64.b64encode(raw).decode(), *ada.recovery_codes):
        assert clear not in text
    (seed,) = Authenticator.objects.filter(user=ada.user, type="recovery_codes").values_list("data__seed", flat=True)
    assert not re.fullmatch(r"[0-9a-f]{80}", seed)
    told = "".join(str(vars(event)) for event in AuditEvent.objects.all())
    assert not any(clear in told for clear in (ada.secret, *ada.recovery_codes))


@pytest.mark.req("R-2FA-05")
def test_a_changed_secret_verifies_nothing_and_does_not_close_the_recovery_codes(ada: Enrolled) -> None:
    sealed = Authenticator.objects.get(user=ada.user, type="totp").data["secret"]
    other = "A" if sealed[20] != "A" else "B"
    for spoiled in (sealed[:20] + other + sealed[21:], sealed[:-8], "", ada.secret):
        rewrite(ada.user, secret=spoiled)
        assert ada.verify(coming(ada.secret)) is None, spoiled
    assert ada.verify(ada.recovery_codes[0]) == "recovery_code"


@pytest.mark.req("R-2FA-05")
def test_a_secret_moved_to_another_account_opens_nothing(two: Two, ada: Enrolled) -> None:
    bea = enrol(two.bea)
    rewrite(two.bea, secret=Authenticator.objects.get(user=two.ada, type="totp").data["secret"])
    assert bea.verify(coming(ada.secret)) is None
    assert bea.verify(coming(bea.secret)) is None


@pytest.mark.req("R-2FA-05")
def test_under_another_key_of_the_installation_nothing_opens(ada: Enrolled, settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEY = bytes(32)
    assert ada.verify(coming(ada.secret)) is None
    assert ada.verify(ada.recovery_codes[0]) is None
    assert factors.recovery_codes_left(ada.user) == 0


@pytest.mark.req("R-2FA-05")
@given(st.text(), st.text(min_size=1), st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_what_is_sealed_opens_for_its_holder_and_never_changed(text: str, holder: str, place: int, bits: int) -> None:
    sealed = seal(text, holder=holder)
    assert unseal(sealed, holder=holder) == text
    raw = bytearray(base64.urlsafe_b64decode(sealed))
    raw[place % len(raw)] ^= bits
    for changed, by in ((base64.urlsafe_b64encode(raw).decode(), holder), (sealed, holder + "1"), (text, holder)):
        with pytest.raises(SecretUnreadable):
            unseal(changed, holder=by)


@pytest.mark.req("R-2FA-05")
def test_allauth_can_seal_and_open_nothing_of_which_the_holder_is_not_named(ada: Enrolled) -> None:
    held = Authenticator.objects.get(user=ada.user, type="totp")
    with pytest.raises(SecretUnreadable):
        held.wrap().validate_code(coming(ada.secret))


@pytest.mark.req("R-2FA-06")
def test_enrolling_and_removing_leave_events_without_any_secret(two: Two) -> None:
    ada = enrol(two.ada)
    told: dict[str, Any] = {"by": actor_for(two.ada), "user": two.ada}
    assert refusal_of(factors.remove, **told, password=PASSWORD, code="000 000 000") == "wrong-factor"
    factors.remove(**told, password=PASSWORD, code=coming(ada.secret))
    assert acts(two.ada)[-3:] == ["second_factor.enrolled", "second_factor.failed", "second_factor.removed"]
    event = AuditEvent.objects.get(act="second_factor.enrolled", object_id=str(two.ada.pk))
    assert (event.actor_id, event.role, event.object_label) == ("ada", "account", "Ada Newcomer")
    assert event.after == '{"method":"totp","recovery_codes":10}'


@pytest.mark.req("R-2FA-07")
def test_removing_takes_app_and_recovery_codes_and_a_recovery_code_suffices(two: Two, ada: Enrolled) -> None:
    told: dict[str, Any] = {"by": actor_for(two.ada), "user": two.ada}
    assert refusal_of(factors.remove, **told, password=WRONG_PASSWORD, code=ada.recovery_codes[0]) == "wrong-factor"
    factors.remove(**told, password=PASSWORD, code=ada.recovery_codes[0])
    assert not Authenticator.objects.filter(user=two.ada).exists()
    assert [ada.verify(code) for code in (coming(ada.secret), ada.recovery_codes[1])] == [None, None]
    assert refusal_of(factors.remove, **told, password=PASSWORD, code=coming(ada.secret)) == "no-factor"


@pytest.mark.req("R-2FA-07")
def test_nobody_enrols_or_removes_for_somebody_else_not_even_the_operator(cast: Cast, two: Two, ada: Enrolled) -> None:
    by = actor_for(cast.operator)
    begun = factors.enrol_begin(user=two.bea)
    with pytest.raises(PermissionDenied):
        factors.enrol(by=by, user=two.bea, pending=begun.pending, password=PASSWORD, code=code_of(begun.secret))
    with pytest.raises(PermissionDenied):
        factors.remove(by=by, user=two.ada, password=PASSWORD, code=coming(ada.secret))
    assert Authenticator not in admin.site._registry


@pytest.mark.req("R-2FA-07")
def test_a_pending_secret_is_good_for_its_own_account_alone(two: Two) -> None:
    begun = factors.enrol_begin(user=two.ada)
    told: dict[str, Any] = {
        "by": actor_for(two.bea),
        "user": two.bea,
        "password": PASSWORD,
        "code": code_of(begun.secret),
    }
    assert refusal_of(factors.enrol, **told, pending=begun.pending) == "pending-lost"
    assert factors.enrol_begin(user=two.ada, pending=begun.pending) == begun
    assert factors.enrol_begin(user=two.bea, pending=begun.pending).secret != begun.secret


@pytest.mark.req("R-2FA-08")
def test_after_five_wrong_tries_the_right_ones_are_refused_for_a_quarter_of_an_hour(
    two: Two, ada: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {"by": actor_for(two.ada), "user": two.ada}
    for number in range(5):
        password, code = (PASSWORD, "123") if number % 2 else (WRONG_PASSWORD, coming(ada.secret))
        assert refusal_of(factors.remove, **told, password=password, code=code) == "wrong-factor"
    right: dict[str, Any] = {"password": PASSWORD, "code": coming(ada.secret)}
    assert refusal_of(factors.remove, **told, **right) == "too-many-tries"
    assert acts(two.ada)[-6:] == [*["second_factor.failed"] * 5, "second_factor.locked"]
    monkeypatch.setattr("audit.services.TRIES_WINDOW", TRIES_WINDOW * 0)
    factors.remove(**told, **right)


@pytest.mark.req("R-2FA-08")
def test_wrong_tries_at_the_door_close_this_page_too(two: Two, client: Client) -> None:
    for _number in range(5):
        client.post("/sign-in/", {"username": "ada", "password": WRONG_PASSWORD})
    begun = factors.enrol_begin(user=two.ada)
    told: dict[str, Any] = {
        "by": actor_for(two.ada),
        "user": two.ada,
        "pending": begun.pending,
        "password": PASSWORD,
    }
    assert refusal_of(factors.enrol, **told, code=code_of(begun.secret)) == "too-many-tries"


def secret_on(page: str) -> str:
    found = re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", page)
    assert found
    return found[1].replace(" ", "")


@pytest.mark.req("R-2FA-09")
def test_a_person_sets_the_factor_up_sees_the_codes_once_and_removes_it(two: Two, client: Client) -> None:
    client.force_login(two.ada)
    assert "Not set up" in client.get(PAGE).content.decode()
    secret = secret_on(client.get(SET_UP).content.decode())
    assert secret_on(client.get(SET_UP).content.decode()) == secret
    wrong = client.post(SET_UP, {"password": PASSWORD, "code": "1"})
    assert (wrong.status_code, secret_on(wrong.content.decode())) == (400, secret)
    right: dict[str, Any] = {"password": PASSWORD, "code": code_of(secret)}
    done = client.post(SET_UP, right).content.decode()
    codes = re.findall(r"<li class=\"mono\">(\d{4} \d{4})</li>", done)
    assert len(codes) == 10
    assert secret not in done
    assert client.post(SET_UP, right).headers["Location"] == PAGE
    state = client.get(PAGE).content.decode()
    assert "Recovery codes left" in state
    assert not any(clear in state for clear in (secret, *codes))
    assert client.post(REMOVE, {"password": PASSWORD, "code": codes[0]}).status_code == 302
    assert "Not set up" in client.get(PAGE).content.decode()


@pytest.mark.req("R-2FA-09")
def test_the_waiting_secret_lies_sealed_in_the_session_and_goes_when_it_is_confirmed(two: Two, client: Client) -> None:
    client.force_login(two.ada)
    secret = secret_on(client.get(SET_UP).content.decode())
    kept = str(dict(client.session))
    assert "second_factor_pending" in kept
    assert secret not in kept
    client.post(SET_UP, {"password": PASSWORD, "code": code_of(secret)})
    assert "second_factor_pending" not in client.session


@pytest.mark.req("R-2FA-09")
def test_a_confirmation_without_a_waiting_secret_begins_anew_and_counts_as_no_wrong_try(
    two: Two, client: Client
) -> None:
    client.force_login(two.ada)
    answer = client.post(SET_UP, {"password": PASSWORD, "code": "123456"}, follow=True)
    assert answer.redirect_chain == [(SET_UP, 302)]
    assert "begin anew" in answer.content.decode()
    assert "second_factor.failed" not in acts(two.ada)


@pytest.mark.req("R-2FA-09")
def test_the_qr_code_is_drawn_without_styles_or_addresses_and_no_cache_may_keep_it(two: Two, client: Client) -> None:
    client.force_login(two.ada)
    answer = client.get(SET_UP)
    page = answer.content.decode()
    picture = page[page.index("<svg") : page.index("</svg>")]
    assert "<title id=" in picture
    assert picture.count("M") > 200
    for word in ("style", "data:", "http", "href"):
        assert word not in picture
    assert "otpauth" not in page
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.req("R-2FA-09")
def test_the_app_shows_the_account_name_and_never_an_address(two: Two) -> None:
    two.ada.email = "ada@hospital.example"
    address = factors.enrol_begin(user=two.ada).address
    assert re.fullmatch(r"otpauth://totp/ada\?secret=[A-Z2-7]{32}&issuer=Corelab", address)


@pytest.mark.req("R-2FA-09")
def test_every_page_leads_by_the_account_to_ones_own_second_factor(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    assert 'href="/account/"' in client.get("/").content.decode()
    assert f'href="{PAGE}"' in client.get("/account/").content.decode()


@pytest.mark.req("R-2FA-10")
def test_each_demo_account_has_a_secret_of_its_own_whose_code_is_shown_and_holds_once(two: Two) -> None:
    stage.make_people()
    people = [User.objects.get(username=person.username) for person in PEOPLE]
    assert len({Authenticator.objects.get(user=one, type="totp").data["secret"] for one in people}) == len(PEOPLE)
    rosa = Enrolled(people[4], "", ())
    first = str(factors.demo_code(rosa.user))
    assert rosa.verify(first) == "totp"
    second = str(factors.demo_code(rosa.user))
    assert [rosa.verify(code) for code in (first, second, second)] == [None, "totp", None]


@pytest.mark.req("R-2FA-10")
def test_the_code_of_another_account_is_never_shown_even_where_its_row_is_marked(two: Two, ada: Enrolled) -> None:
    assert factors.demo_code(two.bea) is None
    assert factors.demo_code(ada.user) is None
    rewrite(ada.user, demo=True)
    assert factors.demo_code(ada.user) is None
    assert ada.verify(coming(ada.secret)) is None


@pytest.mark.req("R-2FA-10")
def test_the_mark_of_the_demo_is_set_by_a_command_alone(two: Two, client: Client) -> None:
    with pytest.raises(PermissionDenied):
        factors.enrol_demo(by=actor_for(two.ada), user=two.ada)
    factors.enrol_demo(by=COMMAND, user=two.ada)
    client.force_login(two.ada)
    code = str(factors.demo_code(two.ada))
    assert f"{code[:3]} {code[3:]}" in client.get(PAGE).content.decode()


@pytest.mark.req("R-2FA-10")
def test_only_accounts_of_the_demo_prove_anything_at_another_moment_than_now(ada: Enrolled) -> None:
    assert factors.verify(user=ada.user, code=coming(ada.secret), at=timezone.now()) is None
    assert ada.verify(coming(ada.secret)) == "totp"


@pytest.mark.req("R-2FA-10")
def test_a_seeding_that_plays_many_moments_gets_a_code_for_each(two: Two) -> None:
    factors.enrol_demo(by=COMMAND, user=two.ada)
    begin = timezone.now() - dt.timedelta(hours=1)
    for number in range(20):
        at = begin + dt.timedelta(seconds=30 * number)
        code = factors.demo_code(two.ada, at=at)
        assert factors.verify(user=two.ada, code=str(code), at=at) == "totp"
    assert factors.verify(user=two.ada, code=str(code), at=at) is None
    assert Enrolled(two.ada, "", ()).verify(str(factors.demo_code(two.ada))) == "totp"
