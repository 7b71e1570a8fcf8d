"""Molecules and complexes to predict, from a .csv, .smi or .sdf file; one that cannot be read keeps its place and a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.sdf import SdfRecord, sdf_records
from deepchem_density.structures.text_files import format_suffix, read_text
from deepchem_density.tables.csv_tables import names_in, read_csv_table
from deepchem_density.voxels.datapoints import Complex, Reading

__all__ = ["Input", "inputs_from", "read_inputs"]

MOLECULE_COLUMNS = ("molecule", "smiles")


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


def read_inputs(path: str | Path, reading: Reading) -> list[Input]:
    """Read a file of molecules or complexes.

    Parameters
    ----------
    path : path
        A .csv with a column ``molecule`` or ``smiles`` (SMILES or paths), or ``ligand`` with ``protein``, ``map`` or both
        (paths), and an optional column ``id``; a .smi with a SMILES and an optional name in each line; or an .sdf with any
        number of molecules. Each may be gzipped. Paths in a .csv are relative to its folder.
    reading : Reading
        How molecules of an .sdf become structures.

    Raises
    ------
    ValueError
        The file cannot be read, holds nothing, or lacks the columns.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".smi": _read_smi, ".smiles": _read_smi, ".sdf": _read_sdf, ".sd": _read_sdf}
    reader = readers.get(format_suffix(path))
    if reader is None:
        raise ValueError(f"'{path}' arrived as input; a .csv, .smi or .sdf file is accepted.")
    try:
        text = read_text(path)
    except FeaturizationError as error:
        raise ValueError(str(error)) from error
    found = reader(text, path, reading)
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


def _read_csv(text: str, path: Path, reading: Reading) -> list[Input]:
    frame = read_csv_table(path)  # not the text, whose letters of other encodings are lost
    names = names_in(frame, "id", path) if "id" in frame else [str(place + 1) for place in range(len(frame))]
    column = next((name for name in MOLECULE_COLUMNS if name in frame), None)
    if column is not None:
        return [_one(n, (m,), path) for n, m in zip(names, frame[column], strict=True)]
    if "ligand" not in frame or not {"protein", "map"} & set(frame):
        raise ValueError(
            f"'{path}' has the columns {', '.join(frame)}; molecule or smiles, or ligand with protein, map or both is accepted."
        )
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


def _read_smi(text: str, path: Path, reading: Reading) -> list[Input]:
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [
        Input(line[1].strip() if len(line) > 1 else str(place), line[0], line[0])
        for place, line in enumerate(lines, start=1)
    ]


def _read_sdf(text: str, path: Path, reading: Reading) -> list[Input]:
    return [_record(record, path, reading) for record in sdf_records(text)]


def _record(record: SdfRecord, path: Path, reading: Reading) -> Input:
    name = record.name or str(record.place + 1)
    text = f"{path.name}, {record.place + 1}"
    try:
        # Read here: a Mol's positions are rounded on their way to another process.
        return Input(name, text, Complex(reading.ligand(record.mol(path.name))))
    except FeaturizationError as error:
        return Input(name, text, failure=str(error))
