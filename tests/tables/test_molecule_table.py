from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepchem_density.structures.structure import Structure
from deepchem_density.tables.molecule_table import MoleculeTable


@pytest.fixture
def table() -> MoleculeTable:
    """Water, hydrogen fluoride and methane, of which the second has no gap."""
    rng = np.random.default_rng(0)
    return MoleculeTable(
        numbers=np.array([8, 1, 1, 9, 1, 6, 1, 1, 1, 1]),
        positions=3 * rng.normal(size=(10, 3)),
        offsets=np.array([0, 3, 5, 10]),
        labels=np.array([[1.0, 0.1], [2.0, np.nan], [3.0, 0.3]]),
        tasks=("u0", "gap"),
        ids=np.array(["water", "hf", "methane"]),
        units={"u0": "hartree"},
        smiles=np.array(["O", "F", "C"]),
        charges=np.array([0, -1, 0]),
        unpaired=np.array([0, 1, 2]),
        implicit_hydrogens=np.array([0, 0, 3]),
        source="test",
    )


def assert_same(a: MoleculeTable, b: MoleculeTable) -> None:
    for name in (
        "numbers",
        "positions",
        "offsets",
        "labels",
        "ids",
        "smiles",
        "charges",
        "unpaired",
        "implicit_hydrogens",
    ):
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=name)
    assert (a.tasks, a.units, a.source) == (b.tasks, b.units, b.source)


def test_structure_has_the_atoms_charge_and_name_of_its_molecule(table: MoleculeTable) -> None:
    structure = table.structure(1)
    assert structure.numbers.tolist() == [9, 1]
    np.testing.assert_array_equal(structure.positions, table.positions[3:5])
    assert (structure.charge, structure.unpaired, structure.name) == (-1, 1, "test hf")
    assert table.structure(-1).name == "test methane"
    assert table.structure(-1).implicit_hydrogens == 3
    with pytest.raises(IndexError, match="molecule 3 of a table of 3"):
        table.structure(3)


def test_from_structures_gives_the_same_table_back(table: MoleculeTable) -> None:
    packed = MoleculeTable.from_structures(
        table.structures(),
        table.labels,
        table.tasks,
        table.ids,
        units=table.units,
        smiles=table.smiles,
        source=table.source,
    )
    assert_same(packed, table)
    with pytest.raises(ValueError, match="at least one structure"):
        MoleculeTable.from_structures([], np.empty((0, 1)), ["u0"], np.empty(0, dtype=int))


@pytest.mark.parametrize("indices", [[2, 0], [1, 1, 1], [False, True, True], slice(None, None, -1), [-1], []])
def test_subset_picks_whole_molecules_as_numpy_would(table: MoleculeTable, indices: object) -> None:
    picked = np.arange(3)[indices]  # type: ignore[index]
    part = table.subset(np.asarray(indices, dtype=int) if indices == [] else indices)  # type: ignore[arg-type]
    assert len(part) == len(picked)
    assert part.ids.tolist() == table.ids[picked].tolist()
    np.testing.assert_array_equal(part.labels, table.labels[picked])
    for i, k in enumerate(picked):
        np.testing.assert_array_equal(part.structure(i).positions, table.structure(int(k)).positions)
        np.testing.assert_array_equal(part.structure(i).numbers, table.structure(int(k)).numbers)
        assert part.structure(i).charge == table.structure(int(k)).charge


def test_subset_raises_beyond_the_end(table: MoleculeTable) -> None:
    with pytest.raises(IndexError):
        table.subset([3])


@pytest.mark.parametrize("compressed", [True, False])
def test_save_and_load_keep_every_bit(table: MoleculeTable, tmp_path, compressed: bool) -> None:
    path = tmp_path / "molecules.npz"
    table.save(path, compressed=compressed)
    table.save(path, compressed=compressed)  # over an older file
    assert_same(MoleculeTable.load(path), table)
    assert [p.name for p in tmp_path.iterdir()] == ["molecules.npz"]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(table: MoleculeTable, tmp_path, monkeypatch) -> None:
    path = tmp_path / "molecules.npz"
    table.save(path)
    before = path.read_bytes()

    def fill_the_disk(file, **arrays) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", fill_the_disk)
    with pytest.raises(OSError, match="no space"):
        table.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["molecules.npz"]


def damage_middle(raw: bytes) -> bytes:
    return raw[: len(raw) // 2] + bytes(40) + raw[len(raw) // 2 + 40 :]


@pytest.mark.parametrize(
    "damage",
    [lambda raw: b"", lambda raw: b"not a file", lambda raw: raw[: len(raw) // 2], damage_middle],
    ids=["empty", "text", "truncated", "overwritten"],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_file_is_a_value_error_that_names_it(table: MoleculeTable, tmp_path, damage, compressed) -> None:
    path = tmp_path / "molecules.npz"
    table.save(path, compressed)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"molecules\.npz cannot be read as a molecule table"):
        MoleculeTable.load(path)


def test_load_tells_missing_foreign_and_pickled_files_apart(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        MoleculeTable.load(tmp_path / "nowhere.npz")
    np.savez(tmp_path / "foreign.npz", numbers=np.arange(3))
    with pytest.raises(ValueError, match="foreign"):
        MoleculeTable.load(tmp_path / "foreign.npz")
    np.save(tmp_path / "array.npy", np.arange(3))
    with pytest.raises(ValueError, match="array"):
        MoleculeTable.load(tmp_path / "array.npy")
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        MoleculeTable.load(tmp_path / "pickle.npy")


def test_load_refuses_another_format_version(table: MoleculeTable, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("deepchem_density.tables.molecule_table._FORMAT", "deepchem_density molecule table, version 0")
    table.save(tmp_path / "old.npz")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="version 0"):
        MoleculeTable.load(tmp_path / "old.npz")


def test_element_counts(table: MoleculeTable) -> None:
    assert table.elements == (1, 6, 8, 9)
    assert table.element_counts(table.elements).tolist() == [[2, 0, 1, 0], [1, 0, 0, 1], [4, 1, 0, 0]]
    assert table.element_counts([9, 7]).tolist() == [[0, 0], [1, 0], [0, 0]]
    assert table.element_counts(table.elements).sum(axis=1).tolist() == table.n_atoms.tolist()
    with pytest.raises(ValueError, match="different atomic numbers"):
        table.element_counts([1, 1])


def test_columns_by_name(table: MoleculeTable) -> None:
    assert table.columns(["gap", "u0"])[0].tolist() == [0.1, 1.0]
    assert table.column("u0").tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="no labels for mu; this table has u0, gap"):
        table.column("mu")


def test_default_molecules_are_neutral_closed_shell_and_without_smiles() -> None:
    table = MoleculeTable(np.array([1, 1]), np.zeros((2, 3)), np.array([0, 1, 2]), np.zeros((2, 0)), (), np.arange(2))
    assert table.charges.tolist() == [0, 0]
    assert table.unpaired.tolist() == [0, 0]
    assert table.smiles.tolist() == ["", ""]
    assert table.structure(1).name == "1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.zeros((9, 3))}, "positions has shape"),
        ({"labels": np.zeros((3, 1))}, "labels has shape"),
        ({"labels": np.full((3, 2), np.inf)}, "infinite"),
        ({"positions": np.full((10, 3), np.nan)}, "NaN"),
        ({"offsets": np.array([0, 3, 3, 10])}, "at least one atom"),
        ({"offsets": np.array([0, 3, 5, 9])}, "number of atoms, 10"),
        ({"smiles": np.array(["C"])}, "smiles has shape"),
        ({"ids": np.array([None, 1, 2])}, "integers or strings"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(table: MoleculeTable, change: dict, message: str) -> None:
    fields = {name: getattr(table, name) for name in table.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        MoleculeTable(**(fields | change))


def test_repr_is_one_short_line(table: MoleculeTable) -> None:
    assert repr(table) == "MoleculeTable(3 molecules, 10 atoms, tasks u0, gap)"


def test_structures_are_structures(table: MoleculeTable) -> None:
    structures = table.structures()
    assert all(isinstance(s, Structure) for s in structures)
    assert [s.name for s in structures] == ["test water", "test hf", "test methane"]
    assert structures[0].numbers.dtype == np.int64
    assert structures[0].positions.dtype == np.float64


def test_bonds_are_those_of_the_smiles(table: MoleculeTable) -> None:
    known = replace(table, smiles=np.array(["O", "", "C("])).mols()
    assert known[0].GetNumAtoms() == 1
    assert str(known[1]) == "test hf has no SMILES."
    assert str(known[2]).startswith("RDKit cannot read 'C(' as SMILES")


@pytest.mark.parametrize("number", [0, 119, 300, -1])
def test_atomic_numbers_of_no_element_are_refused(table: MoleculeTable, number: int) -> None:
    numbers = table.numbers.astype(np.int64)
    numbers[3] = number
    with pytest.raises(ValueError, match=f"The atomic number {number} arrived; 1 to 118 are accepted"):
        replace(table, numbers=numbers)
