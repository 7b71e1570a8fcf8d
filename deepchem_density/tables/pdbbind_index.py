"""Read the INDEX files of PDBbind: one affinity, resolution and year for each PDB code."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepchem_density.structures.numbers import real
from deepchem_density.tables.csv_tables import read_table_text
from deepchem_density.tables.splits import joined_groups

__all__ = [
    "HIGHEST_PK",
    "INDEX_COLUMNS",
    "LOWEST_PK",
    "affinity_of",
    "label_disagreements",
    "read_index",
    "read_indexes",
    "read_uniprot",
]

logger = logging.getLogger(__name__)

INDEX_COLUMNS = (
    "pK",
    "pK_file",
    "measurement",
    "measure",
    "relation",
    "molar",
    "resolution",
    "year",
    "ligand",
    "reference",
    "note",
    "cluster",
)
"""Columns of the frames, explained in `read_index`."""

ROUNDING = 0.0051
"""The files round -log10 to two decimals; a larger difference is a disagreement."""

LOWEST_PK, HIGHEST_PK = -5, 25
"""-log10 of constants in mol/L; biotin and avidin reach 15, what lies far beyond is a slip of the pen or another unit."""

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""The Protein Data Bank began in 1971."""

LARGEST_RESOLUTION = 100.0
"""Å."""

_MOLAR = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_AFFINITY = re.compile(r"(Kd|Ki|IC50)(<=|>=|=|<|>|~)([0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?)([munpfµμ]?)M")
_CODE = re.compile(r"[0-9][0-9A-Za-z]{3}")
_CLUSTER = re.compile("[0-9]{1,9}")
_LAYOUT = "'code resolution year [-log10 K] [Kd|Ki|IC50 and its value] [cluster] [// reference (ligand) note]'"


def affinity_of(measurement: str) -> tuple[str, str, float]:
    """Take a measurement such as "Ki=0.4uM" apart.

    Returns
    -------
    measure : str
        "Kd", "Ki" or "IC50".
    relation : str
        "=", "<", ">", "<=", ">=" or "~": how the constant (not its logarithm) stands to the value.
    molar : float
        The value in mol/L.

    Raises
    ------
    ValueError
        If it is not of this form, or not above zero.
    """
    match = _AFFINITY.fullmatch(measurement)
    molar = float(match[3]) * _MOLAR[match[4]] if match else 0.0
    if match is None or molar <= 0:
        raise ValueError(
            f"'{measurement}' is no affinity; Kd, Ki or IC50, then =, ~, <, >, <= or >=, a number above zero and M, mM, "
            "uM, nM, pM or fM are read, such as Ki=0.4uM"
        )
    return match[1], match[2], molar


def read_index(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read one INDEX file of PDBbind 2013 to 2020 (general, refined or core), or the CoreSet.dat of CASF.

    Parameters
    ----------
    path : path
        Such as INDEX_general_PL_data.2020, INDEX_refined_data.2016, INDEX_general_PL.2020, INDEX_core_cluster.2013 or
        CoreSet.dat. INDEX_..._name files hold no affinities and are refused.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``id``, the PDB code in lower case, in the order of the file, with the columns

        - pK (float): -log10 of the constant in mol/L, computed from the measurement; the file's own where there is no
          measurement.
        - pK_file (float): the file's own -log10, rounded to two decimals; NaN where the file has no such column.
        - measurement, measure, relation (str), molar (float, mol/L): as `affinity_of` takes it apart. "Ki<1nM" says that
          pK is above 9: the relation is that of the constant.
        - resolution (float): Å; NaN for NMR structures.
        - year (int): of release.
        - ligand (str): the name in parentheses, such as "BTN", "GAB&PMP" or "2-mer" (peptides); "" where none is given.
        - reference, note (str): file name of the reference; what follows, such as "incomplete ligand structure".
        - cluster (int): target cluster in core lists, -1 elsewhere.

    Raises
    ------
    ValueError
        If there is no such file, or for a line that is not of this form, holds a value that cannot be, or repeats a code,
        naming file and line.

    Notes
    -----
    PDBbind: Wang et al., J. Med. Chem. 2004, doi:10.1021/jm030580l; Liu et al., Acc. Chem. Res. 2017,
    doi:10.1021/acs.accounts.6b00491. Labels that differ from the file's own are found by `label_disagreements`.
    """
    path = Path(path)
    rows: dict[str, dict[str, Any]] = {}
    for place, line in _lines(path):
        try:
            code, row = _row(line)
            if code in rows:
                raise ValueError(f"{code} was listed before; keep one line for each code")
        except ValueError as error:
            raise ValueError(
                f"line {place} of '{path.name}' cannot be read ({error}): {line.strip()[:100]!r}"
            ) from error
        rows[code] = row
    if not rows:
        raise ValueError(f"'{path.name}' lists no complexes; lines of the form {_LAYOUT} are read")
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(INDEX_COLUMNS))
    return frame.rename_axis("id").astype({"year": "int64", "cluster": "int64"})


def read_indexes(paths: Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Join several INDEX files: for a code in more than one, the line of the first file counts.

    Its cluster is that of the file that gives one, since general lists do not. Where several do, each with numbers of its
    own, codes that share a cluster in any of them share one of the new numbers given here.

    Raises ValueError if no path arrives, and as `read_index` does.
    """
    frames = [read_index(path) for path in paths]
    if not frames:
        raise ValueError("no INDEX file arrived; give at least one, such as INDEX_general_PL_data.2020")
    joined = pd.concat(frames)
    first = joined[~joined.index.duplicated()].copy()
    columns = [frame["cluster"][frame["cluster"] >= 0].reindex(first.index) for frame in frames]
    columns = [column for column in columns if column.notna().any()]
    if len(columns) == 1:
        first["cluster"] = columns[0].fillna(-1).astype(np.int64)
    elif columns:
        known = np.any([column.notna() for column in columns], axis=0)
        first["cluster"] = np.where(known, joined_groups(*(column.to_numpy() for column in columns)), -1)
    return first


def read_uniprot(path: str | os.PathLike[str]) -> pd.Series:
    """Read the UniProt accessions in an INDEX file of names, such as INDEX_general_PL_name.2020.

    Returns
    -------
    pandas.Series
        PDB code in lower case -> accession, such as "P29994", in the order of the file. Codes without one ("------") are
        left out, as are lines that are not 'code year accession name', whose number is logged: labels do not rest on them.

    Raises
    ------
    ValueError
        If there is no such file.
    """
    path = Path(path)
    found: dict[str, str] = {}
    unread: list[int] = []
    for place, line in _lines(path):
        words = line.split()
        if len(words) < 3 or not _CODE.fullmatch(words[0]) or not re.fullmatch("[0-9]{4}", words[1]):
            unread.append(place)
        elif words[2].strip("-_"):
            found.setdefault(words[0].lower(), words[2].upper())
    if unread:
        logger.warning(
            "%d lines of '%s', such as line %d, are not 'code year accession name' and are left out",
            len(unread),
            path.name,
            unread[0],
        )
    return pd.Series(found, dtype=object)


def label_disagreements(index: pd.DataFrame, tolerance: float = ROUNDING) -> pd.DataFrame:
    """Return the rows whose own -log10 differs from that of their measurement by more than `tolerance`."""
    return index[(index["pK"] - index["pK_file"]).abs() > tolerance]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that is neither blank nor a remark."""
    lines = read_table_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return ((place, line) for place, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#"))


def _row(line: str) -> tuple[str, dict[str, Any]]:
    """Return code and columns of a line, or raise ValueError with what is wrong."""
    head, _, tail = line.partition("//")
    words = head.split()
    if len(words) < 4 or not _CODE.fullmatch(words[0]):
        raise ValueError(f"lines of the form {_LAYOUT} are read")
    code, resolution, year, *rest = words
    if not re.fullmatch("[0-9]{4}", year) or not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise ValueError(f"'{year}' is no year from {FIRST_YEAR} to {LAST_YEAR}")
    row: dict[str, Any] = {"resolution": _resolution(resolution), "year": int(year), **_labels(rest)}
    return code.lower(), row | _remarks(tail)


def _resolution(word: str) -> float:
    if word.upper() == "NMR":
        return math.nan
    try:
        resolution = real(word, "it")
    except ValueError:
        raise ValueError(f"'{word}' is no resolution; a number in Å or NMR is read") from None
    if not 0 < resolution <= LARGEST_RESOLUTION:
        raise ValueError(f"a resolution of {word} Å is impossible; up to {LARGEST_RESOLUTION:g} is read")
    return resolution


def _labels(words: list[str]) -> dict[str, Any]:
    """Return the columns that follow from '[-log10 K] [measurement] [cluster]'."""
    found: dict[str, Any] = {"pK_file": math.nan, "measurement": "", "measure": "", "relation": "", "molar": math.nan}
    found["cluster"] = -1
    left = list(words)
    if re.fullmatch(r"-?[0-9]+\.[0-9]+", left[0]):
        found["pK_file"] = float(left.pop(0))
    if left and not _CLUSTER.fullmatch(left[0]):
        found["measurement"] = left.pop(0)
        found["measure"], found["relation"], found["molar"] = affinity_of(found["measurement"])
    if left and _CLUSTER.fullmatch(left[0]):
        found["cluster"] = int(left.pop(0))
    if left:
        raise ValueError(f"'{left[0]}' was not expected there; lines of the form {_LAYOUT} are read")
    found["pK"] = -math.log10(found["molar"]) if found["measurement"] else found["pK_file"]
    if math.isnan(found["pK"]):
        raise ValueError("it holds no affinity")
    for name in ("pK", "pK_file"):
        if not (math.isnan(found[name]) or LOWEST_PK <= found[name] <= HIGHEST_PK):
            raise ValueError(f"a -log10 of {found[name]:g} is impossible; from {LOWEST_PK} to {HIGHEST_PK} is read")
    return found


def _remarks(tail: str) -> dict[str, str]:
    """Return reference, ligand and note of 'reference (ligand) note'; a ligand may hold parentheses of its own."""
    reference, _, rest = tail.strip().partition(" ")
    match = re.match(r"\s*\(((?:[^()]|\([^()]*\))*)\)\s*(.*)", rest)
    ligand, note = (match[1], match[2]) if match else ("", rest.strip())
    return {"reference": reference, "ligand": ligand, "note": note.strip()}
