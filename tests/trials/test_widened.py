"""A row that the third fence hides must not become a right: every place that asks whether something is *not* there.

On PostgreSQL what our code asks here is fenced by who acts; on SQLite the same holds without a fence.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from audit.selectors import Wanted
from audit.signing import SignatureRefused
from imaging.models import Instance, QCDecision, Submission
from imaging.services import erasure, quality, quotas
from privacy.services import reapplying, recipients, tombstones
from tests.cast import TODAY, Cast, actor_for, add_form
from tests.endpoints.desk import assign
from tests.endpoints.scans import file_scan
from tests.imaging.scans import baseline_of
from tests.people import STAGE, nobody
from tests.signing import prove
from tests.test_access_matrix import Objects, foreign  # noqa: F401  a fixture
from trials.agreement import Gate, Why
from trials.forms import SiteForm, TrialForm
from trials.models import ConsentForm, Disclosure, Membership, Restriction, Subject, Trial, TrialSite, User
from trials.roles import Role
from trials.services import accounts, consent, restriction, trail, trials
from trials.services.corrections import SiteChange, correct_site, values_of

pytestmark = pytest.mark.django_db
FAR_PACS = "FAR_PACS"


@pytest.fixture
def far(cast: Cast) -> Trial:
    """A trial that nobody of the cast sees; a hospital of it sends under an AE title."""
    with acting(STAGE, reason="the test asks for it"):
        trial = Trial.objects.create(
            code="FAR", title="Far", protocol_number="F-1", sponsor=cast.trial.sponsor, wrapped_key=b"0" * 40
        )
        TrialSite.objects.create(trial=trial, site=cast.site_b.site, number="01", ae_title=FAR_PACS)
    return trial


def titled(title: str) -> dict[str, Any]:
    return {"number": "09", "code": "new", "name": "New", "time_zone": "UTC", "ae_title": title}


@pytest.mark.req("R-RLS-12")
def test_an_ae_title_of_a_trial_that_one_does_not_see_is_taken(cast: Cast, far: Trial) -> None:
    by = actor_for(cast.coordinator)
    with acting(by):
        assert "ae_title" in SiteForm(titled(FAR_PACS)).errors
        assert "ae_title" not in SiteForm(titled("FREE_PACS")).errors
    new = trials.NewSite(code="new", name="New", time_zone="UTC", number="09", ae_title=FAR_PACS)
    with pytest.raises(ValidationError):
        trials.add_site(by=by, trial=cast.trial, new=new)
    change = SiteChange(**(values_of(cast.site_a) | {"ae_title": FAR_PACS}))
    with pytest.raises(ValidationError) as refused:
        correct_site(by=by, trial_site=cast.site_a, change=change, reason="a slip")
    assert refused.value.error_dict["ae_title"][0].code == "taken"


@pytest.mark.req("R-RLS-12")
def test_a_code_of_a_trial_that_one_does_not_see_is_taken(cast: Cast, far: Trial) -> None:
    told = {"title": "Near", "protocol_number": "N-1", "sponsor_name": "S"}
    with acting(actor_for(cast.coordinator)):
        assert "code" in TrialForm(told | {"code": far.code}).errors
        assert "code" not in TrialForm(told | {"code": "NEAR"}).errors


@pytest.fixture
def reconsent(cast: Cast) -> ConsentForm:
    """A new version that everybody must sign before the next scan: its approvals are not a reader's to see."""
    return add_form(cast.coordinator, cast.trial, "2.0", supersedes=cast.form, reconsent=ConsentForm.Again.BLOCK)


def everybody(cast: Cast) -> Iterator[User]:
    yield from (cast.coordinator, cast.alba, cast.brisa, cast.reader, cast.second_reader, cast.stranger)


@pytest.mark.req("R-RLS-12")
def test_the_consent_gate_answers_the_same_whoever_asks(cast: Cast, reconsent: ConsentForm) -> None:
    assign(cast, cast.subject_a, "BL")
    for user in everybody(cast):
        with acting(actor_for(user)):
            subject = cast.subject_a
            assert consent.answer(subject, Gate.RECEIVE).why == Why.RECONSENT, user


@pytest.mark.req("R-RLS-12")
def test_a_restriction_holds_whoever_asks(cast: Cast) -> None:
    by, ground = actor_for(cast.officer), Restriction.Ground.ACCURACY
    restriction.restrict(by=by, subject=cast.subject_a, ground=ground, reason="a letter")
    for user in everybody(cast):
        with acting(actor_for(user)):
            assert consent.is_restricted(cast.subject_a), user
            assert consent.answer(cast.subject_a, Gate.READ).why == Why.RESTRICTED


@pytest.mark.req("R-RLS-12")
def test_what_leaves_is_written_down_also_where_its_taker_may_not_see_the_ledger(cast: Cast) -> None:
    taken = trail.export(by=actor_for(cast.alba), trial=cast.trial, wanted=Wanted(), form=trail.Form.CSV)
    line = Disclosure.objects.get(sha256=taken.sha256)
    assert set(line.codes) == set(Subject.objects.values_list("code", flat=True))
    assert {cast.subject_a.code, cast.subject_b.code} <= set(line.codes)


@pytest.mark.req("R-RLS-12")
def test_who_received_something_is_told_to_the_site_that_records_a_withdrawal(cast: Cast) -> None:
    with acting(STAGE):
        Disclosure.objects.create(
            trial=cast.trial,
            kind=Disclosure.Kind.RESULTS,
            recipient="Sponsor",
            purpose="the trial",
            what="results",
            sha256="0" * 64,
            subjects=f" {cast.subject_a.code} ",
            at=cast.form.approvals.get(trial_site=cast.site_a).recorded_at,
            by="clara",
        )
    with acting(actor_for(cast.alba)):
        assert [each.name for each in recipients.earlier_recipients(cast.subject_a)] == ["Sponsor"]


@pytest.mark.req("R-RLS-12")
def test_the_room_of_a_trial_counts_deliveries_of_every_site(cast: Cast, filed: Submission) -> None:
    by = actor_for(cast.brisa)
    with acting(by):
        used = {level.share: level.used for level in quotas.levels(by=by, trial_site=cast.site_b)}
    assert (used[quotas.Share.SITE].files, used[quotas.Share.TRIAL].files) == (0, filed.files_received)


@pytest.mark.req("R-RLS-12")
def test_an_object_that_an_unseen_trial_holds_too_outlives_an_erasure(
    cast: Cast,
    foreign: Objects,  # noqa: F811  the fixture
) -> None:
    other = Instance.objects.exclude(series__study__time_point__subject__trial_site__trial=cast.trial).first()
    assert other is not None
    file_scan(cast.subject_a, "BL")
    own = Instance.objects.filter(series__study__time_point__subject=cast.subject_a)
    shared, count = own.order_by("pk").first(), own.count()
    assert shared is not None
    with acting(STAGE, reason="equal bytes"):
        Instance.objects.filter(pk=shared.pk).update(sha256=other.sha256)
    officer = actor_for(cast.officer).acting_as(Role.DATA_PROTECTION_OFFICER)
    with acting(officer, reason="a request"):
        gone = erasure.destroy_images(by=officer, subject=cast.subject_a, reason="a request")
    assert len(gone) == count - 1
    assert other.sha256 not in {image.sha256 for image in gone}


@pytest.mark.req("R-RLS-12")
def test_a_form_that_was_signed_is_not_signed_again_by_somebody_who_cannot_see_that(
    cast: Cast, filed: Submission
) -> None:
    by, point = actor_for(cast.analyst), baseline_of(cast)
    verdict: dict[str, Any] = {"time_point": point, "verdict": QCDecision.Verdict.QUERIED, "comment": "which arm?"}
    offer = quality.offer_decision(by=by, seen=quality.shown_sha256(point), **verdict)
    quality.decide(by=by, proof=prove(by, offer), **verdict)
    with acting(actor_for(cast.stranger)), pytest.raises(SignatureRefused) as refused:
        quality.decide(by=actor_for(cast.stranger), proof=prove(by, offer), **verdict)
    assert refused.value.code == "replayed"


@pytest.mark.req("R-RLS-12")
def test_an_erasure_that_a_backup_undid_is_seen_by_a_page_where_nobody_acts(
    cast: Cast, settings: Any, tmp_path: Path
) -> None:
    settings.ERASURES_FILE = tmp_path / "erasures.jsonl"
    assert reapplying.is_clear()
    tombstones.append({"id": str(uuid4()), "trial": cast.trial.code})
    for asker in (nobody(), acting(actor_for(cast.alba)), acting(STAGE)):
        with asker:
            assert not reapplying.is_clear()


@pytest.mark.req("R-RLS-12")
def test_roles_of_other_days_are_told_to_their_holder(cast: Cast) -> None:
    with acting(STAGE, reason="the test asks for it"):
        Membership.objects.filter(user=cast.alba).update(
            starts=TODAY.replace(year=TODAY.year - 2), ends=TODAY.replace(year=TODAY.year - 1)
        )
    with acting(actor_for(cast.alba)):
        (held,) = accounts.roles_of(cast.alba)
        assert (held.trial.code, held.trial_site and held.trial_site.site.code) == ("TUNDRA", cast.site_a.site.code)
