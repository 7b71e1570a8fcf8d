from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from complex_files import write_complex

import deepchem_density.voxels.store as voxel_store
from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.store import VoxelStore

RECIPE = Recipe("atom", box_width=6.0, voxel_width=1.0, dtype="float16")
COMPLEXES = Recipe("occupancy", box_width=16.0, voxel_width=2.0)
MAPS = Recipe("density", box_width=8.0, voxel_width=1.0, map_values="file")
TOO_LARGE = Structure([1, 1], [[0, 0, 0], [0, 0, 40.0]], name="too large")


def molecules(n):
    return [Structure([6, 8], [[0, 0, 0], [0, 0, 1.1 + 0.01 * i]], name=f"CO {i}") for i in range(n)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(voxel_store, "SHARD_SIZE", 4)


def test_stored_voxels_equal_fresh_ones(tmp_path):
    structures = molecules(10)
    voxels, failures = VoxelStore(tmp_path, RECIPE).voxels(structures)
    expected = np.stack([RECIPE.voxels(structure) for structure in structures])
    np.testing.assert_array_equal(voxels, expected)
    assert voxels.dtype == np.float16
    assert failures == []
    again, _ = VoxelStore(tmp_path, RECIPE).voxels(structures)
    np.testing.assert_array_equal(again, expected)


def test_a_killed_run_goes_on_behind_the_last_finished_shard(tmp_path, monkeypatch):
    structures, seen = molecules(10), []

    def results(function, items, n_jobs):
        for item in items:
            if len(seen) == 9:
                raise KeyboardInterrupt
            seen.append(item.name)
            yield function(item)

    monkeypatch.setattr(voxel_store, "map_in_order", results)
    with pytest.raises(KeyboardInterrupt):
        VoxelStore(tmp_path, RECIPE).voxels(structures)
    assert len(list(tmp_path.glob("*/*.npz"))) == 2
    seen.clear()
    voxels, _ = VoxelStore(tmp_path, RECIPE).voxels(structures)
    assert seen == ["CO 8", "CO 9"]
    np.testing.assert_array_equal(voxels, np.stack([RECIPE.voxels(structure) for structure in structures]))


def test_failures_are_named_and_remembered(tmp_path, caplog):
    structures = [*molecules(5), TOO_LARGE]
    with caplog.at_level(logging.WARNING):
        voxels, failures = VoxelStore(tmp_path, RECIPE).voxels(structures)
    assert [index for index, _ in failures] == [5]
    assert "does not fit the box" in failures[0][1]
    assert "1 of 6 datapoints" in caplog.text
    assert not voxels[5].any()
    assert VoxelStore(tmp_path, RECIPE).voxels(structures)[1] == failures


def test_nothing_but_failures_stops_the_run(tmp_path):
    with pytest.raises(FeaturizationError, match=r"None of 2 datapoints.*does not fit"):
        VoxelStore(tmp_path, RECIPE).voxels([TOO_LARGE, TOO_LARGE])


def test_a_broken_shard_is_computed_again(tmp_path, caplog):
    structures = molecules(4)
    expected, _ = VoxelStore(tmp_path, RECIPE).voxels(structures)
    (shard,) = tmp_path.glob("*/*.npz")
    shard.write_bytes(shard.read_bytes()[:100])
    voxels, _ = VoxelStore(tmp_path, RECIPE).voxels(structures)
    np.testing.assert_array_equal(voxels, expected)
    assert "computed again" in caplog.text


def test_other_settings_and_other_molecules_have_other_files(tmp_path):
    a = VoxelStore(tmp_path, RECIPE)
    b = VoxelStore(tmp_path, Recipe("atom", box_width=6.0, voxel_width=1.0, dtype="float16", sigma=0.4))
    assert a.folder != b.folder
    a.voxels(molecules(4))
    a.voxels(molecules(8)[4:])
    assert len(list(a.folder.glob("*.npz"))) == 2


def test_a_file_that_changed_is_read_again(tmp_path):
    ligand, protein = write_complex(tmp_path, "1abc")
    store = VoxelStore(tmp_path / "voxels", COMPLEXES)
    before, _ = store.voxels([(ligand, protein)])
    np.testing.assert_array_equal(store.voxels([(ligand, protein)])[0], before)
    write_complex(tmp_path, "1abc", "CCCC")
    after, _ = store.voxels([(ligand, protein)])
    np.testing.assert_array_equal(after, [COMPLEXES.voxels((ligand, protein))])
    assert abs(after - before).max() > 0


def test_a_map_that_a_pattern_names_counts(tmp_path):
    ligand, _ = write_complex(tmp_path, "1abc")
    recipe = replace(MAPS, map_pattern=f"{tmp_path}/{{id}}.ccp4")
    store = VoxelStore(tmp_path / "voxels", recipe)
    with pytest.raises(FeaturizationError, match=r"1abc\.ccp4"):
        store.voxels([ligand])
    for level in (1.0, 2.0):
        write_map(tmp_path / "1abc.ccp4", level)
        voxels, _ = store.voxels([ligand])
        np.testing.assert_array_equal(voxels, [recipe.voxels(ligand)])
        assert voxels.max() > level / 2


def test_reasons_that_lie_in_no_datapoint_are_not_remembered(tmp_path, monkeypatch):
    structures = molecules(3)

    def full(recipe, datapoint, out=None):
        if datapoint is structures[1]:
            raise OSError("no space left on device")
        return np.zeros(recipe.voxel_shape, dtype=recipe.dtype)

    with monkeypatch.context() as patch:
        patch.setattr(Recipe, "voxels", full)
        _, failures = VoxelStore(tmp_path, RECIPE).voxels(structures)
    assert failures == [(1, "OSError: no space left on device")]
    voxels, failures = VoxelStore(tmp_path, RECIPE).voxels(structures)
    assert failures == []
    assert voxels[1].any()


def test_a_text_as_long_as_no_path_is_a_smiles(tmp_path):
    store = VoxelStore(tmp_path, replace(RECIPE, box_width=9.0))
    _, failures = store.voxels(["C", "C" * 300 + "("])
    assert [index for index, _ in failures] == [1]


def write_map(path: Path, level: float) -> None:
    """A wave of so many units in a cell of 20 Å."""
    density_map = gemmi.Ccp4Map()
    x = np.cos(2 * np.pi * np.arange(40) / 40, dtype=np.float32)
    values = np.broadcast_to(level * x[:, None, None], (40, 40, 40)).copy()
    density_map.grid = gemmi.FloatGrid(values, gemmi.UnitCell(20, 20, 20, 90, 90, 90), gemmi.SpaceGroup("P 1"))
    density_map.update_ccp4_header()
    density_map.write_ccp4_map(str(path))
