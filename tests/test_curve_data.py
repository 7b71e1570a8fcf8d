from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from complex_files import write_complex

from deepchem_density.curve_config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.curve_data import load_dataset, prepare, split

SEQUENCES = {"A": "GASTV", "B": "KRDEN", "C": "FWYHM", "D": "LIPQG"}


@pytest.fixture(scope="module")
def complexes(tmp_path_factory) -> CurveConfig:
    """Sixteen complexes of four proteins, one of them with a ligand that cannot be read."""
    folder = tmp_path_factory.mktemp("complexes")
    rows = []
    for i in range(16):
        family = "ABCD"[i % 4]
        code = f"{i:x}abc"
        ligand, pocket = write_complex(folder, code, "C" * (1 + i // 4), SEQUENCES[family])
        rows.append((f"x{code}", code, ligand, pocket, 4 + 0.25 * i, family, 2000 + i))
    (folder / "3abc" / "3abc_ligand.sdf").write_text("no molecule\n")
    csv = folder / "complexes.csv"
    pd.DataFrame(rows, columns=["id", "pdb", "ligand", "pocket", "pK", "family", "year"]).to_csv(csv, index=False)
    settings = {**COMPLEX_DEFAULTS, "n_test": 4, "voxel_width": 4.0}
    return CurveConfig(**settings, rep="occupancy", dataset="complexes", data_dir=str(csv))


def sets(config: CurveConfig):
    table = load_dataset(config)
    return table, split(config, table)


def test_an_sdf_folder_needs_one_sdf_and_its_labels(tmp_path):
    config = CurveConfig(dataset="sdf", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"0 \.sdf files"):
        load_dataset(config)
    (tmp_path / "gdb9.sdf").write_text("")
    with pytest.raises(ValueError, match="no labels"):
        load_dataset(config)


@pytest.mark.parametrize(
    ("changed", "message"), [({"targets": ("colour",)}, "colour"), ({"n_train": 5000}, "n_train=5000")]
)
def test_what_the_data_do_not_have_is_named(changed, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        prepare(dataclasses.replace(CurveConfig(rep="occupancy"), **changed), tmp_path, 1)


@pytest.mark.parametrize(
    ("how", "by"), [("random", ""), ("group", "family"), ("cluster", ""), ("cluster", "0.9,family"), ("year", "2011")]
)
def test_every_split_parts_the_complexes(complexes, how, by):
    table, (pool, valid, test) = sets(dataclasses.replace(complexes, split=how, split_by=by))
    assert len(test) == 4
    assert sorted([*pool, *valid, *test]) == list(range(16))
    if how == "year":
        assert table.group("year")[test].astype(int).min() == 2012
    elif by.endswith("family"):
        assert not set(table.group("family")[test]) & set(table.group("family")[pool])


def test_a_core_set_and_published_lists(complexes, tmp_path):
    core = tmp_path / "core.txt"
    core.write_text("1abc\n4abc\n")
    table, (pool, _, test) = sets(dataclasses.replace(complexes, split="core", split_by=str(core)))
    assert table.group("pdb")[test].tolist() == ["1abc", "4abc"]
    assert len(pool) == 14
    lists = tmp_path / "lists.json"
    lists.write_text(json.dumps({"train": ["5abc", "6abc"], "valid": ["7abc"], "test": ["8abc"]}))
    table, parts = sets(dataclasses.replace(complexes, split="lists", split_by=str(lists)))
    assert [table.group("pdb")[part].tolist() for part in parts] == [["5abc", "6abc"], ["7abc"], ["8abc"]]


@pytest.mark.parametrize(
    ("how", "by", "message"), [("cluster", "many", "split_by='many'"), ("group", "colour", "colour")]
)
def test_a_split_that_does_not_suit_is_named(complexes, how, by, message):
    with pytest.raises(ValueError, match=message):
        sets(dataclasses.replace(complexes, split=how, split_by=by))


def test_a_fifth_is_tested_where_no_number_is_given(complexes):
    _, (_, _, test) = sets(dataclasses.replace(complexes, split="random", n_test=0))
    assert len(test) == 3


def test_what_fails_is_left_out_of_its_set(complexes, tmp_path):
    data = prepare(dataclasses.replace(complexes, split="random"), tmp_path, 1)
    used = np.concatenate([data.pool, data.valid, data.test])
    assert len(used) == 15
    assert "x3abc" not in data.table.ids[used]
    assert data.voxels.shape == (16, 6, 6, 6, 1)
    assert all(data.voxels[place].any() for place in used)
