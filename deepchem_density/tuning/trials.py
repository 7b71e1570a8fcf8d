"""The trials of a search as tasks: what whoever does one gets and sends back, and what is told and kept of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import Trial

from deepchem_density.curves.cell_tasks import solved_by
from deepchem_density.curves.config import CurveConfig
from deepchem_density.engine.tasks import Engine, Post, Task
from deepchem_density.tuning.plan import SearchPlan
from deepchem_density.tuning.points import Points
from deepchem_density.tuning.space import Knob, Range, Value, settings_at
from deepchem_density.tuning.task import DivergedError, Outcome, TuningTask
from deepchem_density.voxels.store import SolvedStore
from deepchem_density.workers import WorkerError

if TYPE_CHECKING:
    from deepchem_density.curves.data import Solve
    from deepchem_density.tuning.search import TrialLog

__all__ = ["Trials", "try_settings"]

_latest: dict[tuple[Any, ...], TuningTask] = {}
"""What the trials of a search have in common, in each process that runs some: one search at a time."""


class _StoppedError(Exception):
    """A trial that shall not go on."""


class Trials:
    """Tries points, and tells and keeps what comes of them.

    Parameters
    ----------
    config, plan, out
        As in `tune`.
    knobs : sequence of Knob
        What is tuned.
    points : Points
        Of the study.
    log : TrialLog
        Told of each trial.
    """

    def __init__(
        self, config: CurveConfig, plan: SearchPlan, out: Path, knobs: Sequence[Knob], points: Points, log: TrialLog
    ) -> None:
        self._config, self._plan, self._out = config, plan, out.absolute()
        self._knobs, self._points, self._log = knobs, points, log
        self._under_way: dict[Task, tuple[int, Trial]] = {}

    def run(self, engine: Engine, first: dict[str, Any], n_jobs: int | None) -> None:
        """Try all points that are not finished; `n_jobs` as in `tune`."""
        task = _task(self._config, self._plan, self._out, partial(solved_by, engine, n_jobs))
        task.solved(self._config)
        # the engine is busy from now on; what few points need besides is solved here
        here = dataclasses.replace(task, solve=partial(SolvedStore.solve, n_jobs=-1 if n_jobs is None else n_jobs))
        try:
            for done, result in engine.run(self._tasks(here, first), self._answer):
                self._end(*self._under_way.pop(done), result)
        except BaseException:
            for point, _ in self._under_way.values():
                self._log.ended(point, "failed", {})
            raise
        finally:
            _latest.clear()

    def _tasks(self, here: TuningTask, first: dict[str, Any]) -> Iterator[Task | None]:
        for point in range(self._plan.n_trials):
            if point in self._points.finished:
                continue
            while not self._points.ready(point):
                yield None
            trial = self._points.draw(point, first, self._suggest)
            settings = settings_at(self._knobs, trial.params)
            config = dataclasses.replace(self._config, **settings)
            here.solved(config).refused(config.recipe, any_orientation=config.orientation == "random")
            job = (self._config, self._plan, self._out, settings)
            task = Task(f"trial {point}", try_settings, job)
            self._under_way[task] = (point, trial)
            self._log.started(point, settings)
            yield task

    def _suggest(self, trial: Trial) -> None:
        for knob in self._knobs:
            _suggest(trial, knob)

    def _answer(self, task: Task, message: tuple[int, float]) -> bool:
        """Return whether a trial shall stop."""
        point, trial = self._under_way[task]
        step, error = message
        if step not in trial.study.trials[-1].intermediate_values:  # told again by who has taken over
            trial.report(error, step)
            self._log.reported(point, step, error)
        return trial.should_prune()

    def _end(self, point: int, trial: Trial, result: Outcome | str | WorkerError | None) -> None:
        if isinstance(result, Outcome):
            self._points.keep(point, trial, result.error, {"errors": result.errors, "failed": result.failed})
            results = {"error": result.error, "failed": float(result.failed)}
            results |= {f"{target}.valid": error for target, error in result.errors.items()}
            self._log.ended(point, "complete", results)
            return
        state, about = "pruned", {}
        if result is not None:  # a point like any other, and a bad one: it has to be counted, and kept away from
            state = "lost" if isinstance(result, WorkerError) else "diverged"
            about = {state: str(result)}
        self._points.keep(point, trial, None, about)
        self._log.ended(point, state, {})


def _suggest(trial: Trial, knob: Knob) -> Value:
    if isinstance(knob, Range):
        return trial.suggest_float(knob.name, knob.low, knob.high, log=True)
    return trial.suggest_categorical(knob.name, list(knob.options))


def _task(config: CurveConfig, plan: SearchPlan, out: Path, solve: Solve) -> TuningTask:
    asked = (config, plan.fraction, plan.inner_seeds, plan.valid_share, out / "solved")
    if asked not in _latest:
        _latest.clear()
        _latest[asked] = TuningTask.prepare(*asked, solve)
    return _latest[asked]


def try_settings(
    post: Post, config: CurveConfig, plan: SearchPlan, out: Path, settings: dict[str, Any]
) -> Outcome | str | None:
    """Return what came of settings: why they diverged, or None where they were stopped.

    Parameters
    ----------
    post : Post
        Asked ``(step, error)`` whether to stop.
    config, plan, out
        As in `tune`; the molecules are solved.
    settings : dict
        The tuned ones.
    """

    def report(step: int, error: float) -> None:
        if post.ask((step, float(error))):
            raise _StoppedError

    try:
        return _task(config, plan, out, SolvedStore.stored).error(settings, report)
    except _StoppedError:
        return None
    except DivergedError as error:
        return str(error)
