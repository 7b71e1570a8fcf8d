from __future__ import annotations

import logging

import numpy as np
import pytest

import deepchem_density.voxel_store as voxel_store
from deepchem_density.errors import FeaturizationError
from deepchem_density.representations import Recipe
from deepchem_density.structure import Structure
from deepchem_density.voxel_store import VoxelStore

RECIPE = Recipe("atom", box_width=6.0, voxel_width=1.0, dtype="float16")
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
