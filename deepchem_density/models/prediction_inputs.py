"""Molecules and complexes to predict, from a table or an SDF; one that cannot be read keeps its place and a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.sdf import SdfRecord, sdf_records
from deepchem_density.structures.text_files import format_suffix, read_text
from deepchem_density.tables.molecule_rows import (
    NAME,
    ROW_SUFFIXES,
    SMILES,
    names_of_rows,
    read_molecule_rows,
    smiles_column_of,
)
from deepchem_density.voxels.datapoints import Complex, Reading

__all__ = ["Input", "inputs_from", "read_inputs"]

ID = "id"
SDF_SUFFIXES = (".sdf", ".sd")


@dataclass(frozen=True, eq=False)
class Input:
    """One datapoint.

    Parameters
    ----------
    name : str
        The file's own name for it, or its place from 1.
    text : str
        What it was given as: a SMILES or paths.
    datapoint
        What a recipe takes; None where there is a failure.
    failure : str
        Why it could not be read.
    """

    name: str
    text: str
    datapoint: Any = None
    failure: str = ""


def read_inputs(path: str | Path, reading: Reading, smiles_column: str = "", id_column: str = "") -> list[Input]:
    """Read a file of molecules or complexes.

    Parameters
    ----------
    path : path
        A .csv or .parquet with a column of SMILES or paths, or with ``ligand`` and ``protein``, ``map`` or both (paths); a .smi
        with a SMILES and an optional name in each line; or an .sdf with any number of molecules. All but .parquet may be
        gzipped. Paths in a table are relative to its folder.
    reading : Reading
        How molecules of an .sdf become structures.
    smiles_column : str
        By default the only column with "smiles" in its name, or else "molecule".
    id_column : str
        Column of names; by default "id" where there is one, and otherwise the number of the row.

    Raises
    ------
    ValueError
        The file cannot be read, holds nothing, or lacks the columns.
    """
    path = Path(path)
    suffix = format_suffix(path)
    if suffix in ROW_SUFFIXES:
        found = _read_rows(path, smiles_column, id_column)
    elif suffix in SDF_SUFFIXES:
        found = _read_sdf(path, reading)
    else:
        raise ValueError(f"'{path}' arrived as input; a .csv, .smi, .parquet or .sdf file is accepted.")
    if not found:
        raise ValueError(f"'{path}' holds no molecule; one or more are accepted.")
    return found


def inputs_from(frame: pd.DataFrame) -> list[Input]:
    """Return the rows of a table as datapoints: its column ``molecule``, or ``ligand`` with ``protein`` and ``map``."""
    if "molecule" in frame:
        datapoints = frame["molecule"].tolist()
    else:
        nothing = pd.Series([None] * len(frame))
        columns = [frame.get(name, nothing) for name in ("ligand", "protein", "map")]
        datapoints = [tuple(None if pd.isna(part) else part for part in row) for row in zip(*columns, strict=True)]
    return [Input(str(place), str(one), one) for place, one in enumerate(datapoints, start=1)]


def _read_rows(path: Path, smiles_column: str, id_column: str) -> list[Input]:
    frame = read_molecule_rows(path)
    if format_suffix(path) in (".smi", ".smiles"):
        numbered = names_of_rows(frame, "", path)
        return [
            Input(name or number, smiles, smiles)
            for name, number, smiles in zip(frame[NAME], numbered, frame[SMILES], strict=True)
        ]
    names = names_of_rows(frame, id_column or (ID if ID in frame else ""), path)
    if smiles_column or not ("ligand" in frame and {"protein", "map"} & set(frame)):
        column = smiles_column_of(frame, smiles_column, path)
        return [_one(n, (m,), path) for n, m in zip(names, frame[column], strict=True)]
    empty = [""] * len(frame)
    rows = zip(frame["ligand"], frame.get("protein", empty), frame.get("map", empty), strict=True)
    return [_one(n, row, path) for n, row in zip(names, rows, strict=True)]


def _one(name: str, parts: tuple[str, ...], path: Path) -> Input:
    """Return a molecule, or a complex where three parts are given."""
    parts = tuple(part.strip() for part in parts)
    text = " ".join(part for part in parts if part)
    if not parts[0]:
        return Input(name, text, failure="It has no molecule; a SMILES or a path is needed.")
    found = [_path_or_text(part, path.parent) if part else None for part in parts]
    return Input(name, text, found[0] if len(found) == 1 else tuple(found))


def _path_or_text(part: str, folder: Path) -> str:
    # A SMILES has dots as well, but no file of its name beside the csv.
    beside = folder / part
    is_file = len(part) < 4096 and _is_file(beside)
    return str(beside) if is_file else part


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a SMILES longer than a file name may be
        return False


def _read_sdf(path: Path, reading: Reading) -> list[Input]:
    try:
        text = read_text(path)
    except FeaturizationError as error:
        raise ValueError(str(error)) from error
    return [_record(record, path, reading) for record in sdf_records(text)]


def _record(record: SdfRecord, path: Path, reading: Reading) -> Input:
    name = record.name or str(record.place + 1)
    text = f"{path.name}, {record.place + 1}"
    try:
        # Read here: a Mol's positions are rounded on their way to another process.
        return Input(name, text, Complex(reading.ligand(record.mol(path.name))))
    except FeaturizationError as error:
        return Input(name, text, failure=str(error))
