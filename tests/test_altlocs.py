from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.altlocs import one_conformer


def chosen(*atoms: tuple[int, str, str, str, float]) -> list[int]:
    """Indices of the chosen atoms (place, residue, name, alternative location, occupancy)."""
    places, residues, names, altlocs, occupancy = zip(*atoms, strict=True)
    codes = np.array([ord(label) if label else 0 for label in altlocs])
    mask = one_conformer(np.array(places), np.array(residues), np.array(names), codes, np.array(occupancy))
    return np.flatnonzero(mask).tolist()


def test_all_atoms_are_taken_where_there_is_no_choice():
    assert chosen((0, "ALA", "N", "", 1.0), (0, "ALA", "C", "", 0.5), (1, "HOH", "O", "B", 0.3)) == [0, 1, 2]


@pytest.mark.parametrize(("first", "second", "expected"), [(0.6, 0.4, [0, 1]), (0.4, 0.6, [0, 2]), (0.5, 0.5, [0, 1])])
def test_the_highest_occupancy_wins_and_the_first_on_a_tie(first, second, expected):
    assert chosen((0, "SER", "CB", "", 1), (0, "SER", "OG", "A", first), (0, "SER", "OG", "B", second)) == expected
    # also where B is listed first
    swapped = chosen((0, "SER", "CB", "", 1), (0, "SER", "OG", "B", second), (0, "SER", "OG", "A", first))
    assert swapped == [0, 3 - expected[1]]


def test_one_conformer_of_a_residue_is_taken_whole():
    """B is higher in the mean although A is higher at one atom; the hydrogen that only A has goes with A."""
    atoms = [
        (4, "ARG", "CZ", "A", 0.55), (4, "ARG", "CZ", "B", 0.45), (4, "ARG", "NH1", "A", 0.3), (4, "ARG", "NH1", "B", 0.7),
        (4, "ARG", "H", "A", 0.3),
    ]  # fmt: skip
    assert chosen(*atoms) == [1, 3]


def test_conformers_that_share_no_atom_are_taken_together():
    atoms = [
        (0, "LYS", "CB", "A", 0.7), (0, "LYS", "CB", "B", 0.3), (0, "LYS", "NZ", "C", 0.4), (0, "LYS", "NZ", "D", 0.6),
        (0, "LYS", "CE", "E", 0.2),
    ]  # fmt: skip
    assert chosen(*atoms) == [0, 3, 4]


def test_a_blank_label_is_a_conformer_where_it_has_an_alternative():
    """As in real files: the first conformer of CZ is not labelled, that of NH1 is."""
    atoms = [
        (0, "ARG", "CZ", "", 0.5), (0, "ARG", "CZ", "B", 0.5), (0, "ARG", "NH1", "A", 0.5), (0, "ARG", "NH1", "B", 0.5),
        (0, "ARG", "CD", "", 0.5),
    ]  # fmt: skip
    assert chosen(*atoms) == [0, 2, 4]


def test_of_two_residues_in_one_place_one_is_taken():
    serine = [(7, "SER", "CA", "A", 0.4), (7, "SER", "OG", "A", 0.4)]
    threonine = [(7, "THR", "CA", "B", 0.6), (7, "THR", "OG1", "B", 0.6), (7, "THR", "CG2", "B", 0.6)]
    assert chosen((6, "ALA", "CA", "", 1), *serine, *threonine, (8, "GLY", "CA", "", 1)) == [0, 3, 4, 5, 6]
    interleaved = [serine[0], threonine[0], serine[1], *threonine[1:]]
    assert chosen(*interleaved) == [1, 3, 4]
    tied = [(*atom[:4], 0.5) for atom in (*serine, *threonine)]
    assert chosen(*tied) == [0, 1]


def test_residues_in_one_place_without_labels_are_both_taken():
    assert chosen((0, "GLY", "CA", "", 1), (0, "HOH", "O", "A", 0.6), (0, "HOH", "O", "B", 0.4)) == [0, 1]
