"""Labelled molecules from a table of SMILES; rows that cannot be used are named, counted and left out."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase

from deepchem_density.tables.csv_tables import numbers_in
from deepchem_density.tables.molecule_rows import names_of_rows, read_molecule_rows, smiles_column_of
from deepchem_density.tables.smiles_table import SmilesTable

__all__ = ["load_smiles"]

logger = logging.getLogger(__name__)

_SHOWN = 5


def load_smiles(
    source: str | os.PathLike[str],
    targets: str | Sequence[str] = (),
    smiles_column: str = "",
    id_column: str = "",
) -> SmilesTable:
    """Read labelled molecules from a .csv, .smi or .parquet file.

    Parameters
    ----------
    source : path
        As in `deepchem_density.tables.molecule_rows.read_molecule_rows`.
    targets : str or sequence of str
        Label columns, whatever letters their names have: numbers, empty where not known.
    smiles_column : str
        By default the only column with "smiles" in its name, or else "molecule".
    id_column : str
        Unique names; by default rows are numbered from 1.

    Returns
    -------
    SmilesTable
        In the order of the file. `left_out` names every row that is not taken, and why: no SMILES, none that RDKit can read, or
        a molecule that stands in another row, too (as its canonical SMILES tells). Of those the row with most labels is taken,
        the first of several. Their number is logged, and the first of them.

    Raises
    ------
    ValueError
        If the file, a column or a number cannot be read, a name repeats, or no molecule is left.
    """
    path = Path(source)
    wanted = (targets,) if isinstance(targets, str) else tuple(targets)
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"targets={wanted} arrived; each column once is accepted.")
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    return _loaded(str(path), stamp, wanted, smiles_column, id_column)


@lru_cache(maxsize=4)
def _loaded(path: str, _changed: int, targets: tuple[str, ...], smiles_column: str, id_column: str) -> SmilesTable:
    """Read a file once, however often it is asked for; `_changed` makes a rewritten one be read again."""
    frame = read_molecule_rows(path)
    column = smiles_column_of(frame, smiles_column, path)
    missing = [target for target in targets if target not in frame.columns]
    if missing:
        raise ValueError(
            f"'{path}' has no column {', '.join(map(repr, missing))} for labels; it has the columns {', '.join(frame.columns)}: "
            "name those to learn with --targets."
        )
    if frame.empty:
        raise ValueError(f"'{path}' holds no molecule; a row for each is accepted.")
    ids = np.array(names_of_rows(frame, id_column, path))
    _check_unique(ids, frame, path, id_column)
    columns = [numbers_in(frame, target, path) for target in targets]
    labels = np.stack(columns, axis=1) if columns else np.zeros((len(frame), 0))
    smiles = [cell.strip() for cell in frame[column]]
    reasons = _reasons(smiles, labels, frame.index)
    kept = np.array([not reason for reason in reasons])
    left_out = [(line, one, reason) for line, one, reason in zip(frame.index, ids, reasons, strict=True) if reason]
    _tell(path, len(frame), left_out)
    if not kept.any():
        raise ValueError(f"None of the {len(frame)} rows of '{path}' can be used; the first: {reasons[0]}.")
    return SmilesTable(
        ids=ids[kept],
        smiles=np.array(smiles, dtype=np.str_)[kept],
        labels=labels[kept],
        tasks=targets,
        left_out=tuple((one, reason) for _, one, reason in left_out),
        source=path,
    )


def _check_unique(ids: np.ndarray, frame: pd.DataFrame, path: str, id_column: str) -> None:
    wrong = pd.Series(ids, index=frame.index)
    wrong = wrong.duplicated() | (wrong == "")
    if wrong.any():
        line = wrong.idxmax()
        raise ValueError(
            f"Line {line} of '{path}' has {frame.at[line, id_column]!r} in the column of names, which is empty or stands there "
            "before; unique names are accepted: name another column with --id-column, or none."
        )


def _reasons(smiles: Sequence[str], labels: np.ndarray, lines: pd.Index) -> list[str]:
    """Return for each row why it is not taken, "" where it is."""
    reasons = [""] * len(smiles)
    known = np.isfinite(labels).sum(axis=1)
    taken: dict[str, int] = {}
    for place, one in enumerate(smiles):
        reasons[place], canonical = _canonical(one)
        if reasons[place]:
            continue
        first = taken.setdefault(canonical, place)
        if first == place:
            continue
        better = known[place] > known[first]
        kept, other = (place, first) if better else (first, place)
        taken[canonical] = kept
        reasons[other] = f"the molecule of line {lines[kept]}" + _disagreement(labels[kept], labels[other])
    return reasons


def _canonical(smiles: str) -> tuple[str, str]:
    """Return why a SMILES cannot be used, or its canonical form."""
    if not smiles:
        return "no SMILES", ""
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None or mol.GetNumAtoms() == 0:
        return f"RDKit cannot read '{smiles}' as SMILES", ""
    return "", Chem.MolToSmiles(mol)


def _disagreement(kept: np.ndarray, other: np.ndarray) -> str:
    both = np.isfinite(kept) & np.isfinite(other)
    return " with another label" if (kept[both] != other[both]).any() else ""


def _tell(path: str, n: int, left_out: Sequence[tuple[int, str, str]]) -> None:
    if left_out:
        shown = "; ".join(f"line {line}: {reason}" for line, _, reason in left_out[:_SHOWN])
        more = f"; and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        logger.warning("%d of %d rows of '%s' are left out: %s%s", len(left_out), n, path, shown, more)
