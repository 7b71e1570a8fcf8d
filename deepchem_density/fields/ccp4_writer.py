"""CCP4 and MRC maps of any field or of finished voxels, in those words of the format that programs agree on.

The format puts node (i, j, k) at whole multiples of the steps of a cell, whose first axis lies along x and whose second one
lies in the plane of x and y. It has words for other places, but few programs obey them: the skew transformation is obeyed by
PyMOL in files that end in .ccp4, and by hardly any other; ORIGIN by ChimeraX, and by PyMOL in files that end in .mrc, but by
neither gemmi nor Coot. Hence

- a **field** is looked at where the format has its nodes: at the whole multiples of the steps of the grid, along x, y and z, that
  cover the grid. Nothing is interpolated, and every program puts it into its place. Of a turned or skewed grid the shortest
  step is taken along each axis.
- **voxels** are written as they are where their points are such nodes. Those of an unturned grid elsewhere need ORIGIN, and a
  name that ends in .mrc. Those of a turned grid are refused: voxels are never turned after they were finished. Pass the
  field, or write a cube.

Values are in single precision and in their own unit, e/Å³ for a density; the first label says so. The cell is as large as the
map, in space group 1, and repeats in programs that take every map for a crystal's.

Sources: https://www.ccp4.ac.uk/html/maplib.html and https://www.ccpem.ac.uk/mrc-format/mrc2014/; PyMOL, layer2/ObjectMap.cpp.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.fields.cube_writer import QUANTITIES, ascii_line, check_unit
from deepchem_density.fields.field import Field
from deepchem_density.fields.point_grid import Gridded, PointGrid, point_grid_of, values_on
from deepchem_density.files import replacing
from deepchem_density.versions import __version__

__all__ = ["map_nodes", "write_ccp4"]

ON_NODE = 1e-3
"""Points nearer than this fraction of a step to a node are on it."""
ALONG_CELL = 1e-5
"""Steps that differ from those of the cell by less than this fraction are along it."""

LARGEST = float(np.finfo(np.float32).max)
HEADER_WORDS, LABEL_LETTERS, LABELS = 256, 80, 10
MRC2014_VERSION = 20140
LITTLE_ENDIAN = (0x44, 0x44, 0, 0)


def write_ccp4(
    path: str | os.PathLike[str],
    what: Any,
    grid: Gridded,
    unit: str = "e/Å³",
    title: str = "",
    channel: int | None = None,
) -> Path:
    """Write a field, or finished voxels, as a CCP4 or MRC map.

    Parameters
    ----------
    path : path
        The file, by usual ending .ccp4, .map or .mrc.
    what : Field or array
        A field, which is looked at in the nodes that cover the grid; or the values, (n1, n2, n3) or (n1, n2, n3, channels).
    grid : VoxelGrid or PointGrid
        Where; see the module for what becomes of a turned one.
    unit : str
        Of the values: "e/Å³", "e/Å⁴", "atoms/Å³", "1", "σ" or "σ/Å".
    title : str
        First label; letters that are not ASCII's are left out. What the unit is of by default.
    channel : int, optional
        Which one, needed where there are several.

    Returns
    -------
    Path
        Of the file, which is written completely or not at all.

    Raises
    ------
    ValueError
        Another unit, values that do not fit the grid or are no finite numbers in single precision, voxels of a turned grid, or
        of one between the nodes where the name does not end in .mrc.
    FeaturizationError
        A map that ends within the nodes that cover the grid.
    """
    path, points = Path(path), point_grid_of(grid)
    check_unit(unit)
    nodes = map_nodes(points) if isinstance(what, Field) else points
    cell = _cell(nodes)
    start, on_nodes = _start(nodes)
    values = values_on(what, nodes, channel)
    largest = float(np.abs(values).max())
    if largest > LARGEST:
        raise ValueError(f"A value of {largest:g} {unit} arrived; numbers of single precision are accepted.")
    if not on_nodes and path.suffix.lower() != ".mrc":
        raise ValueError(
            f"'{path.name}' was asked for voxels that lie between whole multiples of their width, where the format has no "
            "nodes; pass the field in place of its voxels, or a name that ends in .mrc (whose ORIGIN PyMOL and ChimeraX "
            "obey), or write a cube."
        )
    header = _header(nodes, cell, start if on_nodes else None, values)
    _write_labels(header, [title or QUANTITIES[unit], f"Values in {unit}; deepchem_density {__version__}"])
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(header.tobytes())
        file.write(values.astype("<f4").tobytes(order="F"))
    return path


def map_nodes(points: PointGrid) -> PointGrid:
    """Return the nodes, at whole multiples of steps along x, y and z, that cover a grid of points."""
    steps = points.lengths if points.unturned else np.full(3, points.lengths.min())
    corners = points.corners() / steps
    first, last = np.floor(corners.min(axis=0) + ON_NODE), np.ceil(corners.max(axis=0) - ON_NODE)
    a, b, c = (last - first).astype(int) + 1
    return PointGrid(first * steps, np.diag(steps), (a, b, c))


def _cell(points: PointGrid) -> np.ndarray:
    """Return the cell that is as large as the grid, (6,) lengths in Å and angles in degrees.

    Raises
    ------
    ValueError
        The axes of such a cell have other directions.
    """
    lengths = points.lengths
    cosines = (points.steps.T @ points.steps) / np.outer(lengths, lengths)
    alpha, beta, gamma = cosines[1, 2], cosines[0, 2], cosines[0, 1]
    sine = np.sqrt(1 - gamma**2)
    third = np.array([beta, (alpha - beta * gamma) / sine, 0.0])
    third[2] = np.sqrt(max(0.0, 1 - third @ third))
    usual = np.stack([[1, 0, 0], [gamma, sine, 0], third], axis=1) * lengths
    if np.abs(usual - points.steps).max() > ALONG_CELL * lengths.min():
        raise ValueError(
            "Voxels of a turned grid arrived, for which CCP4 files have no axes; pass the field in place of its voxels, which is "
            "then looked at along x, y and z, or write a cube."
        )
    angles = np.degrees(np.arccos([alpha, beta, gamma]))
    return np.concatenate([lengths * points.shape, np.where(np.abs(angles - 90) < ALONG_CELL, 90.0, angles)])


def _start(points: PointGrid) -> tuple[np.ndarray, bool]:
    """Return the first point in steps from the origin, (3,) whole numbers, and whether it is there."""
    place = np.linalg.solve(points.steps, points.origin)
    return np.rint(place).astype(int), bool(np.abs(place - np.rint(place)).max() <= ON_NODE)


def _header(nodes: PointGrid, cell: np.ndarray, start: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """Return the 256 words of a header; without a start the place is in ORIGIN."""
    words = np.zeros(HEADER_WORDS, dtype="<i4")
    reals = words.view("<f4")
    words[0:3], words[3] = nodes.shape, 2
    words[7:10], reals[10:16], words[16:19] = nodes.shape, cell, (1, 2, 3)
    reals[19:22] = values.min(), values.max(), values.mean()
    words[22] = 1
    if start is not None:
        words[4:7] = start
    else:
        words[27], reals[49:52] = MRC2014_VERSION, nodes.origin
    words[52] = np.frombuffer(b"MAP ", dtype="<i4")[0]
    words[53] = np.frombuffer(bytes(LITTLE_ENDIAN), dtype="<i4")[0]
    reals[54] = values.std()
    return words


def _write_labels(words: np.ndarray, labels: list[str]) -> None:
    words[55] = len(labels)
    text = "".join(ascii_line(label)[:LABEL_LETTERS].ljust(LABEL_LETTERS) for label in labels)
    words[56:] = np.frombuffer(text.ljust(LABELS * LABEL_LETTERS).encode("ascii"), dtype="<i4")
