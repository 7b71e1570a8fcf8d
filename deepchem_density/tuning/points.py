"""The points of a search: each is drawn once, from the results of earlier points and a seed of its own.

Point 0 is where the search begins. Any other is drawn from what was finished before it, without the last few points, which may be
under way; whether it is stopped is decided by the same. So a point is a function of the seed and of earlier points, whoever works
and however fast: the same trials come from one worker and from many, and after a kill. What is finished is kept in a study of
Optuna, which one process alone writes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import DBAPIError

from deepchem_density.tuning.plan import SAMPLER

__all__ = ["N_STARTUP", "Points", "pruner_named"]

N_STARTUP = int(SAMPLER["n_startup_trials"])
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class Points:
    """The points of a study.

    Parameters
    ----------
    storage : str
        Path of a journal file, or the URL of a database.
    name : str
        Of the study, which is created where it is not there.
    seed : int
        Of the search.
    pruner : str
        See `pruner_named`.
    at_once : int
        Points that may be under way at once; the first `N_STARTUP` all may.
    """

    def __init__(self, storage: str, name: str, seed: int, pruner: str = "median", at_once: int = 1) -> None:
        self._name, self._seed, self._at_once = name, seed, at_once
        self._pruner = pruner_named(pruner)
        opened = _database(storage) if "://" in storage else _journal(Path(storage))
        self._study = optuna.create_study(storage=opened, study_name=name, load_if_exists=True)
        self.finished: dict[int, FrozenTrial] = {}
        for trial in self._study.get_trials(deepcopy=False, states=_FINISHED):
            if "point" in trial.user_attrs:
                self.finished.setdefault(trial.user_attrs["point"], trial)

    def ready(self, point: int) -> bool:
        """Return whether all is known that a point is drawn from."""
        return all(earlier in self.finished for earlier in self._known_to(point))

    def draw(self, point: int, first: dict[str, Any], suggest: Callable[[Trial], object]) -> Trial:
        """Return a trial of a point, with its parameters.

        Parameters
        ----------
        point : int
            From 0.
        first : dict
            The parameters of point 0.
        suggest : callable
            Asks the trial for each parameter.
        """
        seed = int(np.random.SeedSequence([self._seed, point]).generate_state(1)[0])
        sampler = TPESampler(seed=seed, **SAMPLER)
        study = optuna.create_study(study_name=self._name, sampler=sampler, pruner=self._pruner)
        known = self._known_to(point)
        nothing = create_trial(state=TrialState.FAIL)  # of which nobody takes notice: trials are numbered as points are
        study.add_trials([self.finished[earlier] if earlier in known else nothing for earlier in range(point)])
        if point == 0:
            study.enqueue_trial(first)
        trial = study.ask()
        suggest(trial)
        return trial

    def keep(self, point: int, trial: Trial, value: float | None, about: dict[str, Any]) -> None:
        """Write what came of a point; without a value it counts as one that was stopped."""
        reported = dict(trial.study.get_trials(deepcopy=False)[-1].intermediate_values)
        kept = create_trial(
            state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
            value=reported[max(reported)] if value is None and reported else value,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={"point": point, **about},
            intermediate_values=reported,
        )
        self._study.add_trial(kept)
        self.finished[point] = kept

    def _known_to(self, point: int) -> range:
        return range(0 if point < N_STARTUP else max(N_STARTUP, point - self._at_once + 1))


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


def _database(url: str) -> BaseStorage:
    try:
        return RDBStorage(url)
    except DBAPIError as error:
        raise ValueError(f"The database for the trials cannot be opened ({error.orig}); check its URL.") from error


def _journal(path: Path) -> BaseStorage:
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
