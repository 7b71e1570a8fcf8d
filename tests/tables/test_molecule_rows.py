from __future__ import annotations

import builtins
import gzip

import pandas as pd
import pytest

from deepchem_density.tables.molecule_rows import names_of_rows, read_molecule_rows, smiles_column_of


def test_a_smi_file_has_names_where_there_are_some_and_lines(tmp_path):
    (tmp_path / "a.smi").write_text("CCO ethyl alcohol\n\n# a remark\nC1CC1\n")
    frame = read_molecule_rows(tmp_path / "a.smi")
    assert frame.to_dict("list") == {"smiles": ["CCO", "C1CC1"], "name": ["ethyl alcohol", ""]}
    assert frame.index.tolist() == [1, 4]


def test_a_gzipped_csv_has_columns_with_any_letters(tmp_path):
    text = 'SMILES;"logp (Crippen)";"a;b/c, é"\nCCO;1;\n'
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert list(read_molecule_rows(tmp_path / "a.csv.gz")) == ["SMILES", "logp (Crippen)", "a;b/c, é"]


def test_a_parquet_file_keeps_all_digits_and_what_is_missing(tmp_path):
    pytest.importorskip("pyarrow")
    number = 0.1 + 0.2
    frame = pd.DataFrame({"smiles": ["C", None, "CC"], "y": [number, float("nan"), 1e-300], "yes": [True, False, True]})
    frame.to_parquet(tmp_path / "a.parquet")
    found = read_molecule_rows(tmp_path / "a.parquet")
    assert found["smiles"].tolist() == ["C", "", "CC"]
    assert (float(found["y"].iloc[0]), found["y"].iloc[1], float(found["y"].iloc[2])) == (number, "", 1e-300)
    assert found["yes"].tolist() == ["1", "0", "1"]
    assert found.index.tolist() == [1, 2, 3]
    (tmp_path / "b.parquet").write_text("no parquet")
    with pytest.raises(ValueError, match=r"b\.parquet"):
        read_molecule_rows(tmp_path / "b.parquet")


def test_a_parquet_file_without_pyarrow_is_refused_with_the_remedy(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    usual = builtins.__import__

    def without(name, *arguments, **others):
        if name == "pyarrow":
            raise ImportError(name)
        return usual(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"a\.parquet' arrived; .*pip install pyarrow, or save the table as \.csv"):
        read_molecule_rows(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("columns", "asked", "found"),
    [
        (["id", "smiles", "molecule"], "", "smiles"),
        (["Canonical_SMILES", "y"], "", "Canonical_SMILES"),
        (["Molecule", "y"], "", "Molecule"),
        (["smiles", "iso smiles"], "iso smiles", "iso smiles"),
        (["structure", "y"], "structure", "structure"),
    ],
)
def test_the_column_of_smiles_is_guessed_only_where_there_is_one(columns, asked, found):
    assert smiles_column_of(pd.DataFrame(columns=columns), asked, "a.csv") == found


@pytest.mark.parametrize(
    ("columns", "asked", "message"),
    [
        (
            ["smiles", "iso smiles"],
            "",
            "2 columns that may hold SMILES, among smiles, iso smiles; name .* --smiles-column",
        ),
        (["structure", "y"], "", "no column with smiles in its name, among structure, y"),
        (["smiles"], "SMILES", "no column 'SMILES' for SMILES; it has the columns smiles"),
    ],
)
def test_no_column_of_smiles_or_several_are_refused(columns, asked, message):
    with pytest.raises(ValueError, match=message):
        smiles_column_of(pd.DataFrame(columns=columns), asked, "a.csv")


def test_rows_are_numbered_or_named(tmp_path):
    frame = pd.DataFrame({"code": [" a ", "b"]}, index=[2, 3])
    assert names_of_rows(frame, "", "a.csv") == ["1", "2"]
    assert names_of_rows(frame, "code", "a.csv") == ["a", "b"]
    with pytest.raises(ValueError, match=r"'a\.csv' has no column 'id' for names; it has code"):
        names_of_rows(frame, "id", "a.csv")


@pytest.mark.parametrize("name", ["a.txt", "a.sdf", "nowhere.csv"])
def test_other_files_are_refused_by_name(tmp_path, name):
    if name != "nowhere.csv":
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match=r"'.*\.\w+'.* \.csv, \.smi, \.smiles, \.parquet file is accepted"):
        read_molecule_rows(tmp_path / name)
