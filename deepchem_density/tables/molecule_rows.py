"""Rows of molecules as text, from .csv, .smi and .parquet files, and which of their columns holds the SMILES."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from deepchem_density.errors import FeaturizationError
from deepchem_density.files import is_file
from deepchem_density.structures.text_files import format_suffix, guarded, read_text
from deepchem_density.tables.csv_tables import names_in, read_csv_table

__all__ = ["NAME", "ROW_SUFFIXES", "SMILES", "names_of_rows", "read_molecule_rows", "smiles_column_of"]

SMILES, NAME = "smiles", "name"
"""Columns of a .smi file, which names none."""

_MOLECULE = "molecule"


def read_molecule_rows(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the rows of a table of molecules as text.

    Parameters
    ----------
    path : path
        A .csv, as `read_csv_table` takes it; a .smi or .smiles file with a SMILES and, after a blank, an optional name in each
        line, where lines that begin with # are remarks; or a .parquet file. The first two may be gzipped.

    Returns
    -------
    pandas.DataFrame
        ``str``, "" where there is nothing, indexed by ``line``: where a row begins in its file, or its place in a .parquet file,
        from 1. A .smi file has the columns smiles and name.

    Raises
    ------
    ValueError
        There is no such file, it is of another kind, damaged, or repeats the name of a column.
    ImportError
        A .parquet file without pyarrow.
    """
    path = Path(path)
    reader = _READERS.get(format_suffix(path))
    if reader is None:
        raise ValueError(f"'{path}' arrived as a table of molecules; a {', '.join(_READERS)} file is accepted.")
    if not is_file(path):
        raise ValueError(f"There is no file '{path}'; a {', '.join(_READERS)} file is accepted.")
    try:
        return reader(path)
    except FeaturizationError as error:
        raise ValueError(str(error)) from error


def smiles_column_of(frame: pd.DataFrame, asked: str, path: str | os.PathLike[str]) -> str:
    """Return the column with SMILES: the one asked for, else the only one with "smiles" in its name, else "molecule".

    Raises
    ------
    ValueError
        There is no such column, or several.
    """
    if asked:
        if asked not in frame.columns:
            raise ValueError(
                f"'{path}' has no column '{asked}' for SMILES; it has the columns {', '.join(frame.columns)}."
            )
        return asked
    found = [name for name in frame.columns if SMILES in name.lower()]
    found = found or [name for name in frame.columns if name.lower() == _MOLECULE]
    if len(found) != 1:
        problem = f"{len(found)} columns that may hold SMILES" if found else "no column with smiles in its name"
        raise ValueError(
            f"'{path}' has {problem}, among {', '.join(frame.columns)}; name the one to take with --smiles-column."
        )
    return found[0]


def names_of_rows(frame: pd.DataFrame, id_column: str, path: str | os.PathLike[str]) -> list[str]:
    """Return the names in a column, or the number of each row from 1 where no column is given.

    Raises
    ------
    ValueError
        There is no such column, or it holds what is no name.
    """
    if not id_column:
        return [str(place) for place in range(1, len(frame) + 1)]
    if id_column not in frame.columns:
        raise ValueError(f"'{path}' has no column '{id_column}' for names; it has {', '.join(frame.columns)}.")
    return names_in(frame, id_column, path)


def _read_smi(path: Path) -> pd.DataFrame:
    lines = [(number, line.split(maxsplit=1)) for number, line in enumerate(read_text(path).split("\n"), start=1)]
    kept = [(number, parts) for number, parts in lines if parts and not parts[0].startswith("#")]
    return pd.DataFrame(
        [(parts[0], parts[1].strip() if len(parts) > 1 else "") for _, parts in kept],
        columns=[SMILES, NAME],
        index=pd.Index([number for number, _ in kept], name="line", dtype="int64"),
        dtype=object,
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"'{path}' arrived; .parquet files are read with pyarrow, which is not installed: pip install pyarrow, or save the "
            "table as .csv."
        ) from error
    with guarded(path):
        frame = pd.read_parquet(path, engine="pyarrow")
    frame.columns = [str(name).strip() for name in frame.columns]
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise ValueError(f"'{path}' has several columns '{repeated[0]}'; give each a name of its own.")
    index = pd.RangeIndex(1, len(frame) + 1, name="line")
    return pd.DataFrame({name: list(map(_text, frame[name])) for name in frame.columns}, index=index, dtype=object)


def _text(value: Any) -> str:
    """Return a cell as it would stand in a csv file, with all its digits."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


_READERS = {".csv": read_csv_table, ".smi": _read_smi, ".smiles": _read_smi, ".parquet": _read_parquet}
ROW_SUFFIXES = tuple(_READERS)
"""Endings of files that hold a molecule in each row."""
