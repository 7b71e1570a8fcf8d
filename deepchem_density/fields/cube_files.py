"""Gaussian cube files: a density in e/bohr³ on a grid given in bohr or Å, as text.

The format is that of the program cubegen, https://gaussian.com/cubegen: two comments; the number of atoms, the origin and
sometimes the number of values a point; a line for each axis with the number of points and the step; a line an atom; the
values, z fastest. A negative number of atoms announces one more list, of the orbitals in the file, and a negative number
of points lengths in Å.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.units import ANGSTROM_PER_BOHR, E_PER_ANGSTROM3
from deepchem_density.structures.numbers import parted, reals, whole
from deepchem_density.structures.text_files import read_text

__all__ = ["Cube", "read_cube", "read_density_cube"]

HEADER_LINES = 6
ATOM_FIELDS = 5

# What the comments of other quantities say; "density" alone is one, but not that of spins or a difference.
OTHER_QUANTITY = re.compile(
    r"\b(?:MOs?|orbitals?|HOMO|LUMO|SOMO|psi|psi_[ab]_?\w*|wave ?functions?|amplitudes?|potential|ESP|MEP|MESP|V_?hartree|ELF|LOL"
    r"|laplacian|gradient|RDG|NCI|spin|difference|deformation|fukui|dual descriptor|electric field|isomer shift|fields?|occupancy"
    r"|atoms per volume|rms deviation)\b",
    re.IGNORECASE,
)
DENSITY = re.compile(r"density\b|\brho\b", re.IGNORECASE)

LARGEST_NEGATIVE_SHARE = 0.02
"""Of the sum of all magnitudes: what ripples of plane waves and interpolation leave is below a thousandth."""


@dataclass(frozen=True, eq=False)
class Cube:
    """The contents of a cube file.

    Parameters
    ----------
    values : np.ndarray
        (n1, n2, n3, values a point): densities in e/Å³; of orbitals, the amplitudes as they are in the file.
    origin : np.ndarray
        Position of the first point, (3,) in Å.
    steps : np.ndarray
        (3, 3) in Å; column a is the step along axis a.
    orbitals : tuple of int
        Numbers of the orbitals, one for each value of a point; empty for a density.
    comments : tuple of str
        The first two lines.
    """

    values: np.ndarray
    origin: np.ndarray
    steps: np.ndarray
    orbitals: tuple[int, ...] = ()
    comments: tuple[str, ...] = ()


def read_cube(path: str | Path) -> Cube:
    """Read a cube file, also one compressed with gzip.

    Raises
    ------
    FeaturizationError
        A file that is missing or a damaged archive, a header that is none, lines of atoms or values that are missing or
        too many, words that are no numbers.
    """
    path = Path(path)
    lines = read_text(path).split("\n")
    try:
        n_atoms, origin, n_values = _first_line(lines)
        counts, steps = _axes(lines)
        for line in lines[HEADER_LINES : HEADER_LINES + abs(n_atoms)]:
            if len(line.split()) != ATOM_FIELDS:
                raise ValueError(
                    f"'{line.strip()}' stands where the atoms should, of which {abs(n_atoms)} are announced"
                )
        words = "\n".join(lines[HEADER_LINES + abs(n_atoms) :]).split()
        orbitals, words = _orbitals(words) if n_atoms < 0 else ((), words)
        values = _values(words, (*(abs(n) for n in counts), len(orbitals) or n_values))
    except (ValueError, IndexError, OverflowError) as error:
        reason = str(error).rstrip(".")
        raise FeaturizationError(f"'{path.name}' cannot be read as a Gaussian cube file: {reason}.") from error
    unit = 1.0 if counts[0] < 0 else ANGSTROM_PER_BOHR
    comments = (lines[0].strip(), lines[1].strip())
    return Cube(values if orbitals else values * E_PER_ANGSTROM3, origin * unit, steps * unit, orbitals, comments)


def read_density_cube(path: str | Path) -> Cube:
    """Read a cube file with one density.

    Raises
    ------
    FeaturizationError
        As of `read_cube`, and where the file holds several values a point, orbitals, or another quantity: one that its
        comments name, or one that is negative in large part where they do not speak of a density. Crystallographers' maps less
        their mean do, in some cubes.
    """
    cube = read_cube(path)
    name = Path(path).name
    advice = "a cube of the electron density, in e/bohr³, is accepted"
    if cube.values.shape[-1] != 1:
        raise FeaturizationError(f"'{name}' holds {cube.values.shape[-1]} values a point; {advice}.")
    others = [line for line in cube.comments if OTHER_QUANTITY.search(line)]
    density = [line for line in cube.comments if DENSITY.search(line) and line not in others]
    if cube.orbitals and (others or not density):
        raise FeaturizationError(
            f"'{name}' holds orbital {cube.orbitals[0]}, an amplitude whose square is a density; {advice}: write the density of "
            "all electrons instead."
        )
    if others and not density:
        raise FeaturizationError(
            f"'{name}' calls itself '{others[0]}', which is no electron density; {advice}: correct the comment where it is one."
        )
    finite = cube.values[np.isfinite(cube.values)]
    total = np.abs(finite).sum()
    share = -finite[finite < 0].sum() / total if np.isfinite(total) and total else 0.0
    if share > LARGEST_NEGATIVE_SHARE and not density:
        raise FeaturizationError(
            f"'{name}' has negative values that make up {share:.0%} of it, which no density has, as orbitals, potentials and "
            f"differences have; {advice}: say so in its comments where it is one."
        )
    return cube if not cube.orbitals else replace(cube, values=cube.values * E_PER_ANGSTROM3)


def _first_line(lines: list[str]) -> tuple[int, np.ndarray, int]:
    """Return the number of atoms, the origin and the values a point."""
    if len(lines) < HEADER_LINES:
        raise ValueError(f"it has {len(lines)} lines, of which the header alone takes {HEADER_LINES}")
    words = lines[2].split()
    if len(words) not in (4, 5):
        raise ValueError(f"'{lines[2].strip()}' stands where the number of atoms and the origin should")
    n_values = whole(words[4], "line 3", "number of values a point") if len(words) == ATOM_FIELDS else 1
    if n_values < 1:
        raise ValueError(f"{n_values} values a point are announced in line 3; 1 or more are accepted")
    return whole(words[0], "line 3", "number of atoms"), reals(words[1:4], "line 3", "origin"), n_values


def _axes(lines: list[str]) -> tuple[list[int], np.ndarray]:
    """Return the number of points along each axis, as it is written, and the steps in columns."""
    rows = [line.split() for line in lines[3:HEADER_LINES]]
    if any(len(row) != 4 for row in rows):
        raise ValueError("its fourth to sixth lines should each hold a number of points and a step of three numbers")
    counts = [whole(row[0], f"line {i}", "number of points") for i, row in enumerate(rows, 4)]
    if 0 in counts or len({n < 0 for n in counts}) != 1:
        raise ValueError(f"its numbers of points are {counts}; all positive (bohr) or all negative (Å) are accepted")
    return counts, np.array([reals(row[1:], f"line {i}", "step") for i, row in enumerate(rows, 4)]).T


def _orbitals(words: list[str]) -> tuple[tuple[int, ...], list[str]]:
    """Return the list of orbitals and the words behind it."""
    n = whole(words[0], "what follows the atoms", "number of orbitals") if words else 0
    if n < 1:
        raise ValueError("its number of atoms is negative, but no list of orbitals follows the atoms")
    return tuple(whole(word, "the list of orbitals", "number") for word in words[1 : n + 1]), words[n + 1 :]


def _values(words: list[str], shape: tuple[int, ...]) -> np.ndarray:
    values = _numbers(words, "what follows the atoms")
    needed = math.prod(shape)
    if len(values) != needed:
        raise ValueError(
            f"{' x '.join(map(str, shape))} values are announced, {needed} in all, and {len(values)} found"
        )
    return values.reshape(shape)


def _numbers(words: list[str], where: str) -> np.ndarray:
    """Return numbers, also Fortran's in columns so narrow that a sign alone parts two of them."""
    try:
        return reals(words, where, "value", finite=False)
    except FeaturizationError:
        return reals(parted(" ".join(words)).split(), where, "value", finite=False)
