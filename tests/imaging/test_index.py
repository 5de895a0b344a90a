"""Searches over many images: a page is found by counting series, not by sorting what stands before it."""

from itertools import accumulate
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from imaging import searches
from imaging.dicomweb.questions import Question, read_question
from imaging.dicomweb.resources import Kind, Resource
from imaging.models import Instance, Series, Study, Submission
from imaging.services.retrieval import TrialShelf
from tests.cast import Cast, actor_for

COUNTS = st.dictionaries(st.integers(1, 30), st.integers(1, 6), max_size=12)


def question(**told: str) -> Question:
    return read_question({name: [text] for name, text in told.items()}, level=Kind.INSTANCES)


@pytest.mark.req("R-INDEX-01")
@given(counts=COUNTS, offset=st.integers(0, 40), limit=st.integers(0, 12))
def test_the_series_that_are_walked_to_hold_just_the_page(counts: dict[int, int], offset: int, limit: int) -> None:
    series = list(range(1, 31))
    flat = [(key, number) for key in series for number in range(counts.get(key, 0))]
    asked = question(limit=str(limit), offset=str(offset))
    chosen, first = searches._walk(series, counts, asked)
    held = [(key, number) for key in chosen for number in range(counts[key])]
    assert held[first : first + limit + 1] == flat[offset : offset + limit + 1]
    # And hardly more than the page.
    assert len(chosen) <= limit + 1
    assert list(accumulate(chosen, max)) == chosen


@pytest.fixture
def many(cast: Cast, filed: Submission) -> TrialShelf:
    """Five series of seven images, filed in turns, beside the one that went the road."""
    known = Instance.objects.first()
    assert known is not None
    study = Study.objects.get()
    # One that was emptied stands before, one after.
    Series.objects.create(study=study, uid="2.25.98", modality="PT", number=8)
    series = [Series.objects.create(study=study, uid=f"2.25.{n}", modality="PT", number=n) for n in range(5)]
    same = {"submission": filed, "sop_class_uid": "1.2.3", "size": 1, "sha256": known.sha256, "received_sha256": ""}
    for number in range(7):
        for one in series:
            Instance.objects.create(series=one, uid=f"{one.uid}.{number}", number=number, **same)
    Series.objects.create(study=study, uid="2.25.99", modality="PT", number=9)
    return TrialShelf(by=actor_for(cast.analyst), trial=cast.trial)


def found(shelf: TrialShelf, **told: str) -> list[str]:
    asked = question(**told)
    with acting(shelf.by):
        page = shelf.search(Resource(kind=Kind.INSTANCES), asked)
    return [str(row["SOPInstanceUID"]) for row in page.rows]


@pytest.mark.django_db
@pytest.mark.req("R-INDEX-01")
@pytest.mark.parametrize(
    "told",
    [
        {},
        {"InstanceNumber": "3"},
        {"SOPClassUID": "1.2.3"},
        {"Modality": "PT"},
        {"StudyDate": "19000101-"},
        {"SeriesNumber": "2"},
    ],
)
@pytest.mark.parametrize("named", [2, 500])
def test_pages_of_any_size_put_together_are_all_that_fits_once(
    many: TrialShelf, told: dict[str, str], named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "_NAMED", named)
    whole = found(many, **told)
    assert len(set(whole)) == len(whole) > 4
    for size in (1, 3, 8):
        pages = [found(many, **told, limit=str(size), offset=str(at)) for at in range(0, len(whole) + size, size)]
        assert [uid for page in pages for uid in page] == whole
        assert pages[-1] == []


@pytest.mark.django_db
@pytest.mark.req("R-INDEX-01")
def test_the_statements_of_a_search_are_as_many_for_one_series_as_for_six(
    many: TrialShelf, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(6):
        found(many, Modality="CT")
    # The roles of the person were asked for before.
    with django_assert_num_queries(5):
        found(many, offset="11", limit="20")


@pytest.mark.django_db
@pytest.mark.req("R-INDEX-01")
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a planner that reads small tables whole says nothing")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Q(), "imaging_instance_series_id"),
        (Q(number=3), "instance_by_number"),
        (Q(sop_class_uid="1.2.3"), "instance_by_class"),
    ],
)
def test_images_are_counted_from_an_index_alone(many: TrialShelf, wanted: Q, index: str) -> None:
    rows = (
        Instance.objects.filter(wanted, series__gte=1, series__lte=10**6).order_by().values_list("series_id").distinct()
    )
    assert f"COVERING INDEX {index}" in rows.explain()
