from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.structure import (
    SHORTEST_IN_CRYSTALS,
    Structure,
    atomic_number,
    check_distances,
    joined,
    symbol,
    vdw_radii,
)

ARRAYS = ("numbers", "positions", "b_iso", "site_occupancy", "formal_charges", "residues")


@pytest.fixture
def salt() -> Structure:
    """Water and its two ions."""
    return Structure(
        [8, 1, 1, 11, 17],
        [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0], [2.4, 0, 0], [0, -3.1, 0]],
        name="salt",
        b_iso=[10, 12, np.nan, 20, 25],
        site_occupancy=[1, 1, 1, 0.5, 0.5],
        formal_charges=[0, 0, 0, 1, -1],
        residues=[0, 0, 0, 1, 2],
    )


def test_types_names_and_formula():
    water = Structure([8, 1, 1], [[0, 0, 0], [0, 0, 1], [0, 1, 0]], name="water")
    assert water.numbers.dtype == np.int64
    assert water.positions.dtype == np.float64
    assert (water.charge, water.unpaired, water.implicit_hydrogens) == (0, 0, 0)
    assert water.label == "'water'"
    assert water.formula == "H2O"
    assert Structure([7, 6, 17, 1, 6], np.eye(5, 3) * 4 + np.arange(5)[:, None]).label == "the structure C2HClN"


@pytest.mark.parametrize(
    ("numbers", "positions", "message"),
    [
        ([], np.empty((0, 3)), "has no atoms; at least one is needed"),
        ([1, 1], np.zeros((3, 3)), r"numbers of shape \(2,\) and positions of shape \(3, 3\)"),
        ([1, 1], np.zeros((2, 2)), r"positions of shape \(2, 2\); \(n_atoms,\) and \(n_atoms, 3\) are accepted"),
        ([[1, 1]], np.zeros((1, 3)), r"numbers of shape \(1, 2\)"),
        ([6, 0], np.eye(2, 3), "Atom 1 of 'x' has atomic number 0, which is no element; remove dummy and query atoms"),
        ([-1, 6], np.eye(2, 3), "Atom 0 of 'x' has atomic number -1"),
        ([6, 119], np.eye(2, 3), "Atom 1 of 'x' has atomic number 119"),
        ([6, 6], [[0, 0, 0], [0, np.nan, 0]], r"Atom 1 of 'x' is at \[0.0, nan, 0.0\]; positions must be finite"),
        ([6, 6], [[np.inf, 0, 0], [0, 0, 0]], "Atom 0 of 'x' is at"),
        ([6, 6], [[0, 0, 0], [0, 0, 1e20]], r"Atom 1 of 'x' is at \[0.0, 0.0, 1e\+20\]; .* none beyond 1,000,000 Å"),
        ([6, 6, 6], [[0, 0, 0], [5, 0, 0], [5, 0, 0.05]], "Atoms 1 and 2 of 'x' are 0.050 Å apart; give a conformer"),
        (
            [6, 6],
            [[0, 0, 0], [0, 0, 0.9]],
            "0.900 Å apart; .* in which C and C are at least 0.91 Å apart, as in any bond",
        ),
        ([6, 1], [[0, 0, 0], [0, 0, 0.6]], "0.600 Å apart; .* C and H are at least 0.64 Å apart"),
        ([1, 1], [[0, 0, 0], [0, 0, 0.35]], "0.350 Å apart; .* H and H are at least 0.37 Å apart"),
    ],
)
def test_what_is_no_structure_is_refused(numbers, positions, message):
    with pytest.raises(FeaturizationError, match=message):
        Structure(numbers, positions, name="x")


@pytest.mark.parametrize(
    ("numbers", "length"),
    [([1, 1], 0.74), ([6, 1], 1.06), ([6, 8], 1.128), ([7, 7], 1.04), ([24, 24], 1.68), ([9, 1], 0.92)],
)
def test_the_shortest_bonds_are_accepted_anywhere(numbers, length):
    for place in (0.0, 1e4, -1e4):
        assert len(Structure(numbers, np.array([[0, 0, 0], [0, 0, length]]) + place).numbers) == 2


def test_disorder_and_clashes_of_crystals_are_not_a_mistake():
    """Half a water beside another, and what models of proteins are allowed."""
    near = Structure([8, 8], [[0, 0, 0], [0, 0, 0.49]], residues=[0, 1], name="waters")
    with pytest.raises(FeaturizationError, match=r"0\.490 Å apart; .* O and O are at least 0.79 Å apart"):
        check_distances(near)
    with pytest.raises(FeaturizationError, match=r"at least 0\.59 Å apart"):
        check_distances(near, SHORTEST_IN_CRYSTALS)
    check_distances(replace(near, site_occupancy=[1, 0.5]))
    with pytest.raises(FeaturizationError, match=r"0\.050 Å apart; .* at least 0.10 Å apart"):
        replace(near, positions=[[0, 0, 0], [0, 0, 0.05]], site_occupancy=[1, 0.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"formal_charges": [0, 99]}, r"Atom 1 of 'x', O, has the charge \+99; charges from -9 to 9 are accepted"),
        ({"formal_charges": [7, 0]}, r"Atom 0 of 'x', C, has the charge \+7; .* none above the atomic number"),
        ({"charge": 15}, r"'x' has the charge \+15, but only 14 electrons to lose"),
        ({"name": "a\0b"}, r"The name 'a\\x00b' arrived; one without the character NUL"),
    ],
)
def test_charges_and_names_that_cannot_be(settings, message):
    with pytest.raises(FeaturizationError, match=message):
        Structure([6, 8], [[0, 0, 0], [0, 0, 1.13]], **{"name": "x", **settings})


@pytest.mark.parametrize(
    ("one", "other", "both"), [(0, 0, 0), (2, 1, 3), (2, -1, 2), (-1, 4, 4), (0, -1, -1), (-1, -1, -1)]
)
def test_unpaired_electrons_that_one_part_does_not_tell(one, other, both):
    parts = [Structure([26], [[place, 0, 0]], unpaired=n) for place, n in ((0, one), (9, other))]
    assert joined(*parts).unpaired == both


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        ("b_iso", [1.0], r"b_iso of 'x' has shape \(1,\); one number for each of the 2 atoms"),
        ("residues", [[0, 1]], r"residues of 'x' has shape \(1, 2\)"),
        ("b_iso", [1.0, np.inf], "b_iso of atom 1 of 'x' is inf; a finite number is accepted"),
        ("site_occupancy", [np.nan, 1], "site_occupancy of atom 0 of 'x' is nan; a finite number"),
        ("formal_charges", [0, 0.5], "formal_charges of atom 1 of 'x' is 0.5; a whole number"),
        ("residues", [0, np.nan], "residues of atom 1 of 'x' is nan; a whole number"),
    ],
)
def test_what_does_not_belong_to_the_atoms_is_refused(field, values, message):
    with pytest.raises(FeaturizationError, match=message):
        Structure([6, 8], [[0, 0, 0], [0, 0, 1.2]], name="x", **{field: values})


def test_arrays_have_their_own_types_and_may_be_unknown(salt):
    assert (salt.b_iso.dtype, salt.site_occupancy.dtype) == (np.float64, np.float64)
    assert (salt.formal_charges.dtype, salt.residues.dtype) == (np.int64, np.int64)
    assert np.isnan(salt.b_iso).tolist() == [False, False, True, False, False]
    bare = Structure([6], [[0, 0, 0]])
    assert [getattr(bare, field) for field in ARRAYS[2:]] == [None] * 4


def test_structures_travel_to_worker_processes(salt):
    copy = pickle.loads(pickle.dumps(salt))
    for field in ARRAYS:
        np.testing.assert_array_equal(getattr(copy, field), getattr(salt, field))
    assert (copy.name, copy.charge) == ("salt", 0)


def test_coincident_atoms_are_found_among_many():
    positions = np.random.default_rng(0).permutation(np.mgrid[:7, :7, :7].reshape(3, -1).T.astype(float))
    assert len(Structure(np.ones(343), positions).numbers) == 343
    positions[300] = positions[17] + [0, 0, 0.05]
    positions[200] = positions[100] + [0, 0.07, 0]
    with pytest.raises(FeaturizationError, match=r"Atoms 17 and 300 of .* are 0.050 Å apart"):
        Structure(np.ones(len(positions)), positions)


def test_a_part_takes_what_belongs_to_its_atoms(salt):
    for ions in ([4, 3], np.array([4, 3])):
        part = salt.subset(ions)
        assert (part.formula, part.name, part.charge) == ("ClNa", "salt", 0)
        assert part.b_iso.tolist() == [25, 20]
        assert part.formal_charges.tolist() == [-1, 1]
        assert part.residues.tolist() == [2, 1]
        assert part.positions.tolist() == [[0, -3.1, 0], [2.4, 0, 0]]
    assert salt.subset(salt.numbers > 8).formal_charges.tolist() == [1, -1]
    assert Structure([6, 8], [[0, 0, 0], [0, 0, 1.2]], charge=-1).subset([0]).b_iso is None
    with pytest.raises(FeaturizationError, match="'salt' has no atoms"):
        salt.subset([])


def test_hydrogens_left_out_are_implied(salt):
    heavy = salt.without_hydrogens()
    assert (heavy.formula, heavy.implicit_hydrogens) == ("ClNaO", 2)
    assert heavy.site_occupancy.tolist() == [1, 0.5, 0.5]
    assert heavy.without_hydrogens() is heavy
    with pytest.raises(FeaturizationError, match=r"'H2' has only hydrogens; keep them with hydrogens='keep'"):
        Structure([1, 1], [[0, 0, 0], [0, 0, 0.74]], name="H2").without_hydrogens()


def test_joined_parts_complete_each_other(salt):
    molecule = Structure([6, 8], [[10, 0, 0], [10, 0, 1.2]], charge=-1, unpaired=1, name="CO", implicit_hydrogens=2)
    whole = joined(molecule, salt)
    assert (whole.name, whole.charge, whole.unpaired, whole.implicit_hydrogens) == ("CO + salt", -1, 1, 2)
    assert whole.numbers.tolist() == [6, 8, 8, 1, 1, 11, 17]
    np.testing.assert_array_equal(whole.positions[2:], salt.positions)
    np.testing.assert_array_equal(whole.b_iso, [np.nan, np.nan, 10, 12, np.nan, 20, 25])
    assert whole.site_occupancy.tolist() == [1, 1, 1, 1, 1, 0.5, 0.5]
    assert whole.formal_charges.tolist() == [0, 0, 0, 0, 0, 1, -1]
    assert whole.residues.tolist() == [0, 0, 1, 1, 1, 2, 3]
    assert joined(salt, molecule, "both").residues.tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert joined(salt, molecule, "both").label == "'both'"
    bare = joined(molecule, Structure([7], [[0, 0, 0]]))
    assert [getattr(bare, field) for field in ARRAYS[2:]] == [None] * 4
    assert bare.name == "CO + N"


def test_residues_that_start_anywhere_stay_apart_when_joined(salt):
    moved = Structure(salt.numbers, salt.positions + 20, residues=salt.residues + 7)
    assert joined(salt, moved).residues.tolist() == [0, 0, 0, 1, 2, 3, 3, 3, 4, 5]


def test_a_ligand_that_the_protein_holds_already_is_found(salt):
    ligand = Structure([17, 6], [[0, -3.1, 0.02], [5, 5, 5]], name="ligand")
    message = (
        "1 atoms of 'ligand' lie on atoms of 'salt', for instance atom 0 on atom 4, 0.020 Å apart; probably the protein"
    )
    for parts in ((ligand, salt), (salt, ligand)):
        with pytest.raises(FeaturizationError, match=message):
            joined(*parts)


def test_symbols_and_radii():
    assert [symbol(number) for number in (1, 6, 17, 118, 0, 119)] == ["H", "C", "Cl", "Og", "X", "X"]
    assert [atomic_number(element) for element in ("H", "Cl", "Og")] == [1, 17, 118]
    np.testing.assert_allclose(vdw_radii(np.array([6, 1, 8, 6])), [1.7, 1.2, 1.55, 1.7])


@pytest.mark.parametrize("element", ["Xx", "c", "", "CL", "carbon"])
def test_what_is_no_symbol_is_refused(element, capfd):
    with pytest.raises(ValueError, match=f"'{element}' is no element symbol"):
        atomic_number(element)
    assert capfd.readouterr().err == ""
