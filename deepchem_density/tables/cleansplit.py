"""PDBbind CleanSplit: a training set without what resembles the core sets, and the core sets it is tested on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deepchem_density.files import is_file
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.id_lists import read_id_lists

__all__ = ["core_sets", "find_cleansplit", "train_and_test"]

NAMES = ("cleansplit.json", "PDBbind_data_split_cleansplit.json")
PLACES = ("", "index", "../index", "../splits")
TRAIN, CORE = "train", "casf"
WHERE_FROM = "PDBbind_data/PDBbind_data_split_cleansplit.json of github.com/camlab-ethz/GEMS (MIT licence)"


def find_cleansplit(split_by: str, data_dir: str) -> Path:
    """Return the file with CleanSplit's lists: the one named, or one in or beside the folder of the data.

    Raises
    ------
    ValueError
        There is none.
    """
    if split_by:
        return Path(split_by)
    folder = Path(data_dir)
    folder = folder if folder.is_dir() else folder.parent
    places = [folder / place / name for place in PLACES for name in NAMES]
    found = next((place for place in places if is_file(place)), None)
    if found is None:
        raise ValueError(
            f"split=cleansplit arrived, and neither '{folder}' nor a folder index in or beside it holds {' or '.join(NAMES)}; "
            f"get {WHERE_FROM}, and put it there or name it with split_by."
        )
    return found


def train_and_test(path: Path) -> dict[str, list[str]]:
    """Return CleanSplit's training list, and all ids of its core sets as the list for testing.

    Raises
    ------
    ValueError
        No such file, or no training list or core set in it.
    """
    lists = _lists(path)
    tested = (code for name, codes in lists.items() if name != TRAIN for code in codes)
    return {"train": lists[TRAIN], "test": list(dict.fromkeys(tested))}


def core_sets(path: Path, table: ComplexTable) -> dict[str, np.ndarray]:
    """Return the ids in a table of the complexes of each core set, such as casf2016 and casf2016_indep.

    The training list holds nothing similar to any core set; ..._indep are the complexes to which nothing in all of PDBbind is.
    """
    codes = np.array([str(code).strip().lower() for code in table.groups.get("pdb", table.ids)])
    lists: Mapping[str, list[str]] = _lists(path)
    return {name: table.ids[np.isin(codes, wanted)] for name, wanted in sorted(lists.items()) if name != TRAIN}


def _lists(path: Path) -> dict[str, list[str]]:
    lists = {name: codes for name, codes in read_id_lists(path).items() if name == TRAIN or name.startswith(CORE)}
    if TRAIN not in lists or len(lists) < 2:
        raise ValueError(f"'{path}' holds no list {TRAIN}, or none called {CORE}...; {WHERE_FROM}, is accepted.")
    return lists
