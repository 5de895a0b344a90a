"""The whole access policy as one table: who may open or post to which address, on their own trial's objects.

An address that serves several kinds of object has a row for each: history:subject.

Everybody not named in a row is refused (403 or 404), the other site's staff and strangers with 404 wherever an object
of site 01 is named, and on another trial's objects everybody is. The test fails for an address without a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from audit.context import acting
from endpoints.services import assignments, reads
from imaging.models import QCDecision, Query, Series, Submission
from reports import services as reports
from tests.cast import Cast, actor_for, add_site, found_trial, person, register, seat, write_charter
from tests.imaging.scans import ct_series, drive, send
from tests.people import STAGE
from tests.signing import decide, release
from trials.models import ConsentForm, TimePoint, Trial
from trials.roles import Role
from trials.services import charters, subjects, trials

ROLES = {
    "C": "coordinator",
    "A": "alba",
    "B": "brisa",
    "Q": "analyst",
    "R": "reader",
    "Z": "second_reader",
    "S": "sponsor",
    "M": "monitor",
    "D": "officer",
    "O": "operator",
    "X": "stranger",
}


# Served, sent on, refused for its body, or (286) told that there is nothing left to poll for.
OPEN = (200, 286, 302, 400, 409, 422)


@dataclass(frozen=True, slots=True)
class Row:
    """Who may GET, POST and PATCH; `takes` names the object in the address."""

    get: str = ""
    post: str = ""
    patch: str = ""
    takes: str = ""
    of_site: bool = False

    def methods(self) -> list[tuple[str, str]]:
        """Each method that the address has, with who may use it."""
        offered = (("get", self.get), ("post", self.post), ("patch", self.patch))
        return [(method, allowed) for method, allowed in offered if allowed]


# Pages about oneself.
EVERYBODY = "".join(ROLES)

TABLE = {
    "second-factor": Row(get=EVERYBODY),
    "second-factor-enrol": Row(get=EVERYBODY, post=EVERYBODY),
    "second-factor-remove": Row(post=EVERYBODY),
    "trial-create": Row(get="C", post="C"),
    "trial": Row(get="CABQSMD", takes="trial"),
    "trial-open": Row(post="C", takes="trial"),
    "trial-correct": Row(get="C", post="C", takes="trial"),
    "charter": Row(get="CABQSMD", takes="trial"),
    "charter-settings": Row(post="C", takes="charter"),
    "charter-time-point-add": Row(post="C", takes="charter"),
    "charter-approve": Row(get="C", post="C", takes="charter"),
    "charter-amend": Row(post="C", takes="charter"),
    "charter-time-point-remove": Row(post="C", takes="planned"),
    "charter-requirement-add": Row(post="C", takes="planned"),
    "site-list": Row(get="CABQMD", takes="trial"),
    "site-add": Row(get="C", post="C", takes="trial"),
    "site-correct": Row(get="C", post="C", takes="site", of_site=True),
    "member-add": Row(get="C", post="C", takes="trial"),
    "member-end": Row(get="C", post="C", takes="membership"),
    "subject-list": Row(get="CABQMD", takes="trial"),
    "subject-register": Row(get="CAB", post="CAB", takes="trial"),
    "consent-form-add": Row(get="C", post="C", takes="trial"),
    "subject": Row(get="CAQMD", takes="subject", of_site=True),
    "subject-correct": Row(get="CA", post="CA", takes="subject", of_site=True),
    "consent-give": Row(get="CA", post="CA", takes="subject", of_site=True),
    "consent-withdraw": Row(get="CA", post="CA", takes="subject", of_site=True),
    "trial-audit": Row(get="CMD", takes="trial"),
    "trial-audit-export": Row(post="CMD", takes="trial"),
    "trail-mask": Row(get="D", post="D", takes="trial"),
    "trial-reviews": Row(get="CMD", post="CMD", takes="trial"),
    "history:trial": Row(get="CABQSMD", takes="history_trial"),
    "history:charter": Row(get="CABQSMD", takes="history_charter"),
    "history:site": Row(get="CAQMD", takes="history_site", of_site=True),
    "history:role": Row(get="CMD", takes="history_role"),
    "history:subject": Row(get="CAQMD", takes="history_subject", of_site=True),
    "history:time-point": Row(get="CAQMD", takes="history_time_point", of_site=True),
    "history:query": Row(get="CAQMD", takes="history_query", of_site=True),
    "history:delivery": Row(get="CAQMD", takes="history_delivery", of_site=True),
    "history:series": Row(get="CAQMD", takes="history_series", of_site=True),
    # Blinded readers have a history of their own, and no other.
    "history:assignment": Row(get="CMD", takes="history_assignment"),
    "history:read": Row(get="CMD", takes="history_read"),
    "read-history": Row(get="R", takes="assignment"),
    "history:report": Row(get="CSMD", takes="history_report"),
    "api-trial": Row(get="CABQSMD", patch="C", takes="trial"),
    "api-sites": Row(get="CABQMD", takes="trial"),
    "api-site": Row(get="CAQMD", patch="C", takes="site", of_site=True),
    "api-subject": Row(get="CAQMD", patch="CA", takes="api_subject", of_site=True),
    "api-subjects": Row(get="CABQMD", takes="trial"),
    "api-time-points": Row(get="CABQMD", takes="trial"),
    "submission-list": Row(get="CABQD", takes="trial"),
    "send": Row(get="AB", post="AB", takes="trial"),
    "submission": Row(get="CAQD", takes="submission", of_site=True),
    "submission-state": Row(get="CAQD", takes="submission", of_site=True),
    "submission-receipt": Row(get="CAQD", takes="submission", of_site=True),
    "submission-assign": Row(post="CA", takes="submission", of_site=True),
    "submission-discard": Row(post="CAD", takes="submission", of_site=True),
    "time-point": Row(get="CAQMD", takes="time_point", of_site=True),
    "qc-decide": Row(get="Q", post="Q", takes="time_point", of_site=True),
    "query-answer": Row(post="A", takes="query", of_site=True),
    "series": Row(get="CAQM", takes="series", of_site=True),
    "series-frame": Row(get="CAQM", takes="frame", of_site=True),
    "api-delivery": Row(get="CAQD", takes="submission", of_site=True),
    "api-delivery-pieces": Row(get="CAQD", post="A", takes="submission", of_site=True),
    "api-delivery-complete": Row(post="A", takes="submission", of_site=True),
    "api-delivery-receipt": Row(get="CAQD", takes="submission", of_site=True),
    "read": Row(get="R", takes="assignment"),
    "read-open": Row(post="R", takes="assignment"),
    "read-frame": Row(get="R", takes="read_frame"),
    "read-lesion-add": Row(post="R", takes="assignment"),
    "read-lesion-remove": Row(post="R", takes="assignment"),
    "read-measure": Row(post="R", takes="assignment"),
    "read-lock": Row(get="R", post="R", takes="assignment"),
    "assignment-list": Row(get="C", takes="trial"),
    "assign": Row(post="C", takes="trial"),
    "assign-all": Row(post="C", takes="trial"),
    "results": Row(get="CSM", takes="trial"),
    "report-list": Row(get="CSM", takes="trial"),
    "report-build": Row(post="C", takes="trial"),
    "report": Row(get="CSM", takes="report"),
    "report-release": Row(get="C", post="C", takes="report"),
    "report-sealing": Row(get="CSM", takes="report"),
    "report-download": Row(get="CSM", takes="report"),
    "report-contents": Row(get="CSM", takes="report"),
    "api-results": Row(get="CSM", takes="trial"),
    # Anybody who has a report may ask about it; the answer tells nothing of a trial that is not theirs.
    "verify-report": Row(get=EVERYBODY, post=EVERYBODY),
    "verify-root": Row(get=EVERYBODY),
}
# Where there is a vault of identities; tests/identity walks these.
OF_THE_VAULT = {
    "identity-list": Row(get="ABD", takes="trial"),
    "identity": Row(get="AD", takes="subject", of_site=True),
    "identity-record": Row(get="A", post="A", takes="subject", of_site=True),
    "identity-correct": Row(get="A", post="A", takes="subject", of_site=True),
    "identity-unlock": Row(get="AD", post="AD", takes="subject", of_site=True),
    "identity-window": Row(get="AD", post="AD", takes="window", of_site=True),
    "identity-approve": Row(get="AD", post="AD", takes="window", of_site=True),
    "identity-close": Row(post="AD", takes="window", of_site=True),
}
# Everybody who is signed in may open these; they show a person only what is theirs.
OWN_PAGES = {"home", "worklist", "api-trials"}
# A body decides here; that the rows behind it are fenced is tested beside their services.
BY_BODY = {"api-delivery-list"}
PUBLIC = {"healthz", "sign-in", "sign-out", "operator-door", "operator-leave"}


def names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield str(pattern.name)
        elif pattern.namespace != "admin":
            yield from names(pattern.url_patterns)


@dataclass(frozen=True, slots=True)
class Objects:
    """One of each, in one trial."""

    arguments: dict[str, dict[str, Any]]


def _objects(trial: Trial, cast: Cast, submission: Submission, reader: Any, coordinator: Any) -> Objects:
    time_point = submission.time_point
    assert time_point is not None
    Query.objects.create(time_point=time_point, opened_at=timezone.now())
    decide(cast.analyst, time_point, QCDecision.Verdict.ACCEPTED)
    assignment = assignments.assign(by=actor_for(coordinator), time_point=time_point, reader=reader)
    reads.open_read(by=actor_for(reader), assignment=assignment)
    report = reports.build(by=actor_for(coordinator), trial=trial, cut_off=timezone.localdate())
    release(coordinator, report)
    draft = charters.amend(
        by=actor_for(coordinator), charter=trial.charters.get(state="approved"), reason="more visits"
    )
    planned = draft.time_points.first()
    series = Series.objects.get(study__time_point=time_point)
    membership = trial.memberships.get(user=reader)
    code = {"code": trial.code}
    assert planned is not None
    return Objects(
        {
            "": {},
            "trial": code,
            "charter": code | {"version": draft.version},
            "planned": code | {"pk": planned.pk},
            "membership": {"pk": membership.pk},
            "site": code | {"pk": time_point.subject.trial_site_id},
            "subject": {"code": time_point.subject.code},
            "api_subject": code | {"subject": time_point.subject.code},
            "submission": {"pk": submission.pk},
            "time_point": {"pk": time_point.pk},
            "query": {"pk": time_point.queries.get().pk},
            "series": {"pk": series.pk},
            "frame": {"pk": series.pk, "index": 0},
            "assignment": {"pk": assignment.pk},
            "read_frame": {"pk": assignment.pk, "series": 0, "index": 0},
            "report": {"pk": report.pk},
            **_histories(trial, time_point, submission, series, assignment, report, membership),
        }
    )


def _histories(trial: Trial, time_point: TimePoint, submission: Submission, *rows: Any) -> dict[str, dict[str, Any]]:
    series, assignment, report, membership = rows
    of_site = {
        "history_site": time_point.subject.trial_site,
        "history_subject": time_point.subject,
        "history_time_point": time_point,
        "history_query": time_point.queries.get(),
        "history_delivery": submission,
        "history_series": series,
    }
    of_trial = {
        "history_trial": trial,
        "history_charter": trial.charters.get(state="approved"),
        "history_role": membership,
        "history_assignment": assignment,
        "history_read": assignment.read,
        "history_report": report,
    }
    return {name: {"kind": row._meta.model_name, "key": str(row.pk)} for name, row in (of_site | of_trial).items()}


@pytest.fixture
def own(cast: Cast, filed: Submission) -> Objects:
    return _objects(cast.trial, cast, filed, cast.reader, cast.coordinator)


@pytest.fixture
def foreign(cast: Cast) -> Objects:
    """Another trial with other people; only the analyst and reader of it are shared, to make its objects."""
    otis, ines, lena = (person(name, f"{name.title()} Elsewhere") for name in ("otis", "ines", "lena"))
    trial = found_trial(otis, code="BOREAL")
    write_charter(trial, otis)
    trials.open_trial(by=actor_for(otis), trial=trial)
    site = add_site(trial, otis, code="cima", number="01", ae_title="")
    today = timezone.localdate()
    scopes = tuple(ConsentForm.Scope.values)
    form = subjects.add_consent_form(by=actor_for(otis), trial=trial, version="1", approved_on=today, scopes=scopes)
    seat(trial, otis, ines, Role.SITE_STAFF, site)
    seat(trial, otis, lena, Role.READER)
    seat(trial, otis, cast.analyst, Role.QC_ANALYST)
    subject = register(ines, site, form)
    submission = drive(send(ines, subject.time_points.get(scheduled__code="BL"), ct_series(seed="foreign")))
    trial.refresh_from_db()
    made = _objects(trial, cast, submission, lena, otis)
    with acting(STAGE, reason="years went by"):
        trial.memberships.filter(user=cast.analyst).update(
            starts=today.replace(year=2020), ends=today.replace(year=2021)
        )
    return made


def ask(client: Client, method: str, name: str, arguments: dict[str, Any]) -> int:
    """The status of a bare request; whatever it did is taken back."""
    address = reverse(name.partition(":")[0], kwargs=arguments)
    is_json = name.endswith("complete") or method == "patch"
    options = {"content_type": "application/json"} if is_json else {}
    with transaction.atomic():
        status = getattr(client, method)(address, **options).status_code
        transaction.set_rollback(True)
    return int(status)


def faults(cast: Cast, objects: Objects, name: str, row: Row) -> Iterator[str]:
    for letter, who in ROLES.items():
        client = Client()
        client.force_login(getattr(cast, who))
        for method, allowed in row.methods():
            status = ask(client, method, name, objects.arguments[row.takes])
            is_open = status in OPEN
            hidden = letter in "OX" or (letter == "B" and row.of_site)
            wanted = letter in allowed
            if (
                is_open != wanted
                or (not wanted and status not in (403, 404))
                or (hidden and row.takes and status != 404)
            ):
                yield f"{name} {method.upper()} as {who}: {status}"


@pytest.mark.req("R-ACC-10")
def test_every_address_stands_in_the_table() -> None:
    known = {name.partition(":")[0] for name in TABLE} | set(OF_THE_VAULT) | OWN_PAGES | BY_BODY | PUBLIC
    assert set(names(get_resolver().url_patterns)) == known


@pytest.mark.req("R-ACC-10")
@pytest.mark.django_db
def test_each_role_opens_what_the_table_says_and_nothing_else(cast: Cast, own: Objects) -> None:
    wrong = [fault for name, row in TABLE.items() for fault in faults(cast, own, name, row)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("R-ACC-11")
@pytest.mark.django_db
def test_another_trials_objects_are_404_to_everybody(cast: Cast, foreign: Objects) -> None:
    wrong = []
    for who in ROLES.values():
        client = Client()
        client.force_login(getattr(cast, who))
        for name, row in TABLE.items():
            for method, _allowed in row.methods():
                if row.takes and ask(client, method, name, foreign.arguments[row.takes]) != 404:
                    wrong.append(f"{name} {method.upper()} as {who}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.req("R-ACC-12")
@pytest.mark.django_db
def test_without_signing_in_nothing_but_the_door_opens(cast: Cast, own: Objects) -> None:
    client = Client()
    for name, row in TABLE.items():
        method = "get" if row.get else "post"
        assert ask(client, method, name, own.arguments[row.takes]) in (302, 401, 403), name


@pytest.mark.req("R-ACC-13")
@pytest.mark.django_db
def test_lists_show_the_site_only_its_own(cast: Cast, own: Objects) -> None:
    client = Client()
    client.force_login(cast.brisa)
    for name in ("trial", "subject-list", "submission-list", "api-subjects", "api-time-points", "send"):
        page = client.get(reverse(name, kwargs=own.arguments["trial"])).content.decode()
        assert cast.subject_a.code not in page, name
        assert "ALBA_PACS" not in page, name
