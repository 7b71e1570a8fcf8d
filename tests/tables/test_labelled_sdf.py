from __future__ import annotations

import csv
import gzip
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from deepchem_density.quiet import deepchem as dc
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.label_check import LabelWarning, check_labels
from deepchem_density.tables.labelled_sdf import load_sdf_csv
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import load_sample

DATA = Path(os.environ.get("DEEPCHEM_DENSITY_DATA", Path(__file__).parents[3] / "shared" / "data"))

BAD = {
    "garbage": "{name}\n\n\n no counts line\nM  END",
    "truncated": "{name}\n\n\n  5  4  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   0  0",
    "no atoms": "{name}\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END",
    "unknown element": "{name}\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 Qq  0  0\n"
    "M  END",
}


def record(structure: Structure, name: str) -> str:
    """A molfile of atoms only: bonds are not needed, and without them nothing can fail to sanitize."""
    mol = Chem.RWMol()
    conformer = Chem.Conformer(len(structure.numbers))
    for number, position in zip(structure.numbers, structure.positions, strict=True):
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)
        conformer.SetAtomPosition(mol.AddAtom(atom), position.tolist())
    mol.AddConformer(conformer)
    mol.SetProp("_Name", name)
    return Chem.MolToMolBlock(mol.GetMol(), kekulize=False).rstrip("\n")


def write_sdf(path: Path, records: list[str]) -> None:
    path.write_text("".join(f"{text}\n$$$$\n" for text in records))


def write_csv(path: Path, columns: dict[str, list]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.fixture(scope="module")
def molecules() -> MoleculeTable:
    return load_sample().subset(slice(0, 120, 2))


@pytest.fixture
def files(molecules: MoleculeTable, tmp_path) -> tuple[Path, Path]:
    """60 molecules called gdb_<index>, of which number 20 is unreadable, in the layout of MoleculeNet's QM9."""
    names = [f"gdb_{i}" for i in molecules.ids]
    records = [record(s, name) for s, name in zip(molecules.structures(), names, strict=True)]
    records[20] = BAD["garbage"].format(name=names[20])
    sdf, table = tmp_path / "gdb9.sdf", tmp_path / "gdb9.sdf.csv"
    write_sdf(sdf, records)
    write_csv(table, {"mol_id": names, "u0": molecules.column("u0"), "gap": molecules.column("gap")})
    return sdf, table


def rename(sdf: Path, names: list[str]) -> None:
    texts = sdf.read_text().split("$$$$\n")[:-1]
    write_sdf(sdf, [name + "\n" + text.split("\n", 1)[1].rstrip("\n") for name, text in zip(names, texts, strict=True)])


def assert_aligned(table: MoleculeTable, molecules: MoleculeTable, kept: list[int]) -> None:
    part = molecules.subset(kept)
    np.testing.assert_array_equal(table.numbers, part.numbers)
    np.testing.assert_allclose(table.positions, part.positions, rtol=0, atol=5.1e-5)  # four decimals in an SDF file
    np.testing.assert_array_equal(table.labels, part.columns(table.tasks))


def all_but(n: int, *left_out: int) -> list[int]:
    return [i for i in range(n) if i not in left_out]


def test_an_unreadable_record_in_the_middle_takes_only_its_own_label_with_it(files, molecules) -> None:
    with pytest.warns(UserWarning, match=rf"1 of 60 records.*record 20 \(gdb_{molecules.ids[20]}\): RDKit cannot"):
        table = load_sdf_csv(*files, ["u0", "gap"], charge=0, units={"gap": "hartree"})
    assert_aligned(table, molecules, all_but(60, 20))
    assert table.ids[20] == f"gdb_{molecules.ids[21]}"
    assert table.structure(0).name == f"gdb9 gdb_{molecules.ids[0]}"
    assert table.units == {"gap": "hartree"}
    assert table.positions.dtype == np.float64


class CountAtoms(dc.feat.Featurizer):
    """The number of atoms of each element: enough to see which molecule a row is."""

    def _featurize(self, datapoint, **kwargs):
        return np.bincount([atom.GetAtomicNum() for atom in datapoint.GetAtoms()], minlength=10)


@pytest.mark.skipif(dc.__version__ != "2.8.0", reason="the mistake that issue #4485 describes is in deepchem 2.8.0")
def test_where_deepchem_attaches_other_labels_this_loader_does_not(files, molecules, tmp_path) -> None:
    """The point of this module, shown: same two files, DeepChem's own loader and this one."""
    loader = dc.data.SDFLoader(["u0"], CountAtoms(), sanitize=False)
    theirs = loader.create_dataset(str(files[0]), data_dir=str(tmp_path / "deepchem"), shard_size=15)
    kept = all_but(60, 20)
    right = molecules.column("u0")[kept]
    formulas = molecules.element_counts(range(1, 10))[kept]
    np.testing.assert_array_equal(theirs.X[:, 1:], formulas)
    assert (theirs.y[:, 0] == right).mean() < 0.3  # the first shard of four only
    with pytest.warns(LabelWarning, match="#4485"):
        assert not check_labels(theirs).aligned
    with pytest.warns(UserWarning, match="left out"):
        ours = load_sdf_csv(*files, ["u0"])
    np.testing.assert_array_equal(ours.element_counts(range(1, 10)), formulas)
    assert (ours.column("u0") == right).all()


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("join", ["name", "position"])
def test_every_kind_of_bad_record_is_named_and_nothing_slips(files, molecules, kind: str, join) -> None:
    texts = files[0].read_text().split("$$$$\n")[:-1]
    texts[20] = BAD[kind].format(name=texts[20].split("\n")[0])
    write_sdf(files[0], [text.rstrip("\n") for text in texts])
    with pytest.warns(UserWarning, match="1 of 60 records"):
        table = load_sdf_csv(*files, ["u0", "gap"], join=join)
    assert_aligned(table, molecules, all_but(60, 20))


def test_two_bad_records_in_a_row_and_an_empty_one_do_not_swallow_the_next(files, molecules) -> None:
    texts = [text.rstrip("\n") for text in files[0].read_text().split("$$$$\n")[:-1]]
    texts[19] = BAD["truncated"].format(name="")
    Path(files[0]).write_text("".join("$$$$\n" if i == 21 else f"{t}\n$$$$\n" for i, t in enumerate(texts)))
    with pytest.warns(UserWarning, match="3 of 60 records"):
        table = load_sdf_csv(*files, ["u0", "gap"], join="position")
    assert_aligned(table, molecules, all_but(60, 19, 20, 21))


def test_names_decide_whatever_the_order_of_the_rows(files, molecules) -> None:
    lines = files[1].read_text().splitlines(keepends=True)
    files[1].write_text("".join([lines[0], *reversed(lines[1:])]))
    with pytest.warns(UserWarning, match="left out"):
        assert_aligned(load_sdf_csv(*files, ["u0", "gap"]), molecules, all_but(60, 20))


def test_a_csv_of_the_readable_records_only_is_joined_by_name(files, molecules) -> None:
    lines = files[1].read_text().splitlines(keepends=True)
    files[1].write_text("".join(lines[:21] + lines[22:]))
    with pytest.warns(UserWarning, match="left out"):
        assert_aligned(load_sdf_csv(*files, ["u0", "gap"]), molecules, all_but(60, 20))


def test_a_record_without_row_and_a_row_without_record_are_told(files, molecules) -> None:
    text = files[1].read_text().replace(f"gdb_{molecules.ids[3]},", "gdb_0,")
    files[1].write_text(text)
    with pytest.warns(UserWarning, match="left out|not used") as caught:
        table = load_sdf_csv(*files, ["u0", "gap"])
    messages = " ".join(str(warning.message) for warning in caught)
    assert f"record 3 (gdb_{molecules.ids[3]}): no row in the CSV file" in messages
    assert "1 rows of the CSV file are not used: the SDF file has no record named 'gdb_0'" in messages
    assert_aligned(table, molecules, all_but(60, 3, 20))


def test_without_names_row_k_belongs_to_record_k(files, molecules) -> None:
    rename(files[0], [""] * 60)
    with pytest.warns(UserWarning, match=r"record 20 \(no name\)"):
        table = load_sdf_csv(*files, ["u0", "gap"])
    assert_aligned(table, molecules, all_but(60, 20))
    assert table.ids.tolist() == all_but(60, 20)
    assert table.structure(20).name == "gdb9 21"


def test_without_names_a_row_too_few_or_too_many_is_an_error(files) -> None:
    rename(files[0], [""] * 60)
    text = files[1].read_text()
    files[1].write_text(text.rsplit("\n", 2)[0] + "\n")
    with pytest.raises(ValueError, match=r"60 records \(1 of them unreadable\), '\S+gdb9\.sdf\.csv' 59 rows"):
        load_sdf_csv(*files, ["u0"])
    files[1].write_text(text + "gdb_0,1.0,2.0\n")
    with pytest.raises(ValueError, match=r"gdb9\.sdf\.csv' 61 rows"):
        load_sdf_csv(*files, ["u0"])
    files[1].write_text(text + "\n\n")
    with pytest.warns(UserWarning, match="left out"):
        assert len(load_sdf_csv(*files, ["u0"])) == 59


def test_an_empty_line_of_a_csv_with_one_column_is_a_molecule_without_label(files, molecules) -> None:
    rename(files[0], [""] * 60)
    gaps = [str(gap) for gap in molecules.column("gap")]
    gaps[5] = ""
    files[1].write_text("\n".join(["gap", *gaps]) + "\n")
    with pytest.warns(UserWarning, match="left out"):
        table = load_sdf_csv(*files, ["gap"])
    assert np.flatnonzero(np.isnan(table.column("gap"))).tolist() == [5]
    assert table.column("gap")[6] == molecules.column("gap")[6]


def test_labels_that_slipped_in_the_files_themselves_are_noticed(files) -> None:
    rename(files[0], [""] * 60)
    lines = files[1].read_text().splitlines(keepends=True)
    files[1].write_text("".join([lines[0], *lines[2:], lines[1]]))
    with pytest.warns() as caught:
        load_sdf_csv(*files, ["u0"])
    assert [w.category for w in caught] == [UserWarning, LabelWarning]


def test_compressed_files_read_the_same(files, tmp_path) -> None:
    packed = tmp_path / "gdb9.sdf.gz"
    packed.write_bytes(gzip.compress(files[0].read_bytes()))
    with pytest.warns(UserWarning, match="left out"):
        plain = load_sdf_csv(*files, ["u0"])
    with pytest.warns(UserWarning, match="left out"):
        table = load_sdf_csv(packed, files[1], ["u0"])
    for name in ("numbers", "positions", "labels", "ids"):
        np.testing.assert_array_equal(getattr(table, name), getattr(plain, name))
    assert table.source == "gdb9"


def test_formal_charges_count_if_asked_for(tmp_path) -> None:
    from rdkit.Chem import AllChem

    mols = [Chem.AddHs(Chem.MolFromSmiles(smiles)) for smiles in ("C[NH3+]", "CO", "CC(=O)[O-]")]
    for mol in mols:
        AllChem.EmbedMolecule(mol, randomSeed=1)
    write_sdf(tmp_path / "ions.sdf", [Chem.MolToMolBlock(mol).rstrip("\n") for mol in mols])
    write_csv(tmp_path / "ions.csv", {"y": [1, 2, 3]})
    table = load_sdf_csv(tmp_path / "ions.sdf", tmp_path / "ions.csv", ["y"], charge="formal")
    assert table.charges.tolist() == [1, 0, -1]
    assert table.smiles.tolist() == ["C[NH3+]", "CO", "CC(=O)[O-]"]
    assert not table.implicit_hydrogens.any()
    assert load_sdf_csv(tmp_path / "ions.sdf", tmp_path / "ions.csv", ["y"]).charges.tolist() == [1, 0, -1]
    with pytest.warns(UserWarning, match="charge=0 arrived for 'a molecule', whose source states"):
        assert not load_sdf_csv(tmp_path / "ions.sdf", tmp_path / "ions.csv", ["y"], charge=0).charges.any()


def test_missing_columns_and_words_for_numbers_are_named(files) -> None:
    with pytest.raises(ValueError, match="has no column mu; its columns are mol_id, u0, gap"):
        load_sdf_csv(*files, ["mu"])
    with pytest.raises(ValueError, match="join='names' arrived; 'auto', 'name', 'position' are accepted"):
        load_sdf_csv(*files, ["u0"], join="names")
    with pytest.raises(ValueError, match="a list with at least one column"):
        load_sdf_csv(*files, "u0")
    with pytest.raises(ValueError, match=r"no column 'name' to join by name"):
        load_sdf_csv(*files, ["u0"], join="name", id_column="name")
    files[1].write_text(files[1].read_text().replace("mol_id,u0", "mol_id,u0").replace("-", "minus ", 1))
    with pytest.raises(ValueError, match=r"Line 2 of '\S+gdb9\.sdf\.csv' has 'minus .* as its u0; a finite number"):
        load_sdf_csv(*files, ["u0"])


def test_repeated_and_foreign_names_are_errors(files, molecules) -> None:
    names = [f"gdb_{i}" for i in molecules.ids]
    rename(files[0], [names[1], *names[1:]])
    with pytest.raises(ValueError, match=f"1 of the names in '.*' repeat, such as '{names[1]}'"):
        load_sdf_csv(*files, ["u0"])
    rename(files[0], [f"other {i}" for i in range(60)])
    with pytest.raises(
        ValueError, match=r"No name of a record of .* is in column mol_id of .*: records are called \['other 0'"
    ):
        load_sdf_csv(*files, ["u0"])
    rename(files[0], names)
    files[1].write_text(files[1].read_text().replace(names[5] + ",", names[4] + ","))
    with pytest.raises(ValueError, match=f"cells of column mol_id of '.*' repeat, such as '{names[4]}'"):
        load_sdf_csv(*files, ["u0"])


def test_files_without_a_usable_record_are_errors(files, tmp_path) -> None:
    for content in ("", " \n\n", "<html>404</html>"):
        (tmp_path / "empty.sdf").write_text(content)
        with pytest.raises(ValueError, match=r"empty\.sdf' holds no record"):
            load_sdf_csv(tmp_path / "empty.sdf", files[1], ["u0"])
    with pytest.raises(FileNotFoundError, match="There is no SDF file"):
        load_sdf_csv(tmp_path / "nowhere.sdf", files[1], ["u0"])
    write_sdf(tmp_path / "bad.sdf", [BAD["garbage"].format(name="a")])
    write_csv(tmp_path / "bad.csv", {"mol_id": ["a"], "u0": [1.0]})
    with (
        pytest.warns(UserWarning, match="1 of 1 records"),
        pytest.raises(ValueError, match="None of the 1 records"),
    ):
        load_sdf_csv(tmp_path / "bad.sdf", tmp_path / "bad.csv", ["u0"])


@pytest.mark.skipif(not (DATA / "pdbbind_ligands").is_dir(), reason="needs real ligands (DEEPCHEM_DENSITY_DATA)")
def test_thousands_of_crystal_ligands() -> None:
    folder = DATA / "pdbbind_ligands"
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        table = load_sdf_csv(
            folder / "ligands.sdf.gz",
            folder / "index.csv",
            ["pK", "n_heavy", "charge"],
            join="position",
            charge="formal",
        )
    assert len(table) > 9500
    assert (table.implicit_hydrogens > 0).mean() > 0.9  # crystal ligands come without hydrogens
    assert table.charges.tolist() == table.column("charge").tolist()
    heavy = table.n_atoms - table.element_counts([1])[:, 0]
    np.testing.assert_array_equal(heavy, table.column("n_heavy"))


def test_labels_of_windows_programs_are_read_and_told(files, molecules) -> None:
    lines = files[1].read_text().splitlines()
    text = "\n".join([f"{lines[0]},Bemerkung", *(f"{line},±0.1 µM" for line in lines[1:])])
    files[1].write_bytes(text.encode("cp1252"))
    told = pytest.warns(UserWarning, match=r"gdb9\.sdf\.csv' is not UTF-8 \(byte 0xb1 in line 2\)")
    with told, pytest.warns(UserWarning, match="left out"):
        assert_aligned(load_sdf_csv(*files, ["u0", "gap"]), molecules, all_but(60, 20))


@pytest.mark.parametrize("join", ["name", "position"])
@pytest.mark.parametrize("more", [",", ",9.0"])
def test_rows_wider_than_the_header_never_shift_labels(files, join, more: str) -> None:
    header, *rows = files[1].read_text().splitlines()
    files[1].write_text("\n".join([header, *(row + more for row in rows)]))
    with pytest.raises(ValueError, match=r"Line 2 of '.*gdb9\.sdf\.csv' has 4 fields and the header 3"):
        load_sdf_csv(*files, ["u0", "gap"], join=join)


def test_decimal_commas_are_called_so(files) -> None:
    header, *rows = files[1].read_text().splitlines()
    lines = [header.replace(",", ";"), *(row.replace(",", ";").replace(".", ",") for row in rows)]
    files[1].write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"Line 2 of '.*' has '-\d+,\d+' as its u0, with a decimal comma"):
        load_sdf_csv(*files, ["u0"])


@pytest.mark.parametrize("label", ["measured log solubility in mols per litre", "logD@7.4", "E(LUMO), eV", "α/Å³"])
def test_label_columns_may_have_any_name(files, molecules, label: str) -> None:
    names = [f"gdb_{i}" for i in molecules.ids]
    write_csv(files[1], {"mol_id": names, label: molecules.column("gap")})
    with pytest.warns(UserWarning, match="left out"):
        table = load_sdf_csv(*files, [label])
    np.testing.assert_array_equal(table.column(label), molecules.column("gap")[all_but(60, 20)])


def test_a_label_asked_for_twice_and_a_name_with_a_control_character_are_refused(files) -> None:
    with pytest.raises(ValueError, match="each column once"):
        load_sdf_csv(*files, ["u0", "u0"])
    rename(files[0], ["a\x07b", *(f"gdb_{i}" for i in range(59))])
    with pytest.raises(ValueError, match=r"Record 0 of '.*gdb9\.sdf' has 'a\\x07b' as its name"):
        load_sdf_csv(*files, ["u0"])
