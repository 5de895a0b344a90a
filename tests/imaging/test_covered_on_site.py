"""Boxes that a person of the site drew over a picture: what they cover is believed to be covered, and no more than that."""

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom import dcmread

from imaging import archive
from imaging.claims import read_claim
from imaging.models import IncomingFile, Instance, Submission
from imaging.services import submissions
from imaging.services.pieces import cut
from tests.cast import Cast, actor_for
from tests.deid.test_page import Given
from tests.imaging.scans import ct_slice, drive, to_bytes
from tests.imaging.test_cleaned_on_site import begin, bridge_of

pytestmark = pytest.mark.django_db
SIDE, GROUND = 512, 900
# The name is written from (100, 100) on, so high and so long.
NAME, HEIGHT, WIDTH = "ALVARES PILAR", 28, 220
ON_GROUND = {"x": 300, "y": 300, "width": 60, "height": 60}
ON_NAME = {"x": 90, "y": 90, "width": WIDTH + 20, "height": HEIGHT + 24}


def bright(*, is_named: bool) -> bytes:
    """An even bright picture with one dark line of pixels, so that what covers is darker than the ground."""
    sheet = Image.new("L", (SIDE, SIDE), 0)
    if is_named:
        ImageDraw.Draw(sheet).text((100, 100), NAME, fill=255, font_size=HEIGHT)
    picture = np.where(np.asarray(sheet) > 127, 100, GROUND).astype("<i2")
    picture[-1] = 0
    dataset = ct_slice(1)
    dataset.Rows = dataset.Columns = SIDE
    dataset.PixelData = picture.tobytes()
    return to_bytes(dataset)


def send_covered(cast: Cast, data: bytes, drawn: list[dict[str, int]], **claimed: Any) -> Submission:
    """Send one picture with boxes drawn on it; `claimed` is told of it in place of what is so."""
    delivery, by = begin(cast), actor_for(cast.alba)
    made = bridge_of(cast, delivery).clean(Given(data), json.dumps(drawn))
    submissions.receive(by=by, submission=delivery, pieces=cut(number=0, data=made.data))
    delivery.files.update(claim=read_claim(made.told["claim"] | claimed).told)
    submissions.complete(by=by, submission=delivery, files=1, size=len(made.data))
    return drive(delivery)


def refused(held: Submission) -> str:
    file = held.files.get()
    assert (held.state, file.state) == (Submission.State.QUARANTINED, IncomingFile.State.REFUSED)
    assert not Instance.objects.exists()
    return file.refusal_code


@pytest.mark.req("R-PAGE-04", "R-PAGE-07")
@pytest.mark.parametrize(
    "drawn", [[ON_NAME], [ON_NAME, ON_GROUND]], ids=["over the name", "over the name, and one on even ground"]
)
def test_a_box_that_was_rightly_drawn_is_not_read_as_a_letter_and_all_under_it_is_blank(
    cast: Cast, drawn: list[dict[str, int]]
) -> None:
    assert send_covered(cast, bright(is_named=True), drawn).state == Submission.State.CHECKED
    stored = dcmread(io.BytesIO(archive.load(Instance.objects.get().sha256))).pixel_array
    for box in drawn:
        left, top = box["x"], box["y"]
        assert not stored[top : top + box["height"], left : left + box["width"]].any()
    assert (stored != GROUND).sum() == SIDE + sum(box["width"] * box["height"] for box in drawn)


@pytest.mark.req("R-PAGE-04")
@pytest.mark.parametrize(
    "drawn",
    [[ON_GROUND], [ON_NAME | {"width": WIDTH // 2}], [ON_NAME | {"height": 20}]],
    ids=["elsewhere", "over half of the name", "over its upper half"],
)
def test_a_name_that_no_box_covers_is_still_found(cast: Cast, drawn: list[dict[str, int]]) -> None:
    assert refused(send_covered(cast, bright(is_named=True), drawn)) == "pixels-need-review"


@pytest.mark.req("R-PAGE-04")
def test_a_box_that_is_claimed_and_not_blank_in_the_file_hides_nothing(cast: Cast) -> None:
    covered = [ON_NAME["x"], ON_NAME["y"], ON_NAME["x"] + ON_NAME["width"], ON_NAME["y"] + ON_NAME["height"]]
    assert refused(send_covered(cast, bright(is_named=True), [ON_GROUND], boxes=[covered])) == "not-proven"
