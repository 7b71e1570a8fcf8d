from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.learning_curve import run_curve
from deepchem_density.errors import FeaturizationError
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.baselines import predict_linear
from deepchem_density.tables.composition import CompositionLine
from deepchem_density.tables.qm9 import FREE_ATOMS, load_sample

TASKS = ["u0", "alpha"]


def counts_and_labels():
    table = load_sample()
    return table.elements, table.element_counts(table.elements), table.columns(TASKS)


def test_the_line_of_a_sum_over_atoms_is_that_sum():
    elements, counts, _ = counts_and_labels()
    of_atoms = np.array([FREE_ATOMS["u0"][element] for element in elements])
    line = CompositionLine.fitted(elements, counts[:500], (counts[:500] @ of_atoms)[:, None])
    np.testing.assert_allclose(line.slopes[:, 0], of_atoms, rtol=1e-8)
    assert line.intercept[0] == pytest.approx(0, abs=1e-6)


def test_the_line_is_the_baseline():
    elements, counts, labels = counts_and_labels()
    line = CompositionLine.fitted(elements, counts[:30], labels[:30])
    np.testing.assert_allclose(line.values(counts), predict_linear(counts[:30], labels[:30], counts), rtol=1e-10)


def test_an_element_that_training_never_saw_adds_nothing():
    line = CompositionLine.fitted([1, 6, 9], np.array([[4.0, 1, 0], [6, 2, 0], [8, 3, 0]]), np.array([[1.0], [2], [3]]))
    assert line.slopes[2].tolist() == [0.0]
    np.testing.assert_allclose(line.values(np.array([[4.0, 1, 5]])), [[1.0]])


def test_a_molecule_is_counted():
    elements, counts, labels = counts_and_labels()
    line = CompositionLine.fitted(elements, counts, labels)
    molecule = load_sample().structure(7)
    np.testing.assert_allclose(line.of_molecule(molecule), line.values(counts)[7], rtol=1e-12)


def test_hydrogens_count_only_where_the_line_knows_them():
    methane = Structure([6, 1, 1, 1, 1], np.arange(15.0).reshape(5, 3))
    assert CompositionLine((6,), np.array([[2.0]]), np.array([1.0])).of_molecule(methane) == [3.0]
    assert CompositionLine((1, 6), np.array([[10.0], [2.0]]), np.array([1.0])).of_molecule(methane) == [43.0]


def test_an_unknown_element_is_named():
    line = CompositionLine((6, 8), np.zeros((2, 1)), np.zeros(1))
    with pytest.raises(FeaturizationError, match=r"'salt' holds Na, Cl; .* knows C, O"):
        line.of_molecule(Structure([11, 17], [[0, 0, 0], [2.4, 0, 0]], name="salt"))


def test_json_keeps_every_bit():
    elements, counts, labels = counts_and_labels()
    line = CompositionLine.fitted(elements, counts, labels)
    again = CompositionLine.from_dict(json.loads(json.dumps(line.to_dict())))
    assert again.elements == line.elements
    np.testing.assert_array_equal(again.slopes, line.slopes)
    np.testing.assert_array_equal(again.intercept, line.intercept)


@pytest.mark.parametrize(
    "change", [{"elements": [1]}, {"intercept": [0.0]}, {"slopes": [0.0, 0.0]}, {"slopes": [[float("nan")] * 2] * 2}]
)
def test_what_does_not_belong_together_is_refused(change):
    stored = CompositionLine((1, 6), np.zeros((2, 2)), np.zeros(2)).to_dict()
    with pytest.raises(ValueError, match="slopes"):
        CompositionLine.from_dict(stored | change)


QUICK = CurveConfig(
    rep="atom",
    targets=("u0",),
    n_train=60,
    n_valid=0,
    n_test=20,
    fractions=(1.0,),
    seeds=(0,),
    steps=2,
    voxel_width=1.2,
    oversampling=1,
    widths=(4, 8),
)


def test_a_network_that_has_learned_little_is_as_good_as_the_line(tmp_path):
    (plain,) = run_curve(QUICK, tmp_path)
    (removed,) = run_curve(dataclasses.replace(QUICK, remove_composition=True), tmp_path)
    errors = {row["model"]: row["mae"] for row in removed.rows}
    assert errors["network"] < 1.5 * errors["linear in element counts"]
    # the total energy is the sum over elements to a part in a thousand of its spread
    assert next(row["mae"] for row in plain.rows if row["model"] == "network") > 100 * errors["network"]
    assert plain.key != removed.key


def test_a_model_takes_its_line_along(tmp_path):
    (cell,) = run_curve(dataclasses.replace(QUICK, remove_composition=True), tmp_path)
    predictor = Predictor.from_folder(cell.model_dir)
    table = load_sample()
    places = [int(np.flatnonzero(table.ids == molecule)[0]) for molecule in cell.ids[:3]]
    predicted = predictor.predict([Input(str(place), "", table.structure(place)) for place in places])
    np.testing.assert_allclose(predicted["u0"], cell.predicted[:3, 0], rtol=1e-7)
