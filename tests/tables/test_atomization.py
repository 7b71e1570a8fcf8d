from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.tables.atomization import ATOMIZATION_TASKS, FREE_ATOMS, with_atomization_energies
from deepchem_density.tables.baselines import predict_linear
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import load_sample

KCAL_PER_HARTREE = 627.5094740631

# MoleculeNet's gdb9.sdf.csv, gdb_1 to gdb_3 (methane, ammonia, water), kcal/mol
PUBLISHED = {"u0_atom": [-395.999594594, -276.861363379, -213.087624273]}
TOTAL = [-40.47893, -56.525887, -76.404702]
NUMBERS = [[6, 1, 1, 1, 1], [7, 1, 1, 1], [8, 1, 1]]


def small(numbers=NUMBERS, energies=TOTAL) -> MoleculeTable:
    atoms = np.concatenate(numbers)
    positions = np.arange(3 * len(atoms), dtype=float).reshape(-1, 3)
    offsets = np.cumsum([0, *map(len, numbers)])
    labels = np.repeat(np.array(energies)[:, None], 4, axis=1)
    return MoleculeTable(atoms, positions, offsets, labels, tuple(FREE_ATOMS), np.arange(len(numbers)))


def test_energies_are_those_published():
    energies = with_atomization_energies(small()).column("u0_atom") * KCAL_PER_HARTREE
    np.testing.assert_allclose(energies, PUBLISHED["u0_atom"], rtol=0, atol=1e-3)


def test_molecules_of_the_sample_are_bound_and_less_so_when_warm():
    table = load_sample()
    bound = table.columns(ATOMIZATION_TASKS)
    assert (bound < 0).all()
    assert (bound[:, 0] > bound[:, 1]).all()  # heat binds by the translation of the atoms
    assert (bound[:, 3] > bound[:, 2]).all()  # entropy favours free atoms
    assert {table.units[task] for task in ATOMIZATION_TASKS} == {"hartree"}


def test_what_is_left_beyond_a_line_in_the_element_counts_is_the_same():
    table = load_sample()
    counts = table.element_counts(table.elements)
    left = [y - predict_linear(counts, y, counts) for y in (table.column("u0"), table.column("u0_atom"))]
    np.testing.assert_allclose(left[0], left[1], rtol=0, atol=1e-8)


def test_other_elements_have_no_energy_here():
    with pytest.raises(ValueError, match=r"H, C, N, O and F.*\[17\]"):
        with_atomization_energies(small([[17, 1]], [-460.0]))
