from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchem_density.id_lists import read_id_lists
from deepchem_density.splits import split_by_lists


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_text_files_are_sets_by_their_names(tmp_path: Path) -> None:
    train = written(tmp_path / "train.txt", "# LBA 30\n1ABC\n\n2abc # twice\n2abc\n1e66\n")
    test = written(tmp_path / "test", "3abc\r\n")
    assert read_id_lists(train, test) == {"train": ["1abc", "2abc", "1e66"], "test": ["3abc"]}


def test_csv_as_of_lp_pdbbind(tmp_path: Path) -> None:
    """The ids stand in a first column without a name."""
    text = ",header,smiles,new_split,CL1\n1e66,LYASE,CCO,train,True\n3abc,X,C,val,False\n4abc,X,C,,False\n"
    file = written(tmp_path / "LP_PDBBind.csv", text)
    assert read_id_lists(file) == {"train": ["1e66"], "val": ["3abc"]}
    assert read_id_lists(file, split_column="CL1") == {"True": ["1e66"], "False": ["3abc", "4abc"]}
    with pytest.raises(ValueError, match="no column nothing with sets; it has"):
        read_id_lists(file, split_column="nothing")


def test_a_csv_cell_may_hold_several_sets(tmp_path: Path) -> None:
    file = written(tmp_path / "splits.csv", "pdb,cleansplit\n1e66,train\n3abc,casf2013|casf2013_indep\n")
    found = read_id_lists(file, split_column="cleansplit")
    assert found == {"train": ["1e66"], "casf2013": ["3abc"], "casf2013_indep": ["3abc"]}
    assert "casf2013|casf2013_indep" in read_id_lists(file, split_column="cleansplit", separator="")
    assert read_id_lists(file) == {"splits": ["1e66", "3abc"]}


@pytest.mark.parametrize(
    "content",
    [{"train": ["1ABC", "2abc"], "casf2016": ["3abc"]}, {"1abc": "train", "2abc": "train", "3abc": "casf2016"}],
)
def test_json_as_of_cleansplit(tmp_path: Path, content) -> None:
    file = written(tmp_path / "split.json", json.dumps(content))
    assert read_id_lists(file) == {"train": ["1abc", "2abc"], "casf2016": ["3abc"]}


def test_a_json_list_is_one_set(tmp_path: Path) -> None:
    assert read_id_lists(written(tmp_path / "core.json", '["1abc"]')) == {"core": ["1abc"]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"train": 3}', "neither"),
        ("a.json", "{", "cannot be read as json"),
        ("a.txt", "# nothing\n", "lists no ids"),
        ("a.csv", "", "cannot be read as csv"),
        ("a.csv", "smiles,split\nC,train\n", "no column id or pdb"),
        ("a.pkl", "", "ends in '.pkl'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_id_lists(written(tmp_path / name, text))


def test_a_set_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = written(tmp_path / "test.txt", "1abc"), written(tmp_path / "b" / "test.txt", "2abc")
    with pytest.raises(ValueError, match="gives test a second time"):
        read_id_lists(first, second)
    with pytest.raises(ValueError, match="no file"):
        read_id_lists()


def test_published_splits_of_pdbbind(shared_data: Path) -> None:
    file = shared_data / "splits" / "pdbbind_splits.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    for column, valid, test in (
        ("cleansplit", "", "casf2016"),
        ("timesplit", "val", "test"),
        ("mbp2016", "valid", "test"),
    ):
        lists = read_id_lists(file, split_column=column)
        split = split_by_lists(table["pdb"], lists, valid=valid, test=test)
        for name, part in zip(("train", valid, test), split, strict=True):
            expected = np.flatnonzero([bool(name) and name in cell.split("|") for cell in table[column]])
            np.testing.assert_array_equal(part, expected)
            assert len(part) > 0 or not name
