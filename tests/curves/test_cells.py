from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from deepchem_density.curves.cells import cell_folder, read_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import prepare
from deepchem_density.curves.learning_curve import run_curve
from deepchem_density.models import until_stalled
from deepchem_density.models.prediction import Predictor
from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables.qm9 import load_sample

QUICK = CurveConfig(
    rep="atom",
    n_train=30,
    n_valid=0,
    n_test=20,
    fractions=(1.0,),
    seeds=(0,),
    steps=3,
    voxel_width=1.2,
    oversampling=1,
    widths=(4, 8),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("cell")
    (cell,) = run_curve(QUICK, out)
    return out, cell


def structures_of(cell, n=None):
    table = load_sample()
    place = {molecule: i for i, molecule in enumerate(table.ids.tolist())}
    return table.subset([place[molecule] for molecule in cell.ids.tolist()[:n]]).datapoints()


def test_a_cell_knows_the_size_of_its_molecules(finished):
    _, cell = finished
    assert cell.heavy_atoms.tolist() == [int((one.numbers > 1).sum()) for one in structures_of(cell)]


def test_a_cell_is_read_as_it_was_run(finished):
    out, cell = finished
    folder = cell_folder(QUICK, out, 30, 0, (), prepare(QUICK, out).content)
    again = read_cell(folder)
    assert json.dumps(again.rows) == json.dumps(cell.rows)
    assert again.key == cell.key == folder.name
    for name in ("ids", "heavy_atoms", "truth", "predicted"):
        np.testing.assert_array_equal(getattr(again, name), getattr(cell, name))


def test_rows_say_what_was_run(finished):
    _, cell = finished
    row = cell.rows[0]
    assert (row["steps"], row["epochs"], row["device"], row["n_test"]) == (3, 3, "cpu", 20)
    assert row["parameters"] > 0
    assert row["seconds"] >= 0


def test_a_cell_predicts_for_itself(finished):
    _, cell = finished
    predictor = Predictor.from_folder(cell.model_dir.parent)
    assert predictor.about.targets == ("gap",)
    assert predictor.about.units == {"gap": "hartree"}
    voxels = np.stack([predictor.about.recipe.voxels(structure) for structure in structures_of(cell, 3)])
    predicted = predictor.network.predict(dc.data.NumpyDataset(voxels))
    np.testing.assert_allclose(predicted, cell.predicted[:3], rtol=1e-4)


@pytest.mark.parametrize("damage", ["earlier release", "cut", "list"])
def test_a_result_of_an_earlier_release_or_damaged_is_run_again(finished, damage):
    out, cell = finished
    path = cell.model_dir.parent / "result.json"
    text = path.read_text()
    stored = json.loads(text)
    del stored["heavy_atoms"]
    path.write_text({"earlier release": json.dumps(stored), "cut": text[:-9], "list": "[1]"}[damage])
    assert read_cell(path.parent) is None
    run_curve(QUICK, out)
    assert read_cell(path.parent) is not None


@pytest.mark.parametrize(
    "changed", [{"steps": 4}, {"dropout": 0.1}, {"sigma": 0.6}, {"n_test": 21}, {"widths": (4, 4)}]
)
def test_other_settings_make_another_cell(tmp_path, changed):
    other = dataclasses.replace(QUICK, **changed)
    assert cell_folder(other, tmp_path, 30, 0) != cell_folder(QUICK, tmp_path, 30, 0)


@pytest.mark.parametrize("same", [{"fractions": (0.5,)}, {"seeds": (0, 1)}, {"n_valid": 5}])
def test_what_changes_other_cells_only_leaves_a_cell_as_it_is(tmp_path, same):
    other = dataclasses.replace(QUICK, **same)
    assert cell_folder(other, tmp_path, 30, 0).name == cell_folder(QUICK, tmp_path, 30, 0).name


def test_molecules_that_fail_elsewhere_make_another_cell(tmp_path):
    plain = cell_folder(QUICK, tmp_path, 30, 0)
    assert cell_folder(QUICK, tmp_path, 30, 0, ()) == plain != cell_folder(QUICK, tmp_path, 30, 0, (), "other data")
    assert cell_folder(QUICK, tmp_path, 30, 0, ("a", "b")) == cell_folder(QUICK, tmp_path, 30, 0, ("b", "a")) != plain


PATIENT = dataclasses.replace(QUICK, n_valid=10, patience=2, steps=400)


def test_with_patience_a_cell_says_where_it_stopped_and_a_killed_one_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 20)
    (whole,) = run_curve(PATIENT, tmp_path / "whole")
    row = whole.rows[0]
    assert row["model"] == "network"
    assert row["steps"] <= 400
    assert row["capped"] == (row["steps"] == 400)
    assert row["train_mae"] > 0
    assert not list(tmp_path.rglob("training.pt"))

    def kill(n_train, seed, number, metrics):
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_curve(PATIENT, tmp_path / "killed", on_epoch=kill)
    assert len(list(tmp_path.rglob("training.pt"))) == 1
    numbers = []
    (resumed,) = run_curve(PATIENT, tmp_path / "killed", on_epoch=lambda n, seed, number, _: numbers.append(number))
    assert numbers[0] == 4
    np.testing.assert_array_equal(resumed.predicted, whole.predicted)


def test_training_error_is_that_of_the_kept_network(tmp_path):
    config = dataclasses.replace(QUICK, n_train=20)
    (cell,) = run_curve(config, tmp_path)
    data = prepare(config, tmp_path)
    trained = data.table.subset(np.sort(data.pool))
    predictor = Predictor.from_folder(cell.model_dir.parent)
    voxels = np.stack([predictor.about.recipe.voxels(structure) for structure in trained.datapoints()])
    predicted = predictor.network.predict(dc.data.NumpyDataset(voxels))
    expected = np.abs(predicted - trained.columns(("gap",))).mean()
    assert cell.rows[0]["train_mae"] == pytest.approx(expected, rel=1e-4)
