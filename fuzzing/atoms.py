"""What the oracle knows of atoms: whether they are those that were written, or those that a plain reading of the file gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fuzzing.cases import Verdict

Row = tuple[int, float, float, float]
"""Atomic number, 0 where it is not told, and position in Å."""

NEAR = 2e-3
"""Å; files have three decimals."""

NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][-+]?[0-9]+)?")
NO_LETTER = re.compile(r"([-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+))([-+][0-9]{1,3})")


def number(word: str) -> float:
    """Return the number that a word is, as Fortran and C write them; raises ValueError for anything else."""
    word = word.strip(" \t")
    if NUMBER.fullmatch(word):
        return float(word.replace("d", "e").replace("D", "E"))
    if found := NO_LETTER.fullmatch(word):
        return float(f"{found[1]}e{found[2]}")
    raise ValueError(word)


def same_atoms(numbers: Any, positions: Any, charge: int | None = None, unpaired: int | None = None) -> Verdict:
    """Return a verdict that wants these atoms, in any order, and where they are given this charge and these electrons."""
    wanted = _rows(numbers, positions)

    def verdict(value: Any) -> str:
        found = _rows(value.numbers, value.positions)
        if len(found) != len(wanted):
            return f"{len(found)} atoms, {len(wanted)} are right"
        missing = _unexplained(wanted, found)
        if missing:
            return f"{missing[0]} is not among the atoms"
        if charge is not None and value.charge != charge:
            return f"charge {value.charge}, {charge} is right"
        if unpaired is not None and value.unpaired not in (unpaired, -1):
            return f"{value.unpaired} unpaired electrons, {unpaired} is right"
        return ""

    return verdict


def explained_by(*readings: Callable[[], Sequence[Row]], all_of_last: bool = False) -> Verdict:
    """Return a verdict that wants each atom to be one of some plain readings; of the last also every atom, if asked."""

    def verdict(value: Any) -> str:
        listed = [list(reading()) for reading in readings]
        found = _rows(value.numbers, value.positions)
        odd = _unexplained(found, [row for rows in listed for row in rows])
        if odd:
            return f"{odd[0]} is no atom of the file"
        if all_of_last and len(found) != len(listed[-1]):
            return f"{len(found)} atoms of the {len(listed[-1])} of the file"
        return ""

    return verdict


def _rows(numbers: Any, positions: Any) -> list[Row]:
    return [(int(z), *map(float, place)) for z, place in zip(numbers, np.asarray(positions).tolist(), strict=True)]


def _unexplained(rows: Sequence[Row], by: Sequence[Row]) -> list[Row]:
    """Return the rows that are none of others; 0 as the element of those stands for any."""
    if not by:
        return list(rows)
    places, elements = np.array([row[1:] for row in by]), np.array([row[0] for row in by])
    odd = []
    for z, *place in rows:
        tolerance = NEAR + 1e-6 * max(map(abs, place))
        near = (np.abs(places - place) <= tolerance).all(axis=1) & ((elements == z) | (elements == 0))
        if not near.any():
            odd.append((z, *place))
    return odd


def rows_of_words(lines: Sequence[str], first: int, element: Callable[[list[str]], int]) -> list[Row]:
    """Return the rows of lines of words in which x, y and z stand from a place on; what is no row is left out."""
    found = []
    for line in lines:
        words = line.split()
        try:
            found.append((element(words), *(number(word) for word in words[first : first + 3])))
        except (ValueError, IndexError):
            continue
        if len(found[-1]) != 4:
            found.pop()
    return found
