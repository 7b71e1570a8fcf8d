"""CCP4 and MRC files: what their headers say, and whether the map in them repeats.

One format serves crystals and microscopes, and a header of the one can look like one of the other: space group 1 stands for
a triclinic crystal in files of crystallography and for any single volume in those of microscopy. A map that covers its cell
repeats where

- the user says so, or else
- its labels do (those of cctbx and Phenix speak of values outside boundaries), or else
- it has a space group from 2 up, or angles other than 90°: no microscope's box has, or else
- symmetry operators follow its header, as programs of CCP4 and gemmi write them, and nothing in it is of microscopy.

It ends at its faces where the header is of microscopy: space group 0 or 401, an ORIGIN in Å, the version number of MRC2014,
an extended header of a microscope or a label of its programs. Where the header says nothing either way, as in maps of
PanDDA, the values decide: across opposite faces those of a crystal go on as they do inside.

Sources: https://www.ccp4.ac.uk/html/maplib.html, A. Cheng et al., J. Struct. Biol. 192, 146 (2015),
doi:10.1016/j.jsb.2015.04.002 (MRC2014), https://bio3d.colorado.edu/imod/doc/mrc_format.txt (bytes without sign).
"""

from __future__ import annotations

import re
from pathlib import Path

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.maps import GriddedValues, check_nodes

__all__ = ["read_ccp4"]

LARGEST_MISFIT = 0.5
"""Where copies of a node by symmetry differ by more than this many σ, the space group of the file is not the map's."""

# Words of a header, counted from 1.
SIZE, MODE, START, SAMPLING, CELL, EXTREMES = (1, 2, 3), 4, (5, 6, 7), (8, 9, 10), range(11, 17), (20, 21)
SECTION_AXIS, SPACE_GROUP, EXTENDED, EXTENDED_KIND, VERSION = 19, 23, 24, 27, 28
ORIGIN, N_LABELS, FIRST_LABEL, LABEL_WORDS, HEADER_WORDS = (50, 51, 52), 56, 57, 20, 256

# What the program mapmode2to0 leaves in two words, and how IMOD marks its files and the sign of their bytes.
SCALED_BYTES = {40: -128, 41: 127}
IMOD_STAMP, IMOD_STAMP_AT, IMOD_FLAGS_AT = 1146047817, 39, 40

CELL_DECIMALS = 5
BYTES_PER_VALUE = {0: 1, 1: 2, 2: 4, 6: 2}
STACKS_FROM = 400
MRC2014 = range(20140, 20150)
MICROSCOPES = ("AGAR", "FEI1", "FEI2", "HDF5", "MRCO", "SERI")
MICROSCOPY = re.compile(
    r"EMDATABANK|EMDB|\bEMD-\d|RELION|cryoSPARC|EMAN|IMOD|SerialEM|CHIMERA|Situs|cisTEM|FREALIGN|Xmipp|SPIDER|Dynamo"
    r"|Appion|mrcfile|PEET|Bsoft|tomogra",
    re.IGNORECASE,
)
REPEATS = re.compile(r"outside boundaries are wrapped|(?<!no_)wrapping_outside_cell", re.IGNORECASE)
ENDS = re.compile(r"outside boundaries have no meaning|no_wrapping_outside_cell", re.IGNORECASE)

LEAST_AGREEMENT = 0.5
"""Of opposite faces, as a fraction of that of neighbouring planes inside; 1 for a crystal, 0 for a crop."""
LEAST_SPREAD = 0.1
"""Of a face, in σ of the map; a flat one shows nothing."""

SOME_PLANES = 16

LARGEST_GZIP_RATIO = 1032
"""To which gzip compresses, https://zlib.net/zlib_tech.html."""


def read_ccp4(path: Path, periodic: bool | None) -> GriddedValues:
    """Return the whole cell where the file and its space group give it, what is in the file otherwise.

    Parameters
    ----------
    path : Path
        May be compressed, as .gz.
    periodic : bool, optional
        Whether the map repeats; None where the file is to say it.

    Raises
    ------
    FeaturizationError
        A header that is none or larger than its file, no cell, a stack of images or volumes, ``periodic=True`` for a map
        that does not cover its cell.
    """
    header = gemmi.read_ccp4_header(str(path))
    _check_sizes(path, header)
    _check_single(path, header)
    cell = _cell(path, header)
    ccp4 = gemmi.read_ccp4_map(str(path))
    place = ccp4.axis_positions()
    start = np.array(_integers(ccp4, START))[place]
    sampling = np.array(_integers(ccp4, SAMPLING))
    if ccp4.has_skew_transformation() or sampling.min() < 1:
        raise FeaturizationError(
            f"'{path.name}' has a skew transformation or no sampling in its header; a map with intervals along each axis is "
            "accepted."
        )
    box = _unscaled(ccp4).transpose(place)
    steps = np.array(cell.orth.mat.tolist()) / sampling
    shift = _shift(path, ccp4, start, steps)
    covers = bool((np.array(box.shape) >= sampling).all())
    if periodic is False or (periodic is None and covers and not _repeats(ccp4, cell, box, sampling)):
        return GriddedValues(box, steps @ start + shift, steps, False)
    whole = _all_nodes(path, box, start, sampling) if covers else _by_symmetry(ccp4, cell, box, start, sampling)
    if whole is not None:
        return GriddedValues(whole, shift, steps, True)
    if periodic:
        raise FeaturizationError(
            f"'{path.name}' holds {_times(box.shape)} of the {_times(sampling)} nodes of its cell, which its space group does "
            "not complete, and periodic=True arrived; pass a map of the whole cell, or leave periodic out."
        )
    return GriddedValues(box, steps @ start + shift, steps, False)


def _integers(ccp4: gemmi.Ccp4Base, words: tuple[int, ...]) -> list[int]:
    return [ccp4.header_i32(word) for word in words]


def _reals(ccp4: gemmi.Ccp4Base, words: tuple[int, ...] | range) -> list[float]:
    return [ccp4.header_float(word) for word in words]


def _times(sizes: np.ndarray | tuple[int, ...] | list[int]) -> str:
    return " x ".join(str(n) for n in sizes)


def _check_sizes(path: Path, header: gemmi.Ccp4Base) -> None:
    """Refuse a header that announces more than the file holds, before memory is asked for."""
    sizes = _integers(header, SIZE)
    per_value = BYTES_PER_VALUE.get(header.header_i32(MODE))
    if per_value is None:
        raise FeaturizationError(
            f"'{path.name}' has values of mode {header.header_i32(MODE)}; {', '.join(map(str, BYTES_PER_VALUE))} are read "
            "(bytes, integers of 16 bits, reals of 32): convert it to mode 2."
        )
    needed = HEADER_WORDS * 4 + header.header_i32(EXTENDED) + float(np.prod(np.array(sizes, dtype=float))) * per_value
    held = path.stat().st_size * (LARGEST_GZIP_RATIO if path.suffix.lower() == ".gz" else 1)
    if min(sizes) < 1 or needed > held:
        raise FeaturizationError(
            f"'{path.name}' announces {_times(sizes)} nodes of {per_value} bytes and has {path.stat().st_size:,} bytes; it is "
            "broken off or damaged: get it again."
        )
    check_nodes(path.name, sizes)


def _check_single(path: Path, header: gemmi.Ccp4Base) -> None:
    """Refuse stacks of images and of volumes, which the number of sections in a volume tells."""
    sections = header.header_i32(SIZE[2])
    axis = header.header_i32(SECTION_AXIS)
    per_volume = header.header_i32(SAMPLING[axis - 1] if axis in (1, 2, 3) else SAMPLING[2])
    group = header.header_i32(SPACE_GROUP)
    several = group > STACKS_FROM and sections != per_volume
    if group == 0 and per_volume > 0 and sections > per_volume and sections % per_volume == 0:
        several = True
    if several:
        kind = "images" if per_volume == 1 else "volumes"
        raise FeaturizationError(
            f"'{path.name}' is a stack of {kind}: space group {group}, {sections} sections and {per_volume} a volume; a "
            "single map is accepted: write one volume to a file of its own."
        )


def _cell(path: Path, header: gemmi.Ccp4Base) -> gemmi.UnitCell:
    """Return the cell; three angles of 0 are those of programs that leave them out, and mean 90."""
    parameters = [
        round(value, CELL_DECIMALS) for value in _reals(header, CELL)
    ]  # 8.1, not 8.1000003 of single precision
    lengths, angles = parameters[:3], parameters[3:]
    if not any(angles):
        angles = [90.0, 90.0, 90.0]
    if np.isfinite(parameters).all() and min(lengths) > 0 and all(0 < angle < 180 for angle in angles):
        cell = gemmi.UnitCell(*lengths, *angles)
        if cell.volume > 0:
            return cell
    raise FeaturizationError(
        f"'{path.name}' has the cell {' '.join(f'{value:g}' for value in parameters)} in its header, which is no unit cell; "
        "three lengths in Å and three angles in degrees are accepted."
    )


def _shift(path: Path, ccp4: gemmi.Ccp4Map, start: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return what is added to positions: files of microscopy give the place of their first node in Å, instead of NSTART."""
    origin = np.array(_reals(ccp4, ORIGIN))
    if not origin.any():
        return np.zeros(3)
    if not start.any():
        return origin
    first = steps @ start
    if (
        ccp4.header_i32(SPACE_GROUP) in (0, 1)
        and np.linalg.norm(origin - first) > np.linalg.norm(steps, axis=0).max() / 2
    ):
        raise FeaturizationError(
            f"'{path.name}' says twice where its first node is, at {np.round(first, 3).tolist()} Å by NSTART and at "
            f"{np.round(origin, 3).tolist()} Å by ORIGIN; one of the two is accepted: set the other one to zero in the header."
        )
    return np.zeros(3)


def _unscaled(ccp4: gemmi.Ccp4Map) -> np.ndarray:
    """Return a copy of the values in the order of the file; bytes as whoever wrote them meant them."""
    stored = np.array(ccp4.grid)
    if ccp4.header_i32(MODE):
        return stored
    if ccp4.header_i32(IMOD_STAMP_AT) == IMOD_STAMP:
        return stored if ccp4.header_i32(IMOD_FLAGS_AT) & 1 else np.where(stored < 0, stored + 256, stored)
    if any(ccp4.header_i32(word) != value for word, value in SCALED_BYTES.items()):
        return stored
    low, high = _reals(ccp4, EXTREMES)
    return low + (stored + 128) * ((high - low) / 255)


def _repeats(ccp4: gemmi.Ccp4Map, cell: gemmi.UnitCell, box: np.ndarray, sampling: np.ndarray) -> bool:
    """Return whether a map that covers its cell goes on beyond it; see the module for the order of what is asked."""
    labels = _labels(ccp4)
    group = ccp4.header_i32(SPACE_GROUP)
    angles = np.array([cell.alpha, cell.beta, cell.gamma])
    if ENDS.search(labels):
        return False
    if REPEATS.search(labels) or 1 < group < STACKS_FROM or (angles != 90).any():
        return True
    kind = ccp4.header_str(EXTENDED_KIND, 4).upper()
    no_crystal = (
        group != 1
        or any(_reals(ccp4, ORIGIN))
        or ccp4.header_i32(VERSION) in MRC2014
        or kind in MICROSCOPES
        or MICROSCOPY.search(labels)
    )
    if no_crystal or not any(_reals(ccp4, CELL)[3:]):
        return False
    if ccp4.header_i32(EXTENDED) >= LABEL_WORDS * 4:
        first = ccp4.header_str(HEADER_WORDS + 1, LABEL_WORDS * 4)
        if "".join(first.upper().split()).startswith("X,Y,Z"):
            return True
    return all(_goes_on(np.moveaxis(box, axis, 0)[:n]) for axis, n in enumerate(sampling))


def _labels(ccp4: gemmi.Ccp4Map) -> str:
    words = range(FIRST_LABEL, HEADER_WORDS, LABEL_WORDS)
    return "\n".join(ccp4.header_str(word, LABEL_WORDS * 4) for word in words)


def _goes_on(planes: np.ndarray) -> bool:
    """Return whether the first plane follows the last one as well as neighbours follow each other inside."""
    if len(planes) == 1 or not np.isfinite(planes).all():
        return False
    first, last = planes[0].astype(float), planes[-1].astype(float)
    if min(first.std(), last.std()) < LEAST_SPREAD * planes.std(dtype=float):
        return False
    some = range(0, len(planes) - 1, max(1, len(planes) // SOME_PLANES))
    inside = np.mean([_agreement(planes[i], planes[i + 1]) for i in some])
    return bool(_agreement(last, first) >= LEAST_AGREEMENT * inside > 0)


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Return L. Lin's coefficient of concordance, Biometrics 45, 255 (1989): 1 for equal planes, 0 for unrelated ones."""
    a, b = a.astype(float), b.astype(float)
    spread = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return float(2 * ((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else 0.0


def _nodes(box: np.ndarray, start: np.ndarray, sampling: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.ix_(*((first + np.arange(n)) % size for first, n, size in zip(start, box.shape, sampling, strict=True)))


def _all_nodes(path: Path, box: np.ndarray, start: np.ndarray, sampling: np.ndarray) -> np.ndarray:
    """Return the values of the cell from its origin; what is there more than once must be the same."""
    nodes = _nodes(box, start, sampling)
    stored = np.empty(sampling, dtype=np.float32)
    stored[nodes] = box
    known = np.isfinite(box)
    if box.size > stored.size and np.abs(stored[nodes] - box)[known].max(initial=0) > LARGEST_MISFIT * box[known].std():
        raise FeaturizationError(
            f"'{path.name}' holds {_times(box.shape)} nodes, more than the {_times(sampling)} of its cell, and those beyond do "
            "not repeat it; one map is accepted, not a stack of them: write one volume to a file of its own, or pass "
            "periodic=False where it is one."
        )
    return stored


def _by_symmetry(
    ccp4: gemmi.Ccp4Map, cell: gemmi.UnitCell, box: np.ndarray, start: np.ndarray, sampling: np.ndarray
) -> np.ndarray | None:
    """Return the values of the cell from its origin, or None where they are not known."""
    known = np.isfinite(box)
    if known.sum() * len(_operations(ccp4)) < sampling.prod(dtype=np.float64):
        return None
    nodes = _nodes(box, start, sampling)
    copies = []
    for unknown, spread in ((-np.inf, gemmi.FloatGrid.symmetrize_max), (np.inf, gemmi.FloatGrid.symmetrize_min)):
        stored = np.full(sampling, unknown, dtype=np.float32)
        stored[nodes] = np.where(known, box, unknown)
        grid = gemmi.FloatGrid(stored, cell, ccp4.grid.spacegroup)
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
