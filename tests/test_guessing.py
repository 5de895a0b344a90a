"""Guessing: what is asked for by a guessed id, or by parameters that nobody offers, tells and changes nothing."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditEvent
from imaging.models import Series, Submission
from tests.cast import Cast
from tests.test_access_matrix import GUESSERS, ROLES, TABLE, Objects, foreign, of_kind, own  # noqa: F401  fixtures too
from trials.codes import new_code

pytestmark = [pytest.mark.django_db, pytest.mark.without_fences]
# What differs in every answer: ids of requests, tokens of forms.
PASSING = re.compile(r'[0-9A-Za-z]{64}|[0-9a-f]{32}|nonce="[^"]+"')
FAR = 987_654_321


def asked(client: Client, method: str, name: str, arguments: dict[str, Any]) -> HttpResponse:
    """Ask, and take back whatever it did."""
    address = reverse(name.partition(":")[0], kwargs=arguments)
    with transaction.atomic():
        answer: Any = getattr(client, method)(address, **of_kind(name, method))
        transaction.set_rollback(True)
    return answer  # type: ignore[no-any-return]  # Django's client answers with more than it says


def without(answer: HttpResponse, arguments: dict[str, Any]) -> tuple[int, list[str], str]:
    """Status, names of headers and body, without what was asked for and what always differs."""
    body = PASSING.sub("", answer.content.decode())
    for value in sorted((str(value) for value in arguments.values()), key=len, reverse=True):
        body = body.replace(value, "?") if len(value) > 2 else body
    return answer.status_code, sorted(answer.headers), body


def invented(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same kind of arguments, of nothing that exists."""
    return {name: _invented(name, value) for name, value in arguments.items()}


def _invented(name: str, value: Any) -> Any:
    match name, value:
        case "kind" | "version" | "index", _:
            return value
        case _, UUID():
            return uuid4()
        case _, int():
            return FAR
        case "key", _:
            return str(uuid4()) if "-" in value else str(FAR)
        case "code", "BOREAL":
            return "AUSTER"
        case _:
            return new_code()


@pytest.mark.req("R-SEC-02")
def test_what_is_foreign_answers_exactly_like_what_does_not_exist(cast: Cast, foreign: Objects) -> None:  # noqa: F811
    wrong = []
    for letter in GUESSERS:
        who, client = ROLES[letter], Client()
        client.force_login(getattr(cast, who))
        for name, row in TABLE.items():
            for method, _allowed in row.methods() if row.takes else ():
                there, nowhere = foreign.arguments[row.takes], invented(foreign.arguments[row.takes])
                one = without(asked(client, method, name, there), there)
                other = without(asked(client, method, name, nowhere), nowhere)
                if one != other or one[0] != 404:
                    wrong.append(f"{name} {method} as {who}: {one[0]} {len(one[2])}, {other[0]} {len(other[2])}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("R-SEC-02")
def test_walking_along_neighbouring_numbers_shows_a_site_nothing_but_its_own(cast: Cast, own: Objects) -> None:  # noqa: F811
    """Series, time points, queries, seats and rows of history have numbers that can be counted."""
    client = Client()
    client.force_login(cast.brisa)
    secret = (cast.subject_a.code, "Alba Hospital", str(Submission.objects.get(trial_site=cast.site_a).pk))
    highest = Series.objects.order_by("-pk").values_list("pk", flat=True)[0] + 12
    names = ("series", "time-point", "site-correct", "history:series", "history:time-point", "history:site")
    for name in names:
        arguments = own.arguments[TABLE[name].takes]
        place = "key" if "key" in arguments else "pk"
        for number in range(highest):
            answer = asked(client, "get", name, arguments | {place: type(arguments[place])(number)})
            assert answer.status_code in (200, 403, 404), (name, number)
            assert not [word for word in secret if word in answer.content.decode()], (name, number)


KEYS = (
    "trial_site__trial__code", "subject__code__startswith", "code__regex", "_connector", "_negated", "password",
    "user__password__startswith", "pk__in", "id", "id;DROP TABLE trials_trial", "order_by", "ordering", "sort", "q",
    "search", "fields", "format", "filter[code]", "code[]", "__class__", "extra", "trial", "subject__trial_site__site__name",
)  # fmt: skip
VALUES = ("TUNDRA", "BOREAL", "__all__", "-pk", "OR", "1 OR 1=1", "';--", "\0", "9" * 400, "[]", "{}", "%", ".*", "٣")
PAGES = ("-1", "0", "9" * 30, "\0", "1e9", "NaN", "--", "", "[]")
LONG = "k" * 10_000
LISTS = (
    "/", "/reads/", "/trials/TUNDRA/", "/trials/TUNDRA/sites/", "/trials/TUNDRA/subjects/", "/trials/TUNDRA/deliveries/",
    "/trials/TUNDRA/reads/", "/trials/TUNDRA/results/", "/trials/TUNDRA/reports/", "/trials/TUNDRA/charter/",
    "/trials/TUNDRA/send/", "/trials/TUNDRA/audit/", "/trials/TUNDRA/audit/reviews/", "/operator/trials/user/",
    "/operator/audit/letter/", "/api/trials/", "/api/trials/TUNDRA/sites/", "/api/trials/TUNDRA/subjects/",
    "/api/trials/TUNDRA/time-points/", "/api/trials/TUNDRA/results/",
)  # fmt: skip
FILTERS = ("code", "subject", "site", "state", "act", "person", "layer", "kind", "text", "since", "until", "version")


def queries(address: str) -> list[dict[str, Any]]:
    """Every key with every odd value; a page ignores what it does not know, a list of the API is asked one by one."""
    by_page: list[dict[str, Any]] = [dict.fromkeys(("page", "limit", "offset", "p"), value) for value in PAGES]
    long: list[dict[str, Any]] = [{LONG: "1"}, {"code": LONG}, {"code": ["a", "b"], "page": ["1", "2"]}]
    if address.startswith("/api/"):
        return [*({name: value} for name in FILTERS for value in VALUES[1::3]), *by_page, *long]
    return [*(dict.fromkeys((*KEYS, *FILTERS), value) for value in VALUES), *by_page, *long]


@pytest.mark.req("R-SEC-03")
@pytest.mark.parametrize("address", LISTS)
def test_no_parameter_is_a_fault_or_shows_a_row_that_is_not_ones_own(
    cast: Cast,
    foreign: Objects,  # noqa: F811
    address: str,
) -> None:
    for who in (cast.operator,) if address.startswith("/operator") else (cast.coordinator, cast.brisa):
        client = Client()
        client.force_login(who)
        client.raise_request_exception = False
        secret = ["BOREAL", foreign.arguments["subject"]["code"]]
        secret += [cast.subject_a.code, "Alba Hospital"] if who == cast.brisa else []
        plain = client.get(address)
        for query in queries(address):
            answer = client.get(address, query)
            assert answer.status_code < 500, (address, query)
            told = [value for values in query.values() for value in ([values] if isinstance(values, str) else values)]
            seen = answer.content.decode()
            assert not [word for word in secret if word in seen and word not in told], (address, query)
            if plain.status_code != 200:
                assert answer.status_code in (plain.status_code, 400), (address, query)


@pytest.mark.req("R-SEC-03")
@pytest.mark.parametrize("address", [each for each in LISTS if each.startswith("/api/") and "results" not in each])
def test_a_key_that_a_list_does_not_offer_is_refused_and_never_asked_of_the_database(
    cast: Cast, client: Client, address: str
) -> None:
    client.force_login(cast.coordinator)
    usual = client.get(address)
    assert usual.status_code == 200
    for key in (*KEYS, LONG):
        with CaptureQueriesContext(connection) as asked_for:
            answer = client.get(address, {key: "TUNDRA"})
        assert (answer.status_code, "results" in answer.json()) == (400, False), key
        assert not [each["sql"] for each in asked_for if "__" in key and key in each["sql"]], key


@pytest.mark.req("R-SEC-03")
@pytest.mark.parametrize(
    "key", ["password__startswith", "user__password__startswith", "groups__name", "e", "_to_field"]
)
def test_the_operators_list_cannot_be_asked_for_a_password_letter_by_letter(
    cast: Cast, client: Client, key: str
) -> None:
    client.force_login(cast.operator)
    client.raise_request_exception = False
    address = "/operator/trials/user/"
    told = {client.get(address, {key: value}).status_code for value in ("argon2", "nothing", "a", "zz")}
    assert told <= {302, 400} or told == {200}
    pages = {
        re.sub(PASSING, "", client.get(address, {key: value}, follow=True).content.decode()) for value in ("m", "z")
    }
    assert len({page.count("field-username") for page in pages}) == 1


@pytest.mark.req("R-ACC-14")
def test_who_guesses_leaves_one_event_for_each_kind_of_address_and_nothing_of_the_guess(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.brisa)
    for code in (cast.subject_a.code, new_code(), new_code()):
        assert client.get(f"/subjects/{code}/").status_code == 404
        assert client.get(f"/api/trials/AUSTER/subjects/{code}/").status_code == 404
    told = AuditEvent.objects.filter(act="access.not_found", actor_id="brisa").order_by("sequence")
    assert [event.object_id for event in told] == ["subject", "api-subject"]
    assert {(event.trial_code, event.before, event.after, event.reason) for event in told} == {("", "{}", "{}", "")}
    client.force_login(cast.alba)
    assert client.get(f"/subjects/{new_code()}/").status_code == 404
    assert AuditEvent.objects.filter(act="access.not_found", actor_id="alba").count() == 1
