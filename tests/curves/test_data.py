from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complex_files import write_complex

from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.curves.data import prepare

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


@pytest.mark.parametrize(
    ("changed", "message"), [({"targets": ("colour",)}, "colour"), ({"n_train": 5000}, "n_train=5000")]
)
def test_what_the_data_do_not_have_is_named(changed, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        prepare(dataclasses.replace(CurveConfig(rep="occupancy"), **changed), tmp_path)


def test_what_fails_is_left_out_of_its_set(complexes, tmp_path):
    data = prepare(dataclasses.replace(complexes, split="random"), tmp_path)
    used = np.concatenate([data.pool, data.valid, data.test])
    assert len(used) == 15
    assert "x3abc" not in data.table.ids[used]
    shown = data.dataset(used, np.zeros((15, 1)))
    assert shown.X.shape == (15, 6, 6, 6, 1)
    assert all(voxels.any() for voxels in shown.X)


def test_other_labels_or_files_are_other_content(complexes, tmp_path):
    folder = Path(complexes.data_dir).parent
    config = dataclasses.replace(complexes, split="random")
    plain = prepare(config, tmp_path).content
    assert prepare(dataclasses.replace(config, rep="atom"), tmp_path).content == plain
    relabelled = folder / "relabelled.csv"
    relabelled.write_text(Path(complexes.data_dir).read_text().replace(",4.25,", ",4.35,"))
    assert prepare(dataclasses.replace(config, data_dir=str(relabelled)), tmp_path).content != plain
    pocket = folder / "5abc" / "5abc_pocket.pdb"
    before = pocket.read_text()
    pocket.write_text(before + "REMARK\n")
    assert prepare(config, tmp_path).content != plain
    pocket.write_text(before)
    assert prepare(config, tmp_path).content == plain
