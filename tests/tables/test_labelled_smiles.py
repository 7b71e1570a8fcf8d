from __future__ import annotations

import os

import numpy as np
import pytest

from deepchem_density.tables.labelled_smiles import load_smiles

ROWS = """code,smiles,logp (Crippen),"a, b"
m1,CCO,1.5,1
m2,,2,0
m3,C1CC,3,0
m4,OCC,1.5,
m5,C,,1
m6,CO,na,
m7,[CH4],7.25,0
m8,C(O)C,9,1
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "my.csv").write_text(ROWS)
    return tmp_path / "my.csv"


def test_rows_that_cannot_be_used_are_named_and_counted(path, caplog):
    table = load_smiles(path, ["logp (Crippen)", "a, b"], id_column="code")
    assert table.ids.tolist() == ["m1", "m6", "m7"]
    assert table.smiles.tolist() == ["CCO", "CO", "[CH4]"]
    np.testing.assert_array_equal(table.labels, [[1.5, 1], [np.nan, np.nan], [7.25, 0]])
    assert dict(table.left_out) == {
        "m2": "no SMILES",
        "m3": "RDKit cannot read 'C1CC' as SMILES",
        "m4": "the molecule of line 2",
        "m5": "the molecule of line 8 with another label",
        "m8": "the molecule of line 2 with another label",
    }
    (record,) = caplog.records
    assert "5 of 8 rows" in record.getMessage()
    assert "line 3: no SMILES; line 4: RDKit cannot read 'C1CC'" in record.getMessage()


def test_of_equal_molecules_the_row_with_most_labels_is_taken(path):
    table = load_smiles(path, "logp (Crippen)")
    assert table.ids.tolist() == ["1", "6", "7"]
    assert dict(table.left_out)["5"] == "the molecule of line 8"


def test_a_file_is_read_once_until_it_changes(path, caplog):
    first = load_smiles(path, "logp (Crippen)")
    assert load_smiles(path, "logp (Crippen)") is first
    assert len(caplog.records) == 1
    path.write_text("smiles,logp (Crippen)\nCC,1\n")
    os.utime(path, ns=(1, 1))
    assert load_smiles(path, "logp (Crippen)").smiles.tolist() == ["CC"]


def test_no_labels_are_needed(path, tmp_path):
    assert load_smiles(path).labels.shape == (3, 0)
    (tmp_path / "a.smi").write_text("CCO ethanol\nC\n")
    table = load_smiles(tmp_path / "a.smi", id_column="")
    assert (table.ids.tolist(), table.smiles.tolist()) == (["1", "2"], ["CCO", "C"])


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (ROWS, {"targets": "gap"}, r"no column 'gap' for labels; it has the columns code, smiles, .*--targets"),
        (ROWS, {"targets": ["a, b", "a, b"]}, "each column once is accepted"),
        (ROWS, {"targets": "smiles"}, r"Line 2 of '.*my\.csv'.*CCO"),
        (ROWS, {"id_column": "a, b"}, r"Line 4 of '.*my\.csv' has '0' in the column of names"),
        ("smiles,y\n", {}, r"my\.csv' holds no molecule"),
        (
            "smiles,y\nno,1\nna,2\n",
            {},
            r"None of the 2 rows of '.*my\.csv' can be used; the first: RDKit cannot read 'no'",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(path, text, settings, message):
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_smiles(path, **settings)
