"""The clocks of law: months to answer, years to keep, hours to tell."""

import calendar
import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from privacy import clocks, selectors
from privacy.models import BreachEntry, Erasure, Request
from privacy.services import breaches, requests, retention
from tests.cast import TODAY, Cast, actor_for
from tests.privacy.conftest import confirm, decide, wish

DAYS = st.dates(min_value=dt.date(1990, 1, 1), max_value=dt.date(2199, 12, 31))


@pytest.mark.req("R-PRIV-10")
@given(DAYS, st.integers(min_value=1, max_value=100))
def test_records_are_kept_to_the_same_day_years_later_or_the_last_of_that_month(day: dt.date, years: int) -> None:
    last = clocks.kept_until(day, years)
    assert (last.year, last.month) == (day.year + years, day.month)
    assert last.day == min(day.day, calendar.monthrange(last.year, last.month)[1])
    assert clocks.kept_until(day + dt.timedelta(days=1), years) >= last
    assert clocks.kept_until(day, years + 1) > last


@pytest.mark.req("R-PRIV-10")
def test_a_trial_that_ended_on_29_february_is_kept_to_the_end_of_february() -> None:
    assert clocks.kept_until(dt.date(2024, 2, 29), 25) == dt.date(2049, 2, 28)
    assert clocks.kept_until(dt.date(2024, 2, 29), 28) == dt.date(2052, 2, 29)


@pytest.mark.req("R-PRIV-02")
@given(DAYS)
def test_an_answer_is_due_within_the_next_month_and_never_before_28_days(day: dt.date) -> None:
    due = clocks.answer_due(day)
    assert 28 <= (due - day).days <= 31
    assert (due.year * 12 + due.month) - (day.year * 12 + day.month) == 1


@pytest.mark.req("R-PRIV-02")
def test_what_came_on_31_january_is_due_on_the_last_of_february() -> None:
    assert clocks.answer_due(dt.date(2025, 1, 31)) == dt.date(2025, 2, 28)
    assert clocks.answer_due(dt.date(2025, 12, 31)) == dt.date(2026, 1, 31)


@pytest.mark.req("R-PRIV-02")
@pytest.mark.django_db
def test_a_request_runs_from_the_day_it_came_is_answered_once_and_only_by_the_officer(cast: Cast) -> None:
    by, came = actor_for(cast.officer), TODAY - dt.timedelta(days=40)
    asked = requests.receive(by=by, subject=cast.subject_a, kind=Request.Kind.ACCESS, received_on=came)
    assert selectors.days_left(asked) < 0
    with pytest.raises(ValidationError) as twice:
        requests.receive(by=by, subject=cast.subject_a, kind=Request.Kind.ACCESS, received_on=TODAY)
    assert twice.value.code == "open"
    with pytest.raises(ValidationError, match="Say what"):
        requests.answer(by=by, request=asked, state=Request.State.GRANTED, words=" ")
    answered = requests.answer(by=by, request=asked, state=Request.State.GRANTED, words="the package was sent")
    assert answered.answered_by == "dora"
    with pytest.raises(ValidationError) as again:
        requests.answer(by=by, request=asked, state=Request.State.REFUSED, words="no")
    assert again.value.code == "wrong-state"


@pytest.mark.req("R-PRIV-10")
@pytest.mark.django_db
def test_no_clock_is_shorter_than_the_law_and_a_change_needs_a_reason(cast: Cast) -> None:
    by = actor_for(cast.officer)
    with pytest.raises(ValidationError):
        retention.set_clock(by=by, trial=cast.trial, years=24, rule="our own", ended_on=None)
    retention.set_clock(by=by, trial=cast.trial, years=25, rule="CTR 58", ended_on=None)
    assert selectors.kept_until(cast.trial) is None
    with pytest.raises(ValidationError) as unreasoned:
        retention.set_clock(by=by, trial=cast.trial, years=30, rule="a local law", ended_on=None)
    assert unreasoned.value.code == "no-reason"


def travel(monkeypatch: pytest.MonkeyPatch, day: dt.date) -> None:
    """Let every question for today's date be answered with this one."""
    monkeypatch.setattr(timezone, "localdate", lambda **_zone: day)


@pytest.mark.req("R-PRIV-10")
@pytest.mark.django_db
def test_a_trial_is_destroyed_by_two_people_on_the_day_after_its_retention_and_no_day_before(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = TODAY - dt.timedelta(days=1)
    retention.set_clock(by=actor_for(cast.officer), trial=cast.trial, years=25, rule="CTR 58", ended_on=ended)
    last = clocks.kept_until(ended, 25)
    asked = wish(level=Erasure.Level.EVERYTHING, ground=Erasure.Ground.RETENTION_OVER, reason="time is over")
    travel(monkeypatch, last)
    with pytest.raises(ValidationError) as early:
        decide(cast.officer, cast.trial, None, asked)
    assert early.value.code == "not-over"
    travel(monkeypatch, last + dt.timedelta(days=1))
    erasure = decide(cast.officer, cast.trial, None, asked)
    with pytest.raises(ValidationError) as alone:
        confirm(cast.officer, erasure)
    assert alone.value.code == "one-person"
    tombstone = confirm(cast.coordinator, erasure)
    assert cast.subject_a.code in tombstone.contents
    assert cast.subject_b.code in tombstone.contents


@pytest.mark.req("R-PRIV-10")
@pytest.mark.django_db
def test_retention_is_over_on_the_day_after_the_last(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = dt.date(2020, 2, 29)
    retention.set_clock(by=actor_for(cast.officer), trial=cast.trial, years=25, rule="CTR 58", ended_on=ended)
    for day, over in ((dt.date(2045, 2, 28), False), (dt.date(2045, 3, 1), True)):
        with monkeypatch.context() as clock:
            travel(clock, day)
            assert selectors.is_retention_over(cast.trial) is over


@pytest.mark.req("R-PRIV-09")
@given(st.datetimes(timezones=st.just(dt.UTC)).filter(lambda moment: moment.year < dt.MAXYEAR))
def test_the_authority_is_told_within_72_hours(known_at: dt.datetime) -> None:
    assert clocks.tell_by(known_at) - known_at == dt.timedelta(hours=72)


@pytest.mark.req("R-PRIV-09")
@pytest.mark.django_db
def test_a_breach_counts_down_turns_late_and_stops_when_the_authority_is_told(cast: Cast) -> None:
    by, now = actor_for(cast.officer), dt.datetime.now(dt.UTC)
    fresh = breaches.open_breach(
        by=by, trial=cast.trial, title="a laptop was lost", known_at=now - dt.timedelta(hours=10), codes=()
    )
    assert fresh.subjects.split() == sorted([cast.subject_a.code, cast.subject_b.code])
    clock = selectors.clock_of(fresh)
    assert (clock.is_running, clock.is_late, clock.hours_left) == (True, False, 61)
    old = breaches.open_breach(
        by=by,
        trial=cast.trial,
        title="a letter went astray",
        known_at=now - dt.timedelta(hours=80),
        codes=(cast.subject_a.code,),
    )
    assert selectors.clock_of(old).is_late
    with pytest.raises(ValidationError) as untold:
        breaches.note(by=by, breach=fresh, kind=BreachEntry.Kind.CLOSED, happened_at=now, text="done")
    assert untold.value.code == "not-told"
    breaches.note(by=by, breach=fresh, kind=BreachEntry.Kind.AUTHORITY, happened_at=now, text="by their form")
    clock = selectors.clock_of(fresh)
    assert (clock.is_running, clock.is_late) == (False, False)
    breaches.note(by=by, breach=fresh, kind=BreachEntry.Kind.CLOSED, happened_at=now, text="done")
    with pytest.raises(ValidationError) as closed:
        breaches.note(by=by, breach=fresh, kind=BreachEntry.Kind.FACTS, happened_at=now, text="more")
    assert closed.value.code == "closed"
    with pytest.raises(ValidationError) as unknown:
        breaches.open_breach(by=by, trial=cast.trial, title="x", known_at=now, codes=("0000-0000",))
    assert unknown.value.code == "unknown"
