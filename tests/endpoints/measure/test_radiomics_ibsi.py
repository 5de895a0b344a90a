"""The IBSI-1 digital phantom against its published reference values; skipped where the data are not at hand."""

import csv
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from endpoints.measure.features import SAME_VALUE, TAGS
from endpoints.measure.geometry import Floats, Grid, Mask
from endpoints.measure.radiomics import extract
from endpoints.measure.settings import Aggregation, Family, Settings

DATA = Path(__file__).parents[4] / "shared" / "data" / "ibsi1_digital"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the IBSI-1 digital phantom is not at hand (../shared/data/ibsi1_digital)"
)


@dataclass(frozen=True)
class Phantom:
    image: Floats
    mask: Mask
    references: dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    facts = json.loads((DATA / "ibsi1_digital_phantom.json").read_text())
    with (DATA / "ibsi1_digital_phantom_reference.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return Phantom(
        image=np.array(facts["image"], dtype=float),
        mask=np.array(facts["mask"], dtype=bool),
        references={row["tag"]: (float(row["reference"]), float(row["tolerance"])) for row in rows},
    )


def matches(value: float, reference: float, tolerance: float) -> bool:
    return abs(value - reference) <= tolerance or float(f"{value:.3g}") == reference


@pytest.mark.req("R-RADIO-01")
@pytest.mark.parametrize("aggregation", Aggregation)
def test_every_value_offered_equals_its_reference(phantom: Phantom, aggregation: Aggregation) -> None:
    settings = Settings(aggregation=aggregation, bin_width=Decimal(1), bin_anchor=Decimal(1))
    grid = Grid(slice_mm=2, row_mm=2, column_mm=2)
    values = extract(phantom.image, phantom.mask, grid, settings).values
    wrong = {
        tag: (value, phantom.references[tag])
        for tag, value in values.items()
        if not matches(value, *phantom.references[tag])
    }
    assert wrong == {}
    expected = sum(len(TAGS[family]) for family in Family if family is not Family.MORPHOLOGY)
    assert len(values) == expected + len(SAME_VALUE) + 19
