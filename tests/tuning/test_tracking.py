from __future__ import annotations

import argparse

import pytest

pytest.importorskip("optuna", reason="needs the extra [tune]")
mlflow = pytest.importorskip("mlflow", reason="needs the extra [mlflow]")

from deepchem_density.cli import tune  # noqa: E402
from deepchem_density.curves.config import CurveConfig  # noqa: E402
from deepchem_density.tuning.tracking import TrialTracker  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)

QUICK = [
    *("--rep", "atom", "--n-train", "60", "--fraction", "0.5", "--steps", "6", "--n-trials", "3", "--n-jobs", "1"),
    *("--workers", "1"),
    *("--box-width", "14.4", "--voxel-width", "1.2", "--oversampling", "1", "--widths", "4,8", "--track"),
]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def runs():
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == len(found) - 1
    return parent, sorted(children, key=lambda run: run.data.tags["mlflow.runName"])


def test_a_search_is_a_run_with_a_nested_run_for_each_trial(store):
    parser = argparse.ArgumentParser()
    tune.add_to(parser.add_subparsers(required=True))
    options = parser.parse_args(["tune", *QUICK, "--out", str(store / "runs")])
    assert options.command(options) == 0
    parent, trials = runs()
    assert [run.data.tags["mlflow.runName"] for run in trials] == ["trial 0", "trial 1", "trial 2"]
    assert {run.info.status for run in (parent, *trials)} == {"FINISHED"}
    assert {run.data.tags["state"] for run in trials} == {"complete"}
    assert trials[0].data.params["learning_rate"] == "0.003"
    errors = [run.data.metrics["error"] for run in trials]
    assert parent.data.metrics["best_error"] == min(errors)
    best = trials[errors.index(min(errors))]
    assert parent.data.params["best.learning_rate"] == best.data.params["learning_rate"]
    history = mlflow.MlflowClient().get_metric_history(trials[0].info.run_id, "error_so_far")
    assert [entry.step for entry in history] == [25, 50, 75]
    files = mlflow.MlflowClient().list_artifacts(parent.info.run_id)
    (tuned,) = (store / "runs" / "tuning").glob("*.json")
    assert {"history.png", "report.html", tuned.name} <= {file.path for file in files}


def test_stopped_trials_are_finished_runs_and_failed_ones_are_not(store):
    tracker = TrialTracker()

    def interrupted():
        with tracker.run([CurveConfig(rep="atom")]):
            for trial, state in enumerate(("pruned", "diverged", "failed")):
                tracker.started(trial, {"depth": 1})
                tracker.ended(trial, state, {})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    parent, trials = runs()
    assert [run.info.status for run in trials] == ["FINISHED", "FINISHED", "FAILED"]
    assert [run.data.tags["state"] for run in trials] == ["pruned", "diverged", "failed"]
    assert parent.info.status == "FAILED"
