from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")

from deepchem_density.cli.command_line import main  # noqa: E402
from deepchem_density.curves.cells import Cell, read_cell  # noqa: E402
from deepchem_density.curves.config import CurveConfig  # noqa: E402
from deepchem_density.curves.tracking import MlflowTracker  # noqa: E402
from deepchem_density.versions import code_commit  # noqa: E402
from deepchem_density.voxels.recipe import FEATURE_VERSION  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)

COMMIT = code_commit()
QUICK = [
    *("--n-train", "40", "--n-valid", "5", "--n-test", "20", "--fractions", "0.5,1.0", "--seeds", "0", "--steps", "3"),
    *("--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--n-jobs", "1"),
    *("--workers", "1"),
]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        assert main(["curve", "--rep", "atom", "--dropout", "0.2", "--track", "--out", "runs", *QUICK]) == 0
        runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
        yield folder, runs


def test_a_curve_is_a_run_with_a_nested_run_for_each_cell(tracked):
    _, runs = tracked
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.data.params["n_train"] for run in children) == ["20", "40"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.params["rep"] == "atom"
    assert "version.deepchem" in parent.data.tags


@pytest.mark.parametrize(("name", "expected"), [(None, "deepchem_density"), ("mine", "mine")])
def test_the_experiment_is_ours_unless_the_user_names_one(tmp_path, name, expected):
    script = (
        "import mlflow; from deepchem_density.curves.tracking import MlflowTracker\n"
        "from deepchem_density.curves.config import CurveConfig\n"
        "with MlflowTracker().run([CurveConfig()]): experiment = mlflow.active_run().info.experiment_id\n"
        "print(mlflow.get_experiment(experiment).name)"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    environment |= {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {} if name is None else {"MLFLOW_EXPERIMENT_NAME": name}
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [expected]


def test_settings_stand_once_without_empty_ones_and_only_where_they_mean_something(tracked):
    _, runs = tracked
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    params = parent.data.params
    assert (params["fractions"], params["widths"], params["dropout"]) == ("0.5,1", "4,8", "0.2")
    assert all(params.values())
    assert "data_dir" not in params, "it is empty"
    assert "transform" not in params, "it means nothing to atom types"
    assert not [name for name in params if "." in name]


def test_runs_are_called_by_representation_size_and_seed(tracked):
    _, runs = tracked
    label = "atom (voxel_width=1.2, oversampling=1)"
    assert {run.info.run_name for run in runs} == {
        f"{label}: gap of sample, 40 molecules x 0.5,1, seed 0",
        f"{label}, 20 molecules, seed 0",
        f"{label}, 40 molecules, seed 0",
    }


def test_the_sets_are_datasets_with_digests(tracked):
    _, runs = tracked
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    found = {one.tags[0].value: one.dataset for one in parent.inputs.dataset_inputs}
    sizes = {context: json.loads(dataset.profile)["num_rows"] for context, dataset in found.items()}
    assert sizes == {"training": 40, "validation": 5, "testing": 20}
    assert {dataset.name for dataset in found.values()} == {"sample"}
    assert len({dataset.digest for dataset in found.values()}) == 3
    assert parent.data.tags["unit.gap"] == "hartree"


def test_the_commit_of_the_code_is_a_tag_where_there_is_one(tracked):
    _, runs = tracked
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    told = parent.data.tags.get("mlflow.source.git.dirty")
    assert (told is None) == (COMMIT is None)
    if COMMIT is not None:
        assert parent.data.tags["mlflow.source.git.commit"] == COMMIT[0]


def test_results_and_epochs_are_logged(tracked):
    folder, runs = tracked
    (cell,) = [read_cell(path) for path in (folder / "runs").glob("cells/*/atom-40-*")]
    run = next(run for run in runs if run.data.params.get("n_train") == "40")
    assert run.data.metrics["gap.network.mae"] == pytest.approx(cell.rows[0]["mae"])
    assert run.data.metrics["gap.linear.rmse"] == pytest.approx(cell.rows[1]["rmse"])
    baselines = {row["model"]: row["mae"] for row in cell.rows}
    assert run.data.metrics["gap.xTB.mae"] == pytest.approx(baselines["xTB numbers and element counts"])
    assert run.data.metrics["gap.ECFP.mae"] == pytest.approx(baselines["ECFP with gradient boosting"])
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train_loss")
    assert [entry.step for entry in history] == [1, 2]
    assert "valid_mae" in run.data.metrics


def test_tables_and_figures_are_artifacts(tracked):
    _, runs = tracked
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    names = {file.path for file in mlflow.MlflowClient().list_artifacts(parent.info.run_id)}
    assert {"table.md", "table.csv", "learning_curve.png", "parity_atom.png"} <= names


def test_the_logged_model_predicts_from_smiles_without_a_pickle(tracked):
    _, runs = tracked
    parent = next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    (logged,) = mlflow.search_logged_models(
        filter_string=f"source_run_id='{parent.info.run_id}'",
        output_format="list",
        experiment_ids=[parent.info.experiment_id],
    )
    folder = Path(mlflow.artifacts.download_artifacts(logged.model_uri))
    assert not [path.name for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")]
    model = mlflow.pyfunc.load_model(logged.model_uri)
    import pandas as pd

    predicted = model.predict(pd.DataFrame({"molecule": ["CCO", "C1CC1", "not a molecule"]}))
    assert list(predicted.columns) == ["gap"]
    assert model.predict(model.input_example)["gap"].notna().all()
    assert list(model.input_example.columns) == model.metadata.get_input_schema().input_names() == ["molecule"]
    assert np.isfinite(predicted["gap"][:2]).all()
    assert np.isnan(predicted["gap"][2])
    uncertain = model.predict(pd.DataFrame({"molecule": ["CCO", "not a molecule"]}), params={"masks": 5})
    assert list(uncertain.columns) == ["gap", "gap_std"]
    assert uncertain["gap"][0] == pytest.approx(predicted["gap"][0])
    assert uncertain["gap_std"][0] > 0
    assert np.isnan(uncertain["gap_std"][1])


def test_a_model_of_a_release_with_other_voxels_is_refused(tracked, tmp_path):
    folder, _ = tracked
    (cell,) = (folder / "runs").glob("cells/*/atom-40-*")
    from deepchem_density.models.served_model import MoleculePredictor

    shutil.copytree(cell / "model", tmp_path / "model")
    context = SimpleNamespace(artifacts={"network": str(tmp_path / "model")})
    MoleculePredictor().load_context(context)
    path = tmp_path / "model" / "recipe.json"
    about = json.loads(path.read_text())
    for changed, message in (
        ({"feature_version": FEATURE_VERSION + 1}, f"version {FEATURE_VERSION + 1}.*makes version {FEATURE_VERSION}"),
        ({"feature_version": None}, "written for voxels of version None"),
        ({"recipe": about["recipe"] | {"other": True}, "n_channels": 6}, "channels"),
    ):
        path.write_text(json.dumps(about | changed))
        with pytest.raises(ValueError, match=message):
            MoleculePredictor().load_context(context)


def test_a_served_model_adds_the_line_it_was_trained_without(tracked, tmp_path):
    folder, _ = tracked
    (cell,) = (folder / "runs").glob("cells/*/atom-40-*")
    import pandas as pd

    from deepchem_density.models.served_model import MoleculePredictor

    shutil.copytree(cell / "model", tmp_path / "model")
    served = MoleculePredictor()
    asked = pd.DataFrame({"molecule": ["CCO"]})
    path = tmp_path / "model" / "recipe.json"
    about = json.loads(path.read_text())
    predicted = []
    for composition in (None, {"elements": [1, 6, 8], "slopes": [[1.0], [10.0], [100.0]], "intercept": [0.5]}):
        path.write_text(json.dumps(about | {"composition": composition}))
        served.load_context(SimpleNamespace(artifacts={"network": str(tmp_path / "model")}))
        predicted.append(served.predict(None, asked)["gap"][0])
    assert predicted[1] - predicted[0] == pytest.approx(126.5, abs=1e-4)


def test_a_comparison_is_a_run_with_a_nested_run_for_each_cell_and_none_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    command = ["compare", "--track", "--out", "runs", *QUICK, "--reps"]
    assert main([*command, "atom,atom:sigma=0.7"]) == 0
    assert main([*command, "atom,atom:sigma=0.7,occupancy"]) == 0
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert {run.info.status for run in runs} == {"FINISHED"}
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 2
    cells = {path.name for path in (tmp_path / "runs").glob("cells/*/*")}
    assert len(cells) == 6
    assert sorted(run.data.tags["cell"] for run in children) == sorted(cells)
    assert {run.data.tags["status"] for run in children} == {"complete"}
    second = next(run for run in parents if "occupancy" in run.data.tags["rep"])
    assert second.data.params["sigma"] == "0.5; 0.7; -"
    assert second.data.params["steps"] == "3"
    assert any(name.startswith("occupancy") and name.endswith("gap.network.mae") for name in second.data.metrics)
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(second.info.run_id)}
    assert {"report.html", "report.md", "errors.csv", "learning_curve.png"} <= files
    logged = mlflow.search_logged_models(
        filter_string=f"source_run_id='{second.info.run_id}'",
        output_format="list",
        experiment_ids=[second.info.experiment_id],
    )
    assert len({model.name for model in logged}) == 3


def test_a_cell_whose_run_was_cut_off_is_logged_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    config = dataclasses.replace(CurveConfig(), rep="atom")
    metrics = dict.fromkeys(("mae", "rmse", "r2", "pearson", "spearman"), 0.5)
    row = {"rep": "atom", "label": "atom", "model": "network", "target": "gap", "n_train": 10, "seed": 0, "n_test": 5}
    row |= {"steps": 1, "epochs": 1, "parameters": 3, "device": "cpu", "seconds": 1.0, **metrics}
    nothing = np.zeros((5, 1))
    cell = Cell([row], np.arange(5), np.ones(5), nothing, nothing, Path("cells/s/atom-10-0-abc/model"))
    killed = MlflowTracker()
    with killed.run([config]):
        killed.epoch("atom", 10, 0, 1, {"train_loss": 1.0})  # its run stays open, as after SIGKILL
    for _ in range(2):
        tracker = MlflowTracker()
        with tracker.run([config]):
            tracker.cell(cell)
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    complete = [run for run in runs if run.data.tags.get("status") == "complete"]
    assert len(complete) == 1
    assert complete[0].data.metrics["gap.network.mae"] == 0.5


def test_a_curve_that_fails_leaves_no_run_open(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    tracker = MlflowTracker()

    def interrupted():
        with tracker.run([dataclasses.replace(CurveConfig(), rep="atom")]):
            tracker.epoch("atom", 10, 0, 1, {"train_loss": 1.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert len(runs) == 2
    assert all(run.info.status in ("FAILED", "KILLED") for run in runs)
    assert mlflow.active_run() is None


def test_a_run_that_mlflow_run_has_opened_keeps_what_is_logged_and_the_name_that_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setattr("mlflow.tracking.fluent._active_experiment_id", None)  # of the tests before
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    client = mlflow.MlflowClient()
    config = dataclasses.replace(CurveConfig(), voxel_width=0.5)
    for name, expected in (
        ("mine", "mine"),
        ("bold-owl-17", "density (voxel_width=0.5): gap of sample, all molecules"),
    ):
        run = client.create_run("0", run_name=name)
        client.log_param(run.info.run_id, "voxel-width", "0.50")
        monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        with MlflowTracker().run([config]):
            pass
        found = client.get_run(run.info.run_id)
        assert found.info.run_name.startswith(expected)
        assert found.data.params["voxel-width"] == "0.50"
        assert "voxel_width" not in found.data.params
        assert found.data.params["box_width"] == "12"
