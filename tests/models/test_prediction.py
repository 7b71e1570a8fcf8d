from __future__ import annotations

import argparse
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from deepchem_density.cli import main, predict
from deepchem_density.errors import FeaturizationError
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.prediction import Predictor, find_model
from deepchem_density.models.prediction_inputs import Input, read_inputs
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.quiet import deepchem as dc
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe

SMILES = ["CCO", "C1CC1", "CC=O", "CCN", "C", "CCC"]
RECIPE = Recipe("atom", box_width=12.0, voxel_width=1.0, dtype="float16")


def trained(folder, dropout, recipe=RECIPE, targets=("mu", "gap")):
    voxels = np.stack([RECIPE.voxels(smiles) for smiles in SMILES])
    labels = np.random.default_rng(0).normal(size=(len(SMILES), len(targets))) + [3.0] * len(targets)
    model = VoxelCNNModel(len(targets), RECIPE.n_channels, widths=(4, 8), dropout=dropout, seed=1, model_dir=folder)
    model.fit(dc.data.NumpyDataset(voxels, labels), nb_epoch=5)
    ModelRecipe(recipe, targets, {"mu": "debye"}).write(folder)
    return folder


@pytest.fixture(scope="module")
def with_dropout(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("cell") / "model", 0.3)


@pytest.fixture(scope="module")
def without_dropout(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("cell") / "model", 0.0)


def command(*arguments):
    parser = argparse.ArgumentParser()
    predict.add_to(parser.add_subparsers(required=True))
    options = parser.parse_args(["predict", *map(str, arguments), "--n-jobs", "1"])
    return options.command(options)


def listed(tmp_path, *smiles):
    path = tmp_path / "in.smi"
    path.write_text("\n".join(smiles) + "\n")
    return path


def test_predictions_are_those_of_the_network_on_voxels_made_as_in_training(with_dropout, tmp_path):
    predictor = Predictor.from_folder(with_dropout.parent)
    table = predictor.predict(read_inputs(listed(tmp_path, *SMILES), RECIPE.reading))
    voxels = np.stack([RECIPE.voxels(smiles) for smiles in SMILES])
    expected = VoxelCNNModel.from_dir(with_dropout).predict(dc.data.NumpyDataset(voxels))
    np.testing.assert_array_equal(table[["mu", "gap"]].to_numpy(), expected)
    assert list(table["input"]) == SMILES


def test_deviations_come_from_dropout(with_dropout, tmp_path):
    inputs = read_inputs(listed(tmp_path, *SMILES), RECIPE.reading)
    table = Predictor.from_folder(with_dropout).predict(inputs, masks=200)
    voxels = np.stack([RECIPE.voxels(smiles) for smiles in SMILES])
    _, expected = VoxelCNNModel.from_dir(with_dropout).predict_uncertainty(dc.data.NumpyDataset(voxels), 2000)
    # a deviation over 200 draws has a relative error of 1/sqrt(400) = 5 %; four of them
    np.testing.assert_allclose(table[["mu_std", "gap_std"]].to_numpy(), expected, rtol=0.2)


def test_the_order_of_inputs_and_their_number_change_nothing(with_dropout, tmp_path, monkeypatch):
    inputs = read_inputs(listed(tmp_path, *SMILES), RECIPE.reading)
    predictor = Predictor.from_folder(with_dropout)
    whole = predictor.predict(inputs)
    monkeypatch.setattr("deepchem_density.models.prediction.CHUNK", 2)
    backwards = predictor.predict(inputs[::-1])
    np.testing.assert_allclose(backwards["gap"][::-1], whole["gap"], rtol=1e-5)


def test_what_fails_is_named_and_keeps_its_place(with_dropout, tmp_path):
    long = "CCCCCCCCCCCCCCCC"
    inputs = read_inputs(listed(tmp_path, "CCO", "nonsense", long, "C"), RECIPE.reading)
    table = Predictor.from_folder(with_dropout).predict(inputs, masks=2)
    assert list(np.isnan(table["gap"])) == [False, True, True, False]
    assert list(np.isnan(table["gap_std"])) == [False, True, True, False]
    assert "cannot read 'nonsense' as SMILES" in table["failure"][1]
    assert "does not fit the box" in table["failure"][2]
    assert list(table["failure"][[0, 3]]) == ["", ""]


def test_nothing_but_failures_is_an_error(with_dropout, tmp_path):
    with pytest.raises(FeaturizationError, match=r"None of 2 datapoints.*nonsense"):
        Predictor.from_folder(with_dropout).predict(read_inputs(listed(tmp_path, "nonsense", "xyz"), RECIPE.reading))


def test_a_prediction_that_is_no_number_is_a_failure_of_its_datapoint(with_dropout, tmp_path, monkeypatch):
    predictor, inputs = Predictor.from_folder(with_dropout), read_inputs(listed(tmp_path, *SMILES[:3]), RECIPE.reading)
    usual = predictor.predict(inputs)

    def overflowing(dataset, network=predictor.network.predict):
        values = network(dataset)
        values[1, 0] = np.inf
        return values

    monkeypatch.setattr(predictor.network, "predict", overflowing)
    table = predictor.predict(inputs)
    assert "no finite number" in table["failure"][1]
    assert table.loc[1, ["mu", "gap"]].isna().all()
    pd.testing.assert_frame_equal(table.drop(index=1), usual.drop(index=1), check_dtype=False)


def test_a_recipe_of_another_number_of_channels_is_refused(tmp_path):
    folder = trained(tmp_path / "model", 0.0, recipe=Recipe("atom", elements=("H", "C"), other=False))
    with pytest.raises(ValueError, match="11 channels, its recipe gives 2"):
        Predictor.from_folder(folder)


def test_a_recipe_of_other_targets_is_refused(with_dropout, tmp_path):
    folder = shutil.copytree(with_dropout, tmp_path / "model")
    ModelRecipe(RECIPE, ("gap",)).write(folder)
    with pytest.raises(ValueError, match="predicts 2 values, its recipe names gap"):
        Predictor.from_folder(folder)


def test_voxels_of_another_release_are_refused(with_dropout, tmp_path):
    folder = shutil.copytree(with_dropout, tmp_path / "model")
    about = json.loads((folder / "recipe.json").read_text())
    (folder / "recipe.json").write_text(json.dumps(about | {"feature_version": FEATURE_VERSION + 1}))
    with pytest.raises(ValueError, match=f"version {FEATURE_VERSION + 1}.*version {FEATURE_VERSION}"):
        Predictor.from_folder(folder)


def test_a_folder_without_one_model_is_refused(with_dropout, tmp_path):
    with pytest.raises(ValueError, match=r"holds 0 files recipe\.json"):
        Predictor.from_folder(tmp_path)
    for name in "ab":
        shutil.copytree(with_dropout, tmp_path / name)
    with pytest.raises(ValueError, match=r"holds 2 files recipe\.json"):
        Predictor.from_folder(tmp_path)


def test_what_is_neither_folder_nor_uri_is_refused():
    with pytest.raises(ValueError, match="no folder 'runs/nothing'"):
        find_model("runs/nothing")


def test_the_command_writes_a_row_per_input(with_dropout, tmp_path, capsys):
    out = tmp_path / "new" / "out.csv"
    given = [with_dropout.parent, listed(tmp_path, "CCO", "nonsense", "C methane"), "--out", out]
    assert command(*given, "--masks", "20") == 0
    table = pd.read_csv(out)
    assert list(table.columns) == ["id", "input", "mu", "gap", "mu_std", "gap_std", "failure"]
    assert list(table["id"]) == ["1", "2", "methane"]
    assert table["gap_std"][0] > 0
    printed = capsys.readouterr().out
    assert "2: RDKit cannot read 'nonsense'" in printed
    assert "2 of 3 predicted" in printed


def test_the_command_promises_no_uncertainty_that_is_not_calibrated(with_dropout, without_dropout, tmp_path, capsys):
    out = tmp_path / "out.csv"
    for model in (with_dropout, without_dropout):
        assert command(model, listed(tmp_path, "CCO"), "--out", out) == 0
        assert list(pd.read_csv(out).columns) == ["id", "input", "mu", "gap", "failure"]
        assert "Without calibrated uncertainty" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"dropout=0\.0"):
        command(without_dropout, listed(tmp_path, "CCO"), "--out", out, "--masks", "20")


@pytest.mark.parametrize("masks", ["1", "-3"])
def test_masks_that_tell_nothing_are_refused(masks, capsys):
    assert main(["predict", "m", "i", "--masks", masks]) == 2
    assert f"masks={masks} arrived" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_model_is_fetched_from_mlflow(with_dropout, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_experiment("of this test")  # another test's stays the active one, and is not in this database
    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(with_dropout), "model")
    inputs = read_inputs(listed(tmp_path, "CCO"), RECIPE.reading)
    fetched = Predictor.from_folder(find_model(f"runs:/{run.info.run_id}/model")).predict(inputs)
    expected = Predictor.from_folder(with_dropout).predict(inputs)
    pd.testing.assert_frame_equal(fetched, expected)
    with pytest.raises(ValueError, match="MLflow finds no model 'models:/nothing/1'"):
        find_model("models:/nothing/1")


def test_a_target_called_as_a_column_of_the_table_has_another_name_there(tmp_path):
    predictor = Predictor.from_folder(trained(tmp_path / "model", 0.0, targets=("id", "gap")))
    table = predictor.predict([Input("one", "C", "C")])
    assert list(table) == ["id", "input", "predicted id", "gap", "failure"]
    assert table["id"].tolist() == ["one"]
    assert np.isfinite(table["predicted id"]).all()
