"""Published splits: lists of ids in text, csv, json and INDEX files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deepchem_density.files import is_file, is_folder, read_json
from deepchem_density.structures.text_files import format_suffix
from deepchem_density.tables.csv_tables import names_in, plain_names, read_csv_table, read_table_text, unnamed
from deepchem_density.tables.pdbbind_index import read_index

__all__ = ["listed_ids", "published_lists", "qm9_number", "read_id_lists"]

_ID_COLUMNS = ("id", "pdb", "pdb_id", "pdbid", "pdb_code", "pdbcode", "code", "name")
_SPLIT_COLUMNS = ("split", "new_split", "set")
_TEXT = ("", ".txt", ".ids", ".lst")
_SETTINGS = ("column", "id_column", "train", "valid", "test")
_ROLES = {"train": ("train", "training"), "valid": ("valid", "val", "validation", "dev"), "test": ("test", "testing")}


def published_lists(text: str) -> dict[str, list[str]]:
    """Read the lists of a published split from files named in one line.

    Parameters
    ----------
    text : str
        A folder with lists such as train.txt, val.txt and test.txt, or one or more files as of `read_id_lists`, with commas
        between them. After them may follow, where the names tell too little: ``column=new_split`` and ``id_column=pdb`` for
        a csv, and which set to take, as in ``train=train,valid=val,test=casf2016``.

    Returns
    -------
    dict of str to list of str
        "train", "test", and "valid" where there is such a list: a name, or a word of it ("timesplit_val"), that is train,
        training; valid, val, validation, dev; test, testing.

    Raises
    ------
    ValueError
        If a file cannot be read, or a list for training or testing is missing or not the only one.
    """
    sets, settings = _read(text)
    asked = {role: settings.get(role, "") for role in _ROLES}
    free = {name: ids for name, ids in sets.items() if name not in asked.values()}
    found = {role: _named(sets if name else free, role, name) for role, name in asked.items()}
    missing = [role for role in ("train", "test") if not found[role]]
    if missing:
        other = next((name for name in sets if name not in found.values()), "...")
        raise ValueError(
            f"'{text}' arrived; there is no list {' or '.join(missing)}, but {', '.join(sets)}: say which to take, as in "
            f"'{text},{missing[0]}={other}'"
        )
    return {role: sets[name] for role, name in found.items() if name}


def listed_ids(text: str) -> list[str]:
    """Read the ids of one list, such as a core set.

    Parameters
    ----------
    text : str
        A file with one list, such as CASF's CoreSet.dat, or whatever `published_lists` reads, of which the list for testing
        is taken.

    Raises
    ------
    ValueError
        If a file cannot be read, or there are several lists and none is for testing.
    """
    sets, settings = _read(text)
    if len(sets) == 1 and "test" not in settings:
        return next(iter(sets.values()))
    name = _named(sets, "test", settings.get("test", ""))
    if not name:
        raise ValueError(
            f"'{text}' arrived; it holds {', '.join(sets)}: say which to test on, as in '{text},test={next(iter(sets))}'"
        )
    return sets[name]


def _read(text: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the sets in the files that a line names, and the settings in it."""
    parts = [text] if is_file(text) or is_folder(text) else [part.strip() for part in text.split(",") if part.strip()]
    pairs = [part.partition("=") for part in parts]
    settings = {name: value for name, sign, value in pairs if sign and name in _SETTINGS}
    files = [part for part, (name, sign, _) in zip(parts, pairs, strict=True) if not (sign and name in _SETTINGS)]
    paths = [file for place in files for file in _files(Path(place))]
    sets = read_id_lists(*paths, id_column=settings.get("id_column", ""), split_column=settings.get("column", ""))
    return sets, settings


def _files(path: Path) -> list[Path]:
    """Return the file, or the text files in a folder that are called after a set."""
    if not is_folder(path):
        return [path]
    texts = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in _TEXT)
    found = [file for file in texts if any(_plays(file.stem, role) for role in _ROLES)]
    if not found:
        raise ValueError(f"The folder '{path}' holds no lists; files such as train.txt, val.txt and test.txt are read.")
    return found


def _named(sets: Mapping[str, list[str]], role: str, asked: str) -> str:
    """Return the name of the set to take for a role, "" where there is none."""
    if asked:
        if asked not in sets:
            raise ValueError(f"{role}={asked} arrived; there is no such list, but {', '.join(sets)}")
        return asked
    found = [name for name in sets if name.lower() in _ROLES[role]] or [name for name in sets if _plays(name, role)]
    if len(found) > 1:
        raise ValueError(f"{', '.join(found)} may all be lists for {role}; say which, as in '{role}={found[0]}'")
    return found[0] if found else ""


def _plays(name: str, role: str) -> bool:
    return bool(set(re.split(r"[^a-z]+", name.lower())) & set(_ROLES[role]))


def read_id_lists(
    *paths: str | os.PathLike[str], id_column: str = "", split_column: str = "", separator: str = "|"
) -> dict[str, list[str]]:
    """Read which ids belong to which set.

    Parameters
    ----------
    paths : path
        One or more files, each of which may be gzipped:

        - text (.txt, .ids, .lst or no suffix): one id on each line, "#" starts a comment; the set is called after the file,
          so that train.txt, valid.txt and test.txt make three sets (ATOM3D, time splits);
        - .csv: a column of ids and a column with the set of each row (LP-PDBBind: ``split_column="new_split"``); several
          sets in one cell are parted by `separator`, an empty cell belongs to no set. A csv with ids only is one set;
        - .json: {set: [ids]} (CleanSplit), or {id: set};
        - .dat, and files called INDEX_...: the codes in an INDEX file of PDBbind or CASF's CoreSet.dat; one set.
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
        If there is no such file, it is not of these forms or lists nothing, or two files give one set.
    """
    sets: dict[str, list[str]] = {}
    for path in map(Path, paths):
        if not is_file(path):
            raise ValueError(f"There is no file '{path}'; give one with ids.")
        found = _from_file(path, id_column, split_column, separator)
        twice = sorted(found.keys() & sets.keys())
        if twice or not any(found.values()):
            problem = f"gives {', '.join(twice)} a second time" if twice else "lists no ids"
            raise ValueError(f"'{path}' {problem}; give each set once, with at least one id in the file")
        sets |= {name: list(dict.fromkeys(code.lower() for code in ids)) for name, ids in found.items()}
    if not sets:
        raise ValueError("no file with ids arrived; give at least one")
    return sets


def _from_file(path: Path, id_column: str, split_column: str, separator: str) -> dict[str, list[str]]:
    suffix = format_suffix(path)
    if suffix == ".dat" or path.name.startswith("INDEX_"):
        return {_stem(path): read_index(path).index.tolist()}
    if suffix == ".csv":
        return _from_csv(path, id_column, split_column, separator)
    if suffix == ".json":
        return _from_json(path)
    if suffix not in _TEXT:
        raise ValueError(
            f"'{path.name}' ends in '{suffix}'; lists in .txt, .ids, .lst, .csv, .json, .dat and INDEX files are read"
        )
    lines = read_table_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ids = plain_names((line.partition("#")[0] for line in lines), "id", lambda place: f"Line {place + 1} of '{path}'")
    return {_stem(path): _known(ids)}


def _stem(path: Path) -> str:
    """Return what a set is called: "train" for "train.txt" and "train.txt.gz"."""
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem


def _from_csv(path: Path, id_column: str, split_column: str, separator: str) -> dict[str, list[str]]:
    frame = read_csv_table(path)
    ids = names_in(frame, _column(path, frame, id_column, (*_ID_COLUMNS, unnamed(1)), "ids"), path)
    if not split_column and not set(_SPLIT_COLUMNS) & set(frame.columns):
        return {_stem(path): _known(ids)}
    splits = names_in(frame, _column(path, frame, split_column, _SPLIT_COLUMNS, "sets"), path)
    sets: dict[str, list[str]] = {}
    for code, cell in zip(ids, splits, strict=True):
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
    content = read_json(path)
    if isinstance(content, list):
        return {_stem(path): _known(_names(content, path))}
    if isinstance(content, Mapping) and all(isinstance(name, str) for name in content.values()):
        sets: dict[str, list[str]] = {}
        for code, name in zip(_names(list(content), path), content.values(), strict=True):
            sets.setdefault(name, []).append(code)
        return {name: _known(ids) for name, ids in sets.items()}
    if isinstance(content, Mapping) and all(isinstance(ids, list) for ids in content.values()):
        return {name: _known(_names(ids, path)) for name, ids in content.items()}
    raise ValueError(f"'{path}' holds neither {{set: [ids]}} nor {{id: set}} nor [ids]")


def _names(ids: Sequence[Any], path: Path) -> list[str]:
    """Return the ids in a list of a JSON file; whole numbers are names as well."""
    wrong = [one for one in ids if not isinstance(one, (str, int)) or isinstance(one, bool)]
    if wrong:
        raise ValueError(f"{repr(wrong[0])[:60]} stands for an id in '{path}'; text or a whole number is accepted.")
    return plain_names(map(str, ids), "id", lambda place: f"Entry {place + 1} of a list in '{path}'")


def _known(ids: Sequence[str]) -> list[str]:
    return [code for code in ids if code]


def qm9_number(name: str) -> str:
    """Return the number of a molecule of QM9, in lower case what is none: "42" of "gdb_42"."""
    return name.strip().lower().removeprefix("gdb_")
