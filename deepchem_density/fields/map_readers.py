"""Crystallographic maps and cube files as densities: CCP4/MRC, map coefficients in MTZ and mmCIF, Gaussian cube.

Sources of the formats: https://www.ccp4.ac.uk/html/maplib.html, A. Cheng et al., J. Struct. Biol. 192, 146 (2015),
doi:10.1016/j.jsb.2015.04.002 (MRC2014), https://www.ccp4.ac.uk/html/mtzformat.html. They are read by gemmi, M. Wojdyr,
J. Open Source Softw. 7, 4200 (2022), doi:10.21105/joss.04200.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.cube_files import read_cube
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.structures.text_files import format_suffix

__all__ = ["DIFFERENCE_COEFFICIENTS", "MAP_COEFFICIENTS", "MAP_SUFFIXES", "read_map"]

Pair = tuple[str, str]

MAP_COEFFICIENTS: tuple[Pair, ...] = (("FWT", "PHWT"), ("2FOFCWT", "PH2FOFCWT"), ("pdbx_FWT", "pdbx_PHWT"))
"""Amplitude and phase of 2mFo-DFc maps, in the order in which they are looked for: REFMAC and PDB-REDO; PHENIX and BUSTER;
the PDB's mmCIF."""

DIFFERENCE_COEFFICIENTS: tuple[Pair, ...] = (
    ("DELFWT", "PHDELWT"),
    ("FOFCWT", "PHFOFCWT"),
    ("pdbx_DELFWT", "pdbx_DELPHWT"),
)
"""Those of mFo-DFc maps, used only where they are asked for."""

SAMPLE_RATE = 4.0
"""Nodes per d_min. Between them tricubic interpolation of a 2mFo-DFc map errs by 1 to 2 % of σ (root mean square); with the
usual 3 by 3 to 5 %."""

LARGEST_MISFIT = 0.5
"""Where copies of a node by symmetry differ by more than this many σ, the space group of the file is not the map's."""

# Words of a CCP4 header, counted from 1, and what the program mapmode2to0 leaves in two of them.
START, SAMPLING, EXTREMES, ORIGIN, MODE = (5, 6, 7), (8, 9, 10), (20, 21), (50, 51, 52), 4
SCALED_BYTES = {40: -128, 41: 127}

MAP_VALUES = ("sigma", "file")
KEPT_MAPS = 4

FOREIGN_SUFFIXES = (".dsn6", ".brix", ".omap")
MAP_SUFFIXES = (".ccp4", ".map", ".mrc", ".mtz", ".cube", ".cub", *FOREIGN_SUFFIXES)
"""Endings of maps only, before .gz; those of the program O are known, to be refused with advice."""


class GriddedValues(NamedTuple):
    """What a reader finds: values (n1, n2, n3), origin (3,) and steps (3, 3) in Å, and whether the map repeats."""

    values: np.ndarray
    origin: np.ndarray
    steps: np.ndarray
    periodic: bool


def read_map(
    path: str | os.PathLike[str], coefficients: Pair | str | None = None, values: str = "sigma"
) -> GriddedDensity:
    """Return the density in a file as a function of position; each kind may be compressed, as .gz.

    Parameters
    ----------
    path : str or path
        A file whose name ends in

        - .ccp4, .map, .mrc: values on a grid. Those of an asymmetric unit are expanded to the cell by the space group of
          the header. A map that covers only part of the cell even so, or that contradicts its space group, is taken as it
          is and does not repeat; points outside are an error. One whose box is its cell repeats, be it of a crystal or not.
        - .mtz: amplitudes and phases, from which the map of the whole cell is computed at 4 nodes per d_min.
        - .cif, .mmcif, .ent: the same in the PDB's format.
        - .cube, .cub: values on a grid that does not repeat; e/bohr³ are converted.
    coefficients : tuple of str or str, optional
        Labels of amplitude and phase, for instance ("FWT", "PHWT") or "FWT,PHWT"; of those in ``MAP_COEFFICIENTS`` and
        ``DIFFERENCE_COEFFICIENTS`` the amplitude is enough. By default the first of ``MAP_COEFFICIENTS`` in the file.
    values : str
        "sigma": (ρ - mean) / σ with mean and root-mean-square deviation σ over the unit cell, the level in which
        crystallographers contour; where only part of the cell is known, over that part. "file": as they are in the file;
        for map coefficients on absolute scale e/Å³ less the mean, which they do not hold; for cubes e/Å³.

    Raises
    ------
    FeaturizationError
        A file that is missing, broken, of another kind, without map coefficients or with those of several maps, or
        with the same value everywhere.
    ValueError
        Another setting of ``values`` or ``coefficients``.

    Notes
    -----
    The four maps read last are kept in memory and shared; a file that has changed since is read again.
    """
    if values not in MAP_VALUES:
        raise ValueError(f"values={values!r} arrived; {', '.join(map(repr, MAP_VALUES))} are accepted.")
    pair = _pair(coefficients)
    path = Path(path)
    if not path.is_file():
        raise FeaturizationError(f"There is no file '{path}'; check the path of the map.")
    status = path.stat()
    return _read(path.absolute(), status.st_mtime_ns, status.st_size, pair, values)


def _pair(coefficients: Pair | str | None) -> Pair | None:
    """Return the labels of amplitude and phase, or None to look for them."""
    if coefficients is None:
        return None
    labels = tuple(coefficients.split(",") if isinstance(coefficients, str) else coefficients)
    partner = dict((*MAP_COEFFICIENTS, *DIFFERENCE_COEFFICIENTS))
    if len(labels) == 1 and labels[0] in partner:
        return labels[0], partner[labels[0]]
    if len(labels) != 2 or not all(isinstance(label, str) and label.strip() for label in labels):
        raise ValueError(
            f"coefficients={coefficients!r} arrived; the labels of amplitude and phase are accepted, for instance "
            f"('FWT', 'PHWT'), or one of {', '.join(partner)}."
        )
    return labels[0].strip(), labels[1].strip()


@lru_cache(maxsize=KEPT_MAPS)
def _read(path: Path, mtime_ns: int, size: int, pair: Pair | None, values: str) -> GriddedDensity:
    """Read a file; when it was written and its size are there to tell a new one from the one that is kept."""
    suffix = format_suffix(path)
    try:
        if suffix in (".mtz", ".cif", ".mmcif", ".ent"):
            found = _from_coefficients(path, suffix, pair)
        elif pair is not None:
            raise FeaturizationError(
                f"'{path.name}' holds a map, not map coefficients; leave coefficients={pair} out for it."
            )
        elif suffix in (".ccp4", ".map", ".mrc"):
            found = _from_ccp4(path)
        elif suffix in (".cube", ".cub"):
            found = _from_cube(path)
        else:
            raise FeaturizationError(_unknown(path, suffix))
    except FeaturizationError:
        raise
    except (RuntimeError, ValueError, OSError, EOFError, MemoryError) as error:
        raise FeaturizationError(
            f"gemmi cannot read '{path.name}' as {suffix}: {error}; it is broken or of another kind."
        ) from error
    known = found.values[np.isfinite(found.values)]
    if not known.size or known.min() == known.max():
        raise FeaturizationError(
            f"'{path.name}' has the same value everywhere, if any, so that it shows nothing; it is empty or masked altogether."
        )
    scaled = _in_sigma(found.values, known) if values == "sigma" else found.values
    return GriddedDensity(scaled, found.origin, found.steps, found.periodic, path.name)


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


def _steps(cell: gemmi.UnitCell, sampling: np.ndarray | tuple[int, ...]) -> np.ndarray:
    """Return the step along each axis of a cell, in columns."""
    return np.array(cell.orth.mat.tolist()) / np.array(sampling)


def _from_cube(path: Path) -> GriddedValues:
    cube = read_cube(path)
    if cube.values.shape[-1] != 1:
        raise FeaturizationError(
            f"'{path.name}' holds {cube.values.shape[-1]} values a point; a cube file with one density is accepted."
        )
    return GriddedValues(cube.values[..., 0], cube.origin, cube.steps, False)


def _from_coefficients(path: Path, suffix: str, pair: Pair | None) -> GriddedValues:
    """Return the map of the cell from the first reflections with the coefficients that are looked for."""
    reflections = _reflections(path, suffix)
    labels = [set(block.column_labels()) for block in reflections]
    for wanted in (pair,) if pair else MAP_COEFFICIENTS:
        for block, present in zip(reflections, labels, strict=True):
            if present.issuperset(wanted):
                return _transformed(block, wanted, path.name)
    columns = dict.fromkeys(label for block in reflections for label in block.column_labels())
    expected = " + ".join(pair) if pair else ", ".join(" + ".join(known) for known in MAP_COEFFICIENTS)
    raise FeaturizationError(
        f"'{path.name}' has the columns {', '.join(columns)}, but not {expected}; name amplitude and phase with "
        "coefficients=. Measured amplitudes alone make no map: take the map coefficients of the PDB or PDB-REDO."
    )


def _reflections(path: Path, suffix: str) -> list[gemmi.Mtz | gemmi.ReflnBlock]:
    """Return the reflections of an MTZ file, or of each block of a CIF file that has any."""
    if suffix == ".mtz":
        return [gemmi.read_mtz_file(str(path))]
    blocks: list[gemmi.Mtz | gemmi.ReflnBlock] = [
        block for block in gemmi.as_refln_blocks(gemmi.cif.read(str(path))) if block.default_loop is not None
    ]
    if not blocks:
        raise FeaturizationError(
            f"'{path.name}' holds no reflections; a map needs amplitudes and phases, atoms are passed as ligand or protein."
        )
    return blocks


def _transformed(block: gemmi.Mtz | gemmi.ReflnBlock, pair: Pair, name: str) -> GriddedValues:
    if isinstance(block, gemmi.Mtz) and block.column_with_label(pair[1]).type != "P":
        raise FeaturizationError(
            f"Column {pair[1]} of '{name}' holds no phases; name amplitude and phase in this order."
        )
    grid = block.transform_f_phi_to_map(*pair, sample_rate=SAMPLE_RATE)
    values = np.array(grid)
    if not np.isfinite(values).all() or not values.any():
        raise FeaturizationError(f"Columns {' and '.join(pair)} of '{name}' hold no finite map coefficients.")
    return GriddedValues(values, np.zeros(3), _steps(grid.unit_cell, values.shape), True)


def _from_ccp4(path: Path) -> GriddedValues:
    """Return the whole cell where the file and its space group give it, what is in the file otherwise."""
    ccp4 = gemmi.read_ccp4_map(str(path))
    place = ccp4.axis_positions()
    start = np.array([ccp4.header_i32(word) for word in START])[place]
    sampling = np.array([ccp4.header_i32(word) for word in SAMPLING])
    cell = ccp4.grid.unit_cell
    if ccp4.has_skew_transformation() or sampling.min() < 1 or not cell.volume > 0:
        raise FeaturizationError(
            f"'{path.name}' has a skew transformation, no unit cell or no sampling in its header; a map of a crystal with cell "
            "and intervals along each axis is accepted."
        )
    box = _unscaled(ccp4).transpose(place)
    steps = _steps(cell, sampling)
    # MRC files of electron microscopy give the position of their first node in Å, as ORIGIN instead of NSTART
    shift = np.zeros(3) if start.any() else np.array([ccp4.header_float(word) for word in ORIGIN])
    whole = _whole_cell(ccp4, box, start, sampling)
    if whole is None:
        return GriddedValues(box, steps @ start + shift, steps, False)
    return GriddedValues(whole, shift, steps, True)


def _unscaled(ccp4: gemmi.Ccp4Map) -> np.ndarray:
    """Return a copy of the values in the order of the file, of bytes made by mapmode2to0 in their old unit."""
    stored = np.array(ccp4.grid)
    if ccp4.header_i32(MODE) or any(ccp4.header_i32(word) != value for word, value in SCALED_BYTES.items()):
        return stored
    low, high = (ccp4.header_float(word) for word in EXTREMES)
    return low + (stored + 128) * ((high - low) / 255)


def _whole_cell(ccp4: gemmi.Ccp4Map, box: np.ndarray, start: np.ndarray, sampling: np.ndarray) -> np.ndarray | None:
    """Return the values of the cell from its origin, or None where they are not known."""
    nodes = np.ix_(*((first + np.arange(n)) % size for first, n, size in zip(start, box.shape, sampling, strict=True)))
    if (np.array(box.shape) >= sampling).all():
        stored = np.empty(sampling, dtype=np.float32)
        stored[nodes] = box
        return stored
    known = np.isfinite(box)
    if known.sum() * len(_operations(ccp4)) < sampling.prod(dtype=np.float64):
        return None
    copies = []
    for unknown, spread in ((-np.inf, gemmi.FloatGrid.symmetrize_max), (np.inf, gemmi.FloatGrid.symmetrize_min)):
        stored = np.full(sampling, unknown, dtype=np.float32)
        stored[nodes] = np.where(known, box, unknown)
        grid = gemmi.FloatGrid(stored, ccp4.grid.unit_cell, ccp4.grid.spacegroup)
        try:
            spread(grid)
        except RuntimeError:  # a space group that does not map nodes onto nodes
            return None
        copies.append(np.array(grid))
    high, low = copies
    if not np.isfinite(high).all() or (high - low).max() > LARGEST_MISFIT * box[known].std():
        return None
    high[nodes] = np.where(known, box, high[nodes])
    return high


def _operations(ccp4: gemmi.Ccp4Map) -> list[gemmi.Op]:
    return list(ccp4.grid.spacegroup.operations()) if ccp4.grid.spacegroup else [gemmi.Op()]
