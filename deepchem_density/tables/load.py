"""Labelled data as settings name them: loaded, rows without a label dropped, split so that test data stay unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepchem_density.tables.choose_split import LabelledTable, split
from deepchem_density.tables.class_labels import check_both_tested, check_classes
from deepchem_density.tables.cleansplit import core_sets, find_cleansplit
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.labelled_complexes import load_complexes
from deepchem_density.tables.labelled_sdf import load_sdf_csv
from deepchem_density.tables.labelled_smiles import load_smiles
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.openfe import load_openfe
from deepchem_density.tables.qm9 import load_qm9, load_sample
from deepchem_density.tables.settings import DataSettings
from deepchem_density.tables.splits import nested_fractions

__all__ = ["LoadedData", "load_data", "load_table"]


@dataclass(frozen=True, eq=False)
class LoadedData:
    """A table, and the places in it of the pool for training, of the validation set and of the fixed test set.

    ``test_parts`` has the ids of parts of the test set that are reported on their own, by name; they may overlap.
    """

    table: LabelledTable
    pool: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    test_parts: Mapping[str, np.ndarray] = field(default_factory=dict)

    def kept(self) -> LoadedData:
        """Return the data with a table that holds pool, validation and test set and nothing else, in this order."""
        ends = np.cumsum([len(self.pool), len(self.valid), len(self.test)])
        pool, valid, test = np.split(np.arange(ends[-1]), ends[:-1])
        table = self.table.subset(np.concatenate([self.pool, self.valid, self.test]))
        return LoadedData(table, pool, valid, test, self.test_parts)


def load_data(settings: DataSettings) -> LoadedData:
    """Load and split the molecules or complexes that settings name.

    Those without one of the labels are left out; in classification, those without any.

    Raises
    ------
    ValueError
        Files or labels that are not there, or sizes that do not suit the data.
    """
    table = load_table(settings)
    labels = table.columns(settings.targets)
    classes = settings.task == "classification"
    if classes:
        check_classes(settings.targets, labels, table.ids)
    known = np.isfinite(labels)
    table = table.subset(known.any(axis=1) if classes else known.all(axis=1))
    pool, valid, test = split(settings, table)
    if classes:
        check_both_tested(settings.targets, table.columns(settings.targets)[test])
    if settings.n_train > len(pool):
        raise ValueError(
            f"n_train={settings.n_train} arrived; {len(pool)} molecules are left for training, 0 takes them all."
        )
    if settings.n_train:
        pool = nested_fractions(pool, [settings.n_train], settings.split_seed)[0]
    test_parts: Mapping[str, np.ndarray] = {}
    if settings.split == "cleansplit" and isinstance(table, ComplexTable):
        test_parts = core_sets(find_cleansplit(settings.split_by, settings.data_dir), table)
    return LoadedData(table, pool, valid, test, test_parts)


def load_table(settings: DataSettings) -> LabelledTable:
    """Return the molecules or complexes and labels that settings name.

    Raises
    ------
    ValueError
        Files or labels that are not there.
    """
    if settings.dataset == "sample":
        return load_sample()
    if settings.dataset == "qm9":
        return load_qm9(settings.data_dir or None)
    if settings.dataset == "openfe":
        return load_openfe(settings.data_dir, list(settings.targets))
    if settings.dataset == "csv":
        return load_smiles(settings.data_dir, settings.targets, settings.smiles_column, settings.id_column)
    if settings.of_complexes:
        return load_complexes(settings.data_dir, list(settings.targets))
    return _load_sdf(Path(settings.data_dir), settings.targets)


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
