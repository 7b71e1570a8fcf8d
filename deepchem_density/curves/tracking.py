"""What is sent to MLflow; no other file but ``served_model`` talks to it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from deepchem_density.curves.cells import Cell, cell_name
from deepchem_density.curves.config import CurveConfig, applies
from deepchem_density.curves.data import CurveData
from deepchem_density.files import digest
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.label_names import metric_names
from deepchem_density.versions import code_commit, installed_versions

__all__ = ["MlflowTracker", "NoTracker", "params_of", "run_name", "written"]

CHOSEN = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME")
"""Set by ``mlflow run`` or by the user, who want another experiment. MLflow itself sets MLFLOW_EXPERIMENT_ID, to the last one."""
SERVED_MODEL = Path(__file__).parents[1] / "models" / "served_model.py"
LONGEST_NAME = 250
_DRAWN_NAME = re.compile(r"^[a-z]+-[a-z]+-\d+$")
"""What MLflow calls a run that nobody has named."""
METRICS = ("mae", "rmse", "r2", "pearson", "spearman", "roc_auc", "prc_auc", "log_loss")
OF_CURVE = (".mae", ".roc_auc")


class NoTracker:
    """Tracks nothing; what every tracker can do."""

    @contextlib.contextmanager
    def run(self, configs: Sequence[CurveConfig], name: str = "") -> Iterator[None]:
        """Surround a curve, a comparison of several, or what else has a name."""
        yield

    def epoch(self, label: str, n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        """Take the metrics of one epoch of one cell."""

    def cell(self, cell: Cell) -> None:
        """Take the results of one cell, trained just now or found."""

    def data(self, config: CurveConfig, data: CurveData) -> None:
        """Take the molecules of a curve and how they are split."""

    def files(self, paths: Sequence[Path]) -> None:
        """Take tables and figures."""

    def model(self, cell: Cell, config: CurveConfig) -> None:
        """Take the trained network of a cell."""


class MlflowTracker(NoTracker):
    """Tracks a curve, or several, as one MLflow run with a nested run for each cell.

    A cell that was logged to the same experiment completely, as by this command before it was killed, is not logged again.

    Raises
    ------
    ImportError
        MLflow is not installed.
    """

    def __init__(self) -> None:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        self._mlflow = _mlflow()
        self._cell_runs: dict[tuple[str, int, int], str] = {}
        self._datasets: set[tuple[str, str]] = set()
        self._example: pd.DataFrame | None = None

    @contextlib.contextmanager
    def run(self, configs: Sequence[CurveConfig], name: str = "") -> Iterator[None]:
        """Open the run, or continue the one that ``mlflow run`` has opened, and log the configuration."""
        mlflow = self._mlflow
        if mlflow.active_run() is None and not any(name in os.environ for name in CHOSEN):
            from deepchem_density.curves.default_experiment import EXPERIMENT

            mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run() as parent:
            self._client = mlflow.MlflowClient()
            self._experiment = parent.info.experiment_id
            self._parent = parent.info.run_id
            self._several = len(configs) > 1
            self._datapoints = configs[0].datapoints
            # what mlflow run has logged stays as it was written; logging 0.1 after "0.10" would fail
            given = {name.replace("-", "_") for name in self._client.get_run(self._parent).data.params}
            params = {name: value for name, value in params_of(configs).items() if name not in given}
            mlflow.log_params(params)
            mlflow.set_tags(_tags(configs))
            if _DRAWN_NAME.match(parent.info.run_name):
                mlflow.set_tag("mlflow.runName", name or run_name(configs))
            try:
                yield
            except BaseException:
                for run_id in self._cell_runs.values():
                    self._client.set_terminated(run_id, "FAILED")
                raise

    def epoch(self, label: str, n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        """Log the metrics of one epoch on the cell's own run."""
        self._mlflow.log_metrics(metrics, step=epoch, run_id=self._cell_run(label, n_train, seed))

    def cell(self, cell: Cell) -> None:
        """Log the results of a cell and close its run."""
        first = cell.rows[0]
        of = metric_names([row["target"] for row in cell.rows])
        metrics = {
            f"{of[row['target']]}.{_short(row['model'])}.{name}": row[name]
            for row in cell.rows
            for name in METRICS
            if name in row
        }
        metrics = {
            name: value for name, value in metrics.items() if not math.isnan(value)
        }  # the correlation of a constant
        prefix = f"{_named(first['label'])}." if self._several else ""
        curve = {f"{prefix}{name}": value for name, value in metrics.items() if name.endswith(OF_CURVE)}
        self._mlflow.log_metrics(curve, step=first["n_train"])
        key = (first["label"], first["n_train"], first["seed"])
        if key not in self._cell_runs and self._is_logged(cell):
            return
        run_id = self._cell_run(*key)
        self._mlflow.log_metrics(metrics, run_id=run_id)
        for name in ("rep", "label", "n_train", "seed", "n_test", "steps", "epochs", "parameters", "device", "seconds"):
            self._client.log_param(run_id, name, first[name])
        self._client.set_tag(run_id, "cell", cell.key)
        self._client.set_tag(run_id, "status", "complete")
        self._client.set_terminated(run_id, "FINISHED")
        del self._cell_runs[key]

    def data(self, config: CurveConfig, data: CurveData) -> None:
        """Log the sets of a curve as datasets, those that several curves share once, and keep an example of the input."""
        units, names = data.table.units, metric_names(config.targets)
        self._mlflow.set_tags({f"unit.{names[one]}": units[one] for one in config.targets if units.get(one)})
        self._example = _example(data) if self._example is None else self._example
        for context, places in (("training", data.pool), ("validation", data.valid), ("testing", data.test)):
            about = digest([data.content, places.tolist()])
            if len(places) and (context, about) not in self._datasets:
                self._datasets.add((context, about))
                self._mlflow.log_input(self._dataset(config, data, places, about), context=context)

    def _dataset(self, config: CurveConfig, data: CurveData, places: np.ndarray, about: str) -> Any:
        part = data.table.subset(places)
        labels = pd.DataFrame(part.columns(config.targets), columns=list(config.targets))
        frame = pd.concat([pd.Series(part.ids.astype(str), name="id"), labels], axis=1)
        target = config.targets[0] if len(config.targets) == 1 else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sources that MLflow could take a path for
            return self._mlflow.data.from_pandas(
                frame, source=config.data_dir or None, targets=target, name=config.dataset, digest=about
            )

    def files(self, paths: Sequence[Path]) -> None:
        """Log files as artifacts of the whole run."""
        for path in paths:
            self._mlflow.log_artifact(str(path))

    def model(self, cell: Cell, config: CurveConfig) -> None:
        """Log a network that predicts from SMILES or files: weights, its settings and the recipe of its voxels; no pickle."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input example was not provided")
            self._mlflow.pyfunc.log_model(
                name=f"model-{_named(config.label)}" if self._several else "model",
                python_model=str(SERVED_MODEL),
                artifacts={"network": str(cell.model_dir)},
                signature=_signature(config),
                input_example=self._example,
                pip_requirements=[f"{package}=={number}" for package, number in installed_versions().items()],
            )

    def _is_logged(self, cell: Cell) -> bool:
        complete = f"tags.cell = '{cell.key}' and tags.status = 'complete' and attributes.status = 'FINISHED'"
        return len(self._client.search_runs([self._experiment], complete, max_results=1)) > 0

    def _cell_run(self, label: str, n_train: int, seed: int) -> str:
        key = (label, n_train, seed)
        if key not in self._cell_runs:
            name = cell_name(label, n_train, seed, self._datapoints)
            tags = {"mlflow.parentRunId": self._parent, "mlflow.runName": name}
            self._cell_runs[key] = self._client.create_run(self._experiment, tags=tags).info.run_id
        return self._cell_runs[key]


def run_name(configs: Sequence[CurveConfig]) -> str:
    """Return what to call a run: its inputs, what they learn from which data, the sizes and the seeds."""
    first = configs[0]
    labels = ", ".join(config.label for config in configs)
    size = f"{first.n_train} {first.datapoints}" if first.n_train else f"all {first.datapoints}"
    fractions = "" if first.fractions == (1.0,) else f" x {written(first.fractions)}"
    seeds = f"seed{'s' if len(first.seeds) > 1 else ''} {written(first.seeds)}"
    name = f"{labels}: {written(first.targets)} of {first.dataset}, {size}{fractions}, {seeds}"
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def params_of(configs: Sequence[CurveConfig]) -> dict[str, str]:
    """Return the settings that mean something and are not empty; of one in which curves differ, all values in turn."""
    params = {}
    for name in dataclasses.asdict(configs[0]):
        values = [written(getattr(one, name)) if applies(name, one.rep, one.removed) else "" for one in configs]
        if any(values):
            params[name] = values[0] if len(set(values)) == 1 else "; ".join(value or "-" for value in values)
    return params


def written(value: Any) -> str:
    """Return a value as it is written on the command line; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(written, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _tags(configs: Sequence[CurveConfig]) -> dict[str, str]:
    """Return what a run was made with: inputs, study, versions of packages, and the commit of the code."""
    tags = {"rep": ", ".join(config.rep for config in configs), "study": configs[0].study}
    tags |= {f"version.{package}": number for package, number in installed_versions().items()}
    commit = code_commit()
    if commit is not None:
        tags |= {"mlflow.source.git.commit": commit[0], "mlflow.source.git.dirty": written(commit[1])}
    return tags


def _example(data: CurveData) -> pd.DataFrame:
    """Return an input that the model takes: a SMILES of the data, or the files of a complex."""
    part = data.table.subset(data.test[:1])
    if isinstance(part, ComplexTable):
        row = {"ligand": part.ligands[0], "protein": part.proteins[0], "map": part.maps[0]}
        return pd.DataFrame([{name: str(path) for name, path in row.items() if path}])
    return pd.DataFrame({"molecule": [str(part.smiles[0]) or "CCO"]})


def _named(label: str) -> str:
    """Return a label in letters that MLflow takes for the name of a model or a metric."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", label).strip("-")


def _mlflow() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow warns of its own type hints
            import mlflow
            import mlflow.data
            import mlflow.pyfunc
    except ImportError as error:
        raise ImportError(f'MLflow cannot be imported ({error}); pip install "deepchem-density[mlflow]".') from error
    return mlflow


def _signature(config: CurveConfig) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    if config.of_complexes:
        optional = [ColSpec("string", name, required=False) for name in ("protein", "map")]
        inputs = Schema([ColSpec("string", "ligand"), *optional])
    else:
        inputs = Schema([ColSpec("string", "molecule")])
    columns = ModelRecipe(config.recipe, config.targets, task=config.task).columns
    outputs = Schema([ColSpec("double", name) for name in columns])
    return ModelSignature(inputs, outputs, ParamSchema([ParamSpec("masks", "integer", 0)]))


def _short(model: str) -> str:
    """Return the name of a model in metrics: network, linear, ligand or constant."""
    return model.split(" ")[0]
