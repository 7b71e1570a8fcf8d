"""Published splits: lists of ids in text, csv or json files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["read_id_lists"]

_ID_COLUMNS = ("id", "pdb", "pdb_id", "pdbid", "pdb_code", "pdbcode", "code", "name")
_SPLIT_COLUMNS = ("split", "new_split", "set")


def read_id_lists(
    *paths: str | os.PathLike[str], id_column: str = "", split_column: str = "", separator: str = "|"
) -> dict[str, list[str]]:
    """Read which ids belong to which set.

    Parameters
    ----------
    paths : path
        One or more files:

        - text (.txt, .ids, .lst or no suffix): one id on each line, "#" starts a comment; the set is called after the file,
          so that train.txt, valid.txt and test.txt make three sets (ATOM3D, time splits);
        - .csv: a column of ids and a column with the set of each row (LP-PDBBind: ``split_column="new_split"``); several
          sets in one cell are parted by `separator`, an empty cell belongs to no set. A csv with ids only is one set;
        - .json: {set: [ids]} (CleanSplit), or {id: set}.
    id_column, split_column : str
        Columns of the csv; by default the first of id, pdb, pdb_id, pdbid, pdb_code, pdbcode, code, name, or a first column
        without a name; and the first of split, new_split, set.
    separator : str
        Between the sets of a csv cell; "" takes cells whole.

    Returns
    -------
    dict of str to list of str
        Set -> ids in lower case, without repetitions, in the order of the file.

    Raises
    ------
    ValueError
        If a file is not of these forms, lists nothing, or two files give one set.
    OSError
        If there is no such file.
    """
    sets: dict[str, list[str]] = {}
    for path in map(Path, paths):
        suffix = path.suffix.lower()
        if suffix == ".csv":
            found = _from_csv(path, id_column, split_column, separator)
        elif suffix == ".json":
            found = _from_json(path)
        elif suffix in ("", ".txt", ".ids", ".lst"):
            lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
            found = {path.stem: [line for line in lines if line]}
        else:
            raise ValueError(f"'{path.name}' ends in '{suffix}'; lists in .txt, .ids, .lst, .csv and .json are read")
        twice = sorted(found.keys() & sets.keys())
        if twice or not any(found.values()):
            problem = f"gives {', '.join(twice)} a second time" if twice else "lists no ids"
            raise ValueError(f"'{path}' {problem}; give each set once, with at least one id in the file")
        sets |= {name: list(dict.fromkeys(code.lower() for code in ids)) for name, ids in found.items()}
    if not sets:
        raise ValueError("no file with ids arrived; give at least one")
    return sets


def _from_csv(path: Path, id_column: str, split_column: str, separator: str) -> dict[str, list[str]]:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(f"'{path}' cannot be read as csv ({error})") from error
    unnamed = [name for name in frame.columns[:1] if name.startswith("Unnamed")]
    ids = _column(path, frame, id_column, (*_ID_COLUMNS, *unnamed), "ids")
    if not split_column and not set(_SPLIT_COLUMNS) & set(frame.columns):
        return {path.stem: [code.strip() for code in frame[ids] if code.strip()]}
    splits = _column(path, frame, split_column, _SPLIT_COLUMNS, "sets")
    sets: dict[str, list[str]] = {}
    for code, cell in zip(frame[ids].str.strip(), frame[splits].str.strip(), strict=True):
        for name in cell.split(separator) if separator else [cell]:
            if code and name:
                sets.setdefault(name, []).append(code)
    return sets


def _column(path: Path, frame: pd.DataFrame, given: str, usual: tuple[str, ...], what: str) -> str:
    found = [name for name in ((given,) if given else usual) if name in frame.columns]
    if not found:
        raise ValueError(
            f"'{path}' has no column {given or ' or '.join(usual)} with {what}; it has {', '.join(frame.columns)}"
        )
    return found[0]


def _from_json(path: Path) -> dict[str, list[str]]:
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise ValueError(f"'{path}' cannot be read as json ({error})") from error
    if isinstance(content, list) and all(isinstance(code, str) for code in content):
        return {path.stem: content}
    if isinstance(content, Mapping) and all(isinstance(name, str) for name in content.values()):
        sets: dict[str, list[str]] = {}
        for code, name in content.items():
            sets.setdefault(name, []).append(code)
        return sets
    if isinstance(content, Mapping) and all(isinstance(ids, list) for ids in content.values()):
        return {str(name): [str(code) for code in ids] for name, ids in content.items()}
    raise ValueError(f"'{path}' holds neither {{set: [ids]}} nor {{id: set}} nor [ids]")
