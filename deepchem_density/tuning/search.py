"""Fair tuning: one search for each dataset, targets, representation and fraction, with the same rules for all of them.

Every representation gets a space of the same size, the same number of trials, the same seeds (the first points after the
defaults are even the same), the same pruner and, for each trial, the same gradient steps on the same molecules. Only training
molecules are used; see `deepchem_density.tuning.task`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.curves.config import CurveConfig, described_as_before, feature_version
from deepchem_density.files import digest
from deepchem_density.settings import described
from deepchem_density.tables.label_names import metric_names
from deepchem_density.tuning.params_file import write_params
from deepchem_density.tuning.plan import SAMPLER, SearchPlan
from deepchem_density.tuning.space import (
    Knob,
    Range,
    Value,
    describe,
    first_point,
    knob_options,
    search_space,
    settings_at,
)
from deepchem_density.versions import installed_versions
from deepchem_density.voxels.recipe import FEATURE_VERSION

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

    from deepchem_density.tuning.task import TuningTask

__all__ = ["Best", "TrialLog", "tune"]

FORMAT = 1
FEWEST = 4
"""Complete trials below which importances tell nothing."""
_STATED = (
    *("rep", "dataset", "targets", "task", "n_train", "split", "split_by", "split_seed"),
    *("steps", "epochs", "min_steps", "batch_size", "remove_composition", "baseline"),
)
PACKAGES = ("deepchem-density", "deepchem", "torch", "numpy", "optuna")


class TrialLog:
    """What is told of each trial that this process runs, as it happens; this one tells nobody."""

    def started(self, trial: int, settings: dict[str, Any]) -> None:
        """Take the number of a trial and its tuned settings."""

    def reported(self, trial: int, step: int, error: float) -> None:
        """Take the error so far, at a step in per cent of a training."""

    def ended(self, trial: int, state: str, results: dict[str, float]) -> None:
        """Take the end, "complete", "pruned", "diverged" or "failed", and the results of a complete trial."""


@dataclass(frozen=True)
class Best:
    """What a search found.

    Parameters
    ----------
    path : path
        File with the best parameters, for ``curve --params``.
    params : dict
        The representation, the tuned settings, and those that could have been tuned and were fixed.
    error, first_error : float
        Of the best point, and of the first one, the defaults; validation error divided by that of a constant. NaN for a
        first point that did not come to its end.
    trials : list of dict
        Point, state, error, last (the error that was told last, of one that did not come to its end) and settings of each
        trial that counts.
    importances : dict of str to float
        Knob -> part of the variance of the errors that goes with it; empty for fewer than four complete trials.
    study : str
        Name of the search.
    """

    path: Path
    params: dict[str, Any]
    error: float
    first_error: float
    trials: list[dict[str, Any]]
    importances: dict[str, float] = dataclasses.field(default_factory=dict)
    study: str = ""


def study_name(config: CurveConfig, plan: SearchPlan, knobs: Sequence[Knob]) -> str:
    """Return a name that two searches share only if their trials can be compared."""
    about = described_as_before(config, without=("fractions", "seeds", "n_valid"))
    rules = described(plan, without=("n_trials", "storage", "fixed"))
    content = digest([FORMAT, feature_version(config), about, config.n_valid, rules, describe(knobs)])
    return (
        f"{config.dataset}-{'-'.join(metric_names(config.targets).values())}-{config.rep}-{plan.fraction:g}-{content}"
    )


def tune(
    config: CurveConfig,
    plan: SearchPlan,
    out: str | Path,
    n_jobs: int = 1,
    log: TrialLog | None = None,
    path: str | Path = "",
) -> Best:
    """Search until the study has all its trials, and write the best parameters.

    Any number of processes may do this at once with the same arguments; each returns when the last trial is finished.

    Parameters
    ----------
    config : CurveConfig
        What is learned; the tuned settings start from its values. ``fractions`` and ``seeds`` are not used.
    plan : SearchPlan
        How to search.
    out : path
        Folder for solved molecules, journals and best parameters.
    n_jobs : int
        Processes that solve molecules.
    log : TrialLog, optional
        Told of each trial.
    path : path, optional
        Where to write the best parameters; by default beside the journal, under the name of the study.

    Raises
    ------
    ValueError
        A setting that cannot run, or no trial came to its end.
    FeaturizationError
        No molecule could be featurized.
    ImportError
        Optuna is not installed.
    """
    plan.check()
    config.check()
    knobs = search_space(config, plan.fixed)
    first = first_point(knobs, config)
    _check_space(config, knobs)
    name = study_name(config, plan, knobs)
    folder = Path(out) / "tuning"
    with _optuna_without_notes():
        from deepchem_density.tuning.task import TuningTask
        from deepchem_density.tuning.trial_queue import Queue, Workers, open_study

        task = TuningTask.prepare(
            config, plan.fraction, plan.inner_seeds, plan.valid_share, Path(out) / "solved", n_jobs
        )
        storage = plan.storage or str(folder / f"{name}.journal")
        study = open_study(storage, name, plan.seed, plan.pruner)
        workers = Workers(None if "://" in storage else Path(f"{storage}.workers"))
        objective = _Objective(knobs, task, log or TrialLog())
        finished = Queue(study, first, objective, workers).work(plan.n_trials)
        best = folder / f"{name}.json" if path == "" else Path(path)
        return _write_best(config, plan, knobs, name, best, finished)


def _check_space(config: CurveConfig, knobs: Sequence[Knob]) -> None:
    """Refuse settings with which some point of the space could not run."""
    for knob in knobs:
        for option in knob_options(knob):
            try:
                dataclasses.replace(config, **option).check()
            except ValueError as error:
                raise ValueError(f"{knob.name} cannot be searched with these settings: {error}") from error


@contextmanager
def _optuna_without_notes() -> Iterator[None]:
    """Keep Optuna from reporting each trial; what matters is told by the log."""
    try:
        import optuna
    except ImportError as error:
        raise ImportError(f'Optuna cannot be imported ({error}); pip install "deepchem-density[tune]".') from error
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


class _Objective:
    """One trial: draws a point, trains, reports."""

    def __init__(self, knobs: Sequence[Knob], task: TuningTask, log: TrialLog) -> None:
        self.knobs, self.task, self.log = knobs, task, log

    def __call__(self, trial: Trial) -> float:
        from optuna import TrialPruned

        from deepchem_density.tuning.task import DivergedError

        point = {knob.name: _suggest(trial, knob) for knob in self.knobs}
        chosen = settings_at(self.knobs, point)

        def report(step: int, error: float) -> None:
            trial.report(error, step)
            self.log.reported(trial.number, step, error)
            if trial.should_prune():
                raise TrialPruned

        self.log.started(trial.number, chosen)
        state, results = "failed", {}
        try:
            outcome = self.task.error(chosen, report)
            trial.set_user_attr("errors", outcome.errors)
            trial.set_user_attr("failed", outcome.failed)
            state = "complete"
            results = {"error": outcome.error, "failed": float(outcome.failed)}
            results |= {f"{target}.valid": error for target, error in outcome.errors.items()}
        except TrialPruned:
            state = "pruned"
            raise
        except DivergedError as error:
            # A point like any other, and a bad one: it has to be counted, and kept away from.
            state = "diverged"
            trial.set_user_attr("diverged", str(error))
            raise TrialPruned from error
        finally:
            self.log.ended(trial.number, state, results)
        return outcome.error


def _suggest(trial: Trial, knob: Knob) -> Value:
    if isinstance(knob, Range):
        return trial.suggest_float(knob.name, knob.low, knob.high, log=True)
    return trial.suggest_categorical(knob.name, list(knob.options))


def _write_best(
    config: CurveConfig, plan: SearchPlan, knobs: Sequence[Knob], name: str, path: Path, finished: list[FrozenTrial]
) -> Best:
    trials = [_row(knobs, trial) for trial in finished]
    complete = [row for row in trials if row["state"] == "complete"]
    if not complete:
        raise ValueError(
            f"None of {len(trials)} trials came to its end, all diverged or were stopped; lower learning_rate, or tune with "
            "more trials."
        )
    best = min(complete, key=lambda row: (row["error"], row["point"]))
    first_error = next((row["error"] for row in complete if row["point"] == 0), None)
    provenance = {
        "study": name,
        **{field: getattr(config, field) for field in _STATED},
        **{k: v for k, v in dataclasses.asdict(plan).items() if k != "storage"},
        "metric": config.loss,
        **{key: best[key] for key in ("point", "error", "errors")},
        "first_error": first_error,
        "states": {
            state: [row["state"] for row in trials].count(state) for state in ("complete", "pruned", "diverged")
        },
        "space": describe(knobs),
        "sampler": {"name": "TPE", **SAMPLER},
        "feature_version": FEATURE_VERSION,
        "versions": installed_versions(PACKAGES),
    }
    tuned = {name for knob in knobs for name in knob.fields}
    held = {
        field: getattr(config, field) for knob in search_space(config) for field in knob.fields if field not in tuned
    }
    params = {"rep": config.rep} | held | best["settings"]
    write_params(path, params, provenance)
    first = float("nan") if first_error is None else first_error
    return Best(path, params, best["error"], first, trials, _importances(finished), name)


def _importances(finished: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return the part of the variance of the errors that goes with each knob, after Hutter et al. (fANOVA, ICML 2014)."""
    import optuna

    complete = [trial for trial in finished if trial.state == optuna.trial.TrialState.COMPLETE]
    if len(complete) < FEWEST or len({trial.value for trial in complete}) < 2:
        return {}
    study = optuna.create_study()
    study.add_trials(complete)
    found = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    return {name: float(part) for name, part in found.items()}


def _row(knobs: Sequence[Knob], trial: FrozenTrial) -> dict[str, Any]:
    state = "diverged" if "diverged" in trial.user_attrs else trial.state.name.lower()
    return {
        "point": trial.user_attrs["point"],
        "state": state,
        "error": trial.value,
        "last": trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None,
        "errors": trial.user_attrs.get("errors"),
        "settings": settings_at(knobs, trial.params),
    }
