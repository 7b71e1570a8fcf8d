from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.curves import outlook
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.outlook import cell_seconds, features_outlook, training_outlook
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.molecule_table import MoleculeTable

CONFIG = CurveConfig(
    rep="atom", voxel_width=2.0, oversampling=1, widths=(4, 8), elements=("H", "C", "N", "O", "F", "S")
)


def table_of(structures):
    return MoleculeTable.from_structures(
        structures, np.zeros((len(structures), 1)), ["gap"], np.arange(len(structures))
    )


@pytest.fixture
def table():
    """A hundred pairs of atoms: one of them of a rare element, one far apart, one of an element without channel."""
    pairs = [Structure([6, 8], [[0, 0, 0], [1.2, 0, 0]], name=f"pair {i}") for i in range(100)]
    pairs[41] = Structure([6, 16], [[0, 0, 0], [1.6, 0, 0]], name="rare")
    pairs[17] = Structure([6, 8], [[0, 0, 0], [30.0, 0, 0]], name="long")
    pairs[73] = Structure([6, 17], [[0, 0, 0], [1.7, 0, 0]], name="chloride")
    return table_of(pairs)


def test_all_are_looked_at_and_the_failing_are_named(table):
    found = features_outlook(CONFIG, table)
    assert (found.total, len(found.seen)) == (100, 100)
    assert {name for name, _ in found.failures} == {"17", "73"}
    assert found.seconds > 0
    assert found.look_seconds > 0
    assert found.n_bytes == found.solved[0].n_bytes


def test_a_rare_element_is_among_those_that_are_solved(table):
    elements = {
        element for one in features_outlook(CONFIG, table).solved for element in one.whole.ligand.numbers.tolist()
    }
    assert elements == {6, 8, 16}


def test_looking_ends_after_a_while_and_says_at_how_many_it_looked(table):
    found = features_outlook(CONFIG, table, enough=0.0)
    assert (found.total, len(found.seen)) == (100, 1)


def test_what_only_solving_tells_is_a_failure_too(table, monkeypatch):
    class Failing:
        def __init__(self, *_):
            pass

        def __call__(self, datapoint):
            raise ValueError("it explodes")

    monkeypatch.setattr(outlook, "Solver", Failing)
    found = features_outlook(CONFIG, table)
    assert not found.solved
    assert ("it explodes" in [reason for _, reason in found.failures]) == (found.tried > 0) is True
    assert np.isnan(found.look_seconds)


def test_a_network_is_timed_and_a_cell_takes_its_steps_and_predictions(table):
    network = training_outlook(CONFIG, features_outlook(CONFIG, table).solved)
    assert network.parameters > 0
    assert network.predict_seconds > 0
    assert network.peak_bytes == 0 or network.peak_bytes > 5e7
    short, long = (cell_seconds(CurveConfig(steps=steps), network, 10, 0, 0) for steps in (100, 300))
    assert long - short == pytest.approx(200 * network.step_seconds)
    tested = cell_seconds(CurveConfig(steps=100), network, 10, 0, 50)
    assert tested - short == pytest.approx(50 * network.predict_seconds)


def test_with_patience_a_cell_also_settles_and_looks_at_the_validation_set_after_each_round(table):
    network = training_outlook(CONFIG, features_outlook(CONFIG, table).solved)
    plain, patient = (cell_seconds(CurveConfig(steps=1000, patience=p), network, 10, 7, 0) for p in (0, 3))
    assert patient - plain == pytest.approx(10 * (10 + 7) * network.predict_seconds), "ten rounds of 100 steps"
