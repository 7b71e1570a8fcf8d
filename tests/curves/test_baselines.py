from __future__ import annotations

import dataclasses
import json
import logging

import numpy as np
import pytest

import deepchem_density.curves.baselines as baselines_module
import deepchem_density.curves.cells as cells_module
from deepchem_density.curves.baselines import BASELINES, Baselines, not_for
from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.curves.data import prepare
from deepchem_density.curves.learning_curve import run_curve
from deepchem_density.curves.metrics import regression_metrics
from deepchem_density.curves.removed_line import solver_numbers
from deepchem_density.errors import FeaturizationError
from deepchem_density.tables.fingerprint_trees import morgan_fingerprints, predict_trees
from deepchem_density.tables.splits import nested_fractions

QUICK = CurveConfig(
    rep="atom",
    targets=("gap", "mu"),
    n_train=60,
    n_valid=0,
    n_test=20,
    fractions=(0.5, 1.0),
    seeds=(0,),
    steps=2,
    voxel_width=1.2,
    oversampling=1,
    widths=(4, 8),
)
ALL = ("xtb", "ecfp")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return out, run_curve(QUICK, out, baselines=ALL)


def rows_of(cell, name):
    return [row for row in cell.rows if row["model"] == BASELINES[name]]


def without_seconds(cell):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in cell.rows]


def test_every_size_has_its_own_fit_to_its_own_training_molecules(finished):
    out, cells = finished
    data = prepare(QUICK, out)
    labels, counts = data.table.columns(QUICK.targets), data.table.element_counts(data.table.elements)
    numbers = solver_numbers(QUICK, data.table.datapoints(), out / "solved")
    columns = np.hstack([np.ones((len(counts), 1)), counts, numbers])
    columns /= np.abs(columns).max(axis=0)
    for cell, train in zip(cells, nested_fractions(data.pool, [30, 60], 0), strict=True):
        slopes, *_ = np.linalg.lstsq(columns[train], labels[train], rcond=None)
        trees = predict_trees(morgan_fingerprints(data.table.mols())[0], counts, labels, train, data.test)
        for name, predicted in (("xtb", columns[data.test] @ slopes), ("ecfp", trees)):
            rows = rows_of(cell, name)
            assert [(row["target"], row["n_train"], row["n_test"]) for row in rows] == [
                (target, len(train), 20) for target in QUICK.targets
            ]
            for t, row in enumerate(rows):
                expected = regression_metrics(labels[data.test][:, t], predicted[:, t])
                assert row["mae"] == pytest.approx(expected["mae"], rel=1e-5)
    assert rows_of(cells[0], "xtb")[1]["mae"] > rows_of(cells[1], "xtb")[1]["mae"]


def test_a_finished_cell_gets_what_it_lacks_and_is_not_trained_again(finished, monkeypatch):
    out, cells = finished
    path = cells[1].model_dir.parent / "result.json"
    stored = json.loads(path.read_text())
    plain = [row for row in stored["rows"] if row["model"] not in BASELINES.values()]
    path.write_text(json.dumps({**stored, "rows": plain}))

    def fail(*arguments, **settings):
        raise AssertionError("it was computed again")

    monkeypatch.setattr(cells_module, "VoxelCNNModel", fail)
    monkeypatch.setattr(baselines_module, "predict_trees", fail)  # what a curve has fitted serves all others
    again = run_curve(QUICK, out, baselines=ALL)
    assert json.dumps(without_seconds(again[1])) == json.dumps(without_seconds(cells[1]))  # equal with their NaN
    assert len(json.loads(path.read_text())["rows"]) == len(again[1].rows)
    assert run_curve(QUICK, out)[1].key == cells[1].key


def test_molecules_that_cannot_be_solved_cost_the_solvers_row_alone(finished, monkeypatch):
    out, cells = finished

    def numbers(config, datapoints, *others):
        found = solver_numbers(config, datapoints, *others)
        found[data.test[:5]] = np.nan
        found[train[:3]] = np.nan
        return found

    data = prepare(dataclasses.replace(QUICK, n_test=19), out)  # others than those whose predictions are kept
    train = nested_fractions(data.pool, [60], 0)[0]
    monkeypatch.setattr(baselines_module, "solver_numbers", numbers)
    cell = dataclasses.replace(cells[1], rows=[row for row in cells[1].rows if row["model"] == "network"])
    (out / "copy").mkdir()
    cell = dataclasses.replace(cell, model_dir=out / "copy" / "model")
    found = Baselines(("xtb",), out).added(cell, data, train)
    assert [row["n_test"] for row in found.rows] == [20, 20, 14, 14]


def test_a_baseline_that_cannot_be_had_is_logged(finished, monkeypatch, caplog):
    out, cells = finished

    def numbers(*arguments):
        raise FeaturizationError("None of 80 datapoints could be featurized; the first: it flew away")

    monkeypatch.setattr(baselines_module, "solver_numbers", numbers)
    data = prepare(QUICK, out)
    cell = dataclasses.replace(cells[1], rows=[row for row in cells[1].rows if row["model"] == "network"])
    with caplog.at_level(logging.WARNING):
        assert Baselines(("xtb",), out / "third").added(cell, data, data.pool).rows == cell.rows
    assert (
        "without the baseline 'xtb': None of 80 datapoints could be featurized; the first: it flew away" in caplog.text
    )


def test_complexes_have_no_numbers_of_the_solver():
    complexes = CurveConfig(**COMPLEX_DEFAULTS, dataset="complexes", data_dir="there")
    assert "not solved" in not_for(complexes, "xtb")
    assert not_for(complexes, "ecfp") == not_for(QUICK, "xtb") == ""


def test_another_baseline_is_refused(tmp_path):
    with pytest.raises(ValueError, match="baselines='forest' arrived; 'xtb', 'ecfp' are accepted"):
        run_curve(QUICK, tmp_path, baselines=("forest",))
