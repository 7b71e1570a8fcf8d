from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepchem_density.tables.id_lists import listed_ids, published_lists, read_id_lists
from deepchem_density.tables.splits import split_by_lists


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
        ("a.dat", "nonsense\n", r"line 1 of 'a\.dat' cannot be read"),
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


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no file '.*gone\.txt'; give one with ids"):
        read_id_lists(tmp_path / "gone.txt")
    with pytest.raises(ValueError, match="There is no file"):
        published_lists(f"{tmp_path}/train.txt,{tmp_path}/test.txt")
    with pytest.raises(ValueError, match="There is no file"):
        published_lists(",".join(f"train{place}.txt" for place in range(100)))


SETS = {"train": ["1abc"], "valid": ["2abc"], "test": ["3abc"]}


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "val.txt", "test.txt"),
        ("train", "validation", "testing"),
        ("timesplit_train.ids", "timesplit_dev.ids", "timesplit_test.ids"),
    ],
)
def test_a_folder_and_files_between_commas_are_lists(tmp_path: Path, names: tuple[str, ...]) -> None:
    files = [written(tmp_path / name, code) for name, code in zip(names, ("1abc", "2abc", "3abc"), strict=True)]
    written(tmp_path / "README.txt", "not an id")
    assert published_lists(str(tmp_path)) == SETS
    assert published_lists(", ".join(map(str, files))) == SETS
    assert published_lists(f"{files[0]},{files[2]}") == {"train": ["1abc"], "test": ["3abc"]}
    assert published_lists(f"{tmp_path},test={files[1].stem}") == {"train": ["1abc"], "test": ["2abc"]}


def test_a_path_with_commas_and_signs_of_equality_is_one_path(tmp_path: Path) -> None:
    folder = tmp_path / "a,train=b"
    folder.mkdir()
    for name, ids in SETS.items():
        written(folder / f"{name}.txt", ids[0])
    assert published_lists(str(folder)) == SETS


def test_a_folder_without_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no lists; files such as train\.txt, val\.txt and test\.txt are read"):
        published_lists(str(tmp_path))


def test_sets_of_a_csv_are_chosen_by_name(tmp_path: Path) -> None:
    rows = "code,new_split,CL1\n1abc,train,True\n2abc,val,False\n3abc,test,False\n4abc,casf,\n"
    file = written(tmp_path / "LP.csv", rows)
    assert published_lists(f"{file}") == SETS
    assert published_lists(f"{file},column=new_split,train=train,test=casf") == {**SETS, "test": ["4abc"]}
    assert published_lists(f"{file},column=CL1,train=True,test=False,id_column=code") == {
        "train": ["1abc"],
        "test": ["2abc", "3abc"],
    }


def test_sets_of_a_json_are_chosen_by_name(tmp_path: Path) -> None:
    file = written(tmp_path / "cleansplit.json", json.dumps({"train": ["1abc"], "casf2016": ["3abc"]}))
    with pytest.raises(
        ValueError, match=r"no list test, but train, casf2016: say which to take, as in '.*,test=casf2016'"
    ):
        published_lists(str(file))
    assert published_lists(f"{file},test=casf2016") == {"train": ["1abc"], "test": ["3abc"]}
    with pytest.raises(ValueError, match="valid=dev arrived; there is no such list, but train, casf2016"):
        published_lists(f"{file},test=casf2016,valid=dev")


def test_one_of_several_lists_for_a_set_must_be_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.json", json.dumps({"train_a": ["1abc"], "train_b": ["2abc"], "test": ["3abc"]}))
    with pytest.raises(
        ValueError, match="train_a, train_b may all be lists for train; say which, as in 'train=train_a'"
    ):
        published_lists(str(file))
    assert published_lists(f"{file},train=train_b")["train"] == ["2abc"]


def test_index_files_are_lists(tmp_path: Path) -> None:
    written(tmp_path / "CoreSet.dat", "#code resl year logKa Ka target\n4LLX 1.75 2014 2.89 Ki=1300uM 1\n")
    written(tmp_path / "INDEX_refined_data.2016", "1abc 2.2 2012 6.00 Ki=1uM // 1abc.pdf (X)\n")
    core, refined = str(tmp_path / "CoreSet.dat"), str(tmp_path / "INDEX_refined_data.2016")
    assert listed_ids(core) == ["4llx"]
    sets = published_lists(f"{refined},{core},train=INDEX_refined_data,test=CoreSet")
    assert sets == {"train": ["1abc"], "test": ["4llx"]}


def test_a_core_set_is_one_list_or_the_one_named(tmp_path: Path) -> None:
    core = written(tmp_path / "core.txt", "3abc\n")
    assert listed_ids(str(core)) == ["3abc"]
    flags = written(tmp_path / "splits.csv", "pdb,core2016\n1abc,0\n2abc,0\n3abc,1\n")
    assert listed_ids(f"{flags},column=core2016,test=1") == ["3abc"]
    with pytest.raises(ValueError, match=r"holds 0, 1: say which to test on, as in '.*,test=0'"):
        listed_ids(f"{flags},column=core2016")


def test_the_core_set_of_casf_and_cleansplit(shared_data: Path) -> None:
    core = listed_ids(str(shared_data / "index" / "CASF2016_CoreSet.dat"))
    assert len(set(core)) == 285
    file = shared_data / "splits" / "pdbbind_splits.csv"
    clean = published_lists(f"{file},column=cleansplit,test=casf2016")
    assert set(clean) == {"train", "test"}
    assert not set(clean["train"]) & set(core)
    assert set(clean["test"]) <= set(core)
    time = published_lists(f"{file},column=timesplit")
    assert sorted(time) == ["test", "train", "valid"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"id,split\n1abc,train,test\n2def,test,train\n", "Line 2 of '.*' has 3 fields and the header 2"),
        ("a.csv", b'id,split\n"1abc\n2def",train\n', "Line 2 of '.*' has '1abc.n2def' as its id"),
        ("a.txt", b"1abc\n2d\0f\n", "Line 2 of '.*' holds a NUL byte"),
        ("a.txt", b"1abc\n2d\x07f\n", r"Line 2 of '.*' has '2d.x07f' as its id"),
        ("a.json", b'["1abc", "2d\\u0000f"]', r"Entry 2 of a list in '.*' has '2d.x00f' as its id"),
        ("a.json", b'{"train": [["1abc", "x"], {"a": 1}, null]}', r"\['1abc', 'x'\] stands for an id in"),
        ("a.json", b'{"train": [true]}', "True stands for an id"),
        ("a.json", b'{"train": [1.5]}', "1.5 stands for an id"),
        ("a.json", b'{"train": ["1abc"], "train": ["2def"], "test": ["x"]}', "the key 'train' stands in it twice"),
        ("a.json", b"[" * 100_000, "is nested too deeply"),
        ("a.csv.gz", b"\x1f\x8b\x08\0", "is a damaged gzip archive"),
    ],
)
def test_damaged_and_ambiguous_lists_are_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_id_lists(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("name", "text"), [("train.txt", "1abc # µ\n2abc\n"), ("train.csv", "id,note\n1abc,µ\n2abc,x\n")]
)
def test_lists_of_windows_programs_are_read_and_told(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode("cp1252"))
    with pytest.warns(UserWarning, match=rf"{name}' is not UTF-8 .* and is read as cp1252"):
        assert read_id_lists(tmp_path / name) == {"train": ["1abc", "2abc"]}


def test_whole_numbers_are_ids_and_gzipped_lists_are_called_as_others(tmp_path: Path) -> None:
    assert read_id_lists(written(tmp_path / "a.json", '{"train": [1, "gdb_2"]}')) == {"train": ["1", "gdb_2"]}
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(b"1abc\n"))
    (tmp_path / "test.csv.gz").write_bytes(gzip.compress(b"id\n2abc\n"))
    found = read_id_lists(tmp_path / "train.txt.gz", tmp_path / "test.csv.gz")
    assert found == {"train": ["1abc"], "test": ["2abc"]}


def test_a_line_that_can_be_no_path_is_a_missing_file(tmp_path: Path) -> None:
    for text in ("x" * 5000, "a\0b"):
        with pytest.raises(ValueError, match="There is no file"):
            published_lists(text)
