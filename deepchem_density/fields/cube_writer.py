"""Gaussian cube files of any field or of finished voxels, for PyMOL, ChimeraX, VESTA, VMD and 3Dmol.

What the format leaves open is settled by what these programs do:

- All is in atomic units, lengths in bohr: VESTA misreads files in Å, which the format allows. A density in e/Å³ becomes one in
  e/bohr³, a gradient in e/Å⁴ one in e/bohr⁴; occupancies and maps in σ stay as they are. The second comment says so.
- Values stand at points, the first of them at the origin. The point of a voxel is its centre.
- Axes may be turned and skewed. Chimera's reader keeps them turned; VMD's, which PyMOL uses too, turns the whole file until its
  first axis lies along x, away from a structure that is loaded beside it: give them an unturned grid.
- One channel a file: files with several values a point are read by few programs.
- Columns are those of the program cubegen (I5, 4F12.6 and 6E13.5, https://gaussian.com/cubegen): six digits of a value, and
  10⁻⁶ bohr of a step. A field is looked at in the points that the file then has.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.fields.point_grid import Gridded, PointGrid, point_grid_of, values_on
from deepchem_density.fields.units import ATOMIC_UNITS, BOHR_PER_ANGSTROM
from deepchem_density.files import replacing
from deepchem_density.settings import listed
from deepchem_density.structures.structure import Structure

__all__ = ["QUANTITIES", "ascii_line", "check_unit", "write_cube"]

VALUES_PER_LINE = 6
SMALLEST, LARGEST = 1e-99, 1e99
"""Magnitudes with two digits in the exponent; three of them leave no space between two numbers."""
DECIMALS = 6
FARTHEST = 9999.0
"""bohr; coordinates beyond fill their columns."""

QUANTITIES = {
    "e/Å³": "Electron density",
    "e/Å⁴": "Length of the gradient of the electron density",
    "atoms/Å³": "Number of atoms per volume",
    "1": "Occupancy",
    "σ": "Map in units of its rms deviation",
    "σ/Å": "Length of the gradient of a map in units of its rms deviation",
}
"""Unit -> what is in it, as files without a title call it."""


def write_cube(
    path: str | os.PathLike[str],
    what: Any,
    grid: Gridded,
    atoms: Structure | None = None,
    unit: str = "e/Å³",
    title: str = "",
    channel: int | None = None,
) -> Path:
    """Write a field, or finished voxels, as a Gaussian cube file.

    Parameters
    ----------
    path : path
        The file, by usual ending .cube or .cub.
    what : Field or array
        A field, which is looked at in each point; or the values, (n1, n2, n3) or (n1, n2, n3, channels).
    grid : VoxelGrid or PointGrid
        Where: the centres of voxels, or points along any three axes.
    atoms : Structure, optional
        Atoms to go with them.
    unit : str
        Of the values: "e/Å³", "e/Å⁴", "atoms/Å³", "1", "σ" or "σ/Å"; the file has them in atomic units.
    title : str
        First line; letters that are not ASCII's are left out. What the unit is of by default.
    channel : int, optional
        Which one, needed where there are several.

    Returns
    -------
    Path
        Of the file, which is written completely or not at all.

    Raises
    ------
    ValueError
        Another unit, values that do not fit the grid or are not finite, a place farther than 9,999 bohr from the origin.

    Examples
    --------
    >>> from deepchem_density import Structure, VoxelGrid, write_cube, xtb_density
    >>> water = Structure([8, 1, 1], [[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]])
    >>> write_cube("water.cube", xtb_density(water), VoxelGrid(box_width=8.0, voxel_width=0.25), atoms=water)
    PosixPath('water.cube')
    """
    path, points = Path(path), _as_written(point_grid_of(grid))
    check_unit(unit)
    name, factor = ATOMIC_UNITS[unit]
    values = values_on(what, points, channel) * factor
    largest = float(np.abs(values).max())
    if largest >= LARGEST:
        raise ValueError(f"A value of {largest:g} {name} arrived; cube files hold magnitudes below {LARGEST:g}.")
    values[np.abs(values) < SMALLEST] = 0.0
    lines = [ascii_line(title or QUANTITIES[unit]), f"Values in {name}, lengths in bohr"]
    lines += _header(points, atoms)
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        layout = _row_layout(points.shape[2])
        file.writelines(layout % tuple(row) for row in values.reshape(-1, points.shape[2]))
    return path


def check_unit(unit: str) -> None:
    """Raise ValueError if a unit is none of those that fields have."""
    if unit not in ATOMIC_UNITS:
        raise ValueError(f"unit={unit!r} arrived; {listed(ATOMIC_UNITS)} are accepted.")


def ascii_line(text: str) -> str:
    """Return a text as one line of the letters that headers hold."""
    spelled = text.replace("Å", "A").replace("³", "^3").replace("⁴", "^4").replace("σ", "sigma")
    return " ".join(spelled.encode("ascii", "ignore").decode().split())


def _as_written(points: PointGrid) -> PointGrid:
    """Return the grid whose numbers are those of the file."""
    origin, steps = (
        np.round(lengths * BOHR_PER_ANGSTROM, DECIMALS) / BOHR_PER_ANGSTROM for lengths in (points.origin, points.steps)
    )
    return PointGrid(origin, steps, points.shape)


def _header(points: PointGrid, atoms: Structure | None) -> list[str]:
    places = [points.origin, *points.steps.T] + ([] if atoms is None else list(atoms.positions))
    farthest = float(np.abs(places).max()) * BOHR_PER_ANGSTROM
    if farthest >= FARTHEST:
        raise ValueError(
            f"A coordinate of {farthest:.0f} bohr arrived; cube files hold less than {FARTHEST:.0f}: move the molecule and "
            "its grid to the origin."
        )
    n_atoms = 0 if atoms is None else len(atoms.numbers)
    lines = [f"{n_atoms:5d}{_columns(points.origin)}"]
    lines += [f"{n:5d}{_columns(step)}" for n, step in zip(points.shape, points.steps.T, strict=True)]
    if atoms is not None:
        pairs = zip(atoms.numbers, atoms.positions, strict=True)
        lines += [f"{number:5d}{number:12.6f}{_columns(position)}" for number, position in pairs]
    return lines


def _columns(lengths: np.ndarray) -> str:
    return "".join(f"{length:12.6f}" for length in lengths * BOHR_PER_ANGSTROM + 0.0)


def _row_layout(n: int) -> str:
    """Return how the values along the last axis are written: a new line for each row, as cubegen does."""
    full, rest = divmod(n, VALUES_PER_LINE)
    return ("%13.5E" * VALUES_PER_LINE + "\n") * full + ("%13.5E" * rest + "\n" if rest else "")
