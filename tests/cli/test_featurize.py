from __future__ import annotations

import numpy as np
import pytest
from complex_files import write_complex

from deepchem_density import load_sample, open_featurized
from deepchem_density.cli import featurize, main
from deepchem_density.cli.featurize import FeaturizeRun
from deepchem_density.curves.config import CurveConfig
from deepchem_density.settings import class_defaults
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.settings import OF_QM9

SMALL = ["--box-width", "12", "--voxel-width", "2", "--workers", "1"]


@pytest.fixture(scope="module")
def atoms(tmp_path_factory):
    out = tmp_path_factory.mktemp("featurized") / "sample"
    assert main(["featurize", "sample", "--rep", "atom", "--out", str(out), "--voxels", "true", *SMALL]) == 0
    return out


def test_a_folder_is_a_dataset_with_labels_and_names(atoms):
    sample = load_sample()
    dataset = open_featurized(atoms, ["gap", "mu"])
    assert len(dataset) == len(sample)
    np.testing.assert_array_equal(dataset.y, sample.columns(["gap", "mu"]))
    assert dataset.ids.tolist() == sample.ids.astype(str).tolist()
    qm9 = {"elements": OF_QM9, "other": False}
    recipe = Recipe("atom", **qm9, box_width=12.0, voxel_width=2.0, oversampling=2, dtype="float16", engine="auto")
    expected = np.stack([recipe.voxels(sample.structure(place)) for place in (0, 777)])
    np.testing.assert_array_equal(dataset.select([0, 777]).X, expected)
    np.testing.assert_array_equal(np.load(atoms / "voxels.npy")[[0, 777]], expected)


def test_the_help_names_the_defaults_that_are_used():
    used, named = CurveConfig(), class_defaults(FeaturizeRun)
    shared = {name for name in class_defaults(CurveConfig) if name in named and name != "targets"}
    assert {"engine", "box_width", "voxel_width", "oversampling", "optimize"} <= shared
    assert {name: named[name] for name in shared} == {name: getattr(used, name) for name in shared}


def test_other_grids_and_orientations_need_no_other_folder(atoms):
    fine = open_featurized(atoms, ["gap"], voxel_width=1.5, oversampling=1)
    assert fine.get_shape()[0] == (2000, 8, 8, 8, 5)
    turned = open_featurized(atoms, ["gap"], orientation="random", seed=2)
    assert len(turned) < 2000, "some molecules do not fit the box in every orientation"
    assert turned.select([3]).X.shape == (1, 6, 6, 6, 5)


def test_the_same_command_again_solves_nothing(atoms, monkeypatch, capsys):
    monkeypatch.setattr("deepchem_density.engine.tasks.map_in_order", lambda *_: pytest.fail("it was solved again"))
    assert main(["featurize", "sample", "--rep", "atom", "--out", str(atoms), *SMALL]) == 0
    assert "All 2000 datapoints have voxels." in capsys.readouterr().out


def test_failures_are_summed_up_by_reason(tmp_path, capsys):
    arguments = ["--rep", "atom", "--elements", "H,C,N,O", "--out", str(tmp_path / "out"), *SMALL]
    assert main(["featurize", "sample", *arguments]) == 0
    printed = capsys.readouterr().out
    fluorine = int((load_sample().element_counts([9])[:, 0] > 0).sum())
    assert f"{fluorine} of 2000 datapoints have no voxels:" in printed
    assert f"  {fluorine} x '…' holds F, for which there is no channel" in printed
    assert len(open_featurized(tmp_path / "out")) == 2000 - fluorine


def test_complexes_are_kept_as_atoms(tmp_path, capsys):
    rows = [write_complex(tmp_path, f"{i}abc", "C" * (i + 1)) for i in range(3)]
    lines = [f"{i}abc,{ligand},{pocket},{4 + i}" for i, (ligand, pocket) in enumerate(rows)]
    (tmp_path / "complexes.csv").write_text("\n".join(["id,ligand,pocket,pK", *lines]) + "\n")
    out = tmp_path / "out"
    assert main(["featurize", str(tmp_path / "complexes.csv"), "--out", str(out), "--workers", "1"]) == 0
    dataset = open_featurized(out)
    recipe = dataset.recipe
    assert (recipe.hydrogens, recipe.b_iso) == ("drop", 20.0)
    np.testing.assert_allclose(dataset.X, np.stack([recipe.voxels(row) for row in rows]), atol=2e-3)
    assert dataset.y[:, 0].tolist() == [4, 5, 6]


def test_a_dry_run_says_what_all_would_take_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["featurize", "sample", "--dry-run", "--engine", "tblite", "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    for part in ("sample: 2,000 molecules", "Nothing fails: 2,000 looked at, ", "Features: ", "on disk. Memory: "):
        assert part in printed
    assert list(tmp_path.iterdir()) == []


def test_sources_that_are_none_are_refused(tmp_path, capsys):
    assert main(["featurize", str(tmp_path / "nowhere")]) == 2
    assert "nowhere' arrived; 'sample', 'qm9', or a folder or file that exists is accepted" in capsys.readouterr().err
    (tmp_path / "a.sdf").write_text("")
    assert featurize.source_settings(str(tmp_path))["dataset"] == "sdf"
    with pytest.raises(FileNotFoundError, match=r"has no featurized\.json"):
        open_featurized(tmp_path)


def test_a_folder_of_another_release_or_without_a_task_is_refused(atoms, tmp_path):
    with pytest.raises(ValueError, match=r"tasks=\['colour'\] arrived; A, B, C, mu"):
        open_featurized(atoms, ["colour"])
    with pytest.raises(ValueError, match=r"cannot be used .*unexpected keyword"):
        open_featurized(atoms, boxwidth=3)
    (tmp_path / "featurized.json").write_text((atoms / "featurized.json").read_text().replace("version 1", "version 0"))
    with pytest.raises(ValueError, match="cannot be used"):
        open_featurized(tmp_path)


def test_settings_that_mean_nothing_to_the_representation_are_refused(tmp_path, capsys):
    assert main(["featurize", "sample", "--rep", "atom", "--transform", "log", "--out", str(tmp_path / "out")]) == 2
    assert "transform='log' arrived for rep='atom', to which it means nothing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
