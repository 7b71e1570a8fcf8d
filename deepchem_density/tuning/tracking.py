"""What is told of a search: a line for each trial, and for MLflow a nested run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepchem_density.curves.tracking import MlflowTracker, written
from deepchem_density.tuning.plan import SAMPLER, SearchPlan
from deepchem_density.tuning.search import Best, TrialLog

__all__ = ["NoTrialTracker", "PrintedTrials", "TrialTracker"]

STATUS = {"failed": "FAILED", "lost": "FAILED"}


class NoTrialTracker(TrialLog):
    """Tracks nothing."""

    def plan(self, plan: SearchPlan) -> None:
        """Take how the search is made."""

    def best(self, best: Best, files: Sequence[Path] = ()) -> None:
        """Take what the search found, and its report."""


class TrialTracker(MlflowTracker, NoTrialTracker):
    """Tracks a search as one MLflow run with a nested run for each trial.

    Stopped and diverged trials are finished runs with a tag ``state``: they did what they should. A trial that was under way
    when this process was killed stays "RUNNING"; Optuna's storage knows better.

    Raises
    ------
    ImportError
        MLflow is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trial_runs: dict[int, str] = {}

    def started(self, trial: int, settings: dict[str, Any]) -> None:
        """Open the run of a trial and log its settings."""
        tags = {"mlflow.parentRunId": self._parent, "mlflow.runName": f"trial {trial}"}
        run_id = self._client.create_run(self._experiment, tags=tags).info.run_id
        self._trial_runs[trial] = run_id
        params = [self._mlflow.entities.Param(name, written(value)) for name, value in settings.items()]
        self._client.log_batch(run_id, params=params)

    def reported(self, trial: int, step: int, error: float) -> None:
        """Log the error so far; the step is per cent of a training."""
        self._client.log_metric(self._trial_runs[trial], "error_so_far", error, step=step)

    def ended(self, trial: int, state: str, results: dict[str, float]) -> None:
        """Log the results and close the run."""
        run_id = self._trial_runs.pop(trial)
        for name, value in results.items():
            self._client.log_metric(run_id, name, value)
        self._client.set_tag(run_id, "state", state)
        self._client.set_terminated(run_id, STATUS.get(state, "FINISHED"))

    def plan(self, plan: SearchPlan) -> None:
        """Log how the search is made, sampler included, on the run of the search."""
        settings = {one: text for one, value in dataclasses.asdict(plan).items() if (text := written(value))}
        settings |= {f"sampler.{name}": written(value) for name, value in SAMPLER.items()}
        given = {name.replace("-", "_") for name in self._client.get_run(self._parent).data.params}
        self._mlflow.log_params({name: text for name, text in settings.items() if name not in given})

    def best(self, best: Best, files: Sequence[Path] = ()) -> None:
        """Log the best parameters and the report, on the run of the search."""
        self._mlflow.log_metrics({"best_error": best.error, "trials": float(len(best.trials))})
        self._mlflow.log_params(
            {f"best.{name}": text for name, value in best.params.items() if (text := written(value))}
        )
        self.files([best.path, *files])


class PrintedTrials(TrialLog):
    """Prints a line for each trial, and hands on what it is told.

    Parameters
    ----------
    other : TrialLog
        Told as well.
    """

    def __init__(self, other: TrialLog) -> None:
        self.other = other
        self._settings: dict[int, dict[str, Any]] = {}

    def started(self, trial: int, settings: dict[str, Any]) -> None:
        """Remember the settings."""
        self._settings[trial] = settings
        self.other.started(trial, settings)

    def reported(self, trial: int, step: int, error: float) -> None:
        """Hand on."""
        self.other.reported(trial, step, error)

    def ended(self, trial: int, state: str, results: dict[str, float]) -> None:
        """Print the state or the error, and the settings."""
        self.other.ended(trial, state, results)
        outcome = f"error {results['error']:.4g}" if "error" in results else state
        shown = ", ".join(f"{name}={_short(value)}" for name, value in self._settings.pop(trial).items())
        print(f"trial {trial}: {outcome}; {shown}", flush=True)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
