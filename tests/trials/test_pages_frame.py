import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.cast import Cast

pytestmark = pytest.mark.django_db
TEMPLATES = Path(settings.BASE_DIR) / "templates"
ELSEWHERE = re.compile(r"""(?:src|href|action|srcset|url\()\s*=?\s*["'(]?(?:https?:)?//""", re.IGNORECASE)


def pages(cast: Cast) -> list[str]:
    trial, code = "/trials/TUNDRA/", cast.subject_a.code
    return [
        "/",
        trial,
        *(
            f"{trial}{part}/"
            for part in ("charter", "sites", "sites/new", "people/new", "subjects", "subjects/new", "audit")
        ),
        f"{trial}consent-forms/new/",
        *(f"/subjects/{code}/{part}" for part in ("", "consent/", "withdrawal/")),
        f"/history/subject/{cast.subject_a.pk}/",
        f"{trial}audit/reviews/",
        "/no-such-page/",
    ]


@pytest.mark.req("R-UI-03")
def test_no_page_loads_anything_from_another_host(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    for address in pages(cast):
        page = client.get(address).content.decode()
        assert not ELSEWHERE.search(page), address


@pytest.mark.req("R-UI-03")
def test_no_template_loads_from_another_host_or_carries_inline_code() -> None:
    for path in TEMPLATES.glob("**/*.html"):
        text = path.read_text()
        assert not ELSEWHERE.search(text), path.name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path.name
        assert all("nonce=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


@pytest.mark.req("R-UI-03")
def test_the_content_security_policy_is_strict_and_every_script_carries_its_nonce(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    nonces = set()
    for address in pages(cast):
        answer = client.get(address)
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        nonce = re.fullmatch(r"'self' 'nonce-([^']+)'", policy["script-src"])
        assert nonce, address
        assert (policy["default-src"], policy["style-src"], policy["object-src"]) == ("'self'", "'self'", "'none'")
        assert (policy["base-uri"], policy["form-action"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
        scripts = re.findall(r"<script[^>]*>", answer.content.decode())
        assert scripts
        assert all(f'nonce="{nonce.group(1)}"' in tag for tag in scripts), address
        nonces.add(nonce.group(1))
    assert len(nonces) == len(pages(cast))


@pytest.mark.req("R-UI-04")
def test_every_page_has_one_heading_a_skip_link_and_a_label_for_each_field(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    for address in pages(cast):
        page = client.get(address).content.decode()
        assert page.count("<h1>") == 1, address
        assert 'href="#content"' in page
        ids = re.findall(r'<(?:input|select|textarea)(?![^>]*type="(?:hidden|checkbox)")[^>]*\bid="([^"]+)"', page)
        assert all(f'for="{one}"' in page for one in ids), address
        assert len(re.findall(r'\bid="([^"]+)"', page)) == len(set(re.findall(r'\bid="([^"]+)"', page))), address


@pytest.mark.req("R-UI-04")
def test_a_refused_form_tells_the_error_on_top_and_beside_the_field(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    page = client.post("/trials/TUNDRA/sites/new/", {}).content.decode()
    assert 'role="alert"' in page
    assert 'href="#id_number"' in page
    assert re.search(r'<input[^>]*name="number"[^>]*aria-invalid="true"[^>]*aria-describedby="id_number_error"', page)


@pytest.mark.req("R-UI-05")
def test_a_foreign_object_answers_in_words_with_the_request_id(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    answer = client.get(f"/subjects/{cast.subject_b.code}/", headers={"x-request-id": "request-0815"})
    assert answer.status_code == 404
    assert answer.headers["X-Request-ID"] == "request-0815"
    page = answer.content.decode()
    assert "request-0815" in page
    assert "Nothing was changed" in page
    assert cast.subject_b.code not in page


@pytest.mark.req("R-UI-05")
def test_a_lacking_right_says_so(cast: Cast, client: Client) -> None:
    client.force_login(cast.sponsor)
    answer = client.get("/trials/TUNDRA/deliveries/")
    assert answer.status_code == 403
    assert "Your role in this trial does not include this." in answer.content.decode()


@pytest.mark.req("R-UI-05")
def test_a_form_without_its_token_is_refused_in_words(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.coordinator)
    answer = client.post("/trials/TUNDRA/open/")
    assert answer.status_code == 403
    assert "This form is too old" in answer.content.decode()


@pytest.mark.req("R-UI-05")
def test_a_fault_of_ours_is_told_without_the_database(
    cast: Cast, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("config.views.desks", fail)
    client.raise_request_exception = False
    client.force_login(cast.coordinator)
    answer = client.get("/", headers={"x-request-id": "request-0816"})
    page = answer.content.decode()
    assert answer.status_code == 500
    assert "request-0816" in page
    assert "Something broke on our side" in page
    assert "planted" not in page


@pytest.mark.req("R-UI-05")
def test_a_body_over_the_cap_is_refused_in_words(cast: Cast, client: Client) -> None:
    client.force_login(cast.coordinator)
    answer = client.post("/trials/new/", headers={"content-length": str(settings.REQUEST_CAP + 1)})
    assert answer.status_code == 413
    assert "too much for one request" in answer.content.decode()


def test_the_pulse_needs_no_sign_in(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"
