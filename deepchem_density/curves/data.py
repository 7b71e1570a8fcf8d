"""The molecules of a learning curve: loaded, split so that test data stay unseen, and featurized."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchem_density.curves.config import CurveConfig, digest
from deepchem_density.tables.choose_split import split
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.labelled_complexes import load_complexes
from deepchem_density.tables.labelled_sdf import load_sdf_csv
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.qm9 import load_qm9, load_sample
from deepchem_density.tables.splits import nested_fractions
from deepchem_density.voxels.datapoints import fingerprint, located
from deepchem_density.voxels.store import VoxelStore

__all__ = ["CurveData", "load_dataset", "prepare", "split"]


def load_dataset(config: CurveConfig) -> MoleculeTable | ComplexTable:
    """Return the molecules or complexes and labels that a configuration names.

    Raises
    ------
    ValueError
        Files or labels that are not there.
    """
    if config.dataset == "sample":
        return load_sample()
    if config.dataset == "qm9":
        return load_qm9(config.data_dir or None)
    if config.dataset in ("complexes", "pdbbind"):
        return load_complexes(config.data_dir, list(config.targets))
    return _load_sdf(Path(config.data_dir), config.targets)


def _load_sdf(folder: Path, targets: tuple[str, ...]) -> MoleculeTable:
    found = [folder / "gdb9.sdf"] if (folder / "gdb9.sdf").is_file() else sorted(folder.glob("*.sdf"))
    if len(found) != 1:
        raise ValueError(
            f"'{folder}' holds {len(found)} .sdf files; gdb9.sdf, or exactly one with a .csv beside it, is read."
        )
    sdf = found[0]
    csv = next((c for c in (Path(f"{sdf}.csv"), sdf.with_suffix(".csv")) if c.is_file()), None)
    if csv is None:
        raise ValueError(f"There are no labels for '{sdf.name}'; put {sdf.name}.csv or {sdf.stem}.csv beside it.")
    return load_sdf_csv(sdf, csv, list(targets))


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
    table = load_dataset(config)
    table = table.subset(np.isfinite(table.columns(config.targets)).all(axis=1))
    pool, valid, test = split(config, table)
    if config.n_train > len(pool):
        raise ValueError(
            f"n_train={config.n_train} arrived; {len(pool)} molecules are left for training, 0 takes them all."
        )
    if config.n_train:
        pool = nested_fractions(pool, [config.n_train], config.split_seed)[0]
    table = table.subset(np.concatenate([pool, valid, test]))
    datapoints = [located(datapoint, config.recipe.reading) for datapoint in table.datapoints()]
    voxels, failures = VoxelStore(out / "voxels", config.recipe).voxels(datapoints, n_jobs)
    usable = np.ones(len(table), dtype=bool)
    usable[[index for index, _ in failures]] = False
    for features in table.baseline_features().values():
        usable &= np.isfinite(features).all(axis=1)
    ids = table.ids.astype(str)
    usable &= ~np.isin(ids, np.array(list(without), dtype=str))
    ends = np.cumsum([len(pool), len(valid), len(test)])
    pool, valid, test = (part[usable[part]] for part in np.split(np.arange(len(table)), ends[:-1]))
    content = digest([ids.tolist(), table.columns(config.targets).tolist(), fingerprint(datapoints).hex()])
    return CurveData(table, voxels, pool, valid, test, tuple(ids[~usable].tolist()), content)
