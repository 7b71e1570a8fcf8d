"""Crystallographic maps and cube files as densities: CCP4/MRC, map coefficients in MTZ and mmCIF, Gaussian cube.

What each kind is and how it is checked stands in `ccp4_maps`, `map_coefficients` and `cube_files`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.ccp4_maps import read_ccp4
from deepchem_density.fields.cube_files import read_density_cube
from deepchem_density.fields.map_coefficients import COEFFICIENT_SUFFIXES, Pair, map_of_coefficients, pair_of
from deepchem_density.fields.maps import GriddedDensity, GriddedValues
from deepchem_density.structures.text_files import check_unpacked, format_suffix

__all__ = ["MAP_SUFFIXES", "read_map"]

LARGEST_VALUE = 1e18
"""Its square is still a number in single precision."""

MAP_VALUES = ("sigma", "file")
KEPT_MAPS = 4

LARGEST_FILE = (1 << 30) + (1 << 20)
"""Bytes that a compressed map may unpack to: as many nodes as memory allows, and a header."""
BINARY = (".ccp4", ".map", ".mrc", ".mtz")
"""Endings of files that are not read as text, which has a limit of its own."""

FOREIGN_SUFFIXES = (".dsn6", ".brix", ".omap")
MAP_SUFFIXES = (".ccp4", ".map", ".mrc", ".mtz", ".cube", ".cub", *FOREIGN_SUFFIXES)
"""Endings of maps only, before .gz; those of the program O are known, to be refused with advice."""


def read_map(
    path: str | os.PathLike[str],
    coefficients: Pair | str | None = None,
    values: str = "sigma",
    periodic: bool | None = None,
) -> GriddedDensity:
    """Return the density in a file as a function of position; each kind may be compressed, as .gz.

    Parameters
    ----------
    path : str or path
        A file whose name ends in

        - .ccp4, .map, .mrc: values on a grid. Those of an asymmetric unit are expanded to the cell by the space group of
          the header. A map that covers only part of the cell even so, or that contradicts its space group, is taken as it
          is and does not repeat; points outside are an error. So is one of electron microscopy, whose box is no cell of a
          crystal; `deepchem_density.fields.ccp4_maps` says how the two are told apart. Stacks are refused.
        - .mtz: amplitudes and phases, from which the map of the whole cell is computed at 4 nodes per d_min.
        - .cif, .mmcif, .ent: the same in the PDB's format.
        - .cube, .cub: values on a grid that does not repeat; e/bohr³ are converted. Orbitals, potentials and other
          quantities that are no density are refused.
    coefficients : tuple of str or str, optional
        Labels of amplitude and phase, for instance ("FWT", "PHWT") or "FWT,PHWT"; of those in ``MAP_COEFFICIENTS`` and
        ``DIFFERENCE_COEFFICIENTS`` the amplitude is enough. By default the first of ``MAP_COEFFICIENTS`` in the file.
    values : str
        "sigma": (ρ - mean) / σ with mean and root-mean-square deviation σ over the unit cell, the level in which
        crystallographers contour; where only part of the cell is known, over that part. "file": as they are in the file;
        for map coefficients on absolute scale e/Å³ less the mean, which they do not hold; for cubes e/Å³.
    periodic : bool, optional
        Whether the map repeats beyond its faces; None where the file is to say it. True is for cubes of crystals, and for
        maps of a whole cell whose header does not tell them from a box.

    Raises
    ------
    FeaturizationError
        A file that is missing, broken, of another kind, without map coefficients or with those of several maps, with
        the same value everywhere, or larger than memory allows.
    ValueError
        Another setting of ``values``, ``coefficients`` or ``periodic``.

    Notes
    -----
    The four maps read last are kept in memory and shared; a file that has changed since is read again.
    """
    if values not in MAP_VALUES:
        raise ValueError(f"values={values!r} arrived; {', '.join(map(repr, MAP_VALUES))} are accepted.")
    if periodic not in (None, True, False):
        raise ValueError(f"periodic={periodic!r} arrived; True, False or None, for what the file says, are accepted.")
    pair = pair_of(coefficients)
    path = Path(path)
    if not path.is_file():
        raise FeaturizationError(f"There is no file '{path}'; check the path of the map.")
    status = path.stat()
    return _read(path.absolute(), status.st_mtime_ns, status.st_size, pair, values, periodic)


@lru_cache(maxsize=KEPT_MAPS)
def _read(
    path: Path, mtime_ns: int, size: int, pair: Pair | None, values: str, periodic: bool | None
) -> GriddedDensity:
    """Read a file; when it was written and its size are there to tell a new one from the one that is kept."""
    suffix = format_suffix(path)
    try:
        found = _found(path, suffix, pair, periodic)
        known = found.values[np.isfinite(found.values)]
        _check_values(path, known)
        scaled = _in_sigma(found.values, known) if values == "sigma" else found.values
        return GriddedDensity(scaled, found.origin, found.steps, found.periodic, path.name)
    except FeaturizationError:
        raise
    except Exception as error:  # of gemmi, of the file system: whatever it is, the file is the reason
        reason = f"{type(error).__name__}: {error}" if isinstance(error, LookupError) else error
        raise FeaturizationError(
            f"gemmi cannot read '{path.name}' as {suffix}: {reason}; it is broken or of another kind."
        ) from error


def _found(path: Path, suffix: str, pair: Pair | None, periodic: bool | None) -> GriddedValues:
    """Return what a file of this kind holds."""
    if path.suffix.lower() == ".gz" and suffix in BINARY:
        check_unpacked(path, LARGEST_FILE)
    if suffix in COEFFICIENT_SUFFIXES:
        of_crystal = map_of_coefficients(path, suffix, pair)
        return of_crystal._replace(periodic=periodic is not False)
    if pair is not None:
        raise FeaturizationError(
            f"'{path.name}' holds a map, not map coefficients; leave coefficients={pair} out for it."
        )
    if suffix in (".ccp4", ".map", ".mrc"):
        return read_ccp4(path, periodic)
    if suffix in (".cube", ".cub"):
        cube = read_density_cube(path)
        return GriddedValues(cube.values[..., 0], cube.origin, cube.steps, bool(periodic))
    raise FeaturizationError(_unknown(path, suffix))


def _check_values(path: Path, known: np.ndarray) -> None:
    """Refuse finite values that show nothing, or that no density has."""
    if not known.size or known.min() == known.max():
        raise FeaturizationError(
            f"'{path.name}' has the same value everywhere, if any, so that it shows nothing; it is empty or masked altogether."
        )
    largest = float(np.abs(known).max())
    if largest > LARGEST_VALUE:
        raise FeaturizationError(
            f"'{path.name}' has a value of {largest:g}; at most {LARGEST_VALUE:g} is accepted: the file is damaged."
        )


def _unknown(path: Path, suffix: str) -> str:
    accepted = ".ccp4, .map, .mrc, .mtz, .cif, .mmcif, .ent, .cube and .cub, each also with .gz, are read"
    if suffix in FOREIGN_SUFFIXES:
        return (
            f"'{path.name}' is a map of the program O, which is not read; {accepted}. Fetch the map coefficients of the entry "
            "as MTZ or mmCIF, or convert it to CCP4 with the program MAPMAN."
        )
    return f"'{path.name}' ends in '{suffix}'; {accepted}."


def _in_sigma(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    return (values - float(known.mean(dtype=np.float64))) / float(known.std(dtype=np.float64))
