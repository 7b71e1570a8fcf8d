"""The molecules of a learning curve: loaded, split so that test data stay unseen, and featurized."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchem_density.complex_table import ComplexTable
from deepchem_density.curve_config import CurveConfig
from deepchem_density.id_lists import read_id_lists
from deepchem_density.labelled_complexes import load_complexes
from deepchem_density.labelled_sdf import load_sdf_csv
from deepchem_density.molecule_table import MoleculeTable
from deepchem_density.qm9 import load_qm9, load_sample
from deepchem_density.sequence_clusters import sequence_clusters
from deepchem_density.splits import (
    fixed_split,
    joined_groups,
    nested_fractions,
    split_by_groups,
    split_by_ids,
    split_by_lists,
    split_by_year,
)
from deepchem_density.voxel_store import VoxelStore

__all__ = ["CurveData", "load_dataset", "prepare", "split"]

LEAST_IDENTITY = 0.4


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


def split(config: CurveConfig, table: MoleculeTable | ComplexTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places of the pool for training, of the validation set and of the fixed test set.

    Raises
    ------
    ValueError
        Sizes, columns, lists or years that do not suit the table.
    """
    n_test = config.n_test or round(len(table) / 5)
    if config.split == "random" or isinstance(table, MoleculeTable):
        return fixed_split(len(table), n_test, config.n_valid, config.split_seed)
    if config.split == "group":
        groups = joined_groups(*(table.group(name) for name in config.split_by.split(",")))
        return split_by_groups(groups, n_test, config.n_valid, config.split_seed)
    if config.split == "cluster":
        return split_by_groups(_clusters(table, config.split_by), n_test, config.n_valid, config.split_seed)
    codes = table.groups.get("pdb", table.ids)
    if config.split == "core":
        lists = read_id_lists(config.split_by)
        core = [code for codes in lists.values() for code in codes]
        return split_by_ids(codes, core, config.n_valid, seed=config.split_seed)
    if config.split == "lists":
        return split_by_lists(codes, read_id_lists(config.split_by))
    years = table.group("year")
    return split_by_year(years, int(config.split_by), config.n_valid, groups=codes, seed=config.split_seed)


def _clusters(table: ComplexTable, split_by: str) -> np.ndarray:
    """Return numbers that complexes share whose proteins are alike in sequence, in PDB code or in a column named."""
    identity, *columns = split_by.split(",")
    files, places = np.unique(table.proteins, return_inverse=True)
    try:
        clusters = sequence_clusters(files.tolist(), float(identity or LEAST_IDENTITY))[places]
    except ValueError as error:
        raise ValueError(
            f"split_by='{split_by}' arrived; a sequence identity from 0 to 1, and columns after it, are accepted: {error}."
        ) from error
    known = np.where(clusters < 0, np.nan, clusters)
    codes = [table.group("pdb")] if "pdb" in table.groups else []
    return joined_groups(known, *codes, *(table.group(name) for name in columns))


@dataclass(frozen=True, eq=False)
class CurveData:
    """The molecules of a run, their voxels, and the places of the pool, validation and test set among them."""

    table: MoleculeTable | ComplexTable
    voxels: np.ndarray
    pool: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def prepare(config: CurveConfig, out: Path, n_jobs: int) -> CurveData:
    """Load, split and featurize the molecules that a run uses; those that fail are left out of every set.

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
    voxels, failures = VoxelStore(out / "voxels", config.recipe).voxels(table.datapoints(), n_jobs)
    usable = np.ones(len(table), dtype=bool)
    usable[[index for index, _ in failures]] = False
    for features in table.baseline_features().values():
        usable &= np.isfinite(features).all(axis=1)
    ends = np.cumsum([len(pool), len(valid), len(test)])
    parts = [part[usable[part]] for part in np.split(np.arange(len(table)), ends[:-1])]
    return CurveData(table, voxels, *parts)
