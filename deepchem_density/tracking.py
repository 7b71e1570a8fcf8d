"""What is sent to MLflow; no other file but ``served_model`` talks to it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from deepchem_density.curve_config import CurveConfig
from deepchem_density.learning_curve import Cell

__all__ = ["MlflowTracker", "NoTracker"]

EXPERIMENT = "deepchem_density"
SERVED_MODEL = Path(__file__).with_name("served_model.py")
PACKAGES = ("deepchem-density", "deepchem", "torch", "numpy", "rdkit", "gemmi", "xtb")
METRICS = ("mae", "rmse", "r2", "pearson", "spearman")


class NoTracker:
    """Tracks nothing; what every tracker can do."""

    @contextlib.contextmanager
    def run(self, config: CurveConfig) -> Iterator[None]:
        """Surround a whole curve."""
        yield

    def epoch(self, n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        """Take the metrics of one epoch of one cell."""

    def cell(self, cell: Cell) -> None:
        """Take the results of one cell."""

    def files(self, paths: list[Path]) -> None:
        """Take tables and figures."""

    def model(self, cell: Cell, config: CurveConfig) -> None:
        """Take the trained network of a cell."""


class MlflowTracker(NoTracker):
    """Tracks a curve as one MLflow run with a nested run for each cell.

    Raises
    ------
    ImportError
        MLflow is not installed.
    """

    def __init__(self) -> None:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        self._mlflow = _mlflow()
        self._cell_runs: dict[tuple[int, int], str] = {}

    @contextlib.contextmanager
    def run(self, config: CurveConfig) -> Iterator[None]:
        """Open the run, or continue the one that ``mlflow run`` has opened, and log the configuration."""
        mlflow = self._mlflow
        if mlflow.active_run() is None and not _inside_mlflow_run():
            mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run() as parent:
            self._client = mlflow.MlflowClient()
            self._experiment = parent.info.experiment_id
            self._parent = parent.info.run_id
            mlflow.set_tags({"rep": config.rep, "study": config.study})
            # mlflow run has logged its raw strings under the plain names already; logging 0.1 after "0.10" would fail.
            mlflow.log_params({f"config.{k}": str(v) for k, v in dataclasses.asdict(config).items()})
            mlflow.set_tags({f"version.{package}": version(package) for package in PACKAGES})
            try:
                yield
            except BaseException:
                for run_id in self._cell_runs.values():
                    self._client.set_terminated(run_id, "FAILED")
                raise

    def epoch(self, n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        """Log the metrics of one epoch on the cell's own run."""
        self._mlflow.log_metrics(metrics, step=epoch, run_id=self._cell_run(n_train, seed))

    def cell(self, cell: Cell) -> None:
        """Log the results of a cell and close its run."""
        first = cell.rows[0]
        key = (first["n_train"], first["seed"])
        run_id = self._cell_run(*key)
        metrics = {f"{row['target']}.{_short(row['model'])}.{name}": row[name] for row in cell.rows for name in METRICS}
        metrics = {
            name: value for name, value in metrics.items() if not math.isnan(value)
        }  # the correlation of a constant
        self._mlflow.log_metrics(metrics, run_id=run_id)
        for name in ("label", "n_train", "seed", "n_test", "steps", "epochs", "parameters", "seconds"):
            self._client.log_param(run_id, name, first[name])
        self._client.set_terminated(run_id, "FINISHED")
        del self._cell_runs[key]
        self._mlflow.log_metrics({k: v for k, v in metrics.items() if k.endswith(".mae")}, step=first["n_train"])

    def files(self, paths: list[Path]) -> None:
        """Log files as artifacts of the whole run."""
        for path in paths:
            self._mlflow.log_artifact(str(path))

    def model(self, cell: Cell, config: CurveConfig) -> None:
        """Log a network that predicts from SMILES or files: weights, its settings and the recipe of its voxels; no pickle."""
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            # An example would be featurized here and now only to repeat what the signature says.
            warnings.filterwarnings("ignore", message=".*input example was not provided")
            about = {"recipe": dataclasses.asdict(config.recipe), "targets": list(config.targets)}
            path = Path(folder) / "recipe.json"
            path.write_text(json.dumps(about))
            self._mlflow.pyfunc.log_model(
                name="model",
                python_model=str(SERVED_MODEL),
                artifacts={"recipe": str(path), "network": str(cell.model_dir)},
                signature=_signature(config),
                pip_requirements=[f"{package}=={version(package)}" for package in PACKAGES],
            )

    def _cell_run(self, n_train: int, seed: int) -> str:
        key = (n_train, seed)
        if key not in self._cell_runs:
            tags = {"mlflow.parentRunId": self._parent, "mlflow.runName": f"{n_train} molecules, seed {seed}"}
            self._cell_runs[key] = self._client.create_run(self._experiment, tags=tags).info.run_id
        return self._cell_runs[key]


def _mlflow() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow warns of its own type hints
            import mlflow
            import mlflow.pyfunc
    except ImportError as error:
        raise ImportError(f'MLflow cannot be imported ({error}); pip install "deepchem-density[mlflow]".') from error
    return mlflow


def _inside_mlflow_run() -> bool:
    return "MLFLOW_RUN_ID" in os.environ


def _signature(config: CurveConfig) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    if config.of_complexes:
        optional = [ColSpec("string", name, required=False) for name in ("protein", "map")]
        inputs = Schema([ColSpec("string", "ligand"), *optional])
    else:
        inputs = Schema([ColSpec("string", "molecule")])
    return ModelSignature(inputs, Schema([ColSpec("double", target) for target in config.targets]))


def _short(model: str) -> str:
    """Return the name of a model in metrics: network, linear, ligand or constant."""
    return model.split(" ")[0]
