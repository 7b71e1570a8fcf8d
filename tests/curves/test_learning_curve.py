from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from complex_files import write_complex

import deepchem_density.curves.cells as cells_module
from deepchem_density import progress
from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.curves.data import CurveData
from deepchem_density.curves.learning_curve import run_curve, run_curves
from deepchem_density.engine import Engine
from deepchem_density.reports.report import write_curve_report
from deepchem_density.tables.baselines import predict_constant
from deepchem_density.tables.qm9 import load_sample
from deepchem_density.workers import WorkerError

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
    trained, sets = [], {}
    original = CurveData.dataset

    def dataset(data, places, labels, **others):
        sets.update({name: set(data.table.ids[getattr(data, name)].tolist()) for name in ("valid", "test")})
        if others.get("training"):
            trained.append(set(data.table.ids[places].tolist()))
        return original(data, places, labels, **others)

    monkeypatch.setattr(CurveData, "dataset", dataset)
    run_curve(dataclasses.replace(QUICK, seeds=(0,)), tmp_path)
    small, *_, large = trained
    assert small < large
    assert len(sets["test"]) == 40
    assert not sets["test"] & (large | sets["valid"])
    assert not sets["valid"] & large


def test_epochs_report_loss_rate_and_some_validation(finished):
    _, _, epochs = finished
    first = [metrics for n_train, seed, _, metrics in epochs if (n_train, seed) == (30, 0)]
    assert all({"train_loss", "learning_rate"} <= set(metrics) for metrics in first)
    assert any("valid_mae" in metrics for metrics in first)


def test_finished_cells_are_not_run_again(finished, monkeypatch):
    out, cells, _ = finished

    def fail(*arguments, **settings):
        raise AssertionError("a finished cell was trained again")

    monkeypatch.setattr(cells_module, "VoxelCNNModel", fail)
    again = run_curve(QUICK, out)
    assert json.dumps([cell.rows for cell in again]) == json.dumps(
        [cell.rows for cell in cells]
    )  # equal with their NaN
    np.testing.assert_array_equal(again[-1].predicted, cells[-1].predicted)


def test_half_a_result_is_run_again(finished):
    out, cells, _ = finished
    path = cells[0].model_dir.parent / "result.json"
    content = path.read_text()
    path.write_text(content[: len(content) // 2])
    again = run_curve(dataclasses.replace(QUICK, fractions=(0.5,), seeds=(0,)), out)
    assert json.dumps(json.loads(path.read_text())["rows"]) == json.dumps(again[0].rows)
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


def test_a_configuration_that_cannot_run_is_refused_before_anything_is_computed(tmp_path):
    with pytest.raises(ValueError, match="rep='orbital'"):
        run_curve(dataclasses.replace(QUICK, rep="orbital"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_curve_on_complexes_has_three_baselines(tmp_path):
    smiles = ["CCO", "CCC", "CC=O", "CCN", "CO", "C", "CCCC", "CCF", "N", "O"]
    rows = [(f"{i}abc", *write_complex(tmp_path, f"{i}abc", one), 4 + 0.5 * i) for i, one in enumerate(smiles)]
    csv = tmp_path / "complexes.csv"
    pd.DataFrame(rows, columns=["id", "ligand", "protein", "pK"]).to_csv(csv, index=False)
    config = CurveConfig(
        **{**COMPLEX_DEFAULTS, "split": "random", "n_test": 3, "steps": 2, "voxel_width": 2.0},
        rep="density",
        dataset="complexes",
        data_dir=str(csv),
        fractions=(1.0,),
        seeds=(0,),
        widths=(4, 8),
    )
    (cell,) = run_curve(config, tmp_path / "out")
    assert [row["model"] for row in cell.rows] == [
        "network",
        "ligand heavy atoms",
        "linear in element counts",
        "constant",
    ]
    assert cell.rows[0]["n_train"] == 7
    assert cell.rows[0]["unit"] == "-log10(M)"
    assert set(cell.ids) < {row[0] for row in rows}


def test_cleansplit_is_reported_by_core_set(tmp_path):
    rows = [(f"{i}abc", *write_complex(tmp_path, f"{i}abc", "C" * (i + 1)), 4 + 0.5 * i % 3) for i in range(9)]
    csv = tmp_path / "complexes.csv"
    pd.DataFrame(rows, columns=["id", "ligand", "protein", "pK"]).to_csv(csv, index=False)
    core = {"casf2016": ["4abc", "5abc", "6abc"], "casf2013": ["6abc", "7abc", "8abc"], "casf2016_indep": ["5abc"]}
    (tmp_path / "cleansplit.json").write_text(json.dumps({"train": [f"{i}abc" for i in range(4)], **core}))
    config = CurveConfig(
        **{**COMPLEX_DEFAULTS, "split": "cleansplit", "steps": 2, "voxel_width": 2.0},
        rep="atom",
        dataset="complexes",
        data_dir=str(csv),
        fractions=(1.0,),
        seeds=(0,),
        widths=(4, 8),
    )
    (cell,) = run_curve(config, tmp_path / "out")
    assert sorted(cell.ids) == core["casf2016"] + ["7abc", "8abc"]
    assert [row["part"] for row in cell.part_rows] == 4 * ["casf2013"] + 4 * ["casf2016"]  # one complex tells nothing
    for name in ("casf2013", "casf2016"):
        tested = np.isin(cell.ids, core[name])
        error = np.sqrt(((cell.predicted - cell.truth)[tested] ** 2).mean())
        network = next(row for row in cell.part_rows if row["part"] == name and row["model"] == "network")
        assert (network["n_test"], network["rmse"]) == (3, pytest.approx(error))
    again = run_curve(config, tmp_path / "out")[0]
    assert json.dumps(again.part_rows) == json.dumps(cell.part_rows)
    table, numbers, *_ = write_curve_report(config, [cell], tmp_path / "out")
    assert "pK: root mean square error on casf2016 (3 of the test set), -log10(M)" in table.read_text()
    assert pd.read_csv(numbers)["part"].value_counts().to_dict() == {"casf2013": 4, "casf2016": 4}


def test_fractions_that_come_to_the_same_size_are_run_once(finished):
    out, _, _ = finished
    assert len(run_curve(dataclasses.replace(QUICK, fractions=(0.5, 0.501), seeds=(0,)), out)) == 1


def test_curves_on_different_data_are_not_compared(tmp_path):
    with pytest.raises(ValueError, match="Curves with targets=\\('gap',\\) and \\('mu',\\) arrived"):
        run_curves([QUICK, dataclasses.replace(QUICK, targets=("mu",))], tmp_path / "out")
    with pytest.raises(ValueError, match="No curve arrived"):
        run_curves([], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_cell_that_ends_its_workers_is_named_and_the_others_are_kept(tmp_path):
    class Losing(Engine):
        def run(self, tasks, on_message=None):
            first, *others = tasks
            yield from super().run(others, on_message)
            yield first, WorkerError("it ended its worker process")

    seen = []
    with pytest.raises(WorkerError, match=r"1 of 4 cells could not be trained \(atom-30-0-\w+: it ended its worker"):
        run_curve(QUICK, tmp_path, on_cell=seen.append, engine=Losing())
    assert [(cell.rows[0]["n_train"], cell.rows[0]["seed"]) for cell in seen] == [(30, 1), (60, 0), (60, 1)]
    assert len(run_curve(QUICK, tmp_path)) == 4


def test_where_a_long_training_is_is_told_now_and_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(progress, "_silent", False)
    (cell, *_) = run_curve(QUICK, tmp_path)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("training: 0 of ")]
    assert any(re.search(rf" cells; {re.escape(cell.name)}: epoch \d+, loss \d", line) for line in told)
