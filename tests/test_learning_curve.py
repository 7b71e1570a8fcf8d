from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import deepchem_density.learning_curve as learning_curve
from deepchem_density.baselines import predict_constant
from deepchem_density.learning_curve import CurveConfig, load_dataset, run_curve
from deepchem_density.qm9 import load_sample

QUICK = CurveConfig(
    rep="atom",
    n_train=60,
    n_valid=10,
    n_test=40,
    fractions=(0.5, 1.0),
    seeds=(0, 1),
    steps=4,
    box_width=14.4,
    voxel_width=1.2,
    oversampling=1,
    widths=(4, 8),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("curve")
    epochs = []
    cells = run_curve(QUICK, out, on_epoch=lambda *arguments: epochs.append(arguments))
    return out, cells, epochs


def test_every_cell_has_the_network_and_both_baselines(finished):
    _, cells, _ = finished
    assert [(cell.rows[0]["n_train"], cell.rows[0]["seed"]) for cell in cells] == [(30, 0), (30, 1), (60, 0), (60, 1)]
    for cell in cells:
        assert [row["model"] for row in cell.rows] == ["network", "linear in element counts", "constant"]
        assert all(row["unit"] == "hartree" and row["n_test"] == 40 for row in cell.rows)
        assert cell.rows[0]["mae"] == pytest.approx(np.abs(cell.predicted - cell.truth).mean())


def test_the_test_set_is_the_same_for_every_fraction_and_seed(finished):
    _, cells, _ = finished
    for cell in cells[1:]:
        np.testing.assert_array_equal(cell.ids, cells[0].ids)
        np.testing.assert_array_equal(cell.truth, cells[0].truth)


def test_labels_are_those_of_the_molecules(finished):
    _, cells, _ = finished
    table = load_sample()
    place = {molecule: i for i, molecule in enumerate(table.ids.tolist())}
    expected = table.column("gap")[[place[molecule] for molecule in cells[0].ids.tolist()]]
    np.testing.assert_array_equal(cells[0].truth[:, 0], expected)


def test_no_test_molecule_is_ever_trained_on(monkeypatch, tmp_path):
    shown = []
    original = learning_curve._Data.dataset

    def dataset(self, places, targets):
        shown.append(set(self.table.ids[places].tolist()))
        return original(self, places, targets)

    monkeypatch.setattr(learning_curve._Data, "dataset", dataset)
    run_curve(dataclasses.replace(QUICK, seeds=(0,)), tmp_path)
    valid, small, test, _, large, _ = shown
    assert small < large
    assert len(test) == 40
    assert not test & (large | valid)
    assert not valid & large


def test_epochs_report_loss_rate_and_some_validation(finished):
    _, _, epochs = finished
    first = [metrics for n_train, seed, _, metrics in epochs if (n_train, seed) == (30, 0)]
    assert all({"train_loss", "learning_rate"} <= set(metrics) for metrics in first)
    assert any("valid_mae" in metrics for metrics in first)


def test_finished_cells_are_not_run_again(finished, monkeypatch):
    out, cells, _ = finished

    def fail(*arguments, **settings):
        raise AssertionError("a finished cell was trained again")

    monkeypatch.setattr(learning_curve, "VoxelCNNModel", fail)
    again = run_curve(QUICK, out)
    assert [cell.rows for cell in again] == [cell.rows for cell in cells]
    np.testing.assert_array_equal(again[-1].predicted, cells[-1].predicted)


def test_half_a_result_is_run_again(finished):
    out, cells, _ = finished
    path = cells[0].model_dir.parent / "result.json"
    content = path.read_text()
    path.write_text(content[: len(content) // 2])
    again = run_curve(dataclasses.replace(QUICK, fractions=(0.5,), seeds=(0,)), out)
    assert json.loads(path.read_text())["rows"] == again[0].rows
    np.testing.assert_allclose(again[0].predicted, cells[0].predicted, rtol=1e-5)


def test_another_seed_draws_other_molecules(finished):
    _, cells, _ = finished
    assert cells[0].rows[2]["mae"] != cells[1].rows[2]["mae"]
    assert cells[0].rows[0]["mae"] != cells[1].rows[0]["mae"]


def test_several_targets_are_learned_together(tmp_path):
    config = dataclasses.replace(QUICK, targets=("mu", "gap"), fractions=(1.0,), seeds=(0,))
    (cell,) = run_curve(config, tmp_path)
    assert [(row["target"], row["unit"]) for row in cell.rows[:2]] == [("mu", "debye"), ("gap", "hartree")]
    assert cell.predicted.shape == (40, 2)
    constant = next(row for row in cell.rows if row["model"] == "constant" and row["target"] == "mu")
    assert constant["mae"] > np.abs(predict_constant(cell.truth, 40) - cell.truth)[:, 0].mean() * 0.9


def test_a_molecule_that_fails_is_left_out_of_its_set_only(tmp_path):
    cells = run_curve(dataclasses.replace(QUICK, box_width=8.4, fractions=(1.0,), seeds=(0,)), tmp_path)
    row = cells[0].rows[0]
    assert row["n_train"] <= 60
    assert row["n_test"] <= 40
    assert (row["n_train"], row["n_test"]) != (60, 40)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rep": "orbital"}, "rep='orbital'.*atom, density, gradient, occupancy"),
        ({"dataset": "qm7"}, "dataset='qm7'.*sample, qm9, sdf"),
        ({"dataset": "sdf"}, "data_dir"),
        ({"targets": ()}, "targets"),
        ({"targets": ("colour",)}, "colour"),
        ({"fractions": (0.5, 1.5)}, "fractions"),
        ({"fractions": ()}, "fractions"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"steps": 0}, "steps, epochs"),
        ({"epochs": 3}, "steps, epochs"),
        ({"n_train": 5000}, "n_train=5000"),
        ({"box_width": 14.5}, "box_width=14.5"),
    ],
)
def test_what_cannot_run_is_refused_with_the_setting_named(changed, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run_curve(dataclasses.replace(QUICK, **changed), tmp_path)


def test_an_sdf_folder_needs_one_sdf_and_its_labels(tmp_path):
    config = dataclasses.replace(QUICK, dataset="sdf", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"0 \.sdf files"):
        load_dataset(config)
    (tmp_path / "gdb9.sdf").write_text("")
    with pytest.raises(ValueError, match="no labels"):
        load_dataset(config)


def test_what_is_special_about_a_representation_is_in_its_label():
    assert CurveConfig(rep="density").label == "density"
    assert CurveConfig(rep="density", transform="sqrt").label == "density (transform=sqrt)"
    assert CurveConfig(rep="atom", transform="sqrt").label == "atom"
    assert CurveConfig(rep="density").study == CurveConfig(rep="atom").study
    assert CurveConfig(rep="density").study != CurveConfig(rep="density", steps=77).study
