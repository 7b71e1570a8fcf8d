"""QM9: the sample inside this package, and all of it from the package qm9pack; with energies of atomization.

Total energies are almost a sum over elements, so that a network that learns them learns to count atoms. What is left of one
when the energies of the free atoms are taken off, B3LYP/6-31G(2df,p) as published with QM9 (its file atomref.txt), is not.

References
----------
Ramakrishnan, Dral, Rupp, von Lilienfeld, "Quantum chemistry structures and properties of 134 kilo molecules",
Scientific Data 1, 140022 (2014), doi:10.1038/sdata.2014.22.
"""

from __future__ import annotations

import importlib.util
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from deepchem_density.files import cache_folder, is_file, reading
from deepchem_density.tables.molecule_table import MoleculeTable

__all__ = [
    "ATOMIZATION_TASKS",
    "FREE_ATOMS",
    "N_QM9",
    "QM9_TASKS",
    "QM9_UNITS",
    "load_qm9",
    "load_sample",
    "with_atomization_energies",
]

# MoleculeNet's task names, in its order, with the column of qm9pack (spelling included) and the unit of the source.
_COLUMNS = {
    "A": ("RotA_GHz", "GHz"),
    "B": ("RotB_GHz", "GHz"),
    "C": ("RotC_GHz", "GHz"),
    "mu": ("Dipole_debye", "debye"),
    "alpha": ("Polarizability_bohr3", "bohr³"),
    "homo": ("HOMO_au", "hartree"),
    "lumo": ("LUMO_au", "hartree"),
    "gap": ("HOMO_LUMO_gap_au", "hartree"),
    "r2": ("R2_bohr2", "bohr²"),
    "zpve": ("ZPVE_au", "hartree"),
    "u0": ("InternalEnergy_0K_au", "hartree"),
    "u298": ("InternalEnergy_298K_au", "hartree"),
    "h298": ("Enthalphy_298K_au", "hartree"),
    "g298": ("GibbsFreeEnergy_298K_au", "hartree"),
    "cv": ("Heatcapacity_Cv_cal_mol_K", "cal/(mol K)"),
}
QM9_TASKS: tuple[str, ...] = tuple(_COLUMNS)
"""The 15 labels of QM9, in the order of its columns."""

QM9_UNITS: dict[str, str] = {task: unit for task, (_, unit) in _COLUMNS.items()}
"""Label -> its unit."""

N_QM9 = 130_831  # 133,885 less the 3,054 molecules whose geometry is uncharacterized

FREE_ATOMS: dict[str, dict[int, float]] = {
    "u0": {1: -0.500273, 6: -37.846772, 7: -54.583861, 8: -75.064579, 9: -99.718730},
    "u298": {1: -0.498857, 6: -37.845355, 7: -54.582445, 8: -75.063163, 9: -99.717314},
    "h298": {1: -0.497912, 6: -37.844411, 7: -54.581501, 8: -75.062219, 9: -99.716370},
    "g298": {1: -0.510927, 6: -37.861317, 7: -54.598897, 8: -75.079532, 9: -99.733544},
}
"""Energy of the free atom of each atomic number, in hartree."""

ATOMIZATION_TASKS: tuple[str, ...] = tuple(f"{task}_atom" for task in FREE_ATOMS)

_ATOMIC_NUMBERS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
_NO_BRACKETS = str.maketrans("", "", "[]")
_PARTS = ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv")
_CACHE_FILE = "qm9_v1.npz"


def load_sample() -> MoleculeTable:
    """About 2,000 molecules of QM9, drawn at random, that come with this package.

    Returns
    -------
    MoleculeTable
        15 labels in the units of the source and 4 atomization energies, positions in float32 Å. See data/README.md for where
        they come from.
    """
    with resources.as_file(resources.files("deepchem_density") / "data" / "qm9_sample.npz") as path:
        return with_atomization_energies(MoleculeTable.load(path))


def load_qm9(data_dir: str | os.PathLike[str] | None = None) -> MoleculeTable:
    """All 130,831 molecules of QM9, from the installed package qm9pack.

    The first call reads 230 MB of CSV and writes one .npz file, later ones read that file.

    Parameters
    ----------
    data_dir : path, optional
        Folder of the .npz file. By default the folder named by the environment variable DEEPCHEM_DENSITY_CACHE, else
        the user's cache folder (~/.cache/deepchem_density on Linux).

    Returns
    -------
    MoleculeTable
        15 labels in the units of the source, float64 exactly as printed there, and 4 atomization energies from them;
        positions in float32 Å.

    Raises
    ------
    ImportError
        If there is neither the .npz file nor qm9pack.
    ValueError
        If qm9pack's files are not those of QM9, or `data_dir` is a file.

    Warns
    -----
    UserWarning
        If the .npz file is damaged (it is made again) or cannot be written (the next call is slow again).
    """
    folder = cache_folder() if data_dir is None else Path(data_dir)
    blocked = next((place for place in (folder, *folder.parents) if is_file(place)), None)
    if blocked is not None:
        raise ValueError(f"The file '{blocked}' arrived as, or in, the folder of QM9's cache; a folder is accepted.")
    path = folder / _CACHE_FILE
    try:
        table = MoleculeTable.load(path)
        _check_qm9(table)
        return with_atomization_energies(table)
    except OSError:
        pass  # not made yet, or not readable: then writing says why below
    except ValueError as error:
        warnings.warn(f"the cached QM9 is made again: {error}", stacklevel=2)
    table = read_qm9pack(_qm9pack_data())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.save(path, compressed=False)
    except OSError as error:
        warnings.warn(
            f"QM9 was read but could not be cached in {path.parent} ({error}), so each call reads the CSV files again; "
            "name a writable folder with data_dir or the environment variable DEEPCHEM_DENSITY_CACHE",
            stacklevel=2,
        )
    return with_atomization_energies(table)


def with_atomization_energies(table: MoleculeTable) -> MoleculeTable:
    """Return a table of QM9 with the columns u0_atom, u298_atom, h298_atom and g298_atom, in hartree.

    They are negative for bound molecules, as MoleculeNet's columns of the same names are (there in kcal/mol).

    Raises
    ------
    ValueError
        A molecule holds other elements than H, C, N, O and F, or a label is missing.
    """
    elements = table.elements
    unknown = sorted(set(elements) - set(FREE_ATOMS["u0"]))
    if unknown:
        raise ValueError(f"free-atom energies are known for H, C, N, O and F; atomic numbers {unknown} arrived")
    counts = table.element_counts(elements)
    energies = np.array([[atoms[z] for z in elements] for atoms in FREE_ATOMS.values()])
    bound = table.columns(list(FREE_ATOMS)) - counts @ energies.T
    return replace(
        table,
        labels=np.hstack([table.labels, bound]),
        tasks=(*table.tasks, *ATOMIZATION_TASKS),
        units={**table.units, **dict.fromkeys(ATOMIZATION_TASKS, "hartree")},
    )


def read_qm9pack(folder: Path) -> MoleculeTable:
    """Read the CSV files of qm9pack 1.0.3 in `folder`, without any cache. Raises ValueError if they are not QM9."""
    columns = [name for name, _ in _COLUMNS.values()]
    numbers, positions, frames = [], [], []
    for part in _PARTS:
        with _of_qm9pack(folder / part):
            frame = pd.read_csv(
                folder / part,
                usecols=["Index", "SMILES", "N_atoms", "Elements", "XYZ_Ang", *columns],
                index_col=False,
                dtype=str,  # numbers are converted below: the parser of pandas before 3.1 may miss their last bit
            )
            numbers.append(_parse_elements(frame.pop("Elements")))
            frame["N_atoms"] = frame["N_atoms"].astype(np.int64)
            positions.append(_parse_positions(frame.pop("XYZ_Ang"), frame["N_atoms"]))
            frame[columns] = frame[columns].to_numpy(dtype=object).astype(np.float64)
            frame["Index"] = frame["Index"].to_numpy(dtype=object).astype(np.int64)
        frames.append(frame)
    with _of_qm9pack(folder):
        return _table_of(pd.concat(frames, ignore_index=True), columns, numbers, positions)


@contextmanager
def _of_qm9pack(path: Path) -> Iterator[None]:
    """Name the file of qm9pack in whatever is wrong with it, and the remedy."""
    try:
        with reading(path):
            yield
    except OSError:
        raise
    except Exception as error:  # of pandas and NumPy; whatever it is, the file is not that of the package
        reason = " ".join(str(error).split()).partition("; reinstall")[0]
        raise ValueError(f"'{path}' is not that of qm9pack 1.0.3 ({reason}); reinstall qm9pack==1.0.3.") from error


def _table_of(
    frame: pd.DataFrame, columns: list[str], numbers: list[np.ndarray], positions: list[np.ndarray]
) -> MoleculeTable:
    table = MoleculeTable(
        numbers=np.concatenate(numbers),
        positions=np.concatenate(positions),
        offsets=np.concatenate([[0], np.cumsum(frame["N_atoms"].to_numpy())]),
        labels=frame[columns].to_numpy(dtype=np.float64),
        tasks=QM9_TASKS,
        ids=frame["Index"].to_numpy(dtype=np.int64),
        units=QM9_UNITS,
        smiles=frame["SMILES"].to_numpy(dtype=np.str_),
        source="qm9",
    )
    _check_qm9(table)
    return table


def _parse_elements(column: Iterable[str]) -> np.ndarray:
    """(total_atoms,) uint8 from texts such as "['C','H']"."""
    symbols = (symbol for text in column for symbol in json.loads(text.replace("'", '"')))
    try:
        return np.fromiter((_ATOMIC_NUMBERS[symbol] for symbol in symbols), dtype=np.uint8)
    except KeyError as error:
        raise ValueError(f"QM9 holds H, C, N, O and F only, here is {error}; reinstall qm9pack==1.0.3") from error


def _parse_positions(column: Iterable[str], n_atoms: Iterable[int]) -> np.ndarray:
    """(total_atoms, 3) float32 Å from texts such as "[[0.0,1.0,2.0],[...]]", one for each molecule."""
    coordinates: list[float] = []
    for text, n in zip(column, n_atoms, strict=True):
        # not JSON: the files also write numbers such as "0." and ".5"
        values = text.translate(_NO_BRACKETS).split(",")
        if len(values) != 3 * n:
            raise ValueError(f"qm9pack lists {n} atoms and {len(values)} coordinates, not {3 * n}: {text[:60]}...")
        coordinates.extend(map(float, values))
    return np.array(coordinates, dtype=np.float32).reshape(-1, 3)


def _check_qm9(table: MoleculeTable) -> None:
    if len(table) != N_QM9:
        raise ValueError(f"QM9 has {N_QM9} molecules, here are {len(table)}; reinstall qm9pack==1.0.3")
    if len(np.unique(table.ids)) != N_QM9:
        raise ValueError("An Index stands twice in QM9, where each stands once; reinstall qm9pack==1.0.3")
    if table.tasks != QM9_TASKS or not np.isfinite(table.labels).all():
        raise ValueError("QM9 has 15 finite labels for each molecule, some are missing here; reinstall qm9pack==1.0.3")


def _qm9pack_data() -> Path:
    # found, never imported: `import qm9pack` needs pkg_resources, which current setuptools no longer has
    spec = importlib.util.find_spec("qm9pack")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError('all of QM9 needs the package qm9pack: pip install "deepchem-density[qm9]"')
    return Path(spec.submodule_search_locations[0]) / "data"
