from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from deepchem_density.tables.complex_table import ComplexTable


def write_ligand(path: Path, smiles: str, hydrogens: bool = True) -> Path:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    path.write_text(Chem.MolToMolBlock(mol if hydrogens else Chem.RemoveHs(mol)) + "$$$$\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> ComplexTable:
    """Ethanol and chloroacetic acid, without and with hydrogens; the last has a map in place of a protein."""
    ligands = [
        write_ligand(tmp_path / "a.sdf", "CCO", hydrogens=False),
        write_ligand(tmp_path / "b.sdf", "OC(=O)CCl"),
        write_ligand(tmp_path / "c.sdf", "CCO"),
    ]
    return ComplexTable(
        ids=["a", "b", "c"],
        ligands=ligands,
        proteins=["p.pdb", "p.pdb", None],
        maps=[None, "b.ccp4", "c.ccp4"],
        labels=[[5.0, np.nan], [6.0, 1.0], [7.0, 2.0]],
        tasks=("pK", "dG"),
        units={"pK": "-log10(M)"},
        groups={"pdb": ["1abc", "1abc", "2abc"], "year": [2001, 2002, 2003]},
        left_out=(("d", "no label"),),
        source="test.csv",
    )


def test_datapoints_are_the_files_that_are_there(table: ComplexTable, tmp_path: Path) -> None:
    a, b, c = (str(tmp_path / name) for name in ("a.sdf", "b.sdf", "c.sdf"))
    assert table.datapoints() == [(a, "p.pdb"), (b, "p.pdb", "b.ccp4"), (c, "c.ccp4")]


def test_labels_and_groups_are_found_by_name(table: ComplexTable) -> None:
    np.testing.assert_array_equal(table.columns(["dG", "pK"]), [[np.nan, 5.0], [1.0, 6.0], [2.0, 7.0]])
    assert table.column("pK").tolist() == [5, 6, 7]
    assert table.group("year").tolist() == [2001, 2002, 2003]
    with pytest.raises(ValueError, match="no labels for gap; this table has pK, dG"):
        table.columns(["pK", "gap"])
    with pytest.raises(ValueError, match="no group 'target'; this table has pdb, year"):
        table.group("target")


@pytest.mark.parametrize("places", [[2, 0], np.array([True, False, True]), slice(1, 3)])
def test_a_subset_keeps_rows_together(table: ComplexTable, places) -> None:
    part = table.subset(places)
    expected = np.arange(3)[places]
    assert part.ids.tolist() == table.ids[expected].tolist()
    assert part.datapoints() == [table.datapoints()[i] for i in expected]
    np.testing.assert_array_equal(part.labels, table.labels[expected])
    assert part.group("pdb").tolist() == table.group("pdb")[expected].tolist()
    assert (part.tasks, part.units, part.left_out, part.source) == (
        table.tasks,
        table.units,
        table.left_out,
        "test.csv",
    )


def test_an_empty_subset_is_a_table(table: ComplexTable) -> None:
    empty = table.subset([])
    assert len(empty) == 0
    assert empty.columns(["pK"]).shape == (0, 1)
    assert empty.baseline_features()["ligand heavy atoms"].shape == (0, 1)


def test_bonds_are_those_of_the_ligands(table: ComplexTable) -> None:
    atoms = [mol.GetNumHeavyAtoms() for mol in table.mols()]
    assert atoms == table.baseline_features()["ligand heavy atoms"][:, 0].tolist()
    gone = replace(table, ligands=np.array(["gone.sdf", *table.ligands[1:]]))
    assert isinstance(gone.mols()[0], Exception)


def test_ligands_count_alike_with_and_without_hydrogens(table: ComplexTable) -> None:
    assert table.elements == (6, 8, 17)
    features = table.baseline_features()
    assert features["linear in element counts"].tolist() == [[2, 1, 0], [2, 2, 1], [2, 1, 0]]
    assert features["ligand heavy atoms"].tolist() == [[3], [5], [3]]
    assert table.element_counts([17, 7]).tolist() == [[0, 0], [1, 0], [0, 0]]
    for wrong in ([1], [6, 6], [0], [119]):
        with pytest.raises(ValueError, match="from 2 to 118"):
            table.element_counts(wrong)


def test_a_ligand_that_cannot_be_read_has_no_counts_and_is_named(table: ComplexTable, caplog) -> None:
    Path(table.ligands[1]).write_text("no molecule\n")
    with caplog.at_level(logging.WARNING):
        features = table.baseline_features()
    assert np.isnan(features["ligand heavy atoms"][:, 0]).tolist() == [False, True, False]
    assert np.isnan(features["linear in element counts"][1]).all()
    assert "1 ligands have no element counts (b: " in caplog.text
    Path(table.ligands[1]).unlink()
    assert np.isnan(table.element_counts([6])[:, 0]).tolist() == [False, True, False]


def test_a_file_is_read_once_until_it_changes(table: ComplexTable, monkeypatch) -> None:
    table.element_counts([6])
    stamp = Path(table.ligands[0]).stat().st_mtime_ns
    monkeypatch.setattr("deepchem_density.tables.complex_table.structure_from", lambda path: 1 / 0)
    assert table.subset([2, 0]).element_counts([6]).tolist() == [[2], [2]]
    monkeypatch.undo()
    write_ligand(Path(table.ligands[0]), "CCCC")
    os.utime(table.ligands[0], ns=(stamp, stamp + 10**9))
    assert table.element_counts([6]).tolist() == [[4], [2], [2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["a", "a", "b"]}, "'a' arrived 2 times"),
        ({"ids": ["a", "b"]}, "labels has shape|ligands has shape"),
        ({"labels": [5.0, 6.0, 7.0]}, r"labels has shape \(3,\)"),
        ({"labels": [[np.inf, 1]] * 3}, "infinite"),
        ({"proteins": ["", "p.pdb", ""], "maps": [None] * 3}, "complex 'a' is not complete"),
        ({"ligands": ["a.sdf", None, "c.sdf"]}, "complex 'b' is not complete"),
        ({"groups": {"pdb": ["1abc"]}}, r"groups\['pdb'\] has shape \(1,\)"),
    ],
)
def test_fields_that_do_not_fit_are_refused(table: ComplexTable, change: dict, message: str) -> None:
    names = ("ids", "ligands", "proteins", "maps", "labels", "tasks", "groups")
    with pytest.raises(ValueError, match=message):
        ComplexTable(**{name: getattr(table, name) for name in names} | change)


def test_repr_says_how_many(table: ComplexTable) -> None:
    assert repr(table) == "ComplexTable(3 complexes, 1 left out, tasks pK, dG)"
