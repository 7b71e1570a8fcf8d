"""What networks are compared with beside a constant and the line in element counts: the solver's numbers, and fingerprints.

They depend on data and training molecules alone, so that each is fitted once for all curves, and added to the rows of a cell
that is finished or found.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.curves.cells import Cell, Row, rows_of_models, write_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import CurveData
from deepchem_density.curves.removed_line import removed_line, solver_numbers
from deepchem_density.errors import FeaturizationError
from deepchem_density.files import digest, load_npz, save_npz
from deepchem_density.settings import one_of
from deepchem_density.tables.fingerprint_trees import morgan_fingerprints, predict_trees
from deepchem_density.voxels.store import Solve, SolvedStore

__all__ = ["BASELINES", "Baselines", "not_for"]

logger = logging.getLogger(__name__)
BASELINES = {"xtb": "xTB numbers and element counts", "ecfp": "ECFP with gradient boosting"}
"""Name of a baseline among the settings -> what its rows are called."""
VERSION = 1
FEWEST = 2


def not_for(config: CurveConfig, name: str) -> str:
    """Return why a baseline is not for such data, "" where it is."""
    if config.task == "classification":
        return "it predicts numbers and no classes"
    if name == "xtb" and config.of_complexes:
        return "complexes are not solved: their densities are those of independent atoms or of maps"
    return ""


@dataclass(frozen=True)
class Baselines:
    """The baselines of a run.

    Parameters
    ----------
    names : sequence of str
        Of `BASELINES`.
    out : path
        Folder of the run; predictions are kept in it.
    solve : callable
        ``solve(store, datapoints)`` returns molecules solved.

    Raises
    ------
    ValueError
        No such baseline.
    """

    names: Sequence[str]
    out: Path
    solve: Solve = SolvedStore.solve
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    """Fingerprints of the table that was asked for last: all cells of a curve have the same."""

    def __post_init__(self) -> None:
        for name in self.names:
            one_of("baselines", name, tuple(BASELINES))

    def missing(self, cell: Cell, config: CurveConfig) -> list[str]:
        """Return the baselines that a cell has no rows of and could have."""
        there = {row["model"] for row in cell.rows}
        return [name for name in self.names if BASELINES[name] not in there and not not_for(config, name)]

    def added(self, cell: Cell, data: CurveData, train: np.ndarray) -> Cell:
        """Return a cell with the rows of all baselines, and write them to its folder; one that cannot be had is logged.

        Parameters
        ----------
        cell : Cell
            Of the configuration of `data`.
        data : CurveData
            Molecules and labels.
        train : np.ndarray
            Places of the cell's training molecules, the only ones that a baseline is fitted to.
        """
        rows: list[Row] = []
        part_rows: list[Row] = []
        for name in self.missing(cell, data.config):
            try:
                found = self._rows(name, cell, data, train)
            except FeaturizationError as error:
                logger.warning("The tables are without the baseline '%s': %s", name, error)
                continue
            rows, part_rows = rows + found[0], part_rows + found[1]
        if not rows:
            return cell
        finished = dataclasses.replace(cell, rows=[*cell.rows, *rows], part_rows=[*cell.part_rows, *part_rows])
        write_cell(finished)
        return finished

    def _rows(self, name: str, cell: Cell, data: CurveData, train: np.ndarray) -> tuple[list[Row], list[Row]]:
        started = time.perf_counter()
        predicted = self._predictions(name, data, train)
        known = np.isfinite(predicted).all(axis=1)
        if known.sum() < FEWEST:
            raise FeaturizationError(f"It is known of {known.sum()} test molecules; {FEWEST} or more are accepted.")
        about = {"seconds": round(time.perf_counter() - started, 1)}
        models = {BASELINES[name]: predicted[known]}
        return rows_of_models(data, len(train), cell.rows[0]["seed"], data.test[known], models, about)

    def _predictions(self, name: str, data: CurveData, train: np.ndarray) -> np.ndarray:
        """Return (n_test, n_targets) predictions, kept for other curves; NaN for molecules of which nothing is known."""
        config, ids = data.config, data.table.ids.astype(str)
        about = [VERSION, name, data.content, config.targets, ids[train].tolist(), ids[data.test].tolist()]
        if name == "xtb":
            about += [config.engine, config.method, config.max_atoms, config.charge, config.unpaired]
        path = self.out / "baselines" / f"{name}-{len(train)}-{digest(about)}.npz"
        try:
            return load_npz(path)["predicted"]
        except (FileNotFoundError, ValueError, KeyError):
            pass
        predicted = {"xtb": self._of_solver, "ecfp": self._of_fingerprints}[name](data, train)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_npz(path, {"predicted": predicted})
        return predicted

    def _of_solver(self, data: CurveData, train: np.ndarray) -> np.ndarray:
        table, config = data.table, data.config
        numbers = solver_numbers(config, table.datapoints(), self.out / "solved", self.solve, data.solved)
        train = _known(np.isfinite(numbers).all(axis=1), train)
        as_if = dataclasses.replace(config, baseline="xtb", remove_composition=False)
        return removed_line(as_if, table, numbers, train)[1][data.test]

    def _of_fingerprints(self, data: CurveData, train: np.ndarray) -> np.ndarray:
        table = data.table
        if self._kept.get("table") is not table:
            self._kept.update(table=table, fingerprints=morgan_fingerprints(table.mols()))
        fingerprints, known = self._kept["fingerprints"]
        counts, labels = table.element_counts(table.elements), table.columns(data.config.targets)
        predicted = np.full((len(data.test), labels.shape[1]), np.nan)
        there = known[data.test]
        if there.any():
            test = data.test[there]
            predicted[there] = predict_trees(fingerprints, counts, labels, _known(known, train), test)
        return predicted


def _known(known: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the training molecules of which something is known."""
    if not known[train].any():
        raise FeaturizationError("It is known of none of the training molecules.")
    return train[known[train]]
