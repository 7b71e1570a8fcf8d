from __future__ import annotations

import csv
import importlib.util
import warnings
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from deepchem_density.tables import qm9
from deepchem_density.tables.baselines import predict_linear
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import (
    ATOMIZATION_TASKS,
    FREE_ATOMS,
    N_QM9,
    QM9_TASKS,
    QM9_UNITS,
    load_qm9,
    load_sample,
    read_qm9pack,
    with_atomization_energies,
)

KCAL_PER_HARTREE = 627.5094740631

# MoleculeNet's gdb9.sdf.csv, gdb_1 to gdb_3 (methane, ammonia, water), kcal/mol
PUBLISHED = {"u0_atom": [-395.999594594, -276.861363379, -213.087624273]}
TOTAL = [-40.47893, -56.525887, -76.404702]
NUMBERS = [[6, 1, 1, 1, 1], [7, 1, 1, 1], [8, 1, 1]]

needs_qm9pack = pytest.mark.skipif(
    importlib.util.find_spec("qm9pack") is None, reason="all of QM9 needs the package qm9pack (extra qm9)"
)


@pytest.fixture(scope="module")
def sample() -> MoleculeTable:
    return load_sample()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory):
    """A cache folder that the first user of the fixture fills."""
    return tmp_path_factory.mktemp("qm9")


@pytest.fixture(scope="module")
def everything(cache) -> MoleculeTable:
    return load_qm9(cache)


def test_sample_holds_2000_different_molecules_of_qm9(sample: MoleculeTable) -> None:
    assert len(sample) == 2000
    assert np.unique(sample.ids).size == 2000
    assert sample.ids.min() >= 1
    assert sample.ids.max() <= 133_885
    assert sample.elements == (1, 6, 7, 8, 9)
    assert (sample.n_atoms <= 29).all()
    assert not sample.charges.any()
    assert not sample.unpaired.any()


def test_sample_has_finite_labels_with_units(sample: MoleculeTable) -> None:
    assert sample.tasks == (*QM9_TASKS, *ATOMIZATION_TASKS)
    assert " ".join(QM9_TASKS) == "A B C mu alpha homo lumo gap r2 zpve u0 u298 h298 g298 cv"
    assert sample.units == {**QM9_UNITS, **dict.fromkeys(ATOMIZATION_TASKS, "hartree")}
    assert np.isfinite(sample.labels).all()


def test_sample_obeys_what_holds_between_labels(sample: MoleculeTable) -> None:
    label = {task: sample.column(task) for task in sample.tasks}
    assert np.abs(label["gap"] - (label["lumo"] - label["homo"])).max() < 1.0001e-4  # printed with four decimals
    assert (label["homo"] < label["lumo"]).all()
    assert (label["u0"] < label["u298"]).all()
    assert (label["g298"] < label["u0"]).all()
    # H = U + RT at 298.15 K, both printed with six decimals
    np.testing.assert_allclose(label["h298"] - label["u298"], 8.314462618 * 298.15 / 2625499.64, atol=2e-6)
    assert (label["A"] >= label["B"] - 1e-4)[label["A"] > 0].all()
    assert (label["B"] >= label["C"] - 1e-4).all()


def test_rotational_constants_follow_from_the_positions(sample: MoleculeTable) -> None:
    """Labels, atoms and positions of one molecule belong together: C = h / (8 pi² I_c)."""
    masses = np.zeros(10)
    masses[[1, 6, 7, 8, 9]] = 1.00782503, 12.0, 14.0030740, 15.9949146, 18.9984032
    for i in range(0, len(sample), 40):
        structure = sample.structure(i)
        m = masses[structure.numbers]
        r = structure.positions - m @ structure.positions / m.sum()
        inertia = np.einsum("i,ij,ij->", m, r, r) * np.eye(3) - np.einsum("i,ij,ik->jk", m, r, r)
        ghz = 505.379 / np.linalg.eigvalsh(inertia)[-1]  # h / (8 pi² amu Å²) in GHz
        assert ghz == pytest.approx(sample.column("C")[i], rel=1e-4)


def test_smiles_and_atoms_are_the_same_molecule(sample: MoleculeTable) -> None:
    """Heavy atoms of the SMILES, in their order of atomic number, are those of the positions."""
    for smiles, structure in zip(sample.smiles, sample.structures(), strict=True):
        mol = Chem.MolFromSmiles(str(smiles), sanitize=False)
        heavy = sorted(atom.GetAtomicNum() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1)
        assert heavy == sorted(z for z in structure.numbers if z > 1), structure.name


@needs_qm9pack
def test_qm9_is_whole(everything: MoleculeTable) -> None:
    assert len(everything) == N_QM9 == 130_831
    assert len(everything.numbers) == 2_359_210
    assert everything.n_atoms.max() == 29
    assert everything.ids[0] == 1
    assert everything.ids[-1] == 133_885


@needs_qm9pack
def test_methane_and_water_as_printed_in_the_original_files(everything: MoleculeTable) -> None:
    # dsgdb9nsd_000001.xyz of the original deposit
    assert everything.smiles[0] == "C"
    assert everything.structure(0).name == "qm9 1"
    assert everything.structure(0).numbers.tolist() == [6, 1, 1, 1, 1]
    expected = [157.7118, 157.70997, 157.70699, 0, 13.21, -0.3877, 0.1171, 0.5048, 35.3641, 0.044749]
    expected += [-40.47893, -40.476062, -40.475117, -40.498597, 6.469]
    assert everything.columns(QM9_TASKS)[0].tolist() == expected
    carbon = [-0.0126981359, 1.0858041578, 0.0080009958]
    np.testing.assert_allclose(everything.structure(0).positions[0], carbon, rtol=0, atol=1e-7)
    bonds = np.linalg.norm(everything.structure(0).positions[1:] - carbon, axis=1)
    np.testing.assert_allclose(bonds, 1.092, atol=1e-3)
    assert everything.structure(2).numbers.tolist() == [8, 1, 1]


@needs_qm9pack
def test_qm9_against_a_plain_reading_of_the_csv_files(everything: MoleculeTable) -> None:
    """Every label and position of each 500th row, read again in the plainest way."""
    row_of = {int(index): row for row, index in enumerate(everything.ids)}
    published = everything.columns(QM9_TASKS)
    checked = 0
    for part in ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv"):
        with (qm9._qm9pack_data() / part).open(newline="") as file:
            for k, cells in enumerate(csv.DictReader(file)):
                if k % 500:
                    continue
                structure = everything.structure(row_of[int(cells["Index"])])
                xyz = [float(number) for number in cells["XYZ_Ang"].replace("[", "").replace("]", "").split(",")]
                np.testing.assert_allclose(structure.positions.ravel(), xyz, rtol=0, atol=1e-6)
                counts = [int((structure.numbers == z).sum()) for z in (1, 6, 7, 8, 9)]
                assert counts == [int(number) for number in cells["Stoichiometry"].strip("[]").split(",")]
                labels = [float(number) for number in list(cells.values())[10:]]
                assert published[row_of[int(cells["Index"])]].tolist() == labels
                checked += 1
    assert checked == 264


@needs_qm9pack
def test_sample_is_a_random_part_of_qm9(sample: MoleculeTable, everything: MoleculeTable) -> None:
    rows = np.searchsorted(everything.ids, sample.ids)
    part = everything.subset(rows)
    for name in ("ids", "labels", "numbers", "positions", "smiles"):
        np.testing.assert_array_equal(getattr(sample, name), getattr(part, name))
    standard_error = everything.labels.std(axis=0) / np.sqrt(len(sample))
    far = np.abs(sample.labels.mean(axis=0) - everything.labels.mean(axis=0)) / standard_error
    assert far.max() < 4


@needs_qm9pack
def test_the_second_call_reads_the_cache_and_gives_the_same(cache, everything, monkeypatch) -> None:
    def refuse(folder) -> None:
        raise AssertionError("the CSV files were read again")

    monkeypatch.setattr(qm9, "read_qm9pack", refuse)
    again = load_qm9(cache)
    np.testing.assert_array_equal(again.labels, everything.labels)
    np.testing.assert_array_equal(again.positions, everything.positions)
    assert [path.name for path in cache.iterdir()] == ["qm9_v1.npz"]


@pytest.fixture
def three(monkeypatch) -> MoleculeTable:
    """Three molecules that stand for all of QM9, so that caching can be tested without the package."""
    sample = load_sample().subset([0, 1, 2])
    table = replace(sample, labels=sample.columns(QM9_TASKS), tasks=QM9_TASKS, units=QM9_UNITS)
    monkeypatch.setattr(qm9, "N_QM9", 3)
    monkeypatch.setattr(qm9, "_qm9pack_data", lambda: None)
    monkeypatch.setattr(qm9, "read_qm9pack", lambda folder: table)
    return table


@pytest.mark.parametrize("content", [b"", b"broken", None])
def test_a_broken_cache_is_made_again_with_a_warning(three: MoleculeTable, tmp_path, content: bytes | None) -> None:
    path = tmp_path / "qm9_v1.npz"
    if content is None:
        three.subset([0, 1]).save(path)  # readable, yet not all of QM9
    else:
        path.write_bytes(content)
    with pytest.warns(UserWarning, match="the cached QM9 is made again"):
        assert len(load_qm9(tmp_path)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_qm9(tmp_path).ids.tolist() == three.ids.tolist()


def test_the_cache_folder_is_made_and_comes_from_the_environment(three: MoleculeTable, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DEEPCHEM_DENSITY_CACHE", str(tmp_path / "a" / "b"))
    load_qm9()
    assert (tmp_path / "a" / "b" / "qm9_v1.npz").is_file()


@pytest.mark.skipif("sys.platform != 'linux'", reason="the place of the cache folder on Linux")
def test_the_default_cache_folder_follows_the_platform(three: MoleculeTable, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("DEEPCHEM_DENSITY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_qm9()
    assert (tmp_path / "deepchem_density" / "qm9_v1.npz").is_file()


def test_a_folder_that_cannot_be_written_warns_and_still_loads(three: MoleculeTable, tmp_path, monkeypatch) -> None:
    def refuse(*args, **kwargs):
        raise OSError("read-only")

    monkeypatch.setattr(MoleculeTable, "save", refuse)
    with pytest.warns(UserWarning, match=r"could not be cached in .* \(read-only\)"):
        assert len(load_qm9(tmp_path / "folder")) == 3


def test_without_qm9pack_the_error_names_the_extra(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "deepchem-density\[qm9\]"'):
        load_qm9(tmp_path)


def write_parts(folder, n_atoms: int = 2, repeat_index: bool = False, elements: str = "['F','H']") -> None:
    columns = [name for name, _ in qm9._COLUMNS.values()]
    for k, part in enumerate(qm9._PARTS):
        index = 1 if repeat_index else k + 1
        header = ",".join(["Index", "SMILES", "N_atoms", "Elements", "XYZ_Ang", *columns])
        row = f'{index},"[H]F",{n_atoms},"{elements}","[[0.,0,0],[.5,0,0.7]]",' + ",".join(["0.1"] * len(columns))
        (folder / part).write_text(f"{header}\n{row}\n")


def test_foreign_csv_files_are_refused(tmp_path, monkeypatch) -> None:
    write_parts(tmp_path)
    with pytest.raises(ValueError, match="QM9 has 130831 molecules, here are 3"):
        read_qm9pack(tmp_path)
    monkeypatch.setattr(qm9, "N_QM9", 3)
    table = read_qm9pack(tmp_path)
    assert table.structure(2).positions[1].tolist() == pytest.approx([0.5, 0, 0.7])
    write_parts(tmp_path, repeat_index=True)
    with pytest.raises(ValueError, match="Index stands twice"):
        read_qm9pack(tmp_path)
    write_parts(tmp_path, elements="['F','Xe']")
    with pytest.raises(ValueError, match="H, C, N, O and F only, here is 'Xe'"):
        read_qm9pack(tmp_path)
    write_parts(tmp_path, n_atoms=3)
    with pytest.raises(ValueError, match="lists 3 atoms and 6 coordinates"):
        read_qm9pack(tmp_path)


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


def test_a_file_where_the_folder_of_the_cache_should_be_is_named(tmp_path) -> None:
    (tmp_path / "qm9.csv").write_text("x\n")
    for place in (tmp_path / "qm9.csv", tmp_path / "qm9.csv" / "cache"):
        with pytest.raises(ValueError, match=r"The file '\S+qm9\.csv' arrived"):
            load_qm9(place)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("1.5,", "1.1.5,", "could not convert"),
        ("SMILES", "SMILE", "Usecols"),
        ("[0.,", "[x,", "could not convert"),
        ("O,", "\xff,", "UTF-8"),
    ],
)
def test_damaged_files_of_qm9pack_are_named(tmp_path, old, new, reason):
    header = ",".join(
        ["Index", "SMILES", "N_atoms", "Elements", "XYZ_Ang", *(column for column, _ in qm9._COLUMNS.values())]
    )
    row = f"""1,O,1,"['O']","[[0.,0.,0.]]",{",".join(["1.5"] * 15)}"""
    for part in qm9._PARTS:
        (tmp_path / part).write_bytes(f"{header}\n{row}\n".replace(old, new, 1).encode("latin-1"))
    with pytest.raises(ValueError, match=r"qm9_part1\.csv' is not that of qm9pack 1\.0\.3") as caught:
        read_qm9pack(tmp_path)
    assert reason in str(caught.value)
