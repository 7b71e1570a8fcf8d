"""Sums of Gaussians and unions of spheres on a regular grid, compiled: each atom visits only the cells around it.

A Gaussian is a product of three factors, one for each axis, so that an atom costs three short tables, see `axis_tables`, and a
multiplication and an addition a cell. Cells are cut plane by plane to squares, so that a plane costs one square root and all
its rows have one length.

One call takes a batch of molecules: the atoms of molecule m are those from offsets[m] to offsets[m + 1]. Arrays are NumPy's,
lengths are Å, axes as in `axis_tables`; the value of a cell is the mean over its sub-points. Sums replace what is in an array
that the caller owns: new memory is met molecule by molecule, and is in the cache when it is added to.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepchem_density.fields.axis_tables import N_TERMS, decay, fill_table, fill_tables, half_diagonal, scale, window
from deepchem_density.fields.compiled import FAST, compiled
from deepchem_density.fields.streaming import LARGER_THAN_CACHE, finish_streams, stream

__all__ = ["N_TERMS", "fill_form_factor_gradients", "fill_form_factors", "fill_gaussians", "fill_spheres"]

CHUNK = 16
"""Cells of a vector instruction, or of two: rows are as long as some chunks, and what lies beyond the reach adds 0."""


@compiled(fastmath=FAST)
def fill_gaussians(
    values: Any,
    x: Any,
    y: Any,
    z: Any,
    positions: Any,
    channels: Any,
    offsets: Any,
    height: float,
    exponent: float,
    cutoff: float,
) -> None:
    """Set each channel to the sum of height exp(-exponent d²) over its atoms.

    Parameters
    ----------
    values : np.ndarray
        (n_molecules, nx, ny, nz, n_channels), float32 or float64, C-contiguous; overwritten.
    x, y, z : np.ndarray
        Axes, (cells, sub-points) in Å.
    positions, channels, offsets : np.ndarray
        (n_atoms, 3) in Å, (n_atoms,) and (n_molecules + 1,).
    height, exponent : float
        In the unit of the values and in 1/Å².
    cutoff : float
        Cells are left out only where the Gaussian is below this, in the unit of the values.

    Notes
    -----
    All atoms are added to a plane before the next is begun, so that it stays in the fastest cache; values that do not fit into
    any are made beside them and streamed there.
    """
    n_molecules, nx, ny, nz, n_channels = values.shape
    size, streamed = ny * nz * n_channels, values.nbytes > LARGER_THAN_CACHE
    beside = np.empty(size if streamed else 0, values.dtype)
    most = _largest(offsets)
    tables = (
        np.empty((most, nx), values.dtype),
        np.empty((most, ny), values.dtype),
        np.empty((most, nz), values.dtype),
    )
    lines, reached = (x, y, z), np.empty((most, 3), np.int64)
    scales = scale(x), scale(y), scale(z)
    decays = decay(x, exponent), decay(y, exponent), decay(z, exponent)
    reach = math.sqrt(math.log(height / cutoff) / exponent) + half_diagonal(x, y, z)
    for m in range(n_molecules):
        atoms = range(offsets[m], offsets[m + 1])
        n = _tabulate(tables, reached, lines, scales, decays, positions, atoms, reach, exponent, height)
        flat = values[m].reshape(-1)
        for i in range(nx):
            plane, start = (beside, 0) if streamed else (flat, i * size)
            plane[start : start + size] = 0
            _add_to_plane(plane, start, i, n_channels, tables, reached[:n], scales, positions, channels, reach)
            if streamed:
                stream(flat, i * size, beside)
    if streamed:
        finish_streams()


@compiled()
def _largest(offsets: Any) -> int:
    """Return the number of atoms of the largest molecule."""
    most = 0
    for m in range(len(offsets) - 1):
        most = max(most, offsets[m + 1] - offsets[m])
    return most


@compiled(fastmath=FAST)
def _tabulate(
    tables: Any,
    reached: Any,
    lines: Any,
    scales: Any,
    decays: Any,
    positions: Any,
    atoms: Any,
    reach: float,
    exponent: float,
    height: float,
) -> int:
    """Set a row of three tables for each atom of a molecule that reaches a cell, and return how many do.

    A row of ``reached`` is the first plane, the end of the planes, and the atom.
    """
    row = 0
    for a in atoms:
        p = positions[a, 0], positions[a, 1], positions[a, 2]
        block = window(scales[0], p[0], reach), window(scales[1], p[1], reach), window(scales[2], p[2], reach)
        if _empty(block):
            continue
        reached[row, 0], reached[row, 1], reached[row, 2] = block[0][0], block[0][1], a
        fill_table(tables[0], row, lines[0], block[0], p[0], exponent, height, decays[0])
        fill_table(tables[1], row, lines[1], block[1], p[1], exponent, 1.0, decays[1])
        fill_table(tables[2], row, lines[2], block[2], p[2], exponent, 1.0, decays[2])
        row += 1
    return row


@compiled(fastmath=FAST)
def _add_to_plane(
    plane: Any,
    start: int,
    i: int,
    n_channels: int,
    tables: Any,
    reached: Any,
    scales: Any,
    positions: Any,
    channels: Any,
    reach: float,
) -> None:
    """Add the atoms that `_tabulate` found to cells (i, y, z, channel), which begin at plane[start]."""
    tx, ty, tz = tables
    nz = tz.shape[1]
    for r in range(len(reached)):
        if not reached[r, 0] <= i < reached[r, 1]:
            continue
        a = reached[r, 2]
        half = math.sqrt(_rest(scales[0], i, positions[a, 0], reach))
        j0, j1 = window(scales[1], positions[a, 1], half)
        k0, k1 = window(scales[2], positions[a, 2], half)
        for j in range(j0, j1):
            weight = tx[r, i] * ty[r, j]
            # unsigned, because Python's negative indices cost a test in every step
            row = np.uint64(start + j * nz * n_channels + channels[a])
            for k in range(k0, k1):
                plane[row + np.uint64(k * n_channels)] += weight * tz[np.uint64(r), np.uint64(k)]


@compiled(fastmath=FAST)
def fill_form_factors(
    values: Any,
    x: Any,
    y: Any,
    z: Any,
    positions: Any,
    amplitudes: Any,
    exponents: Any,
    offsets: Any,
    cutoffs: Any,
) -> None:
    """Set values to the sum of Σ_k A_k exp(-e_k d²) over the atoms.

    Parameters
    ----------
    values : np.ndarray
        (n_molecules, nx, ny, nz), float32 or float64, C-contiguous; overwritten.
    x, y, z, positions, offsets
        As in `fill_gaussians`.
    amplitudes, exponents : np.ndarray
        A_k in the unit of the values and e_k in 1/Å², (n_atoms, ``N_TERMS``); an amplitude of 0 stands for no term.
    cutoffs : np.ndarray
        Of each molecule, (n_molecules,): an atom is left out of cells where each of its terms is below this, in the unit of the
        values.
    """
    tables = np.empty((3, N_TERMS, max(values.shape[1:])), values.dtype)
    squares, none = np.empty((2, max(values.shape[1:])), values.dtype), tables[:, :, :0]
    slack, weights, scales = half_diagonal(x, y, z), np.ones((3, N_TERMS)), (scale(x), scale(y), scale(z))
    for m in range(len(values)):
        values[m] = 0
        for a in range(offsets[m], offsets[m + 1]):
            p, reach = positions[a], _reach(amplitudes[a], exponents[a], cutoffs[m]) + slack
            block = window(scales[0], p[0], reach), window(scales[1], p[1], reach), window(scales[2], p[2], reach)
            if reach > slack and not _empty(block):
                weights[0] = amplitudes[a]
                block = block[0], block[1], _chunks(block[2], 0, len(z))
                _fill_all(tables, none, squares, (x, y, z), scales, block, p, exponents[a], weights)
                _add_products(values[m], scales, p, reach, block, tables, squares)


@compiled(fastmath=FAST)
def _add_products(values: Any, scales: Any, p: Any, reach: float, block: Any, tables: Any, squares: Any) -> None:
    _, ny, nz = values.shape
    flat = values.reshape(-1)
    tx, ty, tz, y_squares, z_squares = tables[0], tables[1], tables[2], squares[0], squares[1]
    u0, u1, u2, u3, u4 = tz[0], tz[1], tz[2], tz[3], tz[4]
    none = flat.dtype.type(0)
    for i in range(*block[0]):
        rest = _rest(scales[0], i, p[0], reach)
        j0, j1 = window(scales[1], p[1], math.sqrt(rest))
        k0, k1 = _chunks(window(scales[2], p[2], math.sqrt(rest)), *block[2])
        for j in range(j0, j1):
            limit = flat.dtype.type(rest - y_squares[j])
            w0, w1, w2 = tx[0, i] * ty[0, j], tx[1, i] * ty[1, j], tx[2, i] * ty[2, j]
            w3, w4 = tx[3, i] * ty[3, j], tx[4, i] * ty[4, j]
            row = np.uint64((i * ny + j) * nz)
            for k in range(k0, k1):
                c = np.uint64(k)
                value = w0 * u0[c] + w1 * u1[c] + w2 * u2[c] + w3 * u3[c] + w4 * u4[c]
                flat[row + c] += value if z_squares[c] <= limit else none


@compiled(fastmath=FAST)
def fill_form_factor_gradients(
    values: Any, x: Any, y: Any, z: Any, positions: Any, amplitudes: Any, exponents: Any, cutoff: float
) -> None:
    """Set values to the gradient of the sum of Σ_k A_k exp(-e_k d²) over the atoms of one molecule.

    Parameters
    ----------
    values : np.ndarray
        (3, nx, ny, nz), float32 or float64, C-contiguous, in the unit of the amplitudes a Å; overwritten.
    x, y, z, positions, amplitudes, exponents
        As in `fill_form_factors`.
    cutoff : float
        The cutoff there.
    """
    tables = np.empty((3, N_TERMS, max(values.shape)), values.dtype)
    slopes = np.empty((3, N_TERMS, max(values.shape)), values.dtype)
    squares = np.empty((2, max(values.shape)), values.dtype)
    slack, weights, scales = half_diagonal(x, y, z), np.ones((3, N_TERMS)), (scale(x), scale(y), scale(z))
    values[:] = 0
    for a in range(len(positions)):
        p, reach = positions[a], _reach(amplitudes[a], exponents[a], cutoff) + slack
        block = window(scales[0], p[0], reach), window(scales[1], p[1], reach), window(scales[2], p[2], reach)
        if reach > slack and not _empty(block):
            weights[0] = amplitudes[a]
            block = block[0], block[1], _chunks(block[2], 0, len(z))
            _fill_all(tables, slopes, squares, (x, y, z), scales, block, p, exponents[a], weights)
            _add_slopes(values, scales, p, reach, block, tables, slopes, squares)


@compiled(fastmath=FAST)
def _add_slopes(
    values: Any, scales: Any, p: Any, reach: float, block: Any, tables: Any, slopes: Any, squares: Any
) -> None:
    _, _, ny, nz = values.shape
    along_x, along_y, along_z = values[0].reshape(-1), values[1].reshape(-1), values[2].reshape(-1)
    y_squares, z_squares, none = squares[0], squares[1], along_x.dtype.type(0)
    for i in range(*block[0]):
        rest = _rest(scales[0], i, p[0], reach)
        j0, j1 = window(scales[1], p[1], math.sqrt(rest))
        k0, k1 = _chunks(window(scales[2], p[2], math.sqrt(rest)), *block[2])
        for j in range(j0, j1):
            limit = along_x.dtype.type(rest - y_squares[j])
            row = np.uint64((i * ny + j) * nz)
            for t in range(N_TERMS):
                wx = slopes[0, t, i] * tables[1, t, j]
                wy = tables[0, t, i] * slopes[1, t, j]
                wz = tables[0, t, i] * tables[1, t, j]
                u, du = tables[2, t], slopes[2, t]
                for k in range(k0, k1):
                    c = np.uint64(k)
                    inside = z_squares[c] <= limit
                    along_x[row + c] += wx * u[c] if inside else none
                    along_y[row + c] += wy * u[c] if inside else none
                    along_z[row + c] += wz * du[c] if inside else none


@compiled()
def fill_spheres(values: Any, x: Any, y: Any, z: Any, positions: Any, radii: Any, offsets: Any) -> None:
    """Set the points in any of the spheres to 1, all others to 0.

    Parameters
    ----------
    values : np.ndarray
        (n_molecules, nx, ny, nz) of any type of number.
    x, y, z : np.ndarray
        Points, (n, 1) in Å.
    positions, radii, offsets : np.ndarray
        (n_atoms, 3) and (n_atoms,) in Å, and (n_molecules + 1,).
    """
    scales = scale(x), scale(y), scale(z)
    for m in range(len(values)):
        values[m] = 0
        for a in range(offsets[m], offsets[m + 1]):
            p, reach = positions[a], radii[a]
            j0, j1 = window(scales[1], p[1], reach)
            for i in range(*window(scales[0], p[0], reach)):
                for j in range(j0, j1):
                    square = reach * reach - (x[i, 0] - p[0]) ** 2 - (y[j, 0] - p[1]) ** 2
                    if square >= 0.0:
                        first, last = window(scales[2], p[2], math.sqrt(square))
                        for k in range(first, last):
                            values[m, i, j, k] = 1


@compiled()
def _empty(block: Any) -> bool:
    return block[0][0] >= block[0][1] or block[1][0] >= block[1][1] or block[2][0] >= block[2][1]


@compiled()
def _rest(scale: Any, i: int, position: float, reach: float) -> float:
    """Return what a plane leaves of the square of the reach."""
    start, step, _, _ = scale
    return max(0.0, reach * reach - (start + i * step - position) ** 2)


@compiled()
def _reach(amplitudes: Any, exponents: Any, cutoff: float) -> float:
    """Return the distance beyond which each term is below the cutoff, in Å."""
    reach = 0.0
    for t in range(N_TERMS):
        height = abs(amplitudes[t])
        if height > cutoff:
            reach = max(reach, math.sqrt(math.log(height / cutoff) / exponents[t]))
    return reach


@compiled()
def _chunks(window: Any, low: int, high: int) -> Any:
    """Return a window widened to whole chunks between low and high; to all cells between them where these are fewer."""
    first, last = window
    length = min(high - low, (last - first + CHUNK - 1) // CHUNK * CHUNK)
    first = min(first, high - length)
    return first, first + length


@compiled(fastmath=FAST)
def _fill_all(
    tables: Any, slopes: Any, squares: Any, lines: Any, scales: Any, block: Any, p: Any, exponents: Any, amplitudes: Any
) -> None:
    """Set the tables of an atom, those along x with the amplitudes, and squared distances along y and z.

    Tables and slopes are (3, ``N_TERMS``, cells), squares (2, cells), amplitudes (3, ``N_TERMS``) with ones along y and z.
    """
    for axis in range(3):
        fill_tables(tables[axis], slopes[axis], lines[axis], block[axis], p[axis], exponents, amplitudes[axis])
    for axis in range(2):
        start, step, _, _ = scales[axis + 1]
        for i in range(*block[axis + 1]):
            squares[axis, i] = (start + i * step - p[axis + 1]) ** 2
