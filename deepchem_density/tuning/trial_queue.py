"""A search as a queue of points, each finished exactly once by several workers at a time that may die at any moment.

Point 0 is where the search begins, point p is drawn with a seed of its own from the trials finished before. A point has one
trial that counts. Trials of workers that died are marked as failed, and then their point, which has no trial that counts any
more, is put into the queue once more with the same parameters. Storages hand a trial in the queue to one worker only; where
two workers put the same point there at once, the later trial is dropped unseen.

On a journal, one worker that is killed and started again, however often, ends with the very trials of one that was left alone.
Of several workers, or after a death that only a database's heartbeat tells, every point is finished once as well, but which
points are drawn depends on who finished first. So it does with the pruner "hyperband", which goes by the numbers of trials.
"""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import DBAPIError

from deepchem_density.curves.sharing import STALE_AFTER, claimed
from deepchem_density.tuning.plan import SAMPLER

__all__ = ["Queue", "Workers", "finished_points", "open_study", "pruner_named"]

Objective = Callable[[Trial], float]

HEARTBEAT, GRACE = 30, 120
"""Seconds between signs of life in a database, and after how many without one a trial is given up."""
UNOWNED_AFTER = 10.0
"""Seconds that a worker may take from taking a trial to signing it; it takes milliseconds."""
POLL = 0.2
ATTEMPTS = 4
N_STARTUP = int(SAMPLER["n_startup_trials"])
_COUNTS = (TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class _DroppedError(Exception):
    """A trial of a point that another trial counts for."""


def open_study(
    storage: str, name: str, seed: int, pruner: str = "median", heartbeat: int = HEARTBEAT, grace: int = GRACE
) -> Study:
    """Open a study, or create it where there is none.

    Parameters
    ----------
    storage : str
        Path of a journal file, or the URL of a database.
    name : str
        Of the study.
    seed : int
        Of the search.
    pruner : str
        See `pruner_named`.
    heartbeat, grace : int
        Seconds, for databases.
    """
    opened = _database(storage, heartbeat, grace) if "://" in storage else _journal(Path(storage))
    return optuna.create_study(
        storage=opened,
        study_name=name,
        sampler=_PointSampler(seed),
        pruner=pruner_named(pruner),
        load_if_exists=True,
    )


def pruner_named(name: str) -> optuna.pruners.BasePruner:
    """Return what stops poor trials: "median" (worse than half of the others so far), "hyperband", or "none".

    Raises
    ------
    ValueError
        Another name.
    """
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=N_STARTUP)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=25, max_resource=100)
    if name == "none":
        return optuna.pruners.NopPruner()
    raise ValueError(f"pruner={name!r} arrived; median, hyperband or none is accepted.")


def _database(url: str, heartbeat: int, grace: int) -> RDBStorage:
    """Open a database; of two workers that find it empty at once, one fails to make the tables, and finds them next time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        for attempt in range(ATTEMPTS):
            try:
                return RDBStorage(url, heartbeat_interval=heartbeat, grace_period=grace)
            except DBAPIError as error:
                failure = error
                time.sleep(0.5 * attempt)
    raise ValueError(f"The database for the trials cannot be opened ({failure.orig}); check its URL.") from failure


def _journal(path: Path) -> JournalStorage:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Optuna looks at the age of a lock through a link to this path, which from elsewhere leads nowhere if it is relative: a
    # lock left by a killed process would then never be broken. Links are exclusive on network file systems of any age.
    absolute = str(path.resolve())
    lock = JournalFileSymlinkLock(absolute)
    backend = JournalFileBackend(absolute, lock_obj=lock)
    lock.acquire()
    try:
        _mend(path)
    finally:
        lock.release()
    return JournalStorage(backend)


def _mend(path: Path) -> None:
    """Cut off half a line, as a machine that lost power or ran out of disk leaves it; Optuna could read nothing after it."""
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)


class _PointSampler(BaseSampler):
    """TPE with a fresh seed for each point, so that a point does not depend on which process draws it, or after what.

    What other workers are trying at the same time is not looked at: what a killed worker left behind cannot matter.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._inner = self._seeded(0)

    def _seeded(self, point: int) -> TPESampler:
        seed = int(np.random.SeedSequence([self._seed, point]).generate_state(1)[0])
        return TPESampler(seed=seed, **SAMPLER)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._inner = self._seeded(trial.user_attrs.get("point", 0))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


@dataclass
class Workers:
    """Tells which workers of a study are alive.

    Parameters
    ----------
    folder : path or None
        Where workers that share a journal show that they are alive; None leaves that to the heartbeat of a database.
    stale_after : float
        Seconds without a sign of life from another machine.
    """

    folder: Path | None = None
    stale_after: float = STALE_AFTER
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    @contextmanager
    def present(self) -> Iterator[None]:
        """Be alive for the duration of a block."""
        if self.folder is None:
            yield
            return
        try:
            with claimed(self.folder / self.name, self.stale_after):
                yield
        finally:
            _remove_empty(self.folder / self.name)

    def dead(self, name: str) -> bool:
        """Return whether a worker is known to be dead."""
        if self.folder is None or name == self.name:
            return False
        with claimed(self.folder / name, self.stale_after) as claim:
            dead = claim is not None
        _remove_empty(self.folder / name)
        return dead


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # what a dead worker left, or one who looks at this moment
        folder.rmdir()


@dataclass
class Queue:
    """Works on the points of a study until all of them are finished.

    Parameters
    ----------
    study : Study
        From `open_study`.
    first : dict
        Parameters of point 0, all that there are.
    objective : callable
        ``objective(trial) -> error``; it must ask the trial for all parameters before it does anything else. To stop a poor
        trial it raises optuna.TrialPruned. Whatever else it raises fails the trial and ends the work; the point is tried
        again by whoever works on the study next.
    workers : Workers
        This worker among the others.
    unowned_after : float
        Seconds after which a trial that was taken and not signed is given up.
    """

    study: Study
    first: dict[str, Any]
    objective: Objective
    workers: Workers
    unowned_after: float = UNOWNED_AFTER
    _unowned: dict[int, float] = field(default_factory=dict)

    def work(self, n_points: int) -> list[FrozenTrial]:
        """Return the trials of points 0 ... n_points - 1 once all are finished, by this worker or by others."""
        with self.workers.present():
            while len(finished := finished_points(self.study, n_points)) < n_points:
                if self._give_up_abandoned():
                    time.sleep(POLL)
                elif self._enqueue(n_points):
                    self._take()
                else:
                    time.sleep(POLL)
        return finished

    def _take(self) -> None:
        try:
            self.study.optimize(self._run, n_trials=1, catch=(_DroppedError,))
        except (UpdateFinishedTrialError, ValueError) as error:
            # Optuna says by a bare ValueError that a trial is over which was taken for abandoned, after a long halt
            if not isinstance(error, UpdateFinishedTrialError) and "Cannot tell a" not in str(error):
                raise

    def _run(self, trial: Trial) -> float:
        trial.set_user_attr("worker", self.workers.name)
        point = trial.user_attrs.get("point")
        earlier = (t for t in self._trials(*_COUNTS) if t.number < trial.number)
        if point is None or any(t.user_attrs.get("point") == point for t in earlier):
            raise _DroppedError(f"another trial counts for point {point}")
        return self.objective(trial)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _enqueue(self, n_points: int) -> bool:
        """Put the first point without a trial that counts into the queue; return whether there is anything in it."""
        if self._trials(TrialState.WAITING):
            return True
        taken = {trial.user_attrs.get("point") for trial in self._trials(*_COUNTS)}
        missing = [point for point in range(n_points) if point not in taken]
        if missing:
            self.study.enqueue_trial(self._parameters(missing[0]), user_attrs={"point": missing[0]})
        return bool(missing)

    def _parameters(self, point: int) -> dict[str, Any]:
        """Return the parameters with which a point was tried before; nothing where they have to be drawn.

        If only some of them had been drawn, all are drawn again: keeping those would change the others.
        """
        tried = [trial for trial in self._trials(TrialState.FAIL) if trial.user_attrs.get("point") == point]
        whole = [trial.params for trial in tried if trial.params.keys() == self.first.keys()]
        return dict(whole[0] if whole else self.first if point == 0 else {})

    def _give_up_abandoned(self) -> bool:
        """Fail the trials of dead workers; return whether some trial is not signed yet, so that nothing may be drawn."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)  # of databases
        unsigned = False
        for trial in self._trials(TrialState.RUNNING):
            worker = trial.user_attrs.get("worker")
            if worker is None:
                since = self._unowned.setdefault(trial.number, time.monotonic())
                if time.monotonic() - since < self.unowned_after:
                    unsigned = True
                    continue
            elif not self.workers.dead(worker):
                continue
            self._fail(trial)
        return unsigned

    def _fail(self, trial: FrozenTrial) -> None:
        with suppress(UpdateFinishedTrialError):  # somebody else did in the same moment
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def finished_points(study: Study, n_points: int) -> list[FrozenTrial]:
    """Return the trial that counts of each finished point, in the order of points."""
    points: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False, states=_FINISHED):
        points.setdefault(trial.user_attrs["point"], trial)
    return [points[point] for point in sorted(points) if point < n_points]
