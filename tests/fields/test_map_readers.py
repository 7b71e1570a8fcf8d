from __future__ import annotations

import gzip
import itertools
import os
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from crystals import (
    CRYSTALS,
    coefficients,
    computed,
    formula,
    points,
    values_at,
    write_ccp4,
    write_reflections,
)
from cube_text import cube_text
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.map_readers import read_map
from deepchem_density.fields.maps import GriddedDensity

BOHR = 0.529177210903
TOLERANCE = 0.01
"""e/Å³: the largest error of interpolation between nodes 0.25 Å apart, where the crystals' densities rise to 3 e/Å³."""


def write_asu(path: Path, spacegroup: str) -> gemmi.FloatGrid:
    """Write the part of the cell that makes up the rest, as the programs of CCP4 do; return the whole."""
    whole = computed(spacegroup)
    ccp4 = gemmi.Ccp4Map()
    ccp4.grid = whole.clone()
    ccp4.update_ccp4_header(2)
    ccp4.set_extent(gemmi.find_asu_brick(whole.spacegroup).get_extent())
    ccp4.write_ccp4_map(str(path))
    return whole


@pytest.mark.parametrize("spacegroup", CRYSTALS)
def test_the_map_of_a_known_crystal_is_its_density(tmp_path, spacegroup):
    """Written by gemmi, read and interpolated here, against a sum over form factors, symmetry and neighbouring cells."""
    ccp4 = gemmi.Ccp4Map()
    ccp4.grid = computed(spacegroup)
    ccp4.update_ccp4_header(2)
    ccp4.write_ccp4_map(str(tmp_path / "crystal.ccp4"))
    density = read_map(tmp_path / "crystal.ccp4", values="file")
    expected = formula(spacegroup, points())
    assert expected.max() > 1
    np.testing.assert_allclose(values_at(density, points()), expected, atol=TOLERANCE)
    h = 1e-4
    slopes = [formula(spacegroup, points() + step) - formula(spacegroup, points() - step) for step in np.eye(3) * h]
    gradient = density.gradient_at(torch.as_tensor(points())).numpy()
    np.testing.assert_allclose(gradient, np.stack(slopes, axis=1) / (2 * h), atol=0.15)
    assert np.square(gradient - np.stack(slopes, axis=1) / (2 * h)).mean() ** 0.5 < 0.02


@pytest.mark.parametrize("spacegroup", CRYSTALS)
def test_an_asymmetric_unit_becomes_the_whole_cell(tmp_path, spacegroup):
    whole = write_asu(tmp_path / "asu.map", spacegroup)
    density = read_map(tmp_path / "asu.map", values="file")
    assert density.periodic
    np.testing.assert_allclose(density.values, np.array(whole), atol=1e-6)
    np.testing.assert_allclose(values_at(density, points()), formula(spacegroup, points()), atol=TOLERANCE)


@given(
    st.sampled_from(list(itertools.permutations((1, 2, 3)))),
    st.tuples(*[st.integers(-70, 70)] * 3),
    st.tuples(*[st.integers(4, 60)] * 3),
)
def test_axes_in_any_order_and_maps_from_any_start(tmp_path_factory, axes, start, size):
    whole = computed("P 1")
    values, sampling = np.array(whole), whole.shape
    path = tmp_path_factory.mktemp("maps") / "box.mrc"
    nodes = [(first + np.arange(n)) % period for first, n, period in zip(start, size, sampling, strict=True)]
    write_ccp4(path, values[np.ix_(*nodes)], whole.unit_cell, start, sampling, axes)
    density = read_map(path, values="file")
    assert density.periodic == all(n >= period for n, period in zip(size, sampling, strict=True))
    steps = np.array(whole.unit_cell.orth.mat.tolist()) / sampling
    fractions = np.random.default_rng(0).uniform(1, np.array(size) - 2, (30, 3))
    where = (np.array(start) + fractions) @ steps.T
    reference = GriddedDensity(values, np.zeros(3), steps, True)
    np.testing.assert_allclose(values_at(density, where), values_at(reference, where), rtol=0, atol=1e-9)


def test_a_part_of_the_cell_does_not_repeat(tmp_path):
    whole = computed("P 1")
    write_ccp4(tmp_path / "box.map", np.array(whole)[3:20, 2:30, 5:25], whole.unit_cell, (3, 2, 5), whole.shape)
    density = read_map(tmp_path / "box.map")
    outside = whole.unit_cell.orthogonalize(gemmi.Fractional(0.9, 0.5, 0.5)).tolist()
    with pytest.raises(FeaturizationError, match=r"'box\.map' ends [\d.]+ Å inside the region"):
        density.at(torch.tensor([outside]))


def test_a_hole_is_refused_only_where_it_is(tmp_path):
    whole = computed("P 1")
    values = np.array(whole)
    values[10:14, 20:24, 15:18] = np.nan
    write_ccp4(tmp_path / "masked.map", values, whole.unit_cell)
    density = read_map(tmp_path / "masked.map")
    assert np.nanstd(density.values) == pytest.approx(1, abs=1e-5)
    steps = np.array(whole.unit_cell.orth.mat.tolist()) / whole.shape
    assert density.at(torch.as_tensor((steps @ [3.5, 3.5, 3.5])[None])).isfinite().all()
    with pytest.raises(FeaturizationError, match=r"'masked\.map' has a hole"):
        density.at(torch.as_tensor((steps @ [12, 22, 16])[None]))


def test_a_space_group_that_is_not_the_maps_is_not_used(tmp_path):
    """Its copies of the nodes in the box would not agree."""
    whole = computed("P 1 21 1")
    box = np.array(whole)[:, : whole.shape[1] * 3 // 4]
    write_ccp4(tmp_path / "right.map", box, whole.unit_cell, (0, 0, 0), whole.shape, spacegroup=4)
    write_ccp4(tmp_path / "wrong.map", box, whole.unit_cell, (0, 0, 0), whole.shape, spacegroup=3)
    right, wrong = (read_map(tmp_path / f"{name}.map", values="file") for name in ("right", "wrong"))
    assert right.periodic
    assert not wrong.periodic
    np.testing.assert_array_equal(wrong.values, box)
    np.testing.assert_allclose(right.values, np.array(whole), atol=1e-6)


def test_a_space_group_does_not_matter_where_the_file_has_the_whole_cell(tmp_path):
    whole = computed("P 1")
    write_ccp4(tmp_path / "all.map", np.array(whole), whole.unit_cell, spacegroup=155)
    np.testing.assert_array_equal(read_map(tmp_path / "all.map", values="file").values, np.array(whole))


def test_a_space_group_that_does_not_fit_the_grid_is_not_used(tmp_path):
    values = np.random.default_rng(0).normal(size=(9, 6, 9)).astype(np.float32)
    write_ccp4(tmp_path / "odd.map", values, gemmi.UnitCell(9, 9, 9, 90, 90, 90), (0, 0, 0), (9, 9, 9), spacegroup=4)
    density = read_map(tmp_path / "odd.map", values="file")
    assert not density.periodic
    np.testing.assert_array_equal(density.values, values)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_bytes_short_integers_and_reals(tmp_path, mode):
    values = np.random.default_rng(0).integers(-128, 128, (6, 5, 7)).astype(float)
    write_ccp4(tmp_path / "a.map", values, gemmi.UnitCell(6, 5, 7, 90, 90, 90), mode=mode)
    np.testing.assert_array_equal(read_map(tmp_path / "a.map", values="file").values, values)


def test_bytes_of_mapmode2to0_have_their_old_unit(tmp_path):
    values = np.array(computed("P 1"))
    low, high = values.min(), values.max()
    stored = np.round((values - low) / (high - low) * 255) - 128
    path = tmp_path / "a_m0.map"
    write_ccp4(path, stored, computed("P 1").unit_cell, mode=0, words={40: -128, 41: 127})
    content = bytearray(path.read_bytes())
    content[76:84] = np.array([low, high], dtype="<f4").tobytes()
    path.write_bytes(content)
    np.testing.assert_allclose(read_map(path, values="file").values, values, atol=(high - low) / 500)


@pytest.mark.parametrize("spacegroup", [0, 1, 401])
def test_maps_without_a_space_group_are_boxes(tmp_path, spacegroup):
    values = np.random.default_rng(0).normal(size=(6, 5, 7)).astype(np.float32)
    cell = gemmi.UnitCell(12, 5, 7, 90, 90, 90)
    write_ccp4(tmp_path / "a.mrc", values, cell, sampling=(12, 5, 7), spacegroup=spacegroup)
    density = read_map(tmp_path / "a.mrc", values="file")
    assert not density.periodic
    np.testing.assert_array_equal(density.values, values)


def test_the_other_byte_order_is_read(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 5, 7)).astype(np.float32)
    path = tmp_path / "a.map"
    write_ccp4(path, values, gemmi.UnitCell(12, 5, 7, 90, 90, 90), (3, -2, 1), (12, 5, 7))
    same = read_map(path, values="file")
    words = np.frombuffer(path.read_bytes(), dtype="<i4")
    swapped = words.byteswap()
    swapped[52], swapped[53] = words[52], 0x1111
    path = tmp_path / "b.map"
    path.write_bytes(swapped.tobytes())
    other = read_map(path, values="file")
    np.testing.assert_array_equal(other.values, same.values)
    np.testing.assert_allclose(other.origin, same.origin)


def test_the_origin_of_electron_microscopy_shifts_the_map(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 5, 7)).astype(np.float32)
    write_ccp4(tmp_path / "a.mrc", values, gemmi.UnitCell(3, 5, 7, 90, 90, 90), origin=(10.0, -20.0, 30.0))
    density = read_map(tmp_path / "a.mrc", values="file")
    assert values_at(density, np.array([[10.5, -18.0, 33.0]]))[0] == pytest.approx(values[1, 2, 3], abs=1e-6)


def test_sigma_counts_from_the_mean_of_the_cell(tmp_path):
    whole = write_asu(tmp_path / "asu.map", "C 2 2 21")
    values = np.array(whole, dtype=np.float64)
    density = read_map(tmp_path / "asu.map")
    np.testing.assert_allclose(density.values, (values - values.mean()) / values.std(), atol=1e-5)


def test_a_compressed_map_is_the_same(tmp_path):
    write_asu(tmp_path / "asu.map", "P 1 21 1")
    (tmp_path / "asu.map.gz").write_bytes(gzip.compress((tmp_path / "asu.map").read_bytes()))
    np.testing.assert_array_equal(read_map(tmp_path / "asu.map.gz").values, read_map(tmp_path / "asu.map").values)


@pytest.mark.parametrize("kind", ["truncated", "text", "empty", "gzip", "huge"])
@pytest.mark.parametrize("suffix", [".ccp4", ".map", ".mrc", ".mtz", ".cif", ".cube"])
def test_broken_files_are_refused_by_name(tmp_path, suffix, kind):
    good = tmp_path / f"good{suffix}"
    if suffix in (".mtz", ".cif"):
        write_reflections(good, coefficients("P 1", (("FWT", "PHWT"),)))
    elif suffix == ".cube":
        good.write_text(cube_text(np.random.default_rng(0).normal(size=(4, 4, 4))))
    else:
        write_ccp4(good, np.array(computed("P 1")), gemmi.UnitCell(8, 9, 7, 80, 90, 100))
    content = good.read_bytes()
    cut = len(content) // 3
    if suffix == ".cif":
        cut = content.index(b"\n", cut) + 3  # within a row, or the file would only be shorter
    path = tmp_path / f"broken{suffix}{'.gz' if kind == 'gzip' else ''}"
    spoiled = {
        "truncated": content[:cut],
        "text": b"<html><body>404 Not Found</body></html>\n" * 50,
        "empty": b"",
        "gzip": gzip.compress(content)[:200],
        "huge": b"\x7f\xff\xff\x7f" * 3 + content[12 : len(content) // 2],
    }
    path.write_bytes(spoiled[kind])
    with pytest.raises(FeaturizationError, match=rf"'{path.name}'"):
        read_map(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.dsn6", "map of the program O.*MAPMAN"),
        ("a.omap.gz", "map of the program O"),
        ("a.png", r"ends in '\.png'; \.ccp4, \.map"),
        ("a", "ends in ''"),
    ],
)
def test_other_endings_are_refused(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(FeaturizationError, match=f"'{name}' .*{message}|'{name}' is a {message}"):
        read_map(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FeaturizationError, match=r"There is no file '.*none\.map'"):
        read_map(tmp_path / "none.map")
    with pytest.raises(FeaturizationError, match="There is no file"):
        read_map(tmp_path)


@pytest.mark.parametrize(
    ("cell", "words", "message"),
    [
        (gemmi.UnitCell(0, 0, 0, 90, 90, 90), {}, "no unit cell"),
        (gemmi.UnitCell(5, 5, 5, 90, 90, 90), {8: 0}, "no sampling"),
        (gemmi.UnitCell(5, 5, 5, 90, 90, 90), {25: 1}, "skew transformation"),
        (gemmi.UnitCell(5, 5, 5, 90, 90, 90), {17: 2}, "cannot read|axes"),
    ],
)
def test_headers_without_a_place_in_space_are_refused(tmp_path, cell, words, message):
    write_ccp4(tmp_path / "a.map", np.random.default_rng(0).normal(size=(5, 5, 5)), cell, words=words)
    with pytest.raises(FeaturizationError, match=message):
        read_map(tmp_path / "a.map")


@pytest.mark.parametrize("values", ["sigma", "file"])
@pytest.mark.parametrize("value", [0.0, 0.1, 3.0, np.nan])
def test_a_constant_map_shows_nothing(tmp_path, value, values):
    """0.1 in single precision differs from its mean by rounding, which is no σ."""
    write_ccp4(tmp_path / "flat.map", np.full((5, 5, 7), value), gemmi.UnitCell(5, 5, 7, 90, 90, 90))
    (tmp_path / "flat.cube").write_text(cube_text(np.full((4, 5, 6), value)))
    for suffix in ("map", "cube"):
        with pytest.raises(FeaturizationError, match=rf"'flat\.{suffix}' has the same value everywhere"):
            read_map(tmp_path / f"flat.{suffix}", values=values)


def test_a_map_with_one_node_that_differs_is_read(tmp_path):
    spike = np.zeros((5, 5, 5))
    spike[1, 2, 3] = 1
    write_ccp4(tmp_path / "spike.map", spike, gemmi.UnitCell(5, 5, 5, 90, 90, 90))
    np.testing.assert_array_equal(read_map(tmp_path / "spike.map", values="file").values, spike)
    assert read_map(tmp_path / "spike.map").values.std() == pytest.approx(1, abs=1e-6)


def test_settings_that_mean_nothing_are_refused(tmp_path):
    write_asu(tmp_path / "asu.map", "P 1")
    with pytest.raises(ValueError, match="values='e/A3' arrived; 'sigma', 'file' are accepted"):
        read_map(tmp_path / "asu.map", values="e/A3")
    for wrong in ("FP", ("FP",), ("FWT", "PHWT", "FOM"), ("FWT", ""), ("FWT", 3)):
        with pytest.raises(ValueError, match="labels of amplitude and phase are accepted"):
            read_map(tmp_path / "asu.map", wrong)
    with pytest.raises(FeaturizationError, match=r"'asu\.map' holds a map, not map coefficients"):
        read_map(tmp_path / "asu.map", "FWT")


def test_a_map_is_read_once_until_it_changes(tmp_path):
    path = tmp_path / "a.map"
    write_ccp4(path, np.random.default_rng(0).normal(size=(5, 5, 5)), gemmi.UnitCell(5, 5, 5, 90, 90, 90))
    first = read_map(path)
    assert read_map(str(path)) is first
    assert read_map(path, values="file") is not first
    write_ccp4(path, np.random.default_rng(1).normal(size=(5, 5, 5)), gemmi.UnitCell(5, 5, 5, 90, 90, 90))
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    assert not np.array_equal(read_map(path).values, first.values)


def test_cube_files_are_densities_in_a_box(tmp_path):
    values = np.random.default_rng(0).uniform(size=(4, 5, 6)).round(4)
    (tmp_path / "a.cub").write_text(cube_text(values))
    density = read_map(tmp_path / "a.cub", values="file")
    np.testing.assert_allclose(density.values, values / BOHR**3, rtol=1e-6)
    np.testing.assert_allclose(density.origin, np.array([1.0, -2.0, 0.5]) * BOHR)
    assert not density.periodic
    (tmp_path / "b.cube").write_text(cube_text(np.ones((4, 5, 6, 2)), extra=" 2"))
    with pytest.raises(FeaturizationError, match=r"'b\.cube' holds 2 values a point"):
        read_map(tmp_path / "b.cube")


def test_a_cube_of_a_crystal_repeats_where_the_user_says_so(tmp_path):
    values = np.random.default_rng(0).uniform(size=(4, 5, 6)).round(4)
    (tmp_path / "a.cub").write_text(cube_text(values))
    density = read_map(tmp_path / "a.cub", values="file", periodic=True)
    node = density.origin + density.steps @ [-1, 6, 13]
    assert values_at(density, node[None])[0] == pytest.approx(values[3, 1, 1] / BOHR**3, rel=1e-6)


@pytest.mark.parametrize("periodic", ["yes", 2, 0.5])
def test_periodic_is_true_false_or_none(tmp_path, periodic):
    with pytest.raises(ValueError, match=r"periodic=.* arrived; True, False or None"):
        read_map(tmp_path / "a.map", periodic=periodic)


@pytest.mark.parametrize(
    "error", [IndexError("vector"), KeyError("label"), UnicodeDecodeError("utf-8", b"a", 0, 1, "bad")]
)
def test_no_exception_of_a_library_comes_out(tmp_path, monkeypatch, error):
    def broken(path):
        raise error

    monkeypatch.setattr(gemmi.cif, "read_string", broken)
    (tmp_path / "a.cif").write_text("data_a\n")
    with pytest.raises(
        FeaturizationError, match=r"gemmi cannot read 'a\.cif' as \.cif: .*it is broken or of another kind"
    ):
        read_map(tmp_path / "a.cif")


def test_values_that_no_density_has_are_refused(tmp_path):
    (tmp_path / "a.cube").write_text(cube_text(np.random.default_rng(0).uniform(size=(4, 4, 4)) * 1e200))
    with pytest.raises(FeaturizationError, match=r"'a\.cube' has a value of .*e\+20\d; at most 1e\+18 is accepted"):
        read_map(tmp_path / "a.cube")


def test_a_compressed_map_that_unpacks_to_more_than_memory_allows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("deepchem_density.fields.map_readers.LARGEST_FILE", 1 << 20)
    path = tmp_path / "bomb.mtz.gz"
    path.write_bytes(gzip.compress(bytes(2 << 20)))
    with pytest.raises(FeaturizationError, match=r"'bomb\.mtz\.gz' unpacks to more than 1 MiB"):
        read_map(path)
