import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditEvent
from tests.cast import TODAY, Cast, actor_for, new_consent
from trials.codes import ALPHABET, is_valid, new_code, normalise
from trials.models import Subject
from trials.services import subjects

places = st.lists(st.integers(0, 7), min_size=1, max_size=2, unique=True)


@pytest.mark.req("R-SUB-01")
def test_new_codes_are_valid_and_do_not_repeat() -> None:
    # Of a thousand million; two thousand would meet by chance once in five hundred runs.
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(is_valid(code) for code in codes)


@pytest.mark.req("R-SUB-01")
@given(places, st.integers(1, 31), st.integers(1, 31))
def test_any_one_or_two_wrong_symbols_are_caught(wrong: list[int], first: int, second: int) -> None:
    symbols = list(new_code().replace("-", ""))
    for place, shift in zip(wrong, (first, second), strict=False):
        symbols[place] = ALPHABET[(ALPHABET.index(symbols[place]) + shift) % 32]
    typed = "".join(symbols)
    assert not is_valid(f"{typed[:4]}-{typed[4:]}")


@pytest.mark.req("R-SUB-01")
def test_small_letters_and_lookalikes_are_understood() -> None:
    code = new_code()
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert normalise(typed) == code


def registered(cast: Cast) -> Subject:
    return subjects.register(
        by=actor_for(cast.alba), trial_site=cast.site_a, day_zero=TODAY, consent=new_consent(cast.form)
    )


@pytest.mark.req("R-SUB-07")
@pytest.mark.django_db
def test_a_code_that_is_taken_is_drawn_again_and_nothing_else_is_lost(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the other site: whoever registers does not see the subject that has the code.
    drawn = iter([cast.subject_b.code, cast.subject_a.code, "0000-0000"])
    monkeypatch.setattr(subjects, "new_code", lambda: next(drawn))
    made = registered(cast)
    assert made.code == "0000-0000"
    assert made.consents.count() == 1
    assert made.time_points.count() == 3
    assert AuditEvent.objects.filter(act="subject.registered", object_id=str(made.pk)).count() == 1


@pytest.mark.req("R-SUB-07")
@pytest.mark.django_db
def test_codes_are_not_drawn_for_ever(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "new_code", lambda: cast.subject_b.code)
    with pytest.raises(ValidationError, match="No free code"):
        registered(cast)
    assert Subject.objects.filter(trial_site=cast.site_a).count() == 1


@pytest.mark.req("R-SUB-07")
@pytest.mark.django_db
def test_another_fault_of_the_row_is_not_taken_for_a_taken_code(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        subjects._create(cast.site_a, dt.date(1900, 1, 1))
