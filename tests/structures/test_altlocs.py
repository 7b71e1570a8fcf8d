from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.structures.altlocs import occupancy_with_alternatives, one_conformer

Atom = tuple[int, str, str, str, float]
"""Place, residue, name, alternative location, occupancy."""


def columns(atoms: tuple[Atom, ...]) -> tuple[np.ndarray, ...]:
    places, residues, names, altlocs, occupancy = zip(*atoms, strict=True)
    codes = np.array([ord(label) if label else 0 for label in altlocs])
    return np.array(places), np.array(residues), np.array(names), codes, np.array(occupancy, dtype=float)


def chosen(*atoms: Atom) -> list[int]:
    """Indices of the chosen atoms."""
    return np.flatnonzero(one_conformer(*columns(atoms))).tolist()


def occupancies(*atoms: Atom) -> list[float]:
    """Those of the chosen atoms, which stand for the others."""
    kept = one_conformer(*columns(atoms))
    return occupancy_with_alternatives(kept, *columns(atoms))[kept].round(6).tolist()


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


def test_what_is_chosen_has_the_occupancy_of_all_its_alternatives():
    serine = [
        (0, "SER", "CB", "", 1),
        (0, "SER", "OG", "A", 0.5),
        (0, "SER", "OG", "B", 0.3),
        (0, "SER", "OG", "C", 0.15),
    ]
    assert occupancies(*serine) == [1, 0.95]
    assert occupancies(*serine[:3]) == [1, 0.8]
    assert occupancies(*serine[:2]) == [1, 0.5]


def test_occupancies_without_a_choice_stay():
    assert occupancies((0, "ALA", "N", "", 1.0), (0, "ALA", "C", "", 0.5), (1, "HOH", "O", "B", 0.3)) == [1, 0.5, 0.3]
    blank = [(0, "ARG", "CZ", "", 0.5), (0, "ARG", "CZ", "B", 0.5), (0, "ARG", "CD", "", 0.5)]
    assert occupancies(*blank) == [1, 0.5]
    # waters of one place in turns, and one that is beside them in part
    waters = [(3, "HOH", "O", "A", 0.6), (3, "HOH", "O", "B", 0.4), (4, "HOH", "O", "A", 0.6)]
    assert occupancies(*waters) == [1, 0.6]


def test_rounded_occupancies_add_up_to_no_more_than_one():
    assert occupancies((0, "SER", "OG", "A", 0.51), (0, "SER", "OG", "B", 0.5)) == [1]
    assert occupancies((0, "SER", "OG", "A", 1.0), (0, "SER", "OG", "B", 1.0), (0, "SER", "CB", "", 1.01)) == [1, 1.01]


def test_an_atom_that_an_alternative_lacks_stands_for_its_mean():
    """B has no hydrogen; its mean is 0.4."""
    atoms = [
        (4, "ARG", "CZ", "A", 0.55), (4, "ARG", "CZ", "B", 0.45), (4, "ARG", "NH1", "A", 0.65), (4, "ARG", "NH1", "B", 0.35),
        (4, "ARG", "H", "A", 0.5), (4, "ARG", "CD", "", 0.7),
    ]  # fmt: skip
    assert occupancies(*atoms) == [1, 1, 0.9, 0.7]


def test_conformers_that_exclude_each_other_add_up_and_others_do_not():
    atoms = [
        (0, "LYS", "CB", "A", 0.7), (0, "LYS", "CB", "B", 0.2), (0, "LYS", "NZ", "C", 0.3), (0, "LYS", "NZ", "D", 0.6),
        (0, "LYS", "CE", "E", 0.2), (0, "LYS", "HB", "A", 0.7),
    ]  # fmt: skip
    assert occupancies(*atoms) == [0.9, 0.9, 0.2, 0.9]


def test_the_residue_that_is_taken_stands_for_the_one_in_its_place():
    serine = [(7, "SER", "CA", "A", 0.3), (7, "SER", "OG", "A", 0.3)]
    threonine = [(7, "THR", "CA", "B", 0.6), (7, "THR", "OG1", "B", 0.6), (7, "THR", "CG2", "B", 0.6)]
    assert occupancies((6, "ALA", "CA", "", 0.5), *serine, *threonine, (8, "GLY", "CA", "", 1)) == [
        0.5,
        0.9,
        0.9,
        0.9,
        1,
    ]
