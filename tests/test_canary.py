"""Planted words that a role must not learn, looked for in every answer that the role can get by any channel (S18, I04).

Site, subject, dates, the other reader, the arm, an unblinding and the names of files are planted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from endpoints.models import Read, Unblinding
from endpoints.models.unblindings import key_of
from endpoints.services import assignments, reads
from endpoints.views import cases
from imaging.models import Submission
from tests.announcing import manifest_of
from tests.cast import Cast, actor_for
from tests.people import STAGE
from tests.test_access_matrix import OWN_PAGES, TABLE, Objects, _objects
from trials.models import Site, Subject, TimePoint, TrialSite, User
from trials.services import arms
from trials.services.arms import Given

HOSPITAL, CODE, NUMBER, SENDER = "Canarino Infirmary", "kanarisite", "KQ77X", "KANARI_AE"
OTHER_FIRST, OTHER_LAST, COMMENT = "Kanarra", "Otherreader", "KANARI-COMMENT"
ARM, KNOWN = "KANARI-ARM", "KANARI-KNOWN"
FILE, YEAR = "KANARI-FILE", 1997
SITE_NAMES = {HOSPITAL, SENDER}
OTHER_READER = {OTHER_FIRST, OTHER_LAST, COMMENT}
UNBLINDING = {ARM, KNOWN}
# Who works at the sites, judges or reads; the sponsor's colleagues at the core laboratory stand in reports.
PEOPLE = {OTHER_LAST, "Sitestaff", "Rhea", "Quinn", "Visitor", "rhea", "quinn"}
# Of the site that its monitor does not visit.
OTHER_SITE = {"BRISA_PACS", "Brisa"}
# No page of a reader tells a date, written as 1997-03-04 or as 04 Mar 1997. As patterns: the bare number is met by
# chance, in the length of a page or in the identifier of an act.
DATES = {rf"{YEAR}-\d\d-\d\d", rf"\d [A-Z][a-z]+ {YEAR}"}


@dataclass(frozen=True, slots=True)
class Blind:
    """Who must not meet which words, as patterns."""

    who: str
    words: frozenset[str]


def of(who: str, *words: set[str]) -> Blind:
    return Blind(who, frozenset({FILE}).union(*words))


SEALED = ({CODE, NUMBER}, SITE_NAMES, OTHER_READER, DATES, UNBLINDING)
BLIND = [
    of("reader", *SEALED),
    of("adjudicator", *SEALED),
    # These know sites by number and code, and results or scans, but never the hospital.
    of("analyst", SITE_NAMES, OTHER_READER, UNBLINDING),
    of("sponsor", SITE_NAMES, PEOPLE, {COMMENT}, UNBLINDING),
    of("visitor", OTHER_SITE, OTHER_READER, UNBLINDING),
    of("statistician", SITE_NAMES, {KNOWN}),
]


def plant(cast: Cast) -> None:
    """Dress site, sender, subject and the second reader in words that occur nowhere else."""
    with acting(STAGE, reason="planted"):
        Site.objects.filter(pk=cast.site_a.site_id).update(name=HOSPITAL, code=CODE)
        TrialSite.objects.filter(pk=cast.site_a.pk).update(number=NUMBER, ae_title=SENDER)
        User.objects.filter(pk=cast.second_reader.pk).update(first_name=OTHER_FIRST, last_name=OTHER_LAST)


def antedate(cast: Cast) -> None:
    with acting(STAGE, reason="planted"):
        Subject.objects.filter(pk=cast.subject_a.pk).update(day_zero=cast.subject_a.day_zero.replace(year=YEAR, day=4))
        for point in TimePoint.objects.filter(subject=cast.subject_a):
            TimePoint.objects.filter(pk=point.pk).update(due_on=point.due_on.replace(year=YEAR, day=5))


def unblind(cast: Cast) -> None:
    given = [Given(subject=cast.subject_a.code, arm=ARM)]
    arms.write_down(by=actor_for(cast.statistician), trial=cast.trial, given=given, reason="")
    with acting(STAGE, reason="planted"):
        # The register only grows; the stage's own entry is of a number before it.
        Unblinding.objects.create(
            pk=key_of(trial_id=cast.trial.pk, number=2),
            trial=cast.trial,
            number=2,
            kind=Unblinding.Kind.EMERGENCY,
            happened_on=cast.subject_a.day_zero,
            who="the site",
            known=KNOWN,
            impact="none",
            action="none",
            at=timezone.now(),
        )


def read_twice(cast: Cast, time_point: TimePoint) -> None:
    other = assignments.assign(by=actor_for(cast.coordinator), time_point=time_point, reader=cast.second_reader)
    reads.open_read(by=actor_for(cast.second_reader), assignment=other)
    with acting(STAGE, reason="planted"):
        Read.objects.filter(assignment=other).update(comment=COMMENT)


def send_named_file(cast: Cast) -> None:
    """Begin a delivery as a browser does, its piece under a name of a file."""
    client = Client()
    client.force_login(cast.alba)
    point = cast.subject_a.time_points.get(scheduled__code="FU1")
    made = client.post("/api/deliveries/", {"time_point": point.pk}, content_type="application/json")
    piece = SimpleUploadedFile(f"{FILE}.dcm", b"no image", content_type="application/dicom")
    root = f"/api/deliveries/{made.json()['id']}"
    client.post(f"{root}/manifest/", manifest_of([b"no image"]), content_type="application/json")
    assert client.post(f"{root}/pieces/", {"0.0": piece}).status_code == 200


@pytest.fixture
def stage(cast: Cast, filed: Submission) -> Objects:
    plant(cast)
    made = _objects(cast.trial, cast, filed, cast.reader, cast.coordinator)
    point = filed.time_point
    assert point is not None
    read_twice(cast, point)
    send_named_file(cast)
    unblind(cast)
    antedate(cast)
    return made


def told(answer: Any) -> str:
    """Everything that went out: status line, headers, cookies and body."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    head = [answer.reason_phrase, *(f"{name}: {value}" for name, value in answer.items()), answer.cookies.output()]
    return "\n".join([*head, body.decode("utf-8", errors="replace")])


def asked(name: str, method: str, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Ways to ask one address: as a browser does, as a script does, and in ways that are refused."""
    address = reverse(name.partition(":")[0], kwargs=arguments)
    yield {"path": address}
    if method == "get":
        yield {"path": address, "data": {"page": "x", "day": "0", "window": "LUNG", "version": "99999"}}
        yield {"path": f"{address}nowhere/", "headers": {"accept": "application/json"}}
        yield {"path": address, "headers": {"hx-request": "true", "accept": "application/json"}}
        yield {"path": address, "data": {"layer": "both"}}
    else:
        yield {"path": address, "data": {"layer": "both", "form": "jsonl"}}
        yield {"path": address, "data": "{", "content_type": "application/json"}


def answers(client: Client, objects: Objects) -> Iterator[tuple[str, str]]:
    rows = [(name, row.takes, method) for name, row in TABLE.items() for method, _ in row.methods()]
    rows += [(name, "", "get") for name in sorted(OWN_PAGES)]
    for name, takes, method in rows:
        for question in asked(name, method, objects.arguments[takes]):
            with transaction.atomic():
                answer = told(getattr(client, method)(**question))
                transaction.set_rollback(True)
            yield f"{method} {name}", answer


@pytest.mark.req("R-ROLE-09")
@pytest.mark.without_fences
@pytest.mark.django_db
@pytest.mark.parametrize("blind", BLIND, ids=lambda blind: blind.who)
def test_no_channel_tells_a_role_what_it_must_not_know(cast: Cast, stage: Objects, blind: Blind) -> None:
    client = Client()
    client.force_login(getattr(cast, blind.who))
    words = set(blind.words)
    if blind.who in {"reader", "adjudicator"}:
        words.add(cast.subject_a.code)
    if blind.who == "visitor":
        words.add(cast.subject_b.code)
    found = {
        f"{where}: {word}" for where, answer in answers(client, stage) for word in words if re.search(word, answer)
    }
    assert not found, "\n".join(sorted(found))


@pytest.mark.req("R-ROLE-09")
@pytest.mark.without_fences
@pytest.mark.django_db
def test_the_words_are_really_there_for_those_who_may_know(cast: Cast, stage: Objects) -> None:
    client = Client()
    client.force_login(cast.coordinator)
    read = Read.objects.get(assignment__reader=cast.second_reader)
    everything = "".join(answer for _, answer in answers(client, stage))
    everything += told(client.get(reverse("history", kwargs={"kind": "read", "key": read.pk})))
    planted = {HOSPITAL, CODE, NUMBER, SENDER, OTHER_FIRST, OTHER_LAST, COMMENT, KNOWN, *DATES}
    assert not {word for word in planted if not re.search(word, everything)}
    assert FILE not in everything
    assert ARM not in everything
    client.force_login(cast.statistician)
    assert ARM in told(client.get(reverse("arm-list", kwargs=stage.arguments["trial"])))


@pytest.mark.req("R-ROLE-09")
@pytest.mark.django_db
def test_a_fault_of_ours_tells_a_reader_nothing_of_the_case(
    cast: Cast, stage: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_told: object, **_more: object) -> None:
        raise RuntimeError(f"{HOSPITAL} {cast.subject_a.code}")

    monkeypatch.setattr(cases, "show_desk", break_down)
    client = Client(raise_request_exception=False)
    client.force_login(cast.reader)
    answer = client.get(reverse("read", kwargs=stage.arguments["assignment"]))
    assert answer.status_code == 500
    assert not [word for word in (HOSPITAL, cast.subject_a.code) if word in told(answer)]


@pytest.mark.req("R-ROLE-13")
@pytest.mark.django_db
def test_the_sponsors_trail_tells_the_work_and_no_person_site_reader_date_or_word(cast: Cast, stage: Objects) -> None:
    client = Client()
    client.force_login(cast.sponsor)
    address = reverse("trial-audit-export", kwargs=stage.arguments["trial"])
    hidden = {CODE, "Clara", "clara", "planted", *SITE_NAMES, *PEOPLE, *OTHER_READER, *DATES, *UNBLINDING}
    for form in ("csv", "jsonl"):
        trail = told(client.post(address, {"layer": "both", "form": form}))
        assert not {word for word in hidden if re.search(word, trail)}
        for word in ("read.opened", "scan.filed", "role.granted", cast.subject_a.code, "P-"):
            assert word in trail, word
