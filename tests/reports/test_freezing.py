"""What is frozen: the responses up to the cut-off, nobody's name, and nobody without consent."""

import datetime as dt

import pytest
from django.utils import timezone

from audit.selectors import head
from audit.services import canonical
from reports.contents import Contents, to_plain
from reports.selectors import freeze
from tests.cast import TODAY, Cast, give, withdraw
from tests.reports.rows import GROWN, HALVED, write_reads
from trials.agreement import Level
from trials.models import Charter, ConsentForm


def _freeze(cast: Cast, cut_off: dt.date = TODAY) -> Contents:
    return freeze(cast.trial, cut_off=cut_off, number=1)


def _narrow_consent(cast: Cast, *scopes: str) -> None:
    give(cast.alba, cast.monitor, cast.subject_a, cast.form, scopes=scopes)


@pytest.mark.req("R-REP-01")
def test_the_trial_its_charter_and_the_audit_head_are_frozen(cast: Cast) -> None:
    before = head()
    contents = _freeze(cast)
    assert contents.trial.code == "TUNDRA"
    assert contents.charter.version == cast.charter.version
    assert contents.charter.document_sha256 == contents.charter.approval.record_sha256
    assert contents.charter.approval.printed_name == "Clara Coordinator"
    assert [visit.code for visit in contents.charter.schedule] == ["BL", "FU1", "FU2"]
    assert (contents.audit.sequence, contents.audit.hash) == (before.sequence, before.hash)
    assert contents.software[0].name == "Corelab"


@pytest.mark.req("R-REP-02")
def test_each_read_stands_with_its_sum_change_response_and_hashes(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    (reading,) = _freeze(cast).readings
    assert reading.subject == cast.subject_a.code
    assert (reading.site, reading.reader) == ("01", "Reader 1")
    assert [visit.overall for visit in reading.visits] == ["BASELINE", "PR", "PR"]
    assert [str(visit.sum_mm) for visit in reading.visits] == ["80.0", "52.5", "31.5"]
    assert str(reading.best_change) == "-60.6"
    assert reading.best is not None
    assert reading.best.value == "PR"
    assert {visit.input_sha256 for visit in reading.visits} == {"b" * 64}


@pytest.mark.req("R-REP-02")
def test_everybody_registered_is_accounted_for(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    contents = _freeze(cast)
    assert contents.unread == (cast.subject_b.code,)
    counts = contents.counts
    assert (counts.registered, counts.reported, counts.unread, counts.excluded) == (2, 1, 1, 0)
    assert counts.locked_reads == 3


@pytest.mark.req("R-REP-02")
def test_what_was_locked_after_the_cut_off_is_not_in_it(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    yesterday = TODAY - dt.timedelta(days=1)
    assert _freeze(cast, yesterday).readings == ()
    assert len(_freeze(cast).readings) == 1


@pytest.mark.req("R-REP-06")
def test_readers_are_numbers_sites_are_numbers_and_free_comments_stay_behind(cast: Cast) -> None:
    earlier = timezone.now() - dt.timedelta(hours=1)
    write_reads(cast, cast.subject_a, reader=cast.second_reader, told=GROWN, best="PD", at=earlier)
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    contents = _freeze(cast)
    assert {(r.reader, r.best.value) for r in contents.readings if r.best} == {("Reader 1", "PD"), ("Reader 2", "PR")}
    text = canonical(to_plain(contents))
    for name in ("rhea", "Rhea", "rolf", "Rolf", "Hospital", "alba", "Alba", "clara", "free comment"):
        assert name not in text


@pytest.mark.req("R-REP-07")
def test_a_subject_without_consent_to_export_is_left_out_and_named_by_code_alone(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    _narrow_consent(cast, ConsentForm.Scope.IMAGING, ConsentForm.Scope.COMPUTING)
    contents = _freeze(cast)
    assert contents.readings == ()
    assert cast.subject_a.code not in contents.subjects
    (excluded,) = contents.excluded
    assert excluded.subject == cast.subject_a.code
    assert "does not cover" in excluded.reason
    assert contents.withdrawn == ()


@pytest.mark.req("R-REP-07")
def test_who_withdrew_at_w3_stays_and_is_marked_with_day_and_level(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    withdraw(cast.alba, cast.subject_a, reason="told the nurse")
    contents = _freeze(cast)
    assert [(one.subject, one.on, one.level) for one in contents.withdrawn] == [(cast.subject_a.code, TODAY, "W3")]
    assert contents.excluded == ()
    assert cast.subject_a.code in contents.subjects


@pytest.mark.req("R-REP-07")
def test_who_never_validly_consented_is_listed_and_left_out(cast: Cast) -> None:
    write_reads(cast, cast.subject_a, reader=cast.reader, told=HALVED, best="PR")
    withdraw(cast.alba, cast.subject_a, Level.W6, reason="the form was never signed")
    contents = _freeze(cast)
    assert [(one.subject, one.on, one.level) for one in contents.withdrawn] == [(cast.subject_a.code, TODAY, "W6")]
    assert [one.reason for one in contents.excluded] == ["there never was a valid consent"]
    assert contents.readings == ()
    assert (contents.counts.withdrawn, contents.counts.excluded) == (1, 1)


@pytest.mark.req("R-REP-08")
def test_nothing_can_be_frozen_before_a_charter_is_approved(cast: Cast) -> None:
    cast.trial.charters.update(state=Charter.State.SUPERSEDED)
    with pytest.raises(Charter.DoesNotExist):
        _freeze(cast)
