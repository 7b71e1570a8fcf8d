"""The pool, validation and test set of a learning curve, so that test data stay unseen."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deepchem_density.tables.cleansplit import find_cleansplit, train_and_test
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.id_lists import listed_ids, published_lists, qm9_number
from deepchem_density.tables.molecule_table import MoleculeTable
from deepchem_density.tables.scaffolds import split_by_scaffold
from deepchem_density.tables.sequence_clusters import sequence_clusters
from deepchem_density.tables.settings import DataSettings
from deepchem_density.tables.smiles_table import SmilesTable
from deepchem_density.tables.splits import (
    Split,
    fixed_split,
    joined_groups,
    split_around,
    split_by_groups,
    split_by_ids,
    split_by_lists,
    split_by_year,
)

__all__ = ["FEWEST_TESTED", "LabelledTable", "split"]

LabelledTable = MoleculeTable | SmilesTable | ComplexTable
"""What settings of data may name."""

logger = logging.getLogger(__name__)

LEAST_IDENTITY = 0.4

FEWEST_TESTED = 3
"""Complexes or molecules in a test set: two correlate perfectly whatever is predicted."""

TEST_SHARE, VALID_SHARE, FEWEST_OF_SHARE = 0.2, 0.1, 10
"""Parts of all that sets take whose size is left open, and how many molecules they are at the least."""

_OF_ONE_PROTEIN = ("uniprot", "cluster")
"""Columns that say what is one protein and are joined unasked, as are PDB codes: of PDBbind's INDEX files, or of a csv."""


def split(settings: DataSettings, table: LabelledTable) -> Split:
    """Return the places of the pool for training, of the validation set and of the fixed test set.

    Raises
    ------
    ValueError
        Sizes, columns, lists or years that do not suit the table, or fewer than three to test on (two where ``n_test=2``
        asks for them).
    """
    n_valid = _share(len(table), VALID_SHARE) if settings.n_valid is None else settings.n_valid
    parts = _split(settings, table, n_valid)
    n_test = len(parts[2])
    least = 2 if settings.n_test == 2 else FEWEST_TESTED
    if n_test < least:
        raise ValueError(
            f"A test set of {n_test} arrived with split={settings.split}, split_by='{settings.split_by}' and "
            f"n_test={settings.n_test}; {least} or more are accepted, since fewer tell nothing."
        )
    return parts


def _share(n: int, part: float) -> int:
    return max(FEWEST_OF_SHARE, round(part * n))


def _split(settings: DataSettings, table: LabelledTable, n_valid: int) -> Split:
    if not isinstance(table, ComplexTable):
        return _split_molecules(settings, table, n_valid)
    n_test = settings.n_test or round(TEST_SHARE * len(table))
    if settings.split == "random":
        return fixed_split(len(table), n_test, n_valid, settings.split_seed)
    if settings.split == "group":
        groups = joined_groups(*(table.group(name.strip()) for name in settings.split_by.split(",")))
        return split_by_groups(groups, n_test, n_valid, settings.split_seed)
    if settings.split == "cluster":
        return _by_clusters(settings, table, n_valid)
    codes = table.groups.get("pdb", table.ids)
    if settings.split == "core":
        return split_by_ids(codes, listed_ids(settings.split_by), n_valid, seed=settings.split_seed)
    if settings.split == "lists":
        return _as_listed(settings, codes, published_lists(settings.split_by), n_valid)
    if settings.split == "cleansplit":
        return _as_listed(
            settings, codes, train_and_test(find_cleansplit(settings.split_by, settings.data_dir)), n_valid
        )
    year = _last_year(settings.split_by)
    return split_by_year(table.group("year"), year, n_valid, groups=codes, seed=settings.split_seed)


def _split_molecules(settings: DataSettings, table: MoleculeTable | SmilesTable, n_valid: int) -> Split:
    n_test = settings.n_test or _share(len(table), TEST_SHARE)
    if settings.split == "random":
        return fixed_split(len(table), n_test, n_valid, settings.split_seed)
    if settings.split == "scaffold":
        return split_by_scaffold(table.smiles.tolist(), n_test, n_valid)
    return _molecules_as_listed(settings, table, n_valid)


def _molecules_as_listed(settings: DataSettings, table: MoleculeTable | SmilesTable, n_valid: int) -> Split:
    """Split as lists of QM9's numbers from 1, or of names such as gdb_42, say; ``n_valid`` at most are for validation."""
    lists = {role: [qm9_number(name) for name in names] for role, names in published_lists(settings.split_by).items()}
    codes = np.array([qm9_number(name) for name in table.ids.astype(str).tolist()])
    pool, valid, test = _as_listed(settings, codes, lists, n_valid)
    drawn = np.sort(np.random.default_rng(settings.split_seed).permutation(valid)[:n_valid])
    return pool, drawn, test


def _by_clusters(settings: DataSettings, table: ComplexTable, n_valid: int) -> Split:
    """Split by clusters; complexes of whose protein nothing is known are left out, since they may resemble any other."""
    clusters = _clusters(table, settings.split_by)
    known = np.flatnonzero(clusters >= 0)
    if len(known) < len(table):
        logger.warning(
            "%d of %d complexes have no amino acids in their file of the protein, and no column tells their cluster; "
            "split=cluster leaves them out",
            len(table) - len(known),
            len(table),
        )
    if len(known) == 0:
        raise ValueError(
            f"None of {len(table)} complexes has a protein with amino acids; take split=group with a column, or random."
        )
    n_test = settings.n_test or round(TEST_SHARE * len(known))
    parts = split_by_groups(clusters[known], n_test, n_valid, settings.split_seed)
    return known[parts[0]], known[parts[1]], known[parts[2]]


def _as_listed(settings: DataSettings, codes: np.ndarray, lists: Mapping[str, Sequence[str]], n_valid: int) -> Split:
    """Split as lists say; without a list for validation, that set is drawn from the training list."""
    if "valid" in lists:
        return split_by_lists(codes, lists)
    pool, _, test = split_by_lists(codes, lists, valid="")
    listed = np.sort(np.concatenate([pool, test]))
    parts = split_around(np.isin(listed, test), n_valid, groups=codes[listed], seed=settings.split_seed)
    return listed[parts[0]], listed[parts[1]], listed[parts[2]]


def _last_year(split_by: str) -> int:
    try:
        return int(split_by)
    except ValueError:
        raise ValueError(
            f"split_by='{split_by}' arrived for split=year; the last year to train on, such as 2015, is accepted."
        ) from None


def _clusters(table: ComplexTable, split_by: str) -> np.ndarray:
    """Return numbers that complexes share whose proteins are alike in sequence, code, accession or a column named.

    A pocket is looked at with its whole protein where that file is beside it: distant pockets of one protein share nothing.
    It is -1 where there are no amino acids and no column tells more than the code.
    """
    identity, *columns = (part.strip() for part in split_by.split(","))
    files, places = np.unique([_whole(path) for path in table.proteins.tolist()], return_inverse=True)
    of_files = np.full(len(files), -1, dtype=np.int64)
    of_files[files != ""] = sequence_clusters([file for file in files.tolist() if file], _identity(split_by, identity))
    telling = [of_files[places], *(table.groups[name] for name in _OF_ONE_PROTEIN if name in table.groups)]
    values = [_known(column) for column in [*telling, *(table.group(name) for name in columns)]]
    groups = joined_groups(*values, *([table.group("pdb")] if "pdb" in table.groups else []))
    nothing = np.all([[value is None for value in column] for column in values], axis=0)
    # a code that is known elsewhere tells as well
    return np.where(nothing & ~np.isin(groups, groups[~nothing]), -1, groups)


def _identity(split_by: str, first: str) -> float:
    try:
        identity = float(first or LEAST_IDENTITY)
    except ValueError:
        identity = 0.0
    if not 0 < identity <= 1:
        raise ValueError(
            f"split_by='{split_by}' arrived for split=cluster; a sequence identity above 0 and at most 1, and columns after "
            "it, are accepted."
        )
    return identity


def _whole(path: str) -> str:
    """Return the file of the whole protein where it is beside that of a pocket, as in PDBbind."""
    if not path.endswith("_pocket.pdb"):
        return path
    whole = f"{path.removesuffix('_pocket.pdb')}_protein.pdb"
    return whole if Path(whole).is_file() else path


def _known(values: np.ndarray) -> list[object]:
    """Return the values with None where they are not known: -1 for clusters."""
    return [None if str(value) in ("-1", "", "nan") else value for value in values.tolist()]
