"""Structures from an SDF file with labels from a CSV file, joined so that no label can slip to a neighbour.

DeepChem 2.8.0 drops the records that RDKit cannot read and then joins by position, and starts again at the first row of
the CSV file for each shard (deepchem issue #4485). Here a label belongs to a record by its name, or, where records have
no names, by the place of the record in the file, unreadable ones counted.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.sdf import SdfRecord, sdf_records
from deepchem_density.structures.structure import Structure
from deepchem_density.structures.text_files import read_text
from deepchem_density.tables.csv_tables import names_in, numbers_in, plain_names, read_csv_table
from deepchem_density.tables.label_check import can_check_labels, check_labels
from deepchem_density.tables.molecule_table import MoleculeTable

__all__ = ["load_sdf_csv"]

_SHOWN = 10


@dataclass(frozen=True)
class _Record:
    """One record of the SDF file; `structure` is None, with a reason, if it cannot be used."""

    name: str
    structure: Structure | None
    smiles: str
    reason: str


def load_sdf_csv(
    sdf: str | os.PathLike[str],
    csv: str | os.PathLike[str],
    tasks: Sequence[str],
    *,
    join: Literal["auto", "name", "position"] = "auto",
    id_column: str = "mol_id",
    charge: int | str | None = None,
    units: Mapping[str, str] | None = None,
) -> MoleculeTable:
    """Read an SDF file and the CSV file with its labels, such as MoleculeNet's gdb9.sdf and gdb9.sdf.csv.

    Parameters
    ----------
    sdf : path
        SDF file with 3-D coordinates, `.gz` allowed. All hydrogens are kept, and records that fail RDKit's sanitization
        as well: elements and coordinates are all that is needed.
    csv : path
        CSV file with one row for each molecule, parted by commas, semicolons or tabs, `.gz` allowed; read by
        `deepchem_density.tables.csv_tables.read_csv_table`.
    tasks : sequence of str
        Columns of `csv` to use as labels. An empty cell is a label that is not known (NaN).
    join : {"auto", "name", "position"}
        "name" matches the first line of each record with `id_column`; "position" gives row k of the CSV file to record
        k of the SDF file, unreadable records counted. "auto" takes names if the column and the names are there.
    id_column : str
        Column of `csv` with the records' names.
    charge : int, "formal" or None
        Total charge of every molecule; None and "formal" take the sum of the formal charges of each record (QM9's states none:
        0). A number is taken in any case, with a warning for records that state another one.
    units : mapping of str to str, optional
        Task -> unit, kept in the table.

    Returns
    -------
    MoleculeTable
        Readable records with labels, in the order of the file, float64 positions in Å. Ids are the records' names, or
        their places in the file, counted from 0, if labels were joined by position.

    Raises
    ------
    ValueError
        If columns are missing, labels are not numbers, names repeat, rows are not as wide as the header, or rows and records
        cannot be matched.

    Warns
    -----
    UserWarning
        Names the records that are left out because they cannot be read or have no row, and counts rows without record.
    LabelWarning
        If the labels joined by position do not fit the molecules (see `check_labels`).
    """
    if join not in ("auto", "name", "position"):
        raise ValueError(f"join={join!r} arrived; 'auto', 'name', 'position' are accepted.")
    records = _read_records(Path(sdf), charge)
    frame = _read_csv(Path(csv), tasks)
    labels = np.stack([numbers_in(frame, task, csv) for task in tasks], axis=1)
    if join == "auto":
        named = all(record.name for record in records if record.structure is not None)
        join = "name" if id_column in frame.columns and named else "position"
    rows = (
        _rows_by_name(records, frame, id_column, (Path(sdf), Path(csv)))
        if join == "name"
        else _rows_by_position(records, frame, (Path(sdf), Path(csv)))
    )

    kept = [k for k, record in enumerate(records) if record.structure is not None and rows[k] >= 0]
    _warn_left_out(records, rows, str(sdf))
    if not kept:
        raise ValueError(
            f"None of the {len(records)} records of '{sdf}' can be used; the first: {_describe(records, 0)}."
        )
    table = MoleculeTable.from_structures(
        [structure for k in kept if (structure := records[k].structure) is not None],
        labels[[rows[k] for k in kept]],
        tasks,
        ids=np.array([records[k].name for k in kept] if join == "name" else kept),
        smiles=np.array([records[k].smiles for k in kept]),
        units=units or {},
        source=Path(sdf).name.split(".")[0],
    )
    if join == "position" and can_check_labels(table):
        check_labels(table)
    return table


def _read_records(path: Path, charge: int | str | None) -> list[_Record]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no SDF file '{path}'; check the path.")
    text = read_text(path)
    records = [_read_record(record, path.name, charge) for record in sdf_records(text)]
    if not records or not ("$$$$" in text or "M  END" in text):
        raise ValueError(f"'{path}' holds no record; an SDF file has one for each molecule, ended by a line $$$$.")
    return records


def _read_record(record: SdfRecord, source: str, charge: int | str | None) -> _Record:
    smiles = ""
    try:
        mol, smiles = _sanitized(record.mol(source, sanitize=False))
        return _Record(record.name, structure_from(mol, charge=charge), smiles, "")
    except FeaturizationError as error:
        return _Record(record.name, None, smiles, str(error).rstrip("."))


def _sanitized(mol: Chem.Mol) -> tuple[Chem.Mol, str]:
    """Return the molecule, sanitized if it can be, and then its canonical SMILES without hydrogens, else ""."""
    if mol.GetNumAtoms() > 1 and mol.GetNumBonds() == 0:
        return mol, ""  # nothing but atoms: sanitization would hang hydrogens on each
    try:
        copy = Chem.Mol(mol)
        Chem.SanitizeMol(copy)
        return copy, Chem.MolToSmiles(Chem.RemoveHs(copy))
    except ValueError:  # RDKit's MolSanitizeException is one
        return mol, ""


def _read_csv(path: Path, tasks: Sequence[str]) -> pd.DataFrame:
    if isinstance(tasks, str) or not tasks:
        raise ValueError(f"tasks={tasks!r} arrived; a list with at least one column of '{path}' is accepted.")
    if len(set(tasks)) < len(tasks):
        raise ValueError(f"tasks={list(tasks)!r} arrived; each column once is accepted.")
    frame = read_csv_table(path, blank_rows=True)
    missing = [task for task in tasks if task not in frame.columns]
    if missing:
        raise ValueError(f"'{path}' has no column {', '.join(missing)}; its columns are {', '.join(frame.columns)}.")
    return frame


def _rows_by_name(
    records: Sequence[_Record], frame: pd.DataFrame, id_column: str, paths: tuple[Path, Path]
) -> list[int]:
    """Row of each record, -1 where the CSV file has none."""
    sdf, csv = paths
    if id_column not in frame.columns:
        raise ValueError(
            f"'{csv}' has no column {id_column!r} to join by name, only {', '.join(frame.columns)}; name the right one with "
            "id_column."
        )
    keys = names_in(frame, id_column, csv)
    names = plain_names((record.name for record in records), "name", lambda k: f"Record {k} of '{sdf}'")
    for what, values in ((f"names in '{sdf}'", names), (f"cells of column {id_column} of '{csv}'", keys)):
        repeated = [value for value, count in Counter(values).items() if value and count > 1]
        if repeated:
            raise ValueError(
                f"Labels cannot be joined by name: {len(repeated)} of the {what} repeat, such as {repeated[0]!r}; "
                'make them unique or pass join="position".'
            )
    row_of = {key: row for row, key in enumerate(keys) if key}
    rows = [row_of.pop(name, -1) for name in names]
    if max(rows, default=-1) < 0:
        raise ValueError(
            f"No name of a record of '{sdf}' is in column {id_column} of '{csv}': records are called {names[:3]}, rows "
            f'{keys[:3]}; name the right column with id_column or pass join="position".'
        )
    if row_of:
        warnings.warn(
            f"{len(row_of)} rows of the CSV file are not used: the SDF file has no record named {next(iter(row_of))!r}"
            + (f" or as {len(row_of) - 1} others" if len(row_of) > 1 else ""),
            stacklevel=3,
        )
    return rows


def _rows_by_position(records: Sequence[_Record], frame: pd.DataFrame, paths: tuple[Path, Path]) -> list[int]:
    rest = frame[len(records) :]
    frame = frame[: len(records)] if (rest == "").all(axis=None) else frame  # blank lines at the end
    if len(frame) != len(records):
        n_bad = sum(record.structure is None for record in records)
        raise ValueError(
            f"Labels cannot be joined by position: '{paths[0]}' has {len(records)} records ({n_bad} of them unreadable), "
            f"'{paths[1]}' {len(frame)} rows, and both must have one for each molecule; give the records names and the csv file "
            "a column with them, and name it with id_column."
        )
    return list(range(len(records)))


def _describe(records: Sequence[_Record], k: int) -> str:
    return f"record {k} ({records[k].name or 'no name'}): {records[k].reason or 'no row in the CSV file'}"


def _warn_left_out(records: Sequence[_Record], rows: Sequence[int], sdf: str) -> None:
    left_out = [k for k, record in enumerate(records) if record.structure is None or rows[k] < 0]
    if left_out:
        listed = "; ".join(_describe(records, k) for k in left_out[:_SHOWN])
        more = f"; and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        warnings.warn(
            f"{len(left_out)} of {len(records)} records of {sdf} are left out, their labels with them: {listed}{more}",
            stacklevel=3,
        )
