"""Which experiment ``mlflow run`` opens its run in where the user names none: MLflow asks this plug-in.

A run cannot be moved to another experiment, and ``mlflow run`` opens it before any code of a project runs. The group
``mlflow.default_experiment_provider`` is MLflow's own way to say where; for anything but this package's projects the answer is
that of MLflow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlflow.tracking.client import MlflowClient
from mlflow.tracking.default_experiment.abstract_context import DefaultExperimentProvider

__all__ = ["EXPERIMENT", "ProjectExperiment"]

EXPERIMENT = "deepchem_density"


class ProjectExperiment(DefaultExperimentProvider):
    """Names the experiment of this package's projects."""

    def in_context(self) -> bool:
        """Return whether this process is ``mlflow run`` of one of this package's projects."""
        program, *words = sys.argv or [""]
        is_mlflow = Path(program).stem == "mlflow" or Path(program).parent.name == "mlflow"
        return is_mlflow and "run" in words and any(map(_is_project, words))

    def get_experiment_id(self) -> str:
        """Return the id of the experiment, which is made where there is none."""
        client = MlflowClient()
        found = client.get_experiment_by_name(EXPERIMENT)
        return client.create_experiment(EXPERIMENT) if found is None else found.experiment_id


def _is_project(word: str) -> bool:
    try:
        with (Path(word) / "MLproject").open(encoding="utf-8") as file:
            return file.readline().startswith(f"name: {EXPERIMENT}")
    except (OSError, ValueError):
        return False
