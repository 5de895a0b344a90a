"""The house's own sign-in service, over real HTTP: who it vouches for, and what is not believed."""

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django.fixtures import Settings

from audit.models import AuditEvent
from audit.secrets import SecretUnsafe
from config.door import provider_in
from tests.cast import PASSWORD, Cast
from tests.newcomer import Newcomer, is_in, newcomer
from tests.provider import CLIENT, SECRET, SmallProvider, make_key, running
from trials.models import ProviderLink, User
from trials.oidc import Provider, is_safe

pytestmark = pytest.mark.django_db
GO, BACK, SECOND, LINK = "/sign-in/provider/", "/sign-in/provider/back/", "/sign-in/second/", "/account/link/"


@pytest.fixture(scope="module")
def served() -> Iterator[SmallProvider]:
    with running() as provider:
        yield provider


@pytest.fixture
def service(served: SmallProvider, settings: Settings) -> SmallProvider:
    """The provider as it runs, honest again for each test, and known to our settings."""
    served.subject, served.claims, served.signer, served.algorithm, served.issuer = "subject-7", {}, None, "RS256", ""
    settings.OIDC_PROVIDER = Provider(issuer=served.address, client_id=CLIENT, client_secret=SECRET)
    return served


@pytest.fixture
def ada(cast: Cast) -> Newcomer:
    return newcomer("ada")


@pytest.fixture
def linked(ada: Newcomer, service: SmallProvider) -> Newcomer:
    """Ada, who linked her account by the pages."""
    client = Client()
    client.force_login(ada.user)
    page = client.post(LINK, {"password": PASSWORD, "code": ada.code()}).content.decode()
    address = page.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    done = client.get(service.authorize(address), follow=True)
    assert "The identity is linked" in done.content.decode()
    return ada


def come(client: Client, service: SmallProvider, onward: str = "") -> Any:
    begun = client.get(GO, {"next": onward})
    assert begun["Location"].startswith(f"{service.address}/authorize?")
    return client.get(service.authorize(begun["Location"]))


def causes() -> list[str]:
    return [str(after) for after in AuditEvent.objects.filter(act="provider.refused").values_list("after", flat=True)]


@pytest.mark.req("R-IN-14")
def test_a_linked_identity_is_a_first_step_and_our_second_factor_follows(
    linked: Newcomer, service: SmallProvider, client: Client
) -> None:
    assert come(client, service, "/account/")["Location"] == SECOND
    assert not is_in(client)
    assert client.post(SECOND, {"code": linked.code()})["Location"] == "/account/"
    assert is_in(client)
    assert "oidc+totp" in AuditEvent.objects.filter(act="sign_in.succeeded").latest("sequence").after


@pytest.mark.req("R-IN-14")
def test_the_same_address_or_name_links_nothing_and_makes_no_account(
    ada: Newcomer, service: SmallProvider, client: Client
) -> None:
    ada.user.email = "ada@hospital.example"
    ada.user.save()
    service.claims = {"email_verified": True, "preferred_username": "ada", "name": "Ada Newcomer"}
    before = User.objects.count()
    assert come(client, service)["Location"] == "/sign-in/"
    assert not is_in(client)
    assert "No open account is linked" in client.get("/sign-in/").content.decode()
    assert (User.objects.count(), ProviderLink.objects.count()) == (before, 0)
    assert AuditEvent.objects.filter(act="sign_in.failed", object_label="unknown account").exists()


@pytest.mark.req("R-IN-14")
@pytest.mark.parametrize("claims", [{"amr": ["pwd", "mfa"]}, {"acr": "mfa"}])
def test_the_services_own_second_factor_counts_only_when_the_settings_say_so(
    linked: Newcomer, service: SmallProvider, settings: Settings, claims: dict[str, Any]
) -> None:
    service.claims = claims
    assert come(Client(), service)["Location"] == SECOND
    settings.OIDC_PROVIDER = Provider(
        issuer=service.address, client_id=CLIENT, client_secret=SECRET, strong=frozenset({"mfa"})
    )
    client = Client()
    assert come(client, service)["Location"] == "/"
    assert is_in(client)
    service.claims = {"amr": ["pwd"], "acr": "1"}
    assert come(Client(), service)["Location"] == SECOND


@pytest.mark.req("R-IN-16")
def test_a_link_of_the_operators_never_stands_for_a_second_factor(
    cast: Cast, ada: Newcomer, service: SmallProvider, settings: Settings
) -> None:
    operator = Client()
    operator.force_login(cast.operator)
    told = {"act": "link", "link-subject": "subject-7", "link-reason": "Their new badge."}
    operator.post(f"/operator/accounts/{ada.user.pk}/", told)
    assert ProviderLink.objects.get(user=ada.user).linked_by == "root"
    settings.OIDC_PROVIDER = Provider(
        issuer=service.address, client_id=CLIENT, client_secret=SECRET, strong=frozenset({"mfa"})
    )
    service.claims = {"amr": ["mfa"]}
    client = Client()
    assert come(client, service)["Location"] == SECOND
    assert not is_in(client)


@pytest.mark.req("R-IN-14")
def test_linking_asks_password_and_second_factor_and_leaves_an_event_without_the_subject(
    ada: Newcomer, service: SmallProvider, client: Client
) -> None:
    client.force_login(ada.user)
    assert client.post(LINK, {"password": PASSWORD, "code": "1"}).status_code == 400
    assert client.post(LINK, {"password": "eight loud otters", "code": ada.code()}).status_code == 400
    page = client.post(LINK, {"password": PASSWORD, "code": ada.code()}).content.decode()
    address = page.partition('class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    client.get(service.authorize(address))
    told = "".join(str(vars(event)) for event in AuditEvent.objects.filter(object_id=str(ada.user.pk)))
    assert "oidc.linked" in told
    assert "subject-7" not in told


@pytest.mark.req("R-IN-14")
def test_one_identity_opens_one_account_and_a_link_goes_by_its_holder(
    linked: Newcomer, service: SmallProvider, cast: Cast, client: Client
) -> None:
    operator = Client()
    operator.force_login(cast.operator)
    told = {"act": "link", "link-subject": "subject-7", "link-reason": "x"}
    page = operator.post(f"/operator/accounts/{cast.alba.pk}/", told).content.decode()
    assert "is linked already" in page
    client.force_login(linked.user)
    client.post("/account/link/remove/")
    assert come(Client(), service)["Location"] == "/sign-in/"
    assert AuditEvent.objects.filter(act="oidc.unlinked", actor_id="ada").exists()


@pytest.mark.req("R-IN-14")
def test_a_closed_account_and_a_closed_door_stay_closed(
    linked: Newcomer, service: SmallProvider, client: Client
) -> None:
    for _number in range(5):
        Client().post("/sign-in/", {"username": "ada", "password": "eight loud otters"})
    assert come(client, service)["Location"] == "/sign-in/"
    assert AuditEvent.objects.filter(act="sign_in.locked").exists()
    User.objects.filter(pk=linked.user.pk).update(is_active=False)
    assert come(Client(), service)["Location"] == "/sign-in/"
    assert not is_in(client)


NOW = int(time.time())
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"claims": {"nonce": "another"}}, "nonce"),
    "no nonce": ({"claims": {"nonce": None}}, "token"),
    "expired": ({"claims": {"exp": NOW - 3600, "iat": NOW - 7200}}, "expired"),
    "without end": ({"claims": {"exp": None}}, "token"),
    "from the future": ({"claims": {"iat": NOW + 86_400}}, "token"),
    "for somebody else": ({"claims": {"aud": "another"}}, "audience"),
    "for us by somebody else": ({"claims": {"azp": "another"}}, "audience"),
    "of another issuer": ({"claims": {"iss": "https://elsewhere.example"}}, "issuer"),
    "without subject": ({"claims": {"sub": None}}, "token"),
    "unsigned": ({"algorithm": "none"}, "algorithm"),
    "public key as a secret": ({"algorithm": "HS256"}, "algorithm"),
    "another key": ({"signer": make_key()}, "signature"),
}


@pytest.mark.req("R-IN-15")
@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_right_signs_nobody_in_and_leaves_an_event(
    linked: Newcomer, service: SmallProvider, client: Client, lie: str
) -> None:
    changes, cause = LIES[lie]
    for name, value in changes.items():
        setattr(service, name, value)
    assert come(client, service)["Location"] == "/sign-in/"
    assert not is_in(client)
    assert "sign_in_pending" not in client.session
    assert causes() == [f'{{"cause":"{cause}"}}']


@pytest.mark.req("R-IN-15")
def test_an_answer_is_believed_once_in_the_browser_that_asked(
    linked: Newcomer, service: SmallProvider, client: Client
) -> None:
    back = service.authorize(client.get(GO)["Location"])
    stranger = Client()
    assert stranger.get(back)["Location"] == "/sign-in/"
    assert client.get(back)["Location"] == SECOND
    assert client.get(back)["Location"] == "/sign-in/"
    assert causes() == ['{"cause":"too-late"}'] * 2


@pytest.mark.req("R-IN-15")
@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({"state": "another", "code": "x"}, "state"),
        ({"error": "access_denied"}, "cancelled"),
        ({"code": "unknown"}, "unreachable"),
        ({"code": "x", "iss": "https://elsewhere.example"}, "issuer"),
    ],
)
def test_an_answer_that_does_not_fit_what_was_asked_is_refused(
    linked: Newcomer, service: SmallProvider, client: Client, told: dict[str, str], cause: str
) -> None:
    client.get(GO)
    state = client.session["provider_way"]["state"]
    assert client.get(BACK, {"state": state} | told)["Location"] == "/sign-in/"
    assert causes() == [f'{{"cause":"{cause}"}}']


@pytest.mark.req("R-IN-15")
def test_an_answer_after_five_minutes_is_too_late(
    linked: Newcomer, service: SmallProvider, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = service.authorize(client.get(GO)["Location"])
    late = time.time() + 301
    monkeypatch.setattr("trials.views.provider.time.time", lambda: late)
    assert client.get(back)["Location"] == "/sign-in/"
    assert not is_in(client)


@pytest.mark.req("R-IN-15")
def test_a_service_that_names_itself_otherwise_is_not_asked(service: SmallProvider, client: Client) -> None:
    service.issuer = "https://elsewhere.example"
    assert client.get(GO)["Location"] == "/sign-in/"
    assert causes() == ['{"cause":"issuer"}']


@pytest.mark.req("R-IN-15")
def test_a_link_that_somebody_else_began_is_not_made(
    ada: Newcomer, cast: Cast, service: SmallProvider, client: Client
) -> None:
    client.force_login(ada.user)
    client.post(LINK, {"password": PASSWORD, "code": ada.code()})
    kept = client.session
    kept["provider_way"] |= {"account": cast.alba.pk}
    kept.save()
    state = client.session["provider_way"]["state"]
    nonce = client.session["provider_way"]
    asked = f"{service.address}/authorize?response_type=code&code_challenge_method=S256&state={state}"
    asked += (
        f"&redirect_uri=http://testserver{BACK}&nonce={nonce['nonce']}&code_challenge={challenge(nonce['verifier'])}"
    )
    client.get(service.authorize(asked))
    assert not ProviderLink.objects.exists()
    assert causes() == ['{"cause":"account"}']


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.mark.req("R-IN-14")
def test_without_a_service_there_is_no_way_to_one(cast: Cast, client: Client) -> None:
    assert client.get(GO).status_code == 404
    assert GO not in client.get("/sign-in/").content.decode()
    client.force_login(cast.alba)
    assert client.get(LINK).status_code == 404


@pytest.mark.req("R-IN-19")
def test_the_clients_secret_comes_from_the_environment_or_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORELAB_OIDC_ISSUER", "https://login.house.example")
    monkeypatch.setenv("CORELAB_OIDC_CLIENT_ID", CLIENT)
    with pytest.raises(SecretUnsafe):
        provider_in(tmp_path)
    kept = tmp_path / "oidc.secret"
    kept.write_text(f"{SECRET}\n")
    kept.chmod(0o644)
    with pytest.raises(SecretUnsafe):
        provider_in(tmp_path)
    kept.chmod(0o600)
    told = provider_in(tmp_path)
    assert told is not None
    assert told.client_secret == SECRET
    assert SECRET not in repr(told)


@pytest.mark.req("R-IN-19")
@pytest.mark.parametrize("issuer", ["http://login.house.example", "ftp://x", "login.house.example"])
def test_a_service_without_tls_refuses_the_start(issuer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORELAB_OIDC_ISSUER", issuer)
    monkeypatch.setenv("CORELAB_OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("CORELAB_OIDC_CLIENT_SECRET", SECRET)
    with pytest.raises(ImproperlyConfigured):
        provider_in(tmp_path)
    assert not is_safe(issuer)
