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
from deepchem_density.engine.tasks import Engine
from deepchem_density.files import digest
from deepchem_density.settings import described
from deepchem_density.tables.label_names import metric_names
from deepchem_density.tuning.params_file import write_params
from deepchem_density.tuning.plan import SAMPLER, SearchPlan
from deepchem_density.tuning.space import (
    Knob,
    describe,
    first_point,
    knob_options,
    search_space,
    settings_at,
)
from deepchem_density.versions import installed_versions
from deepchem_density.voxels.recipe import FEATURE_VERSION

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

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
    """What is told of each trial, by the number of its point, as it happens; this one tells nobody."""

    def started(self, trial: int, settings: dict[str, Any]) -> None:
        """Take the number of a trial and its tuned settings."""

    def reported(self, trial: int, step: int, error: float) -> None:
        """Take the error so far, at a step in per cent of a training."""

    def ended(self, trial: int, state: str, results: dict[str, float]) -> None:
        """Take the end, "complete", "pruned", "diverged", "lost" or "failed", and the results of a complete trial."""


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
    n_jobs: int | None = 1,
    log: TrialLog | None = None,
    path: str | Path = "",
    engine: Engine | None = None,
) -> Best:
    """Search until the study has all its trials, and write the best parameters.

    The trials are the same with any number of workers; a search that was killed goes on.

    Parameters
    ----------
    config : CurveConfig
        What is learned; the tuned settings start from its values. ``fractions`` and ``seeds`` are not used.
    plan : SearchPlan
        How to search.
    out : path
        Folder for solved molecules, journals and best parameters.
    n_jobs : int or None
        Processes of this machine that solve molecules; None has the engine's workers do it.
    log : TrialLog, optional
        Told of each trial.
    path : path, optional
        Where to write the best parameters; by default beside the journal, under the name of the study.
    engine : Engine, optional
        From `open_engine`, which says where trials run: one after the other in this process, where there is none.

    Raises
    ------
    ValueError
        A setting that cannot run, or no trial came to its end.
    FeaturizationError
        No molecule could be featurized.
    ImportError
        Optuna is not installed.
    """
    engine = engine or Engine()
    plan.check()
    config.check()
    knobs = search_space(config, plan.fixed)
    first = first_point(knobs, config)
    _check_space(config, knobs)
    name = study_name(config, plan, knobs)
    folder = Path(out) / "tuning"
    with _optuna_without_notes():
        from deepchem_density.tuning.points import Points
        from deepchem_density.tuning.trials import Trials

        storage = plan.storage or str(folder / f"{name}.journal")
        points = Points(storage, name, plan.seed, plan.pruner, plan.at_once)
        if any(point not in points.finished for point in range(plan.n_trials)):
            with engine.sharing(Path(out), *([Path(config.data_dir)] if config.data_dir else [])):
                Trials(config, plan, Path(out), knobs, points, log or TrialLog()).run(engine, first, n_jobs)
        finished = [points.finished[point] for point in range(plan.n_trials)]
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
            state: [row["state"] for row in trials].count(state) for state in ("complete", "pruned", "diverged", "lost")
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
    state = next((kind for kind in ("diverged", "lost") if kind in trial.user_attrs), trial.state.name.lower())
    return {
        "point": trial.user_attrs["point"],
        "state": state,
        "error": trial.value,
        "last": trial.intermediate_values[max(trial.intermediate_values)] if trial.intermediate_values else None,
        "errors": trial.user_attrs.get("errors"),
        "settings": settings_at(knobs, trial.params),
    }
