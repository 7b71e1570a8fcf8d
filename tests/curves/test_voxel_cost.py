from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import deepchem_density.curves.voxel_cost as voxel_cost
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.voxel_cost import voxel_seconds
from deepchem_density.errors import FeaturizationError
from deepchem_density.voxels.recipe import Recipe

CONFIGS = [CurveConfig(rep="atom", voxel_width=1.2), CurveConfig(rep="occupancy", voxel_width=1.2)]


def test_each_representation_is_measured_once(tmp_path, monkeypatch):
    found = voxel_seconds(CONFIGS, tmp_path)
    assert list(found) == [config.label for config in CONFIGS]
    assert all(0 < seconds < 5 for seconds in found.values())

    def fail(*arguments):
        raise AssertionError("measured again")

    monkeypatch.setattr(voxel_cost, "_measured", fail)
    assert voxel_seconds(CONFIGS, tmp_path) == found
    with pytest.raises(AssertionError, match="measured again"):
        voxel_seconds([dataclasses.replace(CONFIGS[0], sigma=0.9)], tmp_path)
    for path in tmp_path.glob("seconds/*.json"):
        path.write_text("{")
    with pytest.raises(AssertionError, match="measured again"):
        voxel_seconds(CONFIGS, tmp_path)


def test_test_molecules_are_measured_and_the_first_one_does_not_count(monkeypatch):
    clock = iter(np.cumsum([0, 100, 0, 1, 0, 3, 0, 2]).tolist())
    monkeypatch.setattr(voxel_cost.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(voxel_cost, "ENOUGH", 1000)
    seen = []
    monkeypatch.setattr(Recipe, "voxels", lambda self, datapoint: seen.append(datapoint))
    assert voxel_cost._measured(CONFIGS[0].recipe, "abcd") == 2
    assert seen == list("abcd")


def test_slow_voxels_are_not_measured_for_ever(monkeypatch):
    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr(voxel_cost.time, "perf_counter", lambda: next(clock))
    seen = []
    monkeypatch.setattr(Recipe, "voxels", lambda self, datapoint: seen.append(datapoint))
    assert voxel_cost._measured(CONFIGS[0].recipe, "abcdefgh") == 7
    assert len(seen) == 2


def test_what_fails_is_not_measured(tmp_path, monkeypatch):
    def fail(self, datapoint):
        raise FeaturizationError("no voxels")

    monkeypatch.setattr(Recipe, "voxels", fail)
    found = voxel_seconds(CONFIGS[:1], tmp_path)
    assert np.isnan(list(found.values())).all()
    (path,) = tmp_path.glob("seconds/*.json")
    assert np.isnan(json.loads(path.read_text()))
