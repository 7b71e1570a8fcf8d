"""The molecules of a learning curve: loaded, split so that test data stay unseen, and featurized."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.removed_line import solver_numbers
from deepchem_density.errors import FeaturizationError
from deepchem_density.featurizers.looked_dataset import LookedDataset
from deepchem_density.files import digest
from deepchem_density.tables.choose_split import LabelledTable
from deepchem_density.tables.load import load_data
from deepchem_density.voxels.datapoints import located
from deepchem_density.voxels.fingerprints import fingerprint
from deepchem_density.voxels.solver_line import SOLVER_NUMBERS
from deepchem_density.voxels.store import SelectedDatapoints, Solve, SolvedDatapoints, SolvedStore

__all__ = ["CurveData", "LatestData", "prepare", "without_voxels"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CurveData:
    """The molecules of a run, read and solved, and the places of the pool, validation and test set among them.

    Those that could not be featurized are in no set; ``left_out`` has their ids, as text. ``content`` stands for ids, labels
    and all that the voxels were made from, the content of files included. ``test_parts`` is that of `LoadedData`. ``numbers`` are
    the solver's, where the line that is removed from the labels needs them.
    """

    table: LabelledTable
    solved: SolvedDatapoints
    config: CurveConfig
    pool: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    left_out: tuple[str, ...] = ()
    content: str = ""
    test_parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    numbers: np.ndarray = field(default_factory=lambda: np.empty((0, len(SOLVER_NUMBERS))))

    @property
    def identity(self) -> str:
        """A digest of content and what is left out."""
        return digest([self.content, sorted(self.left_out)])

    def dataset(self, places: np.ndarray, labels: np.ndarray, training: bool = False, seed: int = 0) -> LookedDataset:
        """Return some molecules with their labels (n, n_targets); only those to train on are turned anew each epoch.

        A label that is not known is 0 with weight 0, as DeepChem has it.
        """
        orientation = "random" if training and self.config.orientation == "random" else "fixed"
        chosen = SelectedDatapoints(self.solved, places)
        ids = self.table.ids[places]
        known = np.isfinite(labels)
        weights, labels = known.astype(np.float32), np.where(known, labels, 0.0)
        return LookedDataset(chosen, self.config.recipe, labels, weights, ids, orientation, seed)


def prepare(
    config: CurveConfig, out: Path, solve: Solve = SolvedStore.solve, without: Collection[str] = ()
) -> CurveData:
    """Load, split and featurize the molecules that a run uses; those that fail are left out of every set.

    Parameters
    ----------
    config, out
        As in `run_curve`.
    solve : callable
        ``solve(store, datapoints)`` returns them solved.
    without : collection of str
        Ids of further molecules to leave out, as text.

    Raises
    ------
    ValueError
        A setting that does not suit the data.
    FeaturizationError
        No molecule could be featurized.
    """
    loaded = load_data(config).kept()
    table = loaded.table
    datapoints = [located(datapoint, config.recipe.reading) for datapoint in table.datapoints()]
    solved = solve(SolvedStore(out / "solved", config.recipe), datapoints)
    usable = np.ones(len(table), dtype=bool)
    usable[[index for index, _ in without_voxels(solved, config)]] = False
    numbers = np.empty((0, len(SOLVER_NUMBERS)))
    if config.removed == "xtb":
        numbers = solver_numbers(config, datapoints, out / "solved", solve, solved)
        usable &= np.isfinite(numbers).all(axis=1)
    for features in table.baseline_features().values():
        usable &= np.isfinite(features).all(axis=1)
    ids = table.ids.astype(str)
    usable &= ~np.isin(ids, np.array(list(without), dtype=str))
    pool, valid, test = (part[usable[part]] for part in (loaded.pool, loaded.valid, loaded.test))
    content = digest([ids.tolist(), table.columns(config.targets).tolist(), fingerprint(datapoints).hex()])
    left_out = tuple(ids[~usable].tolist())
    return CurveData(table, solved, config, pool, valid, test, left_out, content, loaded.test_parts, numbers)


class LatestData:
    """The data that were loaded last, since that takes long; of two, both may not fit into memory."""

    def __init__(self) -> None:
        self._loaded: tuple[object, CurveData] | None = None

    def get(self, config: CurveConfig, out: Path, solve: Solve, without: tuple[str, ...]) -> CurveData:
        """Return what `prepare` returns."""
        asked = (config, out, without)
        if self._loaded is None or self._loaded[0] != asked:
            self._loaded = None
            self._loaded = (asked, prepare(config, out, solve, without))
        return self._loaded[1]

    def forget(self) -> None:
        """Let go of it."""
        self._loaded = None


def without_voxels(solved: SolvedDatapoints, config: CurveConfig) -> list[tuple[int, str]]:
    """Return place and reason of each datapoint that could not be read, solved or placed in its box.

    Raises
    ------
    FeaturizationError
        All of them.
    """
    refused = solved.refused(config.recipe, any_orientation=config.orientation == "random")
    new = len(refused) - len(solved.failures)
    if len(refused) == len(solved):
        raise FeaturizationError(f"None of {len(solved)} datapoints could be featurized; the first: {refused[0][1]}")
    if new:
        place, reason = next(one for one in refused if one not in solved.failures)
        logger.warning("%d of %d datapoints have no voxels; %d: %s", new, len(solved), place, reason)
    return refused
