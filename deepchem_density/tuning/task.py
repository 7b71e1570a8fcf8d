"""What one trial of a search does: train on a part of the training molecules, and measure the error on the rest of them.

The molecules of the test and validation sets of a learning curve are left out before anything is computed: a search never
has them in its hands.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import CurveData, without_voxels
from deepchem_density.curves.metrics import metrics_of
from deepchem_density.curves.removed_line import removed_line, solver_numbers
from deepchem_density.featurizers.looked_dataset import LookedDataset
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.predicted_values import predicted_values
from deepchem_density.tables.baselines import predict_constant, predict_share
from deepchem_density.tables.choose_split import LabelledTable, split
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.load import load_data
from deepchem_density.tables.splits import nested_fractions
from deepchem_density.voxels.solver_line import SOLVER_NUMBERS
from deepchem_density.voxels.store import Solve, SolvedDatapoints, SolvedStore

__all__ = ["CHECKPOINTS", "DivergedError", "Outcome", "TuningTask"]

CHECKPOINTS = (25, 50, 75)
"""Per cent of the gradient steps after which a trial reports its error, so that a poor one can be stopped."""
FEWEST = 2


class DivergedError(RuntimeError):
    """A training whose loss or predictions are not finite."""


@dataclass(frozen=True)
class Outcome:
    """What came out of a trial.

    Parameters
    ----------
    error : float
        Of the network on the validation molecules, divided by that of the median of the training labels, or in classification of
        their share of positive ones; the mean over targets and inner seeds.
    errors : dict of str to float
        Target -> error in the unit of the labels, the mean over inner seeds.
    failed : int
        Molecules that could not be featurized.
    """

    error: float
    errors: dict[str, float]
    failed: int


@dataclass(frozen=True, eq=False)
class TuningTask:
    """The training molecules of one fraction, and how each inner seed cuts a validation set from them.

    Parameters
    ----------
    config : CurveConfig
        What a trial changes the tuned settings of.
    table : MoleculeTable or ComplexTable
        The training molecules, and no others.
    cuts : sequence of (np.ndarray, np.ndarray)
        For each inner seed the places to train on and those to measure the error on.
    inner_seeds : sequence of int
        Of cut, initial weights and order.
    store : path
        Folder of solved molecules.
    solve : callable
        ``solve(store, datapoints)`` returns them solved.
    """

    config: CurveConfig
    table: LabelledTable
    cuts: Sequence[tuple[np.ndarray, np.ndarray]]
    inner_seeds: Sequence[int]
    store: Path
    solve: Solve = SolvedStore.solve

    @classmethod
    def prepare(
        cls,
        config: CurveConfig,
        fraction: float,
        inner_seeds: Sequence[int],
        valid_share: float,
        store: Path,
        solve: Solve = SolvedStore.solve,
    ) -> TuningTask:
        """Load the data, and keep the part of the training pool that a fraction stands for.

        Raises
        ------
        ValueError
            A setting that does not suit the data, or too few molecules for two sets.
        """
        data = load_data(config)
        pool = data.pool if config.n_train else nested_fractions(data.pool, [len(data.pool)], config.split_seed)[0]
        size = max(1, round(fraction * len(pool)))
        table = data.table.subset(nested_fractions(pool, [size], config.split_seed)[0])
        n_valid = round(valid_share * size)
        if min(n_valid, size - n_valid) < FEWEST:
            raise ValueError(
                f"{size} training molecules arrived, of which valid_share={valid_share} leaves {size - n_valid} to train on "
                f"and {n_valid} to measure errors; {FEWEST} or more of each are accepted. Raise fraction or n_train."
            )
        cuts = [_cut(config, table, n_valid, seed) for seed in inner_seeds]
        return cls(config, table, cuts, inner_seeds, store, solve)

    def error(self, settings: dict[str, Any], report: Callable[[int, float], None] | None = None) -> Outcome:
        """Train once for each inner seed and return the mean validation error.

        Parameters
        ----------
        settings : dict
            The tuned settings.
        report : callable, optional
            ``report(step, error)`` with the error so far, at fixed shares of the gradient steps: ``step`` is per cent of one
            training, and goes on from 100 in the second. What it raises ends the trial.

        Raises
        ------
        ValueError
            Settings that cannot run.
        FeaturizationError
            No molecule could be featurized.
        DivergedError
            A loss or prediction that is not finite.
        """
        config = dataclasses.replace(self.config, **settings)
        config.check()
        solved = self.solved(config)
        failures = without_voxels(solved, config)
        usable = np.ones(len(self.table), dtype=bool)
        usable[[index for index, _ in failures]] = False
        numbers = np.empty((0, len(SOLVER_NUMBERS)))
        if config.removed == "xtb":
            numbers = solver_numbers(config, self.table.datapoints(), self.store, self.solve, solved)
            usable &= np.isfinite(numbers).all(axis=1)
        labels = self.table.columns(config.targets)
        finished: list[np.ndarray] = []
        relative: list[float] = []
        for place, (seed, (train, valid)) in enumerate(zip(self.inner_seeds, self.cuts, strict=True)):
            measure = _Measure(config.task, config.loss, labels[train], labels[valid], usable[valid])
            kept, watched = train[usable[train]], valid[usable[valid]]
            _, line = removed_line(config, self.table, numbers, kept)
            data = CurveData(self.table, solved, config, kept, watched, watched)
            run = _Run(data, seed, labels - line, line[watched])

            def tell(percent: int, predicted: np.ndarray, place: int = place, measure: _Measure = measure) -> None:
                if report is not None:
                    report(100 * place + percent, float(np.mean([*relative, measure.relative(predicted)])))

            predicted = run.train(tell)
            finished.append(measure.errors(predicted))
            relative.append(measure.relative(predicted))
        mean = np.mean(finished, axis=0)
        errors = {target: float(mean[t]) for t, target in enumerate(config.targets)}
        return Outcome(float(np.mean(relative)), errors, int(np.count_nonzero(~usable)))

    def solved(self, config: CurveConfig) -> SolvedDatapoints:
        """Return the molecules, read and solved."""
        return self.solve(SolvedStore(self.store, config.recipe), self.table.datapoints())


def _cut(config: CurveConfig, table: LabelledTable, n_valid: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places to train on and to validate on, as far apart from each other as the test set is from both."""
    inner = dataclasses.replace(config, n_test=n_valid, n_valid=0, split_seed=seed)
    if config.split in ("core", "lists", "year"):
        grouped = isinstance(table, ComplexTable) and "pdb" in table.groups
        inner = dataclasses.replace(inner, split="group" if grouped else "random", split_by="pdb" if grouped else "")
    train, _, valid = split(inner, table)
    return train, valid


@dataclass(frozen=True, eq=False)
class _Measure:
    """Errors on validation molecules, the same ones for all settings.

    A molecule that could not be featurized counts as a constant predicts it, the median of the training labels or their share of
    positive ones: settings or representations that fail for difficult molecules gain nothing by it.
    """

    task: str
    metric: str
    train_labels: np.ndarray
    labels: np.ndarray
    usable: np.ndarray

    def errors(self, predicted: np.ndarray) -> np.ndarray:
        """Return (n_tasks,) errors in the units of the labels."""
        if not np.isfinite(predicted).all():
            raise DivergedError("A prediction is not finite; the learning rate is too high.")
        whole = self._constant()
        whole[self.usable] = predicted
        return self._of(whole)

    def relative(self, predicted: np.ndarray) -> float:
        """Return the mean over targets of errors divided by those of the constant."""
        constant = self._of(self._constant())
        if not (constant > 0).all():
            raise ValueError(
                "All validation labels of a target equal what a constant predicts from the training labels; nothing to learn."
            )
        return float((self.errors(predicted) / constant).mean())

    def _constant(self) -> np.ndarray:
        constant = predict_share if self.task == "classification" else predict_constant
        return constant(self.train_labels, len(self.labels))

    def _of(self, predicted: np.ndarray) -> np.ndarray:
        columns = range(self.labels.shape[1])
        judged = metrics_of(self.task)
        return np.array([judged(self.labels[:, t], predicted[:, t])[self.metric] for t in columns])


@dataclass(frozen=True, eq=False)
class _Run:
    """One training; labels (n, n_tasks) are those of the whole table, the line that of the validation set."""

    data: CurveData
    seed: int
    labels: np.ndarray
    valid_line: np.ndarray

    def train(self, on_checkpoint: Callable[[int, np.ndarray], None]) -> np.ndarray:
        """Train, handing on the predictions at each checkpoint, and return the final predictions (n_valid, n_tasks)."""
        config, pool = self.data.config, self.data.pool
        model = VoxelCNNModel(seed=self.seed, **config.network)
        steps = config.steps_for(len(pool))
        at = {math.ceil(steps * percent / 100): percent for percent in CHECKPOINTS}
        at.pop(steps, None)  # the end is the result itself
        valid = self.data.dataset(self.data.valid, self.labels[self.data.valid])

        def watch(model: VoxelCNNModel, step: int, **unused: object) -> None:
            if step in at:
                on_checkpoint(at[step], self._predict(model, valid))

        dataset = self.data.dataset(pool, self.labels[pool], training=True, seed=self.seed)
        try:
            model.fit(dataset, nb_epoch=None, max_steps=steps, checkpoint_interval=0, callbacks=watch)
        except FloatingPointError as error:
            raise DivergedError(str(error)) from error
        return self._predict(model, valid)

    def _predict(self, model: VoxelCNNModel, valid: LookedDataset) -> np.ndarray:
        if len(valid) == 0:
            return np.zeros_like(self.valid_line)
        return predicted_values(model.predict(valid), self.valid_line.shape[1]) + self.valid_line
