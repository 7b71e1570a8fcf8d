"""The molecules of a learning curve: loaded, split so that test data stay unseen, and featurized."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchem_density.curves.config import CurveConfig
from deepchem_density.files import digest
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.load import load_data
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.voxels.datapoints import located
from deepchem_density.voxels.fingerprints import fingerprint
from deepchem_density.voxels.store import VoxelStore

__all__ = ["CurveData", "prepare"]


@dataclass(frozen=True, eq=False)
class CurveData:
    """The molecules of a run, their voxels, and the places of the pool, validation and test set among them.

    Those that could not be featurized are in no set; ``left_out`` has their ids, as text. ``content`` stands for ids, labels
    and all that the voxels were made from, the content of files included.
    """

    table: MoleculeTable | ComplexTable
    voxels: np.ndarray
    pool: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    left_out: tuple[str, ...] = ()
    content: str = ""


def prepare(config: CurveConfig, out: Path, n_jobs: int, without: Collection[str] = ()) -> CurveData:
    """Load, split and featurize the molecules that a run uses; those that fail are left out of every set.

    Parameters
    ----------
    config, out, n_jobs
        As in `run_curve`.
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
    voxels, failures = VoxelStore(out / "voxels", config.recipe).voxels(datapoints, n_jobs)
    usable = np.ones(len(table), dtype=bool)
    usable[[index for index, _ in failures]] = False
    for features in table.baseline_features().values():
        usable &= np.isfinite(features).all(axis=1)
    ids = table.ids.astype(str)
    usable &= ~np.isin(ids, np.array(list(without), dtype=str))
    pool, valid, test = (part[usable[part]] for part in (loaded.pool, loaded.valid, loaded.test))
    content = digest([ids.tolist(), table.columns(config.targets).tolist(), fingerprint(datapoints).hex()])
    return CurveData(table, voxels, pool, valid, test, tuple(ids[~usable].tolist()), content)
