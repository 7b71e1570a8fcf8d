from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from complex_files import write_complex
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.models.prediction_inputs import read_inputs
from deepchem_density.voxels.datapoints import Complex, Reading
from deepchem_density.voxels.recipe import Recipe

READING = Reading()


def write(path, text):
    path.write_text(text)
    return path


def conformer(smiles, name=""):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    mol.SetProp("_Name", name)
    return mol


@pytest.mark.parametrize("column", ["molecule", "smiles"])
def test_a_csv_of_smiles(tmp_path, column):
    found = read_inputs(write(tmp_path / "a.csv", f"id,{column},gap\nx,CCO,1\ny,,2\nz,C.C,3\n"), READING)
    assert [(one.name, one.text, one.datapoint) for one in found] == [
        ("x", "CCO", "CCO"),
        ("y", "", None),
        ("z", "C.C", "C.C"),
    ]
    assert [bool(one.failure) for one in found] == [False, True, False]


def test_a_csv_of_paths_beside_it_read_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    Chem.MolToMolFile(conformer("CCO"), str(tmp_path / "data" / "ethanol.sdf"))
    path = write(tmp_path / "data" / "a.csv", "molecule\nethanol.sdf\nCCO\n")
    monkeypatch.chdir(tmp_path)
    found = read_inputs(path, READING)
    assert [one.name for one in found] == ["1", "2"]
    assert found[0].datapoint == str(tmp_path / "data" / "ethanol.sdf")
    assert Recipe("atom").voxels(found[0].datapoint).shape == Recipe("atom").voxel_shape


def test_a_csv_of_complexes(tmp_path):
    ligand, protein = write_complex(tmp_path, "1abc", "CCO")
    found = read_inputs(write(tmp_path / "a.csv", f"ligand,protein\n{ligand},{protein}\n,{protein}\n"), READING)
    assert found[0].datapoint == (str(tmp_path / ligand), str(tmp_path / protein), None)
    assert found[1].failure
    recipe = Recipe("atom", part="separate", box_width=16, elements=("C", "N", "O"), other=True)
    assert recipe.voxels(found[0].datapoint)[..., 4:].sum() > 0


def test_a_smi_file_with_and_without_names(tmp_path):
    found = read_inputs(write(tmp_path / "a.smi", "CCO ethyl alcohol\n\n# a remark\nC1CC1\n"), READING)
    assert [(one.name, one.datapoint) for one in found] == [("ethyl alcohol", "CCO"), ("2", "C1CC1")]


@pytest.mark.parametrize("compressed", [False, True])
def test_an_sdf_keeps_positions_names_and_the_place_of_broken_records(tmp_path, compressed):
    molecules = [conformer("CCO", "ethanol"), conformer("C1CC1")]
    blocks = [Chem.MolToMolBlock(molecule) for molecule in molecules]
    text = "$$$$\n".join([blocks[0], "broken\n\n\n  9  9  rubbish\n", blocks[1], ""])
    path = tmp_path / ("a.sdf.gz" if compressed else "a.sdf")
    path.write_bytes(gzip.compress(text.encode()) if compressed else text.encode())
    found = read_inputs(path, READING)
    assert [one.name for one in found] == ["ethanol", "broken", "3"]
    assert [bool(one.failure) for one in found] == [False, True, False]
    for place, molecule in ((0, molecules[0]), (2, molecules[1])):
        assert isinstance(found[place].datapoint, Complex)
        positions = found[place].datapoint.ligand.positions
        np.testing.assert_allclose(positions, molecule.GetConformer().GetPositions(), atol=1e-4)


def test_a_drawing_in_an_sdf_is_a_failure_with_a_reason(tmp_path):
    mol = Chem.MolFromSmiles("CC(C)(C)C")
    AllChem.Compute2DCoords(mol)
    (found,) = read_inputs(write(tmp_path / "a.sdf", Chem.MolToMolBlock(mol) + "$$$$\n"), READING)
    assert "flat drawing" in found.failure


def test_hydrogens_are_added_to_the_molecules_of_an_sdf(tmp_path):
    mol = Chem.RemoveHs(conformer("CCO"))
    path = write(tmp_path / "a.sdf", Chem.MolToMolBlock(mol) + "$$$$\n")
    (found,) = read_inputs(path, Reading(hydrogens="add"))
    assert sorted(found.datapoint.ligand.numbers) == [1] * 6 + [6, 6, 8]
    assert np.isfinite(Recipe("atom", hydrogens="add").voxels(found.datapoint)).all()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.txt", "CCO", "a .csv, .smi, .parquet or .sdf file is accepted"),
        ("a.csv", "gap\n1\n", "no column with smiles in its name, among gap"),
        ("a.csv", "ligand\nx.sdf\n", "no column with smiles in its name, among ligand"),
        ("a.csv", "smiles,canonical_smiles\nC,C\n", "2 columns that may hold SMILES"),
        ("a.csv", "", "cannot be read as csv"),
        ("a.csv", "molecule\n", "holds no molecule"),
        ("a.smi", "\n", "holds no molecule"),
        ("a.sdf", "", "holds no molecule"),
    ],
)
def test_files_that_hold_no_molecules_are_refused(tmp_path, name, text, reason):
    with pytest.raises(ValueError, match=reason):
        read_inputs(write(tmp_path / name, text), READING)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no file '.*a\.csv'"):
        read_inputs(tmp_path / "a.csv", READING)


@pytest.mark.parametrize("text", ["id,smiles\na,CCO,\nb,C,\n", "id,smiles\na,CCO,CCN\nb,C,N\n"])
def test_a_row_wider_than_the_header_is_never_predicted_under_another_name(tmp_path, text):
    with pytest.raises(ValueError, match=r"Line 2 of '.*a\.csv' has 3 fields and the header 2"):
        read_inputs(write(tmp_path / "a.csv", text), READING)


def test_names_of_windows_programs_stay_what_they_are(tmp_path):
    (tmp_path / "a.csv").write_bytes("id;smiles\nLösung;CCO\nNA;C\n".encode("cp1252"))
    with pytest.warns(UserWarning, match="is read as cp1252"):
        found = read_inputs(tmp_path / "a.csv", READING)
    assert [(one.name, one.datapoint) for one in found] == [("Lösung", "CCO"), ("NA", "C")]


def test_columns_may_be_named_and_a_table_be_a_parquet_file(tmp_path):
    path = write(tmp_path / "a.csv", 'smiles,"my, molecules",code\nC,CCO,x\nC,CC,y\n')
    found = read_inputs(path, READING, "my, molecules", "code")
    assert [(one.name, one.datapoint) for one in found] == [("x", "CCO"), ("y", "CC")]
    pytest.importorskip("pyarrow")
    pd.DataFrame({"SMILES": ["CCO", None], "id": [7, 8]}).to_parquet(tmp_path / "a.parquet")
    found = read_inputs(tmp_path / "a.parquet", READING)
    assert [(one.name, one.datapoint, bool(one.failure)) for one in found] == [("7", "CCO", False), ("8", None, True)]
