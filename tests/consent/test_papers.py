"""Forms, papers and the second person who confirms them."""

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction

from audit.models import AuditEvent
from imaging.services import doors, submissions
from tests.cast import (
    ALL_CHECKS,
    BASES,
    TODAY,
    Cast,
    actor_for,
    add_form,
    add_site,
    approve_form,
    confirm,
    give,
    new_consent,
)
from tests.cast import seat as take_seat
from tests.imaging.scans import baseline_of
from tests.people import person
from trials.agreement import Gate, Module, State
from trials.models import Consent, ConsentForm, Subject, TrialSite, User
from trials.roles import Role
from trials.services import consent, consent_checks, consent_forms, consents, subjects
from trials.services.consent_forms import NewForm
from trials.services.consents import NewAnswer, Paper

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
RESIGN: dict[str, Any] = {"scopes": tuple(ConsentForm.Scope.values), "approved_on": TODAY, "bases": BASES}


def code_of(refused: pytest.ExceptionInfo[ValidationError]) -> str:
    return str(refused.value.code)


def register(cast: Cast) -> Subject:
    """A subject whose paper waits for its check."""
    return subjects.register(
        by=actor_for(cast.alba), trial_site=cast.site_a, day_zero=TODAY, consent=new_consent(cast.form)
    )


def colleague(cast: Cast) -> User:
    anna = person("anna", "Anna Sitestaff")
    take_seat(cast.trial, cast.coordinator, anna, Role.SITE_STAFF, cast.site_a)
    return anna


@pytest.mark.req("R-CONS-03")
def test_no_scan_is_taken_before_a_second_person_confirmed_the_paper(cast: Cast) -> None:
    subject = register(cast)
    time_point = subject.time_points.get(scheduled__code="BL")
    with pytest.raises(ValidationError, match="nobody has confirmed it yet"):
        submissions.start(by=actor_for(cast.alba), time_point=time_point)
    confirm(cast.monitor, subject.consents.get())
    assert submissions.start(by=actor_for(cast.alba), time_point=time_point).state == "receiving"


@pytest.mark.req("R-CONS-03")
@pytest.mark.parametrize("who", ["colleague", "monitor"])
def test_a_colleague_at_the_site_or_the_monitor_confirms(cast: Cast, who: str) -> None:
    subject = register(cast)
    checker = colleague(cast) if who == "colleague" else cast.monitor
    row = confirm(checker, subject.consents.get())
    assert (row.recorded_by, row.scan_sha256) == (checker.username, row.of.scan_sha256 if row.of else "")
    assert AuditEvent.objects.get(act="consent.confirmed", object_id=str(subject.pk)).actor_id == checker.username


@pytest.mark.req("R-CONS-03")
def test_who_recorded_a_paper_does_not_check_it_and_the_core_laboratory_never_does(cast: Cast) -> None:
    paper = register(cast).consents.get()
    with pytest.raises(ValidationError) as refused:
        confirm(cast.alba, paper)
    assert code_of(refused) == "one-person"
    for name in ("coordinator", "analyst", "officer"):
        with pytest.raises(PermissionDenied):
            confirm(getattr(cast, name), paper)
    assert paper.subject.consents.count() == 1


@pytest.mark.req("R-CONS-03")
@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"pages": 4}])
def test_another_scan_confirms_nothing(cast: Cast, change: dict[str, object]) -> None:
    paper = register(cast).consents.get()
    seen = Paper(**({"sha256": paper.scan_sha256, "pages": 3} | change))  # type: ignore[arg-type]
    with pytest.raises(ValidationError) as refused:
        consent_checks.confirm(by=actor_for(cast.monitor), paper=paper, seen=seen, checks=ALL_CHECKS)
    assert code_of(refused) == "other-scan"


@pytest.mark.req("R-CONS-03")
@pytest.mark.parametrize("missing", ALL_CHECKS)
def test_every_line_of_the_checklist_must_hold(cast: Cast, missing: str) -> None:
    paper = register(cast).consents.get()
    seen = Paper(sha256=paper.scan_sha256, pages=3)
    checks = tuple(each for each in ALL_CHECKS if each != missing)
    with pytest.raises(ValidationError) as refused:
        consent_checks.confirm(by=actor_for(cast.monitor), paper=paper, seen=seen, checks=checks)
    assert code_of(refused) == "checklist"


@pytest.mark.req("R-CONS-03")
def test_a_rejected_paper_is_invalid_until_a_new_one_is_signed(cast: Cast) -> None:
    subject = register(cast)
    paper = subject.consents.get()
    consent_checks.reject(by=actor_for(cast.monitor), paper=paper, note="the second signature has no date")
    assert consent.standing_of(subject).state_of(Module.IMAGING) is State.INVALID
    with pytest.raises(ValidationError) as refused:
        confirm(cast.monitor, paper)
    assert code_of(refused) == "checked"
    give(cast.alba, cast.monitor, subject, cast.form)
    assert consent.allows(subject, Gate.RECEIVE, time_point=baseline_of(cast))


@pytest.mark.req("R-CONS-01")
def test_rows_of_consent_are_added_and_never_changed(cast: Cast, owner: None) -> None:
    for attempt in (
        lambda: Consent.objects.update(kind=Consent.Kind.CONFIRMED),
        lambda: connection.cursor().execute("DELETE FROM trials_consent"),
        lambda: ConsentForm.objects.update(scopes=[]),
        lambda: cast.form.approvals.update(approved_on=TODAY - DAY),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()


@pytest.mark.req("R-CONS-01")
def test_who_was_asked_and_refused_is_on_record_and_opens_nothing(cast: Cast) -> None:
    by, secondary = actor_for(cast.alba), (ConsentForm.Scope.SECONDARY.value,)
    told: dict[str, Any] = {"form": cast.form, "language": "en", "on": TODAY, "scopes": secondary}
    consents.answer(by=by, subject=cast.subject_a, new=NewAnswer(kind=Consent.Kind.REFUSED, **told))
    assert not consent.allows(cast.subject_a, Gate.SECONDARY)
    assert consent.allows(cast.subject_a, Gate.READ)
    with pytest.raises(ValidationError) as refused:
        consents.answer(by=by, subject=cast.subject_a, new=NewAnswer(kind=Consent.Kind.GIVEN, **told))
    assert code_of(refused) == "wrong-state"


@pytest.mark.req("R-CONS-04")
def test_a_version_is_signed_at_a_site_only_from_its_approval_there_on_and_in_that_language(cast: Cast) -> None:
    site = add_site(cast.trial, cast.coordinator, code="cima", number="03", ae_title="")
    cora = person("cora", "Cora Sitestaff")
    take_seat(cast.trial, cast.coordinator, cora, Role.SITE_STAFF, site)

    def try_it(**told: object) -> str:
        try:
            subjects.register(
                by=actor_for(cora), trial_site=site, day_zero=TODAY, consent=new_consent(cast.form, **told)
            )
        except ValidationError as refusal:
            return str(refusal.code)
        return "registered"

    assert try_it() == "not-live"
    approve_form(cast.coordinator, cast.form, site)
    assert try_it(language="es") == "not-approved"
    assert try_it(on=TODAY - DAY) == "date"
    assert try_it() == "registered"


@pytest.mark.req("R-CONS-04")
def test_a_site_without_an_approved_version_is_not_live(cast: Cast) -> None:
    site = add_site(cast.trial, cast.coordinator, code="cima", number="03", ae_title="CIMA_PACS")
    assert [consent_forms.is_live(each) for each in TrialSite.objects.order_by("number")] == [True, True, False]
    assert doors.sender("CIMA_PACS") is None
    approve_form(cast.coordinator, cast.form, site)
    assert consent_forms.is_live(site)
    assert doors.sender("CIMA_PACS") == site
    with pytest.raises(ValidationError, match="already exists"):
        approve_form(cast.coordinator, cast.form, site)


@pytest.mark.req("R-CONS-04")
def test_a_mandatory_module_cannot_be_left_out_and_an_optional_one_can(cast: Cast) -> None:
    computing = ConsentForm.Scope.COMPUTING.value
    form = add_form(cast.coordinator, cast.trial, "2.0", mandatory=(computing,))
    for scopes, refusal in ((("imaging",), "mandatory"), (("computing",), "Without consent to imaging")):
        with pytest.raises(ValidationError, match=refusal):
            give(cast.alba, cast.monitor, cast.subject_a, form, scopes=scopes)
    give(cast.alba, cast.monitor, cast.subject_a, form, scopes=("imaging", "computing"))
    assert consent.allows(cast.subject_a, Gate.COMPUTE)
    assert not consent.allows(cast.subject_a, Gate.EXPORT)


@pytest.mark.req("R-CONS-05")
@pytest.mark.parametrize(("reconsent", "is_stopped"), [("none", False), ("ask", False), ("block", True)])
def test_a_new_version_stops_the_next_scan_only_where_it_says_so(
    cast: Cast, reconsent: str, *, is_stopped: bool
) -> None:
    new = NewForm(version="2.0", supersedes=cast.form, reconsent=reconsent, **RESIGN)
    form = consent_forms.add(by=actor_for(cast.coordinator), trial=cast.trial, new=new)
    time_point = baseline_of(cast)
    assert consent.allows(cast.subject_a, Gate.RECEIVE, time_point=time_point)
    approve_form(cast.coordinator, form, cast.site_a)
    assert consent.allows(cast.subject_a, Gate.RECEIVE, time_point=time_point) is not is_stopped
    assert consent.allows(cast.subject_b, Gate.RECEIVE)
    assert consent.allows(cast.subject_a, Gate.READ)
    with pytest.raises(ValidationError) as refused:
        give(cast.alba, cast.monitor, cast.subject_a, cast.form)
    assert code_of(refused) == "old-form"
    give(cast.alba, cast.monitor, cast.subject_a, form)
    assert consent.allows(cast.subject_a, Gate.RECEIVE, time_point=time_point)
    assert consent.standing_of(cast.subject_a).state_of(Module.IMAGING) is State.VALID


@pytest.mark.req("R-CONS-04", "R-CONS-17")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scopes": ("computing",)}, "mandatory"),
        ({"mandatory": ("secondary",), "scopes": ("imaging",)}, "mandatory"),
        ({"reconsent": "ask"}, "reconsent"),
        ({"bases": {"imaging": "research"}}, "basis"),
        ({"bases": BASES | {"secondary": "because"}}, "basis"),
        ({"approved_on": TODAY + 9 * DAY}, "future"),
    ],
)
def test_a_version_that_does_not_fit_is_refused(cast: Cast, change: dict[str, object], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        add_form(cast.coordinator, cast.trial, "2.0", **change)
    assert code_of(refused) == code
