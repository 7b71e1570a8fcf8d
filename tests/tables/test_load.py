from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepchem_density import tables
from deepchem_density.tables.load import load_data, load_table
from deepchem_density.tables.settings import DataSettings


def test_data_are_loaded_split_and_drawn_once_and_for_all():
    settings = DataSettings(n_train=60, n_valid=7, n_test=20, split_seed=3)
    data = load_data(settings)
    assert [len(part) for part in (data.pool, data.valid, data.test)] == [60, 7, 20]
    again, another = load_data(settings), load_data(dataclasses.replace(settings, split_seed=4))
    np.testing.assert_array_equal(data.test, again.test)
    assert set(data.test) != set(another.test)
    kept = data.kept()
    assert len(kept.table) == 87
    np.testing.assert_array_equal(kept.table.ids[kept.test], data.table.ids[data.test])
    np.testing.assert_array_equal(kept.table.ids[kept.pool], data.table.ids[data.pool])


def test_rows_without_a_label_are_left_out(tmp_path):
    whole = load_table(DataSettings())
    assert len(load_data(DataSettings(targets=("gap", "mu"))).table) == len(whole)


def test_more_molecules_than_there_are_is_refused():
    with pytest.raises(ValueError, match="n_train=5000 arrived; 1500 molecules are left for training"):
        load_data(DataSettings(n_train=5000))


def test_an_sdf_folder_needs_one_sdf_and_its_labels(tmp_path):
    config = DataSettings(dataset="sdf", data_dir=str(tmp_path))
    with pytest.raises(ValueError, match=r"0 \.sdf files"):
        load_table(config)
    (tmp_path / "gdb9.sdf").write_text("")
    with pytest.raises(ValueError, match="no labels"):
        load_table(config)


def test_tables_baselines_and_splits_never_import_deepchem():
    names = sorted(path.stem for path in Path(tables.__file__).parent.glob("*.py") if path.stem != "__init__")
    assert {"molecule_table", "qm9", "labelled_sdf", "label_check", "splits", "baselines", "load"} <= set(names)
    code = "; ".join(f"import deepchem_density.tables.{name}" for name in names)
    code += "; import sys; sys.exit('deepchem' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
