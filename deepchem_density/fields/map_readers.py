"""Crystallographic maps and cube files as densities: CCP4/MRC, map coefficients in MTZ and mmCIF, Gaussian cube.

Sources of the formats: https://www.ccp4.ac.uk/html/maplib.html, A. Cheng et al., J. Struct. Biol. 192, 146 (2015),
doi:10.1016/j.jsb.2015.04.002 (MRC2014), https://www.ccp4.ac.uk/html/mtzformat.html. They are read by gemmi, M. Wojdyr,
J. Open Source Softw. 7, 4200 (2022), doi:10.21105/joss.04200.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.ccp4_maps import LARGEST_GZIP_RATIO, read_ccp4
from deepchem_density.fields.cube_files import read_density_cube
from deepchem_density.fields.maps import GriddedDensity, GriddedValues, check_nodes
from deepchem_density.structures.text_files import check_unpacked, format_suffix, read_text

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

NODES_PER_REFLECTION, SMALL_GRID = 10_000, 1 << 22
"""Above so many nodes a grid of a crystal has fewer of them a reflection than this: about 30, times its symmetry operations
and what is missing of its reflections. More are those of a damaged cell or index."""

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
    pair = _pair(coefficients)
    path = Path(path)
    if not path.is_file():
        raise FeaturizationError(f"There is no file '{path}'; check the path of the map.")
    status = path.stat()
    return _read(path.absolute(), status.st_mtime_ns, status.st_size, pair, values, periodic)


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
    if suffix in (".mtz", ".cif", ".mmcif", ".ent"):
        of_crystal = _from_coefficients(path, suffix, pair)
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


def _steps(cell: gemmi.UnitCell, sampling: np.ndarray | tuple[int, ...]) -> np.ndarray:
    """Return the step along each axis of a cell, in columns."""
    return np.array(cell.orth.mat.tolist()) / np.array(sampling)


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
        _check_mtz(path)
        return [gemmi.read_mtz_file(str(path))]
    blocks: list[gemmi.Mtz | gemmi.ReflnBlock] = [
        block for block in gemmi.as_refln_blocks(_cif(path)) if block.default_loop is not None
    ]
    if not blocks:
        raise FeaturizationError(
            f"'{path.name}' holds no reflections; a map needs amplitudes and phases, atoms are passed as ligand or protein."
        )
    return blocks


def _cif(path: Path) -> gemmi.cif.Document:
    return gemmi.cif.read_string(read_text(path).encode("ascii", "backslashreplace"))  # as CIF 1.1 demands


def _check_mtz(path: Path) -> None:
    """Refuse an MTZ file whose header announces more reflections than it holds, before memory is asked for."""
    header = gemmi.read_mtz_file(str(path), with_data=False)
    needed = 4.0 * header.nreflections * len(header.columns)
    held = path.stat().st_size * (LARGEST_GZIP_RATIO if path.suffix.lower() == ".gz" else 1)
    if not header.nreflections:
        raise FeaturizationError(_no_rows(path.name))
    if header.nreflections < 0 or needed > held:
        raise FeaturizationError(
            f"'{path.name}' announces {header.nreflections:,} reflections of {len(header.columns)} columns and has "
            f"{path.stat().st_size:,} bytes; it is broken off or damaged: get it again."
        )


def _transformed(block: gemmi.Mtz | gemmi.ReflnBlock, pair: Pair, name: str) -> GriddedValues:
    if isinstance(block, gemmi.Mtz) and block.column_with_label(pair[1]).type != "P":
        raise FeaturizationError(
            f"Column {pair[1]} of '{name}' holds no phases; name amplitude and phase in this order."
        )
    _check_grid(block, name)
    grid = block.transform_f_phi_to_map(*pair, sample_rate=SAMPLE_RATE)
    values = np.array(grid)
    if not np.isfinite(values).all() or not values.any():
        raise FeaturizationError(f"Columns {' and '.join(pair)} of '{name}' hold no finite map coefficients.")
    return GriddedValues(values, np.zeros(3), _steps(grid.unit_cell, values.shape), True)


def _check_grid(block: gemmi.Mtz | gemmi.ReflnBlock, name: str) -> None:
    """Refuse what would be transformed for ever, or onto a grid that no file of this size has."""
    indices = block.make_miller_array()
    cell = block.cell
    if not len(indices):
        raise FeaturizationError(_no_rows(name))
    lengths = np.array(cell.parameters)
    d_star = np.sqrt(block.make_1_d2_array())
    if not np.isfinite(lengths).all() or not cell.volume > 1 or not np.isfinite(d_star).all() or not d_star.max() > 0:
        raise FeaturizationError(
            f"'{name}' has the cell {' '.join(f'{value:g}' for value in lengths)} and indices up to {np.abs(indices).max()}; a "
            "unit cell in Å and degrees and reflections beside 0 0 0 are accepted: its header is damaged."
        )
    estimate = np.maximum(SAMPLE_RATE * d_star.max() * lengths[:3], 2.0 * np.abs(indices).max(axis=0) + 1)
    sizes = [int(n) for n in np.ceil(estimate)]
    check_nodes(name, sizes)
    if math.prod(sizes) > max(SMALL_GRID, NODES_PER_REFLECTION * len(indices)):
        times = " x ".join(f"{n:,}" for n in sizes)
        raise FeaturizationError(
            f"'{name}' has {len(indices):,} reflections for a grid of {times} nodes, more than {NODES_PER_REFLECTION:,} a "
            "reflection; its cell or an index is damaged: get it again."
        )


def _no_rows(name: str) -> str:
    return f"'{name}' holds no reflections: 0 rows; get it again, or take another file of the entry."
