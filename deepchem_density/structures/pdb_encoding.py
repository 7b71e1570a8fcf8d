"""Letters outside of ASCII in PDB files, whose columns some programs count in characters and others in bytes.

A parser that counts the other way finds every field behind such a letter one column off, and takes what it finds.
"""

from __future__ import annotations

import re

from deepchem_density.errors import FeaturizationError

__all__ = ["ascii_lines"]

_PLACES = re.compile(r"[ ?]*[-+]?[\d?]*\.[\d?]{3}", re.ASCII)
_NUMBERS = re.compile(r"[ *?]*[-+]?[\d?]*\.?[\d?]*[ ]*", re.ASCII)
_END = re.compile(r"(?:  | [A-Za-z?]|[A-Za-z?]{2})(?:  |\d[-+]|[-+]\d)\s*", re.ASCII)
_READ = ((12, 66), (76, 80))
"""Columns 13-66 and 77-80: names, codes and the number of the residue, coordinates, occupancy and B; element and charge."""


def ascii_lines(text: str, name: str) -> str:
    r"""Return a PDB file in ASCII, the fields of each atom's line in their columns.

    In what is not read, other letters become question marks. Whether the columns of an atom's line are characters or bytes is
    decided by where its coordinates and all that follows them are found.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    name : str
        What error messages call it.

    Raises
    ------
    FeaturizationError
        Such a letter in the names or numbers of an atom, or one that moves them so that they cannot be told.
    """
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if not line.isascii():
            atom = line[:6].upper().startswith(("ATOM", "HETATM"))
            lines[i] = _atom_line(line, f"Line {i + 1} of '{name}'") if atom else _without_letters(line)
    return "\n".join(lines)


def _atom_line(line: str, where: str) -> str:
    letter = next(c for c in line if not c.isascii())
    in_bytes = line.encode("utf-8").decode("latin-1")
    found = {}
    for columns in (line, in_bytes):
        if _in_columns(_without_letters(columns)):
            found[tuple(columns[first:last].rstrip() for first, last in _READ)] = columns
    if len(found) != 1:
        raise FeaturizationError(
            f"{where} holds {letter!r}, and its coordinates are not in the columns of a PDB file, or not surely; write it in "
            "ASCII."
        )
    fields, columns = next(iter(found.items()))
    if not "".join(fields).isascii():
        raise FeaturizationError(
            f"{where} holds {letter!r} in columns 13-66 or 77-80, which are read; ASCII is accepted there: write names "
            "and numbers in it."
        )
    return _without_letters(columns)


def _in_columns(line: str) -> bool:
    """Tell whether coordinates, occupancy, B factor, element and charge are in their columns."""
    fields = line.ljust(80)
    return (
        all(_PLACES.fullmatch(fields[i : i + 8]) for i in (30, 38, 46))
        and all(_NUMBERS.fullmatch(fields[i : i + 6]) for i in (54, 60))
        and bool(_END.fullmatch(fields[76:]))
    )


def _without_letters(text: str) -> str:
    return "".join(c if c.isascii() else "?" for c in text)
