"""Radiomics on a small lesion made here: names, refusals, reproducibility, and pyradiomics' own numbers."""

import logging
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from radiomics import shape

from endpoints.measure.errors import MeasureError, RadiomicsError
from endpoints.measure.features import TAGS
from endpoints.measure.geometry import Floats, Grid, Mask
from endpoints.measure.radiomics import extract
from endpoints.measure.settings import Aggregation, Family, Settings
from endpoints.measure.shapes import measure_shape

GRID = Grid(slice_mm=1.25, row_mm=0.75, column_mm=0.75, origin_mm=(-10.0, 4.0, 30.0))
SETTINGS = Settings(bin_width=Decimal(25), bin_anchor=Decimal(-1000))
TEXTURES = [family for family in Family if family not in {Family.MORPHOLOGY, Family.STATISTICS}]


def lesion(radius_mm: float) -> tuple[Floats, Mask]:
    """A lumpy ellipsoid with CT-like intensities, in the middle of a volume."""
    size = tuple(int(2.6 * radius_mm / step) + 3 for step in GRID.spacing_mm)
    lines = ((np.arange(count) - count // 2) * step for count, step in zip(size, GRID.spacing_mm, strict=True))
    z, y, x = np.meshgrid(*lines, indexing="ij", sparse=True)
    inside = (z / 1.1) ** 2 + y**2 + (x / 0.9) ** 2 <= (radius_mm * (1 + 0.1 * np.sin(y / 3))) ** 2
    image = np.random.default_rng(7).normal(40, 60, size=inside.shape)
    return image, np.asarray(inside)


SMALL = lesion(8.0)


def values(settings: Settings = SETTINGS) -> dict[str, float]:
    return dict(extract(*SMALL, GRID, settings).values)


@pytest.mark.req("R-RADIO-02")
@pytest.mark.parametrize("aggregation", Aggregation)
def test_every_feature_asked_for_comes_back_finite_under_its_ibsi_tag(aggregation: Aggregation) -> None:
    found = values(replace(SETTINGS, aggregation=aggregation))
    assert all(np.isfinite(value) for value in found.values())
    assert {f"cm_contrast_{aggregation.value}", f"rlm_sre_{aggregation.value}"} <= found.keys()
    assert {f"szm_sze_{aggregation.without_directions}", "stat_kurt", "morph_volume"} <= found.keys()
    assert len(found) == sum(len(tags) for tags in TAGS.values()) + 2 + 19


@pytest.mark.req("R-RADIO-02")
def test_only_the_families_asked_for_are_computed() -> None:
    assert set(values(replace(SETTINGS, families=(Family.HISTOGRAM,)))) == {"ih_entropy", "ih_uniformity"}


@pytest.mark.req("R-RADIO-03")
def test_kurtosis_is_in_excess_of_the_normal_distribution() -> None:
    image, mask = SMALL
    inside = image[mask]
    expected = ((inside - inside.mean()) ** 4).mean() / inside.var() ** 2 - 3
    assert values()["stat_kurt"] == pytest.approx(expected)
    assert abs(values()["stat_kurt"]) < 0.5


@pytest.mark.req("R-RADIO-04")
def test_shape_equals_pyradiomics_own_on_a_small_lesion() -> None:
    _, mask = SMALL
    marks = GRID.to_image(mask.astype(np.uint8))
    theirs = shape.RadiomicsShape(marks, marks)
    theirs.enableAllFeatures()
    expected, ours = theirs.execute(), measure_shape(mask, GRID)
    assert ours["morph_diam"] == pytest.approx(float(expected["Maximum3DDiameter"]), rel=1e-12)
    assert ours["morph_vol_approx"] == pytest.approx(float(expected["VoxelVolume"]), rel=1e-12)
    assert ours["morph_volume"] == pytest.approx(float(expected["MeshVolume"]), rel=1e-3)
    assert ours["morph_area_mesh"] == pytest.approx(float(expected["SurfaceArea"]), rel=1e-2)
    assert ours["morph_sphericity"] == pytest.approx(float(expected["Sphericity"]), rel=1e-2)
    count = int(mask.sum())
    axis = float(expected["MajorAxisLength"]) * np.sqrt(count / (count - 1))
    assert ours["morph_pca_maj_axis"] == pytest.approx(axis, rel=1e-9)


@pytest.mark.req("R-RADIO-05")
def test_a_lesion_in_a_large_volume_gives_bit_identical_values_to_the_lesion_cut_out() -> None:
    image, mask = SMALL
    edges = ((5, 9), (20, 30), (11, 4))
    around = np.pad(image, edges, constant_values=-5000), np.pad(mask, edges)
    whole = extract(*around, GRID, SETTINGS)
    assert dict(whole.values) == values()


@pytest.mark.req("R-RADIO-05")
def test_bins_are_counted_from_the_anchor_and_not_from_the_lesion() -> None:
    """An autocorrelation near (bin of 40 HU) squared: 42 from -1000 HU, a handful from the lesion's minimum."""
    found = values(replace(SETTINGS, families=(Family.GLCM,)))["cm_auto_corr_3D_avg"]
    assert found == pytest.approx(((40 + 1000) / 25 + 0.5) ** 2, rel=0.02)


@pytest.mark.req("R-RADIO-05")
def test_a_fixed_number_of_bins_spans_the_lesion() -> None:
    settings = Settings(bin_count=16, families=(Family.HISTOGRAM, Family.GLCM))
    assert 2 < values(settings)["ih_entropy"] <= 4


@pytest.mark.req("R-RADIO-05")
def test_resegmentation_limits_intensities_and_leaves_the_shape() -> None:
    settings = replace(SETTINGS, range_low=Decimal(0), range_high=Decimal(100))
    found = values(settings)
    assert found["stat_min"] >= 0
    assert found["stat_max"] <= 100
    assert found["morph_volume"] == values()["morph_volume"]


@pytest.mark.req("R-RADIO-06")
def test_the_same_input_gives_the_same_result_and_any_change_another_digest() -> None:
    image, mask = SMALL
    settings = replace(SETTINGS, families=(Family.HISTOGRAM,))
    first = extract(image, mask, GRID, settings)
    assert first == extract(image.copy(), mask.copy(), GRID, settings)
    louder = image.copy()
    louder[tuple(np.argwhere(mask)[0])] += 0.001
    hashes = {
        first.input_sha256,
        extract(louder, mask, GRID, settings).input_sha256,
        extract(image, mask, replace(GRID, slice_mm=1.5), settings).input_sha256,
    }
    assert len(hashes) == 3
    assert {"pyradiomics", "numpy", "SimpleITK", "procedure"} <= first.versions.keys()


@pytest.mark.req("R-RADIO-06")
def test_the_settings_digest_is_canonical_and_sees_every_change() -> None:
    same = replace(SETTINGS, bin_width=Decimal("25.0"), families=tuple(reversed(Family)))
    assert same.digest == SETTINGS.digest
    others = {
        SETTINGS.digest,
        replace(SETTINGS, bin_width=Decimal(20)).digest,
        replace(SETTINGS, bin_anchor=Decimal(-900)).digest,
        replace(SETTINGS, aggregation=Aggregation.VOLUME_MERGED).digest,
        replace(SETTINGS, range_high=Decimal(400)).digest,
        replace(SETTINGS, distance=2).digest,
        replace(SETTINGS, dependence_alpha=1).digest,
        replace(SETTINGS, families=(Family.GLCM,)).digest,
    }
    assert len(others) == 8


@pytest.mark.req("R-RADIO-07")
@pytest.mark.parametrize("family", [Family.GLCM, Family.MORPHOLOGY])
def test_a_lesion_too_small_for_a_feature_is_refused_as_a_whole(family: Family) -> None:
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[1, 1, 1] = True
    with pytest.raises(RadiomicsError, match=r"no value for|fewer than 2 voxels"):
        extract(np.zeros((3, 3, 3)), mask, GRID, replace(SETTINGS, families=(family,)))


@pytest.mark.req("R-RADIO-07")
def test_input_that_has_no_features_is_refused() -> None:
    image, mask = SMALL
    with pytest.raises(RadiomicsError, match="differ in size"):
        extract(image[1:], mask, GRID, SETTINGS)
    with pytest.raises(MeasureError, match="Nothing is marked"):
        extract(image, np.zeros_like(mask), GRID, SETTINGS)
    with pytest.raises(RadiomicsError, match="without a number"):
        extract(np.full_like(image, np.nan), mask, GRID, SETTINGS)
    with pytest.raises(RadiomicsError, match="below the first bin"):
        extract(image, mask, GRID, replace(SETTINGS, bin_anchor=Decimal(0)))
    with pytest.raises(RadiomicsError, match="more than 1024 bins"):
        extract(image, mask, GRID, replace(SETTINGS, bin_width=Decimal("0.1")))
    with pytest.raises(RadiomicsError, match="intensity range"):
        extract(image, mask, GRID, replace(SETTINGS, range_low=Decimal(9000)))


@pytest.mark.req("R-RADIO-07")
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"bin_width": Decimal(25)},
        {"bin_width": Decimal(25), "bin_anchor": Decimal(0), "bin_count": 8},
        {"bin_count": 8, "bin_anchor": Decimal(0)},
        {"bin_width": Decimal(0), "bin_anchor": Decimal(0)},
        {"bin_count": 4096},
        {"bin_count": 8, "distance": 0},
        {"bin_count": 8, "families": ()},
    ],
)
def test_settings_that_contradict_themselves_cannot_be_made(fields: dict[str, object]) -> None:
    with pytest.raises(RadiomicsError):
        Settings(**fields)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.req("R-RADIO-08")
def test_nothing_is_logged_or_printed(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[1, 1, 1] = True
    with caplog.at_level(logging.DEBUG), pytest.raises(RadiomicsError):
        extract(np.zeros((3, 3, 3)), mask, GRID, replace(SETTINGS, families=(Family.GLCM,)))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
