"""Manifests: what is announced is numbered by content, taken only as announced, and never asked for twice."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from imaging import quarantine
from imaging.models import IncomingFile, Manifest, Submission
from imaging.quarantine import read_whole
from imaging.services import desk, manifests, submissions
from imaging.services.manifests import Announced
from imaging.services.pieces import Piece
from imaging.vault import PART_SIZE
from tests.announcing import hashes_of, manifest_of
from tests.cast import Cast, actor_for
from tests.imaging.scans import baseline_of

pytestmark = pytest.mark.django_db


def told(data: bytes) -> Announced:
    return Announced(size=len(data), hashes=tuple(hashes_of(data)))


@pytest.fixture
def opened(cast: Cast) -> Submission:
    return submissions.start(by=actor_for(cast.alba), time_point=baseline_of(cast))


def announce(cast: Cast, opened: Submission, *files: bytes) -> list[tuple[int, int]]:
    standing = manifests.announce(by=actor_for(cast.alba), submission=opened, files=[told(data) for data in files])
    return [(one.number, one.arrived) for one in standing]


def receive(cast: Cast, opened: Submission, *pieces: tuple[int, int, bytes]) -> int:
    made = [Piece(number=number, part=part, data=data) for number, part, data in pieces]
    return manifests.receive(by=actor_for(cast.alba), submission=opened, pieces=made)


@pytest.mark.req("R-SEND-01")
def test_the_same_content_is_one_file_and_keeps_its_number_in_every_announcement(
    cast: Cast, opened: Submission
) -> None:
    assert announce(cast, opened, b"one", b"two", b"one") == [(0, 0), (1, 0), (0, 0)]
    assert announce(cast, opened, b"three", b"two") == [(2, 0), (1, 0)]
    assert receive(cast, opened, (1, 0, b"two")) == 1
    assert announce(cast, opened, b"two", b"one", b"three") == [(1, 1), (0, 0), (2, 0)]
    assert list(Manifest.objects.values_list("first", "count")) == [(0, 2), (2, 1)]


@pytest.mark.req("R-SEND-02")
def test_only_what_was_announced_is_taken_and_a_refused_batch_leaves_nothing(cast: Cast, opened: Submission) -> None:
    announce(cast, opened, b"one", b"two")
    for piece, code in (
        ((1, 0, b"tow"), "changed"),
        ((2, 0, b"two"), "unannounced"),
        ((1, 1, b"two"), "unannounced"),
    ):
        with pytest.raises(ValidationError) as refused:
            receive(cast, opened, (0, 0, b"one"), piece)
        assert refused.value.code == code
    assert not IncomingFile.objects.exists()
    assert receive(cast, opened, (0, 0, b"one"), (1, 0, b"two")) == 2
    assert [read_whole(file) for file in opened.files.order_by("number")] == [b"one", b"two"]


@pytest.mark.req("R-SEND-02")
def test_a_file_in_pieces_goes_on_where_it_was_cut(cast: Cast, opened: Submission) -> None:
    large = secrets.token_bytes(PART_SIZE + 5)
    assert announce(cast, opened, b"small", large) == [(0, 0), (1, 0)]
    receive(cast, opened, (1, 0, large[:PART_SIZE]))
    assert announce(cast, opened, large) == [(1, 1)]
    assert receive(cast, opened, (1, 0, large[:PART_SIZE]), (1, 1, large[PART_SIZE:])) == 1
    assert read_whole(opened.files.get(number=1)) == large


@pytest.mark.req("R-SEND-02")
def test_what_another_request_is_still_writing_is_waited_for_and_not_asked_for_again(
    cast: Cast, opened: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(cast, opened, b"one", b"two")
    hold = quarantine.held

    @contextmanager
    def held_until_it_is_written(submission: Submission) -> Iterator[None]:
        with monkeypatch.context() as other:
            other.setattr(quarantine, "held", hold)
            receive(cast, submission, (0, 0, b"one"))
        with hold(submission):
            yield

    monkeypatch.setattr(quarantine, "held", held_until_it_is_written)
    assert announce(cast, opened, b"one", b"two") == [(0, 1), (1, 0)]


@pytest.mark.req("R-SEND-01")
@given(size=st.integers(0, 3 * PART_SIZE), surplus=st.integers(1, 3))
def test_an_announcement_that_no_file_can_be_is_refused(size: int, surplus: int) -> None:
    right = max(1, -(-size // PART_SIZE))
    assert Announced(size=size, hashes=("0" * 64,) * right).size == size
    for hashes in (("0" * 64,) * (right + surplus), ("0" * 63,) * right, ("G" * 64,) * right, ()):
        with pytest.raises(ValidationError) as refused:
            Announced(size=size, hashes=hashes)
        assert refused.value.code == "manifest"


@pytest.mark.req("R-SEND-01")
def test_a_delivery_is_announced_by_whoever_opened_it_while_it_takes_more(cast: Cast, opened: Submission) -> None:
    with pytest.raises(Http404):
        manifests.announce(by=actor_for(cast.brisa), submission=opened, files=[told(b"one")])
    announce(cast, opened, b"one")
    receive(cast, opened, (0, 0, b"one"))
    submissions.complete(by=actor_for(cast.alba), submission=opened, files=1, size=3)
    with pytest.raises(ValidationError) as refused:
        announce(cast, opened, b"two")
    assert refused.value.code == "wrong-state"
    # What a browser claimed of a person's files is not kept beside them.
    assert not Manifest.objects.exists()


@pytest.mark.req("R-SEND-01")
def test_discarding_a_delivery_takes_what_was_announced_with_it(cast: Cast, opened: Submission) -> None:
    announce(cast, opened, b"one")
    receive(cast, opened, (0, 0, b"one"))
    desk.discard(by=actor_for(cast.alba), submission=opened, reason="sent by mistake")
    assert not Manifest.objects.exists()


@pytest.mark.req("R-SEND-01", "R-SEND-02")
def test_the_door_numbers_takes_and_says_what_is_missing(cast: Cast, client: Client) -> None:
    client.force_login(cast.alba)
    asked = {"time_point": baseline_of(cast).pk, "files": 2, "size": 6}
    root = f"/api/deliveries/{client.post('/api/deliveries/', asked, content_type='application/json').json()['id']}/"
    manifest = manifest_of([b"one", b"two"])
    said = client.post(f"{root}manifest/", manifest, content_type="application/json").json()
    assert said == {"files": [{"number": 0, "arrived": 0}, {"number": 1, "arrived": 0}]}
    changed = client.post(f"{root}pieces/", {"0.0": SimpleUploadedFile("x", b"ono")})
    assert (changed.status_code, "changed while it was sent" in changed.json()["detail"]) == (400, True)
    assert client.post(f"{root}pieces/", {"1.0": SimpleUploadedFile("x", b"two")}).json() == {"taken": 1}
    said = client.post(f"{root}manifest/", manifest, content_type="application/json").json()
    assert [one["arrived"] for one in said["files"]] == [0, 1]
    for wrong in ({"files": [{"size": 3, "parts": ["x"]}]}, {"files": [{"size": -1, "parts": []}]}, {}):
        assert client.post(f"{root}manifest/", wrong, content_type="application/json").status_code == 400
