"""The part of the labels that a network is not to learn: a line that is fitted to its training molecules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.curves.config import CurveConfig
from deepchem_density.tables.choose_split import LabelledTable
from deepchem_density.tables.composition import CompositionLine
from deepchem_density.voxels.solver_line import (
    SOLVER_NUMBERS,
    SolverLine,
    free_atom_energy,
    number_columns,
    solving_recipe,
)
from deepchem_density.voxels.store import Solve, SolvedDatapoints, SolvedStore

__all__ = ["removed_line", "solver_numbers"]


def removed_line(
    config: CurveConfig, table: LabelledTable, numbers: np.ndarray, train: np.ndarray
) -> tuple[CompositionLine | SolverLine | None, np.ndarray]:
    """Fit the line that a configuration names.

    Parameters
    ----------
    config : CurveConfig
        Whose ``baseline`` says which.
    table : MoleculeTable, SmilesTable or ComplexTable
        Molecules and labels.
    numbers : np.ndarray
        (n, 4) of `solver_numbers`, for the line of the solver.
    train : np.ndarray
        Places of the molecules to fit to, all of them with numbers.

    Returns
    -------
    line : CompositionLine or SolverLine or None
        None where nothing is removed.
    labels : np.ndarray
        (n, n_targets) what it says of each molecule of the table; NaN of those without numbers.
    """
    if config.removed == "none":
        return None, np.zeros((len(table), len(config.targets)))
    if config.removed == "composition":
        line = CompositionLine.of_table(table, config.targets, train)
        return line, line.labels_of(table)
    counts, labels = table.element_counts(table.elements), table.columns(config.targets)
    atom_energy = partial(free_atom_energy, engine=config.engine, method=config.method)
    fitted = SolverLine.fitted(table.elements, counts[train], numbers[train], labels[train], atom_energy)
    return fitted, fitted.values(counts, numbers)


def solver_numbers(
    config: CurveConfig,
    datapoints: Sequence[Any],
    store: Path,
    solve: Solve = SolvedStore.solve,
    solved: SolvedDatapoints | None = None,
) -> np.ndarray:
    """Return the solver's numbers of molecules, which are solved for them where they are not yet.

    Parameters
    ----------
    config : CurveConfig
        How they are read and solved.
    datapoints : sequence
        Of a table of molecules.
    store : path
        Folder of solved molecules.
    solve : callable
        ``solve(store, datapoints)`` returns them solved.
    solved : SolvedDatapoints, optional
        The same molecules as the voxels are made of, which tell it all where a density of xTB is looked at.

    Returns
    -------
    np.ndarray
        (n, 4) of `SOLVER_NUMBERS`; NaN for molecules that could not be solved.

    Raises
    ------
    FeaturizationError
        None of them could.
    """
    if not datapoints:
        return np.empty((0, len(SOLVER_NUMBERS)))
    if solved is None or not SolvedStore(store, config.recipe).solver.solves(datapoints):
        solved = solve(SolvedStore(store, solving_recipe(config.recipe)), datapoints)
    return number_columns(solved.numbers())
