from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.xtb import solve_xtb
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.composition import CompositionLine
from deepchem_density.tables.qm9 import load_sample
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.solver_line import (
    SolverLine,
    free_atom_energy,
    number_columns,
    solve_molecule,
    solving_recipe,
)
from deepchem_density.voxels.store import SolvedStore

ATOMS = Recipe("atom", box_width=14.0, voxel_width=1.0)
TASKS = ("mu", "gap", "u0_atom")


def no_atom(element):
    return 0.0  # of elements that are in none of the first 120 molecules


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Element counts, the solver's numbers and labels of 120 molecules, and the molecules."""
    table = load_sample().subset(slice(120))
    solved = SolvedStore(tmp_path_factory.mktemp("solved"), solving_recipe(ATOMS)).solve(table.datapoints())
    return table, table.element_counts(table.elements), number_columns(solved.numbers()), table.columns(TASKS)


def test_numbers_are_those_of_the_solver(data):
    table, _, numbers, _ = data
    for place in (0, 60, 119):
        solution = solve_xtb(table.structure(place), ATOMS.engine)
        orbitals = solution.orbital_energies[solution.n_occupied - 1 : solution.n_occupied + 1]
        expected = [solution.energy, *orbitals, np.linalg.norm(solution.dipole)]
        np.testing.assert_allclose(numbers[place], expected, rtol=1e-6)  # orbital energies are kept in single precision


def test_the_line_is_that_of_scikit_learn(data):
    """On standardized columns and with the gap, a difference of two others, as one more of them."""
    table, counts, numbers, labels = data
    line = SolverLine.fitted(table.elements, counts[:80], numbers[:80], labels[:80], no_atom)
    columns = np.hstack([counts, numbers, numbers[:, 2:3] - numbers[:, 1:2]])
    reference = make_pipeline(StandardScaler(), LinearRegression()).fit(columns[:80], labels[:80])
    expected = reference.predict(columns)
    # fluorine may be in none of the 80: the line then has no slope for it, in both
    np.testing.assert_allclose(line.values(counts, numbers), expected, rtol=1e-6, atol=1e-9)


def test_an_element_that_training_never_saw_changes_nothing_by_its_own_energy(data):
    """A molecule with a fluorine atom far away from it has the label of the molecule."""
    table, counts, numbers, labels = data
    elements = (*(element for element in table.elements if element != 9), 9)
    counts = table.element_counts(elements)
    train = np.flatnonzero(counts[:, -1] == 0)
    energy = free_atom_energy(9, ATOMS.engine, "GFN2-xTB")
    line = SolverLine.fitted(elements, counts[train], numbers[train], labels[train], lambda _: energy)
    more, with_it = counts[train[:3]].copy(), numbers[train[:3]].copy()
    more[:, -1] += 1
    with_it[:, 0] += energy
    expected = line.values(counts[train[:3]], numbers[train[:3]])
    np.testing.assert_allclose(line.values(more, with_it), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("element", "expected"), [(1, -0.3935), (6, -1.7951), (9, -4.6193)])
def test_free_atoms_are_those_of_both_engines(element, expected):
    for engine in ("xtb", "tblite"):
        assert free_atom_energy(element, engine, "GFN2-xTB") == pytest.approx(expected, abs=1e-4)


def test_it_says_more_than_the_counts(data):
    table, counts, numbers, labels = data
    train, test = slice(80), slice(80, None)
    line = SolverLine.fitted(table.elements, counts[train], numbers[train], labels[train], no_atom)
    alone = CompositionLine.fitted(table.elements, counts[train], labels[train])
    left = np.abs(line.values(counts[test], numbers[test]) - labels[test]).mean(axis=0)
    before = np.abs(alone.values(counts[test]) - labels[test]).mean(axis=0)
    assert (left < 0.9 * before).all()
    assert left[0] < 0.3 * before[0]  # the dipole


@pytest.mark.parametrize("representation", ["atom", "density"])
def test_a_molecule_is_solved_once_for_line_and_voxels(data, representation, monkeypatch):
    table, counts, numbers, labels = data
    line = SolverLine.fitted(table.elements, counts, numbers, labels, no_atom)
    recipe = Recipe(representation, box_width=14.0, voxel_width=1.0)
    solved = solve_molecule(recipe, table.structure(7))
    np.testing.assert_allclose(line.of_solved(solved), line.values(counts, numbers)[7], rtol=1e-7)
    expected = recipe.voxels(table.structure(7))
    monkeypatch.setattr("deepchem_density.voxels.subject.xtb_density", lambda *_: pytest.fail("it was solved again"))
    np.testing.assert_allclose(recipe.voxels(solved), expected, atol=2e-6)


def test_a_smiles_is_embedded_and_solved(data):
    table, counts, numbers, labels = data
    line = SolverLine.fitted(table.elements, counts, numbers, labels, no_atom)
    assert np.isfinite(line.of_solved(solve_molecule(ATOMS, "CCO"))).all()


def test_what_the_line_knows_nothing_of_is_refused(data):
    table, counts, numbers, labels = data
    line = SolverLine.fitted(table.elements, counts, numbers, labels, no_atom)
    with pytest.raises(FeaturizationError, match="holds Cl; the line in element counts"):
        line.of_solved(solve_molecule(ATOMS, "CCCl"))
    with pytest.raises(FeaturizationError, match="'H' has no empty orbital"):
        line.of_solved(solve_molecule(ATOMS, Structure([1], [[0, 0, 0.0]], unpaired=1, name="H")))
    water, methane = (Structure([8], [[0, 0, z]]) for z in (0.0, 3.0))
    with pytest.raises(FeaturizationError, match="pass the molecule alone"):
        solve_molecule(ATOMS, Complex(water, methane))


def test_columns_of_what_was_not_solved_are_not_known():
    dipole = np.array([[0.0, 3.0, 4.0], [np.nan] * 3])
    numbers = {"energy": np.array([-5.0, np.nan]), "homo": np.array([-0.4, np.nan]), "lumo": np.array([-0.1, -0.1])}
    found = number_columns({**numbers, "dipole": dipole})
    np.testing.assert_array_equal(found, [[-5.0, -0.4, -0.1, 5.0], [np.nan] * 4])


def test_json_keeps_every_bit_and_an_earlier_release_refuses_it(data):
    table, counts, numbers, labels = data
    line = SolverLine.fitted(table.elements, counts, numbers, labels, no_atom)
    stored = json.loads(json.dumps(line.to_dict()))
    again = SolverLine.from_dict(stored)
    np.testing.assert_array_equal(again.values(counts, numbers), line.values(counts, numbers))
    with pytest.raises(ValueError, match="slopes"):  # which is how it read every line
        CompositionLine.from_dict(stored)


@pytest.mark.parametrize(
    "change", [{"numbers": ["energy"]}, {"slopes": [[0.0]] * 5}, {"slopes": [[0.0]] * 5 + [[float("inf")]]}]
)
def test_what_does_not_belong_together_is_refused(change):
    stored = SolverLine(CompositionLine((1, 6), np.zeros((2, 1)), np.zeros(1)), np.zeros((4, 1))).to_dict()
    with pytest.raises(ValueError, match=r"line in|slopes"):
        SolverLine.from_dict(stored | change)
