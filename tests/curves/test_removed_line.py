from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import prepare
from deepchem_density.curves.learning_curve import run_curve
from deepchem_density.curves.removed_line import removed_line, solver_numbers
from deepchem_density.errors import ConvergenceError
from deepchem_density.fields.xtb import solve_xtb
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.tables.qm9 import load_sample
from deepchem_density.voxels.store import SolvedStore

QUICK = CurveConfig(
    rep="atom",
    targets=("mu", "u0"),
    n_train=60,
    n_valid=0,
    n_test=20,
    fractions=(1.0,),
    seeds=(0,),
    steps=2,
    voxel_width=1.2,
    oversampling=1,
    widths=(4, 8),
    baseline="xtb",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """One folder for all, so that molecules are solved once."""
    return tmp_path_factory.mktemp("runs")


def columns_of(data):
    return np.hstack([np.ones((len(data.table), 1)), data.table.element_counts(data.table.elements), data.numbers])


def test_the_line_is_fitted_to_the_training_molecules_by_least_squares(out):
    data = prepare(QUICK, out)
    train, labels = data.pool[:40], data.table.columns(QUICK.targets)
    _, removed = removed_line(QUICK, data.table, data.numbers, train)
    columns = columns_of(data)
    scale = np.abs(columns).max(axis=0)
    slopes, *_ = np.linalg.lstsq(columns[train] / scale, labels[train], rcond=None)
    np.testing.assert_allclose(removed, columns / scale @ slopes, rtol=1e-6, atol=1e-6)


def test_nothing_is_removed_where_nothing_was_asked_for(out):
    data = prepare(dataclasses.replace(QUICK, baseline="none"), out)
    line, removed = removed_line(data.config, data.table, data.numbers, data.pool)
    assert line is None
    assert removed.shape == (80, 2)
    assert not removed.any()


def test_a_network_that_has_learned_little_is_as_good_as_the_solver_and_takes_its_line_along(out):
    (cell,) = run_curve(QUICK, out, baselines=("xtb",))
    errors = {(row["model"], row["target"]): row["mae"] for row in cell.rows}
    for target in QUICK.targets:
        assert errors["network", target] < 1.5 * errors["xTB numbers and element counts", target]
    assert errors["network", "mu"] < 0.6 * errors["linear in element counts", "mu"]
    table, predictor = load_sample(), Predictor.from_folder(cell.model_dir)
    places = [table.ids.tolist().index(molecule) for molecule in cell.ids[:3]]
    inputs = [Input(str(place), "", table.structure(place)) for place in places]
    predicted = predictor.predict([*inputs, Input("sulfur", "", "CCS")])
    np.testing.assert_allclose(predicted[list(QUICK.targets)][:3], cell.predicted[:3], rtol=1e-5)
    assert "holds S" in predicted["failure"][3]


def test_densities_are_not_solved_again_for_the_line(out, monkeypatch):
    datapoints = load_sample().subset(slice(4)).datapoints()
    config = dataclasses.replace(QUICK, rep="density")
    solved = SolvedStore(out / "few", config.recipe).solve(datapoints)
    monkeypatch.setattr("deepchem_density.voxels.solved.solve_xtb", lambda *_: pytest.fail("it was solved again"))
    found = solver_numbers(config, datapoints, out / "few", solved=solved)
    np.testing.assert_array_equal(found, solver_numbers(QUICK, datapoints, out / "few"))


def test_a_molecule_that_cannot_be_solved_is_left_out(tmp_path, monkeypatch):
    table = load_sample()
    plain = dataclasses.replace(QUICK, n_train=6, n_test=4, baseline="none")
    data = prepare(plain, tmp_path)
    victim = str(data.table.ids[data.test[1]])

    def solve(atoms, *others):
        if atoms.name.endswith(f" {victim}"):
            raise ConvergenceError(f"{atoms.label} did not converge.")
        return solve_xtb(atoms, *others)

    monkeypatch.setattr("deepchem_density.voxels.solved.solve_xtb", solve)
    found = prepare(dataclasses.replace(plain, baseline="xtb"), tmp_path)
    assert found.left_out == (victim,)
    assert (len(found.pool), len(found.test)) == (6, 3)
    assert prepare(plain, tmp_path).left_out == ()
    assert len(table) == 2000


def test_a_line_of_the_solver_is_in_the_recipe(out):
    (cell,) = run_curve(QUICK, out)
    stored = json.loads((cell.model_dir / "recipe.json").read_text())["composition"]
    assert stored["numbers"] == ["energy", "homo", "lumo", "dipole"]
    assert np.shape(stored["slopes"]) == (len(stored["elements"]) + 4, 2)
