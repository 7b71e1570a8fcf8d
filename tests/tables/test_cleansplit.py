from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepchem_density.tables.cleansplit import core_sets, find_cleansplit, train_and_test
from deepchem_density.tables.complex_table import ComplexTable

LISTS = {
    "train": ["1abc", "2abc", "3abc"],
    "casf2016": ["4ABC", "5abc", "6abc"],
    "casf2013": ["6abc", "7abc"],
    "casf2016_indep": ["5abc"],
    "notes": ["9xyz"],
}


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    path = tmp_path / "cleansplit.json"
    path.write_text(json.dumps(LISTS))
    return path


def test_all_core_sets_are_tested_and_nothing_else(lists):
    found = train_and_test(lists)
    assert found == {"train": ["1abc", "2abc", "3abc"], "test": ["4abc", "5abc", "6abc", "7abc"]}


def test_core_sets_are_ids_of_the_table(lists):
    codes = np.array(["1abc", "4abc", "5abc", "6abc"])
    table = ComplexTable(
        ids=np.array(["a", "b", "c", "d"]),
        ligands=np.array(["x.sdf"] * 4),
        proteins=np.array(["x.pdb"] * 4),
        labels=np.zeros((4, 1)),
        tasks=("pK",),
        groups={"pdb": codes},
    )
    found = {name: ids.tolist() for name, ids in core_sets(lists, table).items()}
    assert found == {"casf2013": ["d"], "casf2016": ["b", "c", "d"], "casf2016_indep": ["c"]}


@pytest.mark.parametrize("name", ["cleansplit.json", "PDBbind_data_split_cleansplit.json"])
@pytest.mark.parametrize("place", ["data", "data/index", "index"])
def test_the_file_is_found_in_and_beside_the_data(tmp_path, name, place):
    (tmp_path / "data").mkdir()
    file = tmp_path / place / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(LISTS))
    assert find_cleansplit("", str(tmp_path / "data")).resolve() == file
    (tmp_path / "data" / "complexes.csv").write_text("id\n")
    assert find_cleansplit("", str(tmp_path / "data" / "complexes.csv")).resolve() == file
    assert find_cleansplit("other.json", str(tmp_path / "data")) == Path("other.json")


def test_a_missing_file_is_told_with_where_it_comes_from(tmp_path):
    with pytest.raises(
        ValueError, match=r"split=cleansplit arrived, and neither .*get PDBbind_data/.*camlab-ethz/GEMS"
    ):
        find_cleansplit("", str(tmp_path))


def test_other_files_are_refused(tmp_path):
    for content in ({"train": ["1abc"]}, {"casf2016": ["1abc"]}):
        (tmp_path / "other.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r"holds no list train, or none called casf"):
            train_and_test(tmp_path / "other.json")


def test_the_published_lists(shared_data):
    """Against the table that was made of the same publication in another way."""
    found = train_and_test(shared_data / "splits" / "cleansplit.json")
    assert len(found["train"]) == 16_908
    assert len(found["test"]) == 285 + 195 - 107
    assert not set(found["train"]) & set(found["test"])
    content = json.loads((shared_data / "splits" / "cleansplit.json").read_text())
    assert {name: len(ids) for name, ids in content.items()} == {
        "train": 16_908,
        "casf2016": 285,
        "casf2013": 195,
        "casf2016_indep": 144,
        "casf2013_indep": 101,
    }
