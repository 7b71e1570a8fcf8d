from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from made_up_cells import cell

from deepchem_density.curves.calibrated import calibrate, write_ensemble
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.held_out import HeldOut
from deepchem_density.models.calibration import LEVELS

CONFIG = CurveConfig(rep="atom", targets=("gap", "mu"), seeds=(0, 1, 2))
N = 500


@pytest.fixture
def cells(tmp_path):
    """Three seeds of two sizes; the smaller ones belong to no ensemble."""
    made = [cell("atom", n, seed, targets=("gap", "mu"), n_test=N) for n in (100, 800) for seed in range(3)]
    moved = [dataclasses.replace(one, model_dir=tmp_path / one.model_dir) for one in made]
    for one in moved:
        one.model_dir.mkdir(parents=True)
        (one.model_dir / "checkpoint1.pt").write_bytes(one.key.encode())
    return moved


def test_errors_are_those_of_the_mean_of_the_largest_cells(cells):
    ensemble = calibrate(CONFIG, cells)
    assert ensemble.cells == tuple(cells[3:])
    predicted = np.stack([one.predicted for one in cells[3:]])
    for t, target in enumerate(ensemble.targets):
        assert (target.name, target.unit) == (CONFIG.targets[t], "hartree")
        np.testing.assert_allclose(target.errors, predicted.mean(axis=0)[:, t] - cells[3].truth[:, t])
        np.testing.assert_allclose(target.spread, predicted.std(axis=0, ddof=1)[:, t])
        for one, level in zip(target.coverages, LEVELS.values(), strict=True):
            assert one.n == N
            # four deviations of a share of N
            assert abs(one.share - level) < 4 * np.sqrt(level * (1 - level) / N)


def test_molecules_of_the_validation_set_and_masks_count_where_all_cells_have_them(cells):
    rng = np.random.default_rng(0)
    for one in cells[3:]:
        truth = np.concatenate([one.truth, np.zeros((100, 2))])
        predicted = np.concatenate([one.predicted, rng.normal(size=(100, 2))])
        HeldOut(np.arange(N + 100), truth, predicted, np.full((N + 100, 2), 0.7), 50).write(one.model_dir.parent)
    ensemble = calibrate(CONFIG, cells)
    assert ensemble.masks == 50
    assert all(len(target.errors) == N + 100 for target in ensemble.targets)
    assert all((target.spread >= 0.7).all() for target in ensemble.targets)
    (cells[4].model_dir.parent / "held_out.json").unlink()  # as if an earlier release had trained it
    ensemble = calibrate(CONFIG, cells)
    assert ensemble.masks == 0
    assert all(len(target.errors) == N for target in ensemble.targets)


def test_the_file_names_networks_and_what_was_measured(cells, tmp_path):
    ensemble = calibrate(CONFIG, cells)
    folder = write_ensemble(ensemble, tmp_path)
    assert folder.parent == tmp_path / "ensembles" / "s"
    stored = json.loads((folder / "ensemble.json").read_text())
    assert [one["folder"] for one in stored["members"]] == [
        f"../../../cells/atom-800-{seed}/model" for seed in range(3)
    ]
    for target, written in zip(ensemble.targets, stored["targets"], strict=True):
        assert written["coverage"] == {one.level: [one.within, one.n] for one in target.coverages}
    assert write_ensemble(calibrate(CONFIG, cells[3:5]), tmp_path) != folder
    assert f"{ensemble.targets[0].coverages[0].within} of {N}" in ensemble.targets[0].words


def test_classes_and_few_molecules_are_not_calibrated(cells, caplog):
    classes = dataclasses.replace(CONFIG, task="classification")
    assert calibrate(classes, cells) is None
    few = [
        dataclasses.replace(one, ids=one.ids[:11], truth=one.truth[:11], predicted=one.predicted[:11]) for one in cells
    ]
    assert calibrate(CONFIG, few) is None
    assert "11 molecules are held out, which are too few" in caplog.text
