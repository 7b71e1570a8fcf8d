"""Labelled complexes from a csv file that names their files, or from a folder in PDBbind's layout."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deepchem_density.files import is_file, is_folder
from deepchem_density.structures.text_files import format_suffix
from deepchem_density.tables.complex_table import ComplexTable
from deepchem_density.tables.csv_tables import names_in, numbers_in, read_csv_table
from deepchem_density.tables.pdbbind import PK_UNIT, read_pdbbind_folder
from deepchem_density.tables.pdbbind_index import HIGHEST_PK, LOWEST_PK

__all__ = ["load_complexes"]

logger = logging.getLogger(__name__)

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_BOUND = re.compile("[<>~≤≥≈]")


def load_complexes(
    source: str | os.PathLike[str],
    targets: str | Sequence[str] = "pK",
    protein: str = "",
    exact: bool = True,
    usable: bool = True,
    units: Mapping[str, str] | None = None,
) -> ComplexTable:
    """Read labelled complexes from a csv file, or from a folder.

    Parameters
    ----------
    source : path
        A .csv or .csv.gz file with one row for each complex, or a folder: one with complexes.csv in it is read as that file, any
        other one by `read_pdbbind_folder`. The csv has the columns

        - id: a unique name;
        - ligand, and protein or pocket, and map (optional): files, relative to the folder of the csv. An empty map stands
          for none; an empty protein is accepted where a map is named;
        - the `targets`: numbers, empty where not known;
        - usable, exact, measurement (optional): see below;
        - any others, kept as text in ``groups`` for splits: pdb, set, group, year, ...
    targets : str or sequence of str
        Label columns.
    protein : str
        The column (csv) or kind of file (folder) to take as receptor: "pocket" or "protein". By default the one the csv
        has, "pocket" for a folder or where it has both.
    exact : bool
        Leave out labels that are bounds or estimates: rows whose column exact is false, or whose measurement holds "<", ">"
        or "~".
    usable : bool
        Leave out rows whose column usable is false.
    units : mapping of str to str, optional
        Unit of each target; "pK" is -log10(M) unless told otherwise.

    Returns
    -------
    ComplexTable
        In the order of the file. `left_out` names every row that is not taken, and why; their number is logged.

    Raises
    ------
    ValueError
        If the file, a column or a number cannot be read, an id repeats, or no complex is left.
    """
    path = Path(source)
    wanted = (targets,) if isinstance(targets, str) else tuple(targets)
    if len(set(wanted)) < len(wanted) or not wanted:
        raise ValueError(f"targets={wanted} arrived; one or more columns, each once, are accepted.")
    if is_folder(path) and not (path / "complexes.csv").is_file():
        if wanted != ("pK",):
            raise ValueError(f"targets {wanted} arrived for the folder '{path}'; PDBbind's INDEX files hold 'pK' only.")
        return read_pdbbind_folder(path, protein or "pocket", exact=exact)
    path = path / "complexes.csv" if is_folder(path) else path
    units = {"pK": PK_UNIT} | dict(units or {})
    frame = _read_csv(path, wanted, protein)
    if frame.empty:
        raise ValueError(f"'{path}' has a header and no rows; one for each complex is accepted.")
    reasons = _unwanted(frame, path, exact, usable)
    _fill(reasons, _without_label(frame, wanted, path))
    if "pK" in wanted and units["pK"] == PK_UNIT:
        _check_affinities(frame, path)
    _fill(reasons, _without_files(frame))
    kept = frame[(reasons == "").to_numpy()]
    left_out = tuple(zip(frame["id"][reasons != ""], reasons[reasons != ""], strict=True))
    logger.info("%d complexes in '%s', %d left out", len(kept), path.name, len(left_out))
    if kept.empty:
        shown = f"; the first: {left_out[0]}" if left_out else ""
        raise ValueError(f"None of the {len(frame)} complexes in '{path}' can be used{shown}.")
    return _table(kept, wanted, units, left_out, str(path))


def _read_csv(path: Path, targets: tuple[str, ...], protein: str) -> pd.DataFrame:
    """Return the rows as text, with absolute paths in the columns ligand, protein and map."""
    if not is_file(path):
        raise ValueError(f"There is no file or folder '{path}'; give a csv file or a folder in PDBbind's layout.")
    if format_suffix(path) != ".csv":
        raise ValueError(f"The file '{path}' arrived; a .csv file, or a folder in PDBbind's layout, is accepted.")
    frame = read_csv_table(path)
    for name in frame.columns:
        frame[name] = frame[name].str.strip()
    kinds = [protein] if protein else [kind for kind in ("pocket", "protein") if kind in frame.columns][:1]
    absent = [name for name in ("id", "ligand", *targets, *kinds) if name not in frame.columns]
    if not kinds and "map" not in frame.columns:
        absent.append("pocket, protein or map")
    if absent:
        raise ValueError(f"'{path}' has no column {', '.join(absent)}; it has {', '.join(frame.columns)}.")
    _check_names(frame, ("id", "ligand", *kinds), path)
    frame["protein"] = frame[kinds[0]] if kinds else ""
    for name in ("ligand", "protein", "map"):
        files = frame[name] if name in frame.columns else pd.Series("", index=frame.index)
        frame[name] = [str(path.parent / file) if file else "" for file in files]
    return frame


def _check_names(frame: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    for name in columns:
        names_in(frame, name, path)
    wrong = frame["id"].duplicated() | (frame["id"] == "")
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(
            f"Each row of '{path}' needs an id of its own; {frame.at[line, 'id']!r} in line {line} is not unique."
        )


def _unwanted(frame: pd.DataFrame, path: Path, exact: bool, usable: bool) -> pd.Series:
    """Return for each row why its own marks exclude it, "" where they do not."""
    reasons = pd.Series("", index=frame.index, dtype=object)
    if usable and "usable" in frame.columns:
        _fill(reasons, _flags(frame, "usable", path).map({True: "", False: "marked as not usable"}))
    if exact:
        bound = pd.Series(False, index=frame.index)
        if "measurement" in frame.columns:
            bound |= frame["measurement"].str.contains(_BOUND)
        if "exact" in frame.columns:
            bound |= ~_flags(frame, "exact", path)
        measured = frame["measurement"] if "measurement" in frame.columns else pd.Series("", index=frame.index)
        _fill(reasons, ("its label is not exact: " + measured).where(bound, ""))
    return reasons


def _flags(frame: pd.DataFrame, name: str, path: Path) -> pd.Series:
    flags = frame[name].str.lower().map(_TRUTH)
    if flags.isna().any():
        row = flags.isna().idxmax()
        raise ValueError(
            f"{name} is {frame.at[row, name]!r} for {frame.at[row, 'id']!r} in line {row} of '{path}'; True and False are "
            "accepted."
        )
    return flags.astype(bool)


def _without_label(frame: pd.DataFrame, targets: tuple[str, ...], path: Path) -> pd.Series:
    """Turn the labels into numbers; return why a row has none at all."""
    for target in targets:
        frame[target] = numbers_in(frame, target, path)
    nothing = frame[list(targets)].isna().all(axis=1)
    return nothing.map({True: f"no label for {', '.join(targets)}", False: ""})


def _check_affinities(frame: pd.DataFrame, path: Path) -> None:
    impossible = ~frame["pK"].between(LOWEST_PK, HIGHEST_PK) & frame["pK"].notna()
    if impossible.any():
        line = impossible.idxmax()
        raise ValueError(
            f"Line {line} of '{path}' has {frame.at[line, 'pK']:g} as its pK; -log10 of a constant in mol/L, from {LOWEST_PK} "
            f"to {HIGHEST_PK}, is accepted: correct it, or name the column otherwise."
        )


def _without_files(frame: pd.DataFrame) -> pd.Series:
    """Return for each row which of its files is not named or not there."""
    reasons = pd.Series("", index=frame.index, dtype=object)
    _fill(reasons, (frame["ligand"] == "").map({True: "it names no ligand", False: ""}))
    alone = (frame["protein"] == "") & (frame["map"] == "")
    _fill(reasons, alone.map({True: "it names no protein", False: ""}))
    for name in ("ligand", "protein", "map"):
        there = {file: not file or is_file(file) for file in frame[name].unique()}
        _fill(reasons, ("there is no file " + frame[name]).where(~frame[name].map(there), ""))
    return reasons


def _fill(reasons: pd.Series, further: pd.Series) -> None:
    """Put `further` reasons where there is none yet."""
    empty = reasons == ""
    reasons[empty] = further[empty]


def _table(
    frame: pd.DataFrame,
    targets: tuple[str, ...],
    units: dict[str, str],
    left_out: tuple[tuple[str, str], ...],
    source: str,
) -> ComplexTable:
    taken = {"id", "ligand", "protein", "pocket", "map", *targets}
    return ComplexTable(
        ids=frame["id"].to_numpy(dtype=np.str_),
        ligands=frame["ligand"].to_numpy(dtype=np.str_),
        proteins=frame["protein"].to_numpy(dtype=np.str_),
        maps=frame["map"].to_numpy(dtype=np.str_),
        labels=frame[list(targets)].to_numpy(dtype=np.float64),
        tasks=targets,
        units={target: units[target] for target in targets if target in units},
        groups={name: frame[name].to_numpy(dtype=np.str_) for name in frame.columns if name not in taken},
        left_out=left_out,
        source=source,
    )
