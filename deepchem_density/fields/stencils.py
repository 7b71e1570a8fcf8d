"""Sums of Gaussians and unions of spheres on a regular grid, compiled: each atom visits only the cells around it.

A Gaussian is a product of three factors, one for each axis, so that an atom costs three short tables of exponentials and a
multiplication and an addition a cell. Arrays are NumPy's, lengths are Å, and everything adds to an array that the caller
owns. Axes are given as the sub-points of their cells, (cells, sub-points), ascending and evenly spaced; the value of a cell
is the mean over its sub-points.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepchem_density.fields.compiled import FAST, compiled

__all__ = ["N_TERMS", "add_form_factor_gradients", "add_form_factors", "add_gaussians", "fill_spheres"]

N_TERMS = 5
"""Gaussians of an atom in `add_form_factors`, whose loops are written out for that many."""


@compiled(fastmath=FAST)
def add_gaussians(
    values: Any, x: Any, y: Any, z: Any, positions: Any, channels: Any, height: float, exponent: float, cutoff: float
) -> None:
    """Add height exp(-exponent d²) of each atom to its channel.

    Parameters
    ----------
    values : np.ndarray
        (nx, ny, nz, n_channels), float32 or float64, C-contiguous.
    x, y, z : np.ndarray
        Axes, (cells, sub-points) in Å.
    positions, channels : np.ndarray
        (n_atoms, 3) in Å and (n_atoms,).
    height, exponent : float
        In the unit of the values and in 1/Å².
    cutoff : float
        Cells where the Gaussian is below this are left out, in the unit of the values.
    """
    _, ny, nz, n_channels = values.shape
    tables = np.empty((3, max(values.shape)), values.dtype)
    tx, ty, tz = tables[0], tables[1], tables[2]
    flat, z_inverse = values.reshape(-1), 1 / _step(z)
    reach = math.sqrt(math.log(height / cutoff) / exponent) + _half_diagonal(x, y, z)
    for a in range(len(positions)):
        p = positions[a]
        block = _window(x, p[0], reach), _window(y, p[1], reach), _window(z, p[2], reach)
        if _empty(block):
            continue
        (x0, x1), (y0, y1), (z0, z1) = block
        _means(tx, x, x0, x1, p[0], exponent, height)
        _means(ty, y, y0, y1, p[1], exponent, 1.0)
        _means(tz, z, z0, z1, p[2], exponent, 1.0)
        place = (p[2] - _start(z)) * z_inverse
        for i in range(x0, x1):
            for j in range(y0, y1):
                square = reach * reach - (_center(x, i) - p[0]) ** 2 - (_center(y, j) - p[1]) ** 2
                if square <= 0.0:
                    continue
                first, last = _row(place, math.sqrt(square) * z_inverse, z0, z1)
                weight = tx[i] * ty[j]
                # unsigned, because Python's negative indices cost a test in every step
                row = np.uint64((i * ny + j) * nz * n_channels + channels[a])
                for k in range(first, last):
                    flat[row + np.uint64(k * n_channels)] += weight * tz[np.uint64(k)]


@compiled(fastmath=FAST)
def add_form_factors(
    values: Any, x: Any, y: Any, z: Any, positions: Any, amplitudes: Any, exponents: Any, cutoff: float
) -> None:
    """Add Σ_k A_k exp(-e_k d²) of each atom.

    Parameters
    ----------
    values : np.ndarray
        (nx, ny, nz), float32 or float64, C-contiguous.
    x, y, z, positions
        As in `add_gaussians`.
    amplitudes, exponents : np.ndarray
        A_k in the unit of the values and e_k in 1/Å², (n_atoms, ``N_TERMS``); an amplitude of 0 stands for no term.
    cutoff : float
        An atom is left out of cells where each of its terms is below this, in the unit of the values.
    """
    tables = np.empty((3, N_TERMS, max(values.shape)), values.dtype)
    slack = _half_diagonal(x, y, z)
    for a in range(len(positions)):
        p, reach = positions[a], _reach(amplitudes[a], exponents[a], cutoff) + slack
        block = _window(x, p[0], reach), _window(y, p[1], reach), _window(z, p[2], reach)
        if reach == slack or _empty(block):
            continue
        _fill_tables(tables, x, y, z, block, p, exponents[a], amplitudes[a])
        _add_products(values, x, y, z, p, reach, block, tables)


@compiled(fastmath=FAST)
def _add_products(values: Any, x: Any, y: Any, z: Any, p: Any, reach: float, block: Any, tables: Any) -> None:
    (x0, x1), (y0, y1), (z0, z1) = block
    _, ny, nz = values.shape
    flat, z_inverse = values.reshape(-1), 1 / _step(z)
    place = (p[2] - _start(z)) * z_inverse
    tx, ty, tz = tables[0], tables[1], tables[2]
    u0, u1, u2, u3, u4 = tz[0], tz[1], tz[2], tz[3], tz[4]
    for i in range(x0, x1):
        for j in range(y0, y1):
            square = reach * reach - (_center(x, i) - p[0]) ** 2 - (_center(y, j) - p[1]) ** 2
            if square <= 0.0:
                continue
            first, last = _row(place, math.sqrt(square) * z_inverse, z0, z1)
            w0, w1, w2 = tx[0, i] * ty[0, j], tx[1, i] * ty[1, j], tx[2, i] * ty[2, j]
            w3, w4 = tx[3, i] * ty[3, j], tx[4, i] * ty[4, j]
            row = np.uint64((i * ny + j) * nz)
            for k in range(first, last):
                c = np.uint64(k)
                flat[row + c] += w0 * u0[c] + w1 * u1[c] + w2 * u2[c] + w3 * u3[c] + w4 * u4[c]


@compiled(fastmath=FAST)
def add_form_factor_gradients(
    values: Any, x: Any, y: Any, z: Any, positions: Any, amplitudes: Any, exponents: Any, cutoff: float
) -> None:
    """Add the gradient of Σ_k A_k exp(-e_k d²) of each atom.

    Parameters
    ----------
    values : np.ndarray
        (3, nx, ny, nz), float32 or float64, C-contiguous; in the unit of the amplitudes a Å.
    x, y, z, positions, amplitudes, exponents, cutoff
        As in `add_form_factors`.
    """
    tables = np.empty((3, N_TERMS, max(values.shape)), values.dtype)
    slopes = np.empty((3, N_TERMS, max(values.shape)), values.dtype)
    slack = _half_diagonal(x, y, z)
    for a in range(len(positions)):
        p, reach = positions[a], _reach(amplitudes[a], exponents[a], cutoff) + slack
        block = _window(x, p[0], reach), _window(y, p[1], reach), _window(z, p[2], reach)
        if reach == slack or _empty(block):
            continue
        _fill_tables(tables, x, y, z, block, p, exponents[a], amplitudes[a])
        for t in range(N_TERMS):
            _slopes(slopes[0, t], x, *block[0], p[0], exponents[a, t], amplitudes[a, t])
            _slopes(slopes[1, t], y, *block[1], p[1], exponents[a, t], 1.0)
            _slopes(slopes[2, t], z, *block[2], p[2], exponents[a, t], 1.0)
        _add_slopes(values, x, y, z, p, reach, block, tables, slopes)


@compiled(fastmath=FAST)
def _add_slopes(
    values: Any, x: Any, y: Any, z: Any, p: Any, reach: float, block: Any, tables: Any, slopes: Any
) -> None:
    (x0, x1), (y0, y1), (z0, z1) = block
    _, _, ny, nz = values.shape
    along_x, along_y, along_z = values[0].reshape(-1), values[1].reshape(-1), values[2].reshape(-1)
    z_inverse = 1 / _step(z)
    place = (p[2] - _start(z)) * z_inverse
    for i in range(x0, x1):
        for j in range(y0, y1):
            square = reach * reach - (_center(x, i) - p[0]) ** 2 - (_center(y, j) - p[1]) ** 2
            if square <= 0.0:
                continue
            first, last = _row(place, math.sqrt(square) * z_inverse, z0, z1)
            row = np.uint64((i * ny + j) * nz)
            for t in range(N_TERMS):
                wx = slopes[0, t, i] * tables[1, t, j]
                wy = tables[0, t, i] * slopes[1, t, j]
                wz = tables[0, t, i] * tables[1, t, j]
                u, du = tables[2, t], slopes[2, t]
                for k in range(first, last):
                    c = np.uint64(k)
                    along_x[row + c] += wx * u[c]
                    along_y[row + c] += wy * u[c]
                    along_z[row + c] += wz * du[c]


@compiled()
def fill_spheres(values: Any, x: Any, y: Any, z: Any, positions: Any, radii: Any) -> None:
    """Set the points in any of the spheres to 1.

    Parameters
    ----------
    values : np.ndarray
        (nx, ny, nz) of any type of number.
    x, y, z : np.ndarray
        Points, (n, 1) in Å.
    positions, radii : np.ndarray
        (n_atoms, 3) and (n_atoms,) in Å.
    """
    z_first, z_inverse = _start(z), 1 / _step(z)
    for a in range(len(positions)):
        px, py, pz, reach = positions[a, 0], positions[a, 1], positions[a, 2], radii[a]
        x0, x1 = _window(x, px, reach)
        y0, y1 = _window(y, py, reach)
        for i in range(x0, x1):
            for j in range(y0, y1):
                square = reach * reach - (x[i, 0] - px) ** 2 - (y[j, 0] - py) ** 2
                if square >= 0.0:
                    first, last = _row((pz - z_first) * z_inverse, math.sqrt(square) * z_inverse, 0, len(z))
                    for k in range(first, last):
                        values[i, j, k] = 1


@compiled(inline="always")
def _center(line: Any, i: int) -> Any:
    return 0.5 * (line[i, 0] + line[i, -1])


@compiled(inline="always")
def _start(line: Any) -> Any:
    return _center(line, 0)


@compiled(inline="always")
def _step(line: Any) -> Any:
    """Return the distance between the centres of neighbouring cells; anything where there is one cell."""
    return (_center(line, len(line) - 1) - _start(line)) / (len(line) - 1) if len(line) > 1 else 1.0


@compiled(inline="always")
def _row(place: float, half: float, low: int, high: int) -> Any:
    """Return the cells [first, last) between low and high within half of a place, all in units of cells."""
    return max(low, math.ceil(place - half)), min(high, math.floor(place + half) + 1)


@compiled()
def _window(line: Any, position: float, reach: float) -> Any:
    """Return the cells [first, last) whose centres lie within reach of a position."""
    inverse = 1 / _step(line)
    return _row((position - _start(line)) * inverse, reach * inverse, 0, len(line))


@compiled(inline="always")
def _empty(block: Any) -> bool:
    return block[0][0] >= block[0][1] or block[1][0] >= block[1][1] or block[2][0] >= block[2][1]


@compiled()
def _half_diagonal(x: Any, y: Any, z: Any) -> Any:
    """Return how far sub-points lie from the centre of their cell at most."""
    return 0.5 * math.sqrt((x[0, -1] - x[0, 0]) ** 2 + (y[0, -1] - y[0, 0]) ** 2 + (z[0, -1] - z[0, 0]) ** 2)


@compiled()
def _reach(amplitudes: Any, exponents: Any, cutoff: float) -> float:
    """Return the distance beyond which each term is below the cutoff, in Å."""
    reach = 0.0
    for t in range(N_TERMS):
        height = abs(amplitudes[t])
        if height > cutoff:
            reach = max(reach, math.sqrt(math.log(height / cutoff) / exponents[t]))
    return reach


@compiled(fastmath=FAST)
def _fill_tables(tables: Any, x: Any, y: Any, z: Any, block: Any, p: Any, exponents: Any, amplitudes: Any) -> None:
    """Set the tables (3, N_TERMS, cells) of an atom to the means of its terms; those along x hold the amplitudes."""
    for t in range(N_TERMS):
        _means(tables[0, t], x, *block[0], p[0], exponents[t], amplitudes[t])
        _means(tables[1, t], y, *block[1], p[1], exponents[t], 1.0)
        _means(tables[2, t], z, *block[2], p[2], exponents[t], 1.0)


@compiled(fastmath=FAST)
def _means(table: Any, line: Any, first: int, last: int, position: float, exponent: float, height: float) -> None:
    """Set a table to the mean of height exp(-exponent u²) over the sub-points of each cell."""
    n = line.shape[1]
    for i in range(first, last):
        total = 0.0
        for s in range(n):
            u = line[i, s] - position
            total += math.exp(-exponent * u * u)
        table[i] = total * height / n


@compiled(fastmath=FAST)
def _slopes(table: Any, line: Any, first: int, last: int, position: float, exponent: float, height: float) -> None:
    """Set a table to the mean of the derivative of height exp(-exponent u²) over the sub-points of each cell."""
    n = line.shape[1]
    for i in range(first, last):
        total = 0.0
        for s in range(n):
            u = line[i, s] - position
            total -= 2.0 * exponent * u * math.exp(-exponent * u * u)
        table[i] = total * height / n
