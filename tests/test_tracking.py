from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")

from deepchem_density.cli import main  # noqa: E402
from deepchem_density.curve_config import CurveConfig  # noqa: E402
from deepchem_density.learning_curve import read_cell  # noqa: E402
from deepchem_density.tracking import MlflowTracker  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)

QUICK = [
    *("--n-train", "40", "--n-valid", "5", "--n-test", "20", "--fractions", "0.5,1.0", "--seeds", "0", "--steps", "3"),
    *("--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--n-jobs", "1", "--rep", "atom"),
]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        assert main(["curve", "--track", "--out", "runs", *QUICK]) == 0
        runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
        yield folder, runs


def test_a_curve_is_a_run_with_a_nested_run_for_each_cell(tracked):
    _, runs = tracked
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.data.params["n_train"] for run in children) == ["20", "40"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert parent.data.params["config.rep"] == "atom"
    assert "version.deepchem" in parent.data.tags


def test_results_and_epochs_are_logged(tracked):
    folder, runs = tracked
    (cell,) = [read_cell(path) for path in (folder / "runs").glob("cells/*/atom-40-*")]
    run = next(run for run in runs if run.data.params.get("n_train") == "40")
    assert run.data.metrics["gap.network.mae"] == pytest.approx(cell.rows[0]["mae"])
    assert run.data.metrics["gap.linear.rmse"] == pytest.approx(cell.rows[1]["rmse"])
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
    assert np.isfinite(predicted["gap"][:2]).all()
    assert np.isnan(predicted["gap"][2])


def test_a_curve_that_fails_leaves_no_run_open(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    tracker = MlflowTracker()

    def interrupted():
        with tracker.run(dataclasses.replace(CurveConfig(), rep="atom")):
            tracker.epoch(10, 0, 1, {"train_loss": 1.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert len(runs) == 2
    assert all(run.info.status in ("FAILED", "KILLED") for run in runs)
    assert mlflow.active_run() is None
