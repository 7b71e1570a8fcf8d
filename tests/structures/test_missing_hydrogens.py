from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from deepchem_density.structures.missing_hydrogens import carbons_without_hydrogens
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure, joined
from deepchem_density.tables.qm9 import load_sample

WITH_CH = (
    "OCCc1ccccc1", "C", "C#C", "C=C", "CC#CC", "C=C=C", "CC(C)(C)C", "c1ccc2[nH]ccc2c1", "C1CC1", "C1=CC2CCC1C2", "CC(=O)[O-]",
    "C[NH3+]", "FC(F)F", "ClCCl", "CS(=O)(=O)N", "C[Si](C)(C)C", "CC#N", "C[N+]#[C-]", "OC=O", "CN=C=S", "c1ccsc1", "COP(=O)(O)O",
    "OC[C@H]1OC(O)[C@H](O)[C@@H](O)[C@@H]1O", "CC(C)=CCCC(C)=CC", "C12C3C4C1C5C2C3C45",
)  # fmt: skip
WITHOUT_CH = (
    "O=C=O", "O=C=S", "S=C=S", "N#CC#N", "N#CN", "NC(N)=O", "NC(=N)N", "OC(=O)C(=O)O", "OC(=O)O", "FC(F)(F)F", "ClC(Cl)(Cl)Cl",
    "BrC(Br)(Br)Br", "IC(I)(I)I", "FC(F)=C(F)F", "ClC(Cl)(Cl)C(Cl)(Cl)Cl", "Fc1c(F)c(F)c(F)c(F)c1F", "O=C(Cl)Cl", "N=C=O",
    "FC(F)(F)[N+]#[C-]", "NC1=NC(=N)NC(=O)N1", "O=C1OC(=O)c2c1c1c(c3c2C(=O)OC3=O)C(=O)OC1=O", "FC1(F)C(F)(F)C1(F)F",
    "N#CC(C#N)=C(C#N)C#N", "[O-]C(=O)C(=O)[O-]", "[S-]C#N",
)  # fmt: skip
TETRAHEDRON = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / 3**0.5


def row(numbers: list[int], *lengths: float) -> Structure:
    """Atoms on a line."""
    return Structure(numbers, np.cumsum([0, *lengths])[:, None] * [0.6, 0.0, 0.8])


def ring(number: int, n: int, bond: float) -> Structure:
    angles = 2 * np.pi * np.arange(n) / n
    radius = bond / (2 * np.sin(np.pi / n))
    return Structure([number] * n, radius * np.stack([np.cos(angles), np.sin(angles), np.zeros(n)], axis=1))


def buckminsterfullerene(bond: float) -> Structure:
    golden = (1 + 5**0.5) / 2
    octant = np.array([(0, 1, 3 * golden), (1, 2 + golden, 2 * golden), (golden, 2, 2 * golden + 1)])
    signs = np.array(np.meshgrid(*[[1, -1]] * 3)).reshape(3, -1).T
    corners = (octant[:, None] * signs).reshape(-1, 3)
    every = np.concatenate([np.roll(corners, turn, axis=1) for turn in range(3)])
    return Structure([6] * 60, np.unique(every.round(9), axis=0) * bond / 2)


def methyl(*others: int, length: float) -> Structure:
    """A carbon with three neighbours, as in a tetrahedron."""
    return Structure([6, *others], np.vstack([np.zeros(3), length * TETRAHEDRON[:3]]))


def stripped(structure: Structure) -> Structure:
    return replace(structure.without_hydrogens(), implicit_hydrogens=0)


@pytest.mark.parametrize("smiles", [*WITH_CH, *WITHOUT_CH])
def test_whole_molecules_lack_none(smiles):
    assert carbons_without_hydrogens(structure_from(smiles, optimize=False)).tolist() == []


@pytest.mark.parametrize("smiles", WITH_CH)
def test_without_hydrogens_the_carbons_that_had_some_are_found(smiles):
    """Against RDKit's bonds."""
    bearing = [
        atom.GetIdx()
        for atom in Chem.MolFromSmiles(smiles).GetAtoms()
        if atom.GetSymbol() == "C" and atom.GetTotalNumHs()
    ]
    found = carbons_without_hydrogens(stripped(structure_from(smiles, optimize=False)))
    assert found.tolist() == bearing


@pytest.mark.parametrize("smiles", WITHOUT_CH)
def test_carbons_that_had_none_are_not_missed_by_the_hydrogens_of_others(smiles):
    assert carbons_without_hydrogens(stripped(structure_from(smiles, optimize=False))).tolist() == []


def test_qm9_lacks_none_and_everything_without_its_hydrogens():
    """Of the 2,000 molecules of the sample, those that have a carbon with a hydrogen at all (RDKit's SMILES)."""
    table = load_sample()
    n_bearing = 0
    for molecule, smiles in zip(table.structures(), table.smiles.tolist(), strict=True):
        assert not carbons_without_hydrogens(molecule).size, smiles
        heavy = molecule.numbers != 1
        bearing = any(a.GetTotalNumHs() for a in Chem.MolFromSmiles(smiles).GetAtoms() if a.GetSymbol() == "C")
        n_bearing += bearing
        if heavy.any():
            assert bool(carbons_without_hydrogens(stripped(molecule)).size) == bearing, smiles
    assert n_bearing > 1900


def test_reference_molecules_lack_none(reference_densities, molecules):
    for reference in reference_densities.values():
        assert not carbons_without_hydrogens(reference.structure).size
    for molecule in molecules.values():
        assert not carbons_without_hydrogens(molecule).size


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        (row([6, 8], 1.13), []),
        (row([6, 7], 1.18), []),
        (row([6, 8], 1.21), [0]),
        (row([6, 8], 1.42), [0]),
        (row([6, 6], 1.20), [0, 1]),
        (row([8, 6, 6, 6, 8], 1.16, 1.28, 1.28, 1.16), []),
        (row([26, 6, 8], 1.75, 1.15), []),
        (ring(6, 6, 1.39), list(range(6))),
        (ring(6, 5, 1.54), list(range(5))),
        (buckminsterfullerene(1.42), []),
        (buckminsterfullerene(1.54), list(range(60))),
        (row([6, 6], 9.0), [0, 1]),
        (row([8, 8], 9.0), []),
        (methyl(9, 9, 9, length=1.33), [0]),
        (methyl(1, 1, 1, length=1.09), []),
    ],
    ids=lambda value: value.formula if isinstance(value, Structure) else "",
)
def test_what_bond_lengths_tell(structure, expected):
    assert carbons_without_hydrogens(structure).tolist() == expected


def test_hydrogens_on_other_elements_do_not_count():
    """As in files that keep polar hydrogens only."""
    whole = structure_from("OCCc1ccccc1")
    on_oxygen = np.linalg.norm(whole.positions - whole.positions[0], axis=1) < 1.1
    polar = whole.subset((whole.numbers != 1) | on_oxygen)
    assert polar.formula == "C8HO"
    assert carbons_without_hydrogens(polar).tolist() == [1, 2, 4, 5, 6, 7, 8]


def test_one_carbon_with_a_hydrogen_vouches_for_its_molecule():
    """Otherwise bonds could not be stretched, nor radicals be looked at."""
    whole = structure_from("CCO")
    torn = Structure(whole.numbers, np.where((np.arange(9) == 8)[:, None], whole.positions + 3.0, whole.positions))
    assert not carbons_without_hydrogens(torn).size
    assert not carbons_without_hydrogens(whole.subset(np.arange(9) != 4)).size


def test_two_carbons_with_room_lack_hydrogens_whatever_the_others_have():
    """Some hydrogens are not all; those that are torn off are there all the same."""
    whole = structure_from("OCCc1ccccc1")
    on_ring = [i for i in range(9, 19) if np.linalg.norm(whole.positions[3:9] - whole.positions[i], axis=1).min() < 1.2]
    fewer = whole.subset([i for i in range(19) if i not in on_ring[:3]])
    assert len(carbons_without_hydrogens(fewer)) == 3
    assert not carbons_without_hydrogens(whole.subset([i for i in range(19) if i != on_ring[0]])).size
    away = np.isin(np.arange(19), on_ring[:3])[:, None] * (whole.positions - whole.positions[3:9].mean(axis=0))
    assert not carbons_without_hydrogens(Structure(whole.numbers, whole.positions + away)).size


def test_a_torn_chain_lacks_none():
    """Each half has one carbon with room."""
    whole = structure_from("CC")
    right = np.linalg.norm(whole.positions - whole.positions[1], axis=1) < 1.3
    torn = whole.positions + right[:, None] * 1.5 * (whole.positions[1] - whole.positions[0])
    assert not carbons_without_hydrogens(Structure(whole.numbers, torn)).size


def test_hydrogens_of_another_molecule_do_not_count_not_even_through_a_metal():
    bare, other = stripped(structure_from("CCO")), structure_from("CC(=O)[O-]")
    far = Structure(other.numbers, other.positions + np.array([0, 0, 12.0]))
    assert carbons_without_hydrogens(joined(bare, far)).tolist() == [0, 1]
    oxygens = bare.positions[2], far.positions[2]
    zinc = Structure([30, 30, 30, 30, 30], np.linspace(*oxygens, 7)[1:-1])
    assert carbons_without_hydrogens(joined(joined(bare, far), zinc)).tolist() == [0, 1]


def test_a_turned_and_renumbered_molecule_is_told_the_same():
    bare = stripped(structure_from("OCCc1ccccc1"))
    order = np.random.default_rng(0).permutation(len(bare.numbers))
    rotation = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
    turned = Structure(bare.numbers[order], bare.positions[order] @ rotation.T + 7.0)
    expected = np.flatnonzero(np.isin(order, carbons_without_hydrogens(bare)))
    assert carbons_without_hydrogens(turned).tolist() == expected.tolist()
