"""The one reader of csv files: a row is as wide as the header or it is refused, and no cell ever stands under another name."""

from __future__ import annotations

import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepchem_density.structures.numbers import real, reals
from deepchem_density.structures.text_files import text_of, unpacked_bytes

__all__ = ["MISSING", "names_in", "numbers_in", "plain_names", "read_csv_table", "read_table_text", "unnamed"]

MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none"})
"""Cells that stand for a number that is not known, in lower case."""

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class _Parsed:
    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_csv_table(path: str | os.PathLike[str], blank_rows: bool = False) -> pd.DataFrame:
    r"""Return the rows of a csv file as text.

    Parameters
    ----------
    path : path
        UTF-8, or what `read_table_text` takes instead, also gzipped. Its first line is the header; commas, semicolons or tabs
        part the cells, whichever fit all rows. Cells may be quoted, and then hold delimiters, doubled quotes and ends of lines.
    blank_rows : bool
        Keep the blank lines at the end of a table of one column, which may be cells without a value.

    Returns
    -------
    pandas.DataFrame
        Cells as they are in the file, ``str``; indexed by ``line``, where each row begins in the file. A column without a name
        is called after its place, see `unnamed`. Names of columns are without blanks around them.

    Raises
    ------
    OSError, ValueError
        The file cannot be read, is empty, repeats a name of a column, or holds a row that is not as wide as the header.
    """
    text = read_table_text(path)
    first = next(_records(text, ",", path), None)
    if first is None or not "".join(first[1]).strip():
        raise ValueError(f"'{path}' cannot be read as csv (its first line is empty); a header and rows are accepted.")
    parsed = _parsed(text, path, blank_rows)
    header = [name.strip() or unnamed(place) for place, name in enumerate(parsed.header, start=1)]
    repeated = [name for place, name in enumerate(header) if name in header[:place]]
    if repeated:
        raise ValueError(f"'{path}' has several columns '{repeated[0]}'; give each a name of its own.")
    index = pd.Index(parsed.lines, name="line", dtype=np.int64)
    return pd.DataFrame(parsed.rows, columns=header, index=index, dtype=object)


def read_table_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a table or list, which may be gzipped, with the ends of its lines as they are.

    Raises
    ------
    FeaturizationError
        As `deepchem_density.structures.text_files.read_text` does.

    Warns
    -----
    UserWarning
        It is neither UTF-8 nor UTF-16 with its mark, and is read as cp1252, as Western Windows programs write it.
    """
    raw = unpacked_bytes(Path(path))
    text = text_of(raw, Path(path))
    try:
        raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        warnings.warn(
            f"'{path}' is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line}) and is read as cp1252, the encoding of "
            "Western Windows programs; save it as UTF-8 where that is wrong.",
            stacklevel=3,
        )
    return text


def unnamed(place: int) -> str:
    """Return what a column without a name is called, by its place from 1."""
    return f"(column {place})"


def numbers_in(frame: pd.DataFrame, name: str, path: str | os.PathLike[str]) -> np.ndarray:
    """Return a column as numbers (n,) float64, NaN where a cell is one of `MISSING`.

    Raises
    ------
    FeaturizationError
        A cell holds what is no number, or not finite; named by its line. A decimal comma is called one.
    """
    cells = [cell.strip() for cell in frame[name]]
    known = np.array([cell.lower() not in MISSING for cell in cells], dtype=bool)
    values = np.full(len(cells), np.nan)
    words = [cell for cell, is_known in zip(cells, known, strict=True) if is_known]
    try:
        values[known] = reals(words, "")
    except ValueError:
        for line, word in zip(frame.index[known], words, strict=True):
            real(word, f"Line {line} of '{path}'", name)
        raise
    return values


def names_in(frame: pd.DataFrame, name: str, path: str | os.PathLike[str]) -> list[str]:
    """Return a column of names (n,) as `plain_names` does."""
    return plain_names(frame[name], name, lambda place: f"Line {frame.index[place]} of '{path}'")


def plain_names(texts: Iterable[str], what: str, where: Callable[[int], str]) -> list[str]:
    """Return names without blanks around them, "" where there is none.

    Parameters
    ----------
    texts : iterable of str
        The names.
    what : str
        What an error message calls them: "id".
    where : callable
        How the message begins for a name at a place from 0: "Line 3 of 'a.csv'".

    Raises
    ------
    ValueError
        A name holds an end of a line or another control character, as where a quote is not closed.
    """
    names = [text.strip() for text in texts]
    for place, name in enumerate(names):
        if _CONTROL.search(name):
            raise ValueError(f"{where(place)} has {name[:40]!r} as its {what}; a name in one line is accepted.")
    return names


def _parsed(text: str, path: str | os.PathLike[str], blank_rows: bool) -> _Parsed:
    """Return the rows by the delimiter that fits them all."""
    headers = {mark: next(_records(text, mark, path, strict=False))[1] for mark in _DELIMITERS}
    possible = [mark for mark, header in headers.items() if len(header) > 1] or [","]
    fitting: dict[str, _Parsed] = {}
    errors: dict[str, ValueError] = {}
    for mark in possible:
        try:
            fitting[mark] = _rows(text, mark, path, blank_rows)
        except ValueError as error:
            errors[mark] = error
    if len(fitting) > 1:
        names = " or ".join(_DELIMITERS[mark] for mark in fitting)
        raise ValueError(f"The cells of '{path}' may be parted by {names}; quote the cells that hold others.")
    if not fitting:
        raise errors[max(errors, key=lambda mark: len(headers[mark]))]
    return next(iter(fitting.values()))


def _rows(text: str, mark: str, path: str | os.PathLike[str], blank_rows: bool) -> _Parsed:
    records = _records(text, mark, path)
    _, header = next(records)
    rows, lines, blank = [], [], 0
    for line, record in records:
        if len(record) < 2 and not "".join(record).strip():
            blank = blank or line
            record = record or [""]
        elif blank and len(header) > 1:
            raise ValueError(f"Line {blank} of '{path}' is blank and rows follow it; remove it, or fill it.")
        elif len(record) != len(header):
            raise ValueError(
                f"Line {line} of '{path}' has {len(record)} fields and the header {len(header)}; one for each column is "
                f"accepted: quote cells that hold {_DELIMITERS[mark]}, and give empty cells their place."
            )
        else:
            blank = 0
        rows.append(record)
        lines.append(line)
    kept = len(rows) if not blank or (blank_rows and len(header) == 1) else lines.index(blank)
    return _Parsed(header, rows[:kept], lines[:kept])


def _records(
    text: str, mark: str, path: str | os.PathLike[str], strict: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each record, and the line where it begins."""
    # without strict, an unclosed quote would swallow the rows that follow it
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=strict)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"The row from line {line} of '{path}' cannot be read as csv ({error}); correct it."
        ) from error
