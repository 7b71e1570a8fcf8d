"""Density of orbitals and the length of its gradient on regular axes, compiled, block by block.

A block is a box of some hundred points. Only the shells that reach it are looked at; their radial parts

    R(r) = Σ_k c_k X_k(x) Y_k(y) Z_k(z)        D(r) = Σ_k -2 a_k c_k X_k(x) Y_k(y) Z_k(z)

come from tables of one-dimensional Gaussians, the functions are χ = Y_lm(r - A) R, and the orbitals at all points of the block
one small matrix product ψ = Lᵀ χ that stays in the cache, where ρ = Σ_j ψ_j² is summed. For the gradient the orbitals go back
onto the functions, g = L ψ, since ∇ρ = 2 Σ_μ g_μ ∇χ_μ and ∇χ = R ∇Y + Y D (r - A): two products, not four. Everything is in bohr;
d functions are those of `gaussian_basis`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepchem_density.fields.compiled import FAST, compiled

__all__ = ["BLOCK_Z", "add_densities", "add_gradients"]

BLOCK_Z = 8
"""Points of a block along z; blocks along x and y are chosen by the caller."""
SQRT3, HALF = math.sqrt(3.0), np.float32(0.5)


@compiled()
def _near_shells(near: Any, centers: Any, reach: Any, lines: Any, corner: Any, size: Any) -> int:
    """List the shells that reach a block and return their number."""
    n = 0
    ends = (size[0], size[1], BLOCK_Z)
    low, high = np.empty(3), np.empty(3)
    for axis in range(3):
        low[axis], high[axis] = math.inf, -math.inf
        for i in range(corner[axis], min(corner[axis] + ends[axis], len(lines[axis]))):
            low[axis], high[axis] = min(low[axis], lines[axis][i]), max(high[axis], lines[axis][i])
    for s in range(len(reach)):
        square = 0.0
        for axis in range(3):
            out = max(low[axis] - centers[s, axis], centers[s, axis] - high[axis], 0.0)
            square += out * out
        if square < reach[s] * reach[s]:
            near[n] = s
            n += 1
    return n


@compiled(fastmath=FAST)
def _radial(out: Any, tables: Any, weights: Any, begin: int, end: int, corner: Any, size: Any) -> None:
    """Set the points of a block to the sum over primitives of their weight times the factors along x, y and z.

    Four primitives at a time leave one pass over a row where shells have no more, as most have.
    """
    tx, ty, tz = tables
    x0, y0, z0 = corner
    out[:] = 0
    none = out[0]  # 0 in the dtype of the values
    for p in range(begin, end, 4):
        p1, p2, p3 = min(p + 1, end - 1), min(p + 2, end - 1), min(p + 3, end - 1)
        c0, c1 = weights[p], weights[p1] if p + 1 < end else none
        c2, c3 = weights[p2] if p + 2 < end else none, weights[p3] if p + 3 < end else none
        a0, a1, a2, a3 = tz[p], tz[p1], tz[p2], tz[p3]
        q = np.uint64(0)
        for i in range(x0, x0 + size[0]):
            d0, d1, d2, d3 = c0 * tx[p, i], c1 * tx[p1, i], c2 * tx[p2, i], c3 * tx[p3, i]
            for j in range(y0, y0 + size[1]):
                w0, w1, w2, w3 = d0 * ty[p, j], d1 * ty[p1, j], d2 * ty[p2, j], d3 * ty[p3, j]
                for k in range(BLOCK_Z):
                    z, at = np.uint64(z0 + k), q + np.uint64(k)
                    out[at] += w0 * a0[z] + w1 * a1[z] + w2 * a2[z] + w3 * a3[z]
                q += np.uint64(BLOCK_Z)


@compiled(fastmath=FAST)
def _displacements(out: Any, shifts: Any, shell: int, corner: Any, size: Any) -> None:
    """Set (3, points) to the displacements from a shell's centre."""
    sx, sy, sz = shifts
    x0, y0, z0 = corner
    q = 0
    for i in range(size[0]):
        for j in range(size[1]):
            for k in range(BLOCK_Z):
                out[0, q + k] = sx[shell, x0 + i]
                out[1, q + k] = sy[shell, y0 + j]
                out[2, q + k] = sz[shell, z0 + k]
            q += BLOCK_Z


@compiled(fastmath=FAST)
def _functions(chi: Any, radial: Any, momentum: int, shell: int, shifts: Any, corner: Any, size: Any) -> None:
    """Write the functions of a shell, (2 l + 1, points), from its radial part and the displacements along the axes."""
    if momentum == 0:
        chi[0] = radial
        return
    sx, sy, sz = shifts[0][shell], shifts[1][shell], shifts[2][shell]
    x0, y0, z0 = corner
    q = np.uint64(0)
    for i in range(x0, x0 + size[0]):
        for j in range(y0, y0 + size[1]):
            x, y = sx[i], sy[j]
            if momentum == 1:
                for k in range(BLOCK_Z):
                    at = q + np.uint64(k)
                    r = radial[at]
                    chi[0, at], chi[1, at], chi[2, at] = x * r, y * r, sz[np.uint64(z0 + k)] * r
            else:
                for k in range(BLOCK_Z):
                    at, z = q + np.uint64(k), sz[np.uint64(z0 + k)]
                    r = radial[at]
                    chi[0, at], chi[1, at], chi[3, at] = SQRT3 * x * y * r, SQRT3 * y * z * r, SQRT3 * x * z * r
                    chi[2, at] = (z * z - HALF * (x * x + y * y)) * r
                    chi[4, at] = HALF * SQRT3 * (x * x - y * y) * r
            q += np.uint64(BLOCK_Z)


@compiled(fastmath=FAST)
def _multiply(out: Any, weights: Any, rows: Any, n_out: int, n_rows: int) -> None:
    """Set out (n_out, points) to weights (n_rows, n_out) transposed times rows (n_rows, points).

    n_out is even, n_rows a multiple of four.
    """
    for j in range(0, n_out, 2):
        first, second = out[j], out[j + 1]
        for q in range(len(first)):
            first[q] = 0
            second[q] = 0
        for m in range(0, n_rows, 4):
            a0, a1, a2, a3 = weights[m, j], weights[m + 1, j], weights[m + 2, j], weights[m + 3, j]
            b0, b1, b2, b3 = weights[m, j + 1], weights[m + 1, j + 1], weights[m + 2, j + 1], weights[m + 3, j + 1]
            c0, c1, c2, c3 = rows[m], rows[m + 1], rows[m + 2], rows[m + 3]
            for q in range(len(first)):
                first[q] += a0 * c0[q] + a1 * c1[q] + a2 * c2[q] + a3 * c3[q]
                second[q] += b0 * c0[q] + b1 * c1[q] + b2 * c2[q] + b3 * c3[q]


@compiled(fastmath=FAST)
def _add_slopes(total: Any, g: Any, radial: Any, slope: Any, momentum: int, u: Any) -> None:
    """Add Σ_m g_m ∇χ_m of a shell to (3, points); g is (2 l + 1, points)."""
    px, py, pz, tx, ty, tz = u[0], u[1], u[2], total[0], total[1], total[2]
    if momentum == 0:
        for q in range(len(radial)):
            f = g[0, q] * slope[q]
            tx[q] += f * px[q]
            ty[q] += f * py[q]
            tz[q] += f * pz[q]
    elif momentum == 1:
        for q in range(len(radial)):
            r = radial[q]
            f = (g[0, q] * px[q] + g[1, q] * py[q] + g[2, q] * pz[q]) * slope[q]
            tx[q] += f * px[q] + g[0, q] * r
            ty[q] += f * py[q] + g[1, q] * r
            tz[q] += f * pz[q] + g[2, q] * r
    else:
        for q in range(len(radial)):
            x, y, z, r = px[q], py[q], pz[q], radial[q]
            xy, yz, zz, xz, xx = SQRT3 * g[0, q], SQRT3 * g[1, q], g[2, q], SQRT3 * g[3, q], SQRT3 * g[4, q]
            f = (
                xy * x * y
                + yz * y * z
                + zz * (z * z - HALF * (x * x + y * y))
                + xz * x * z
                + HALF * xx * (x * x - y * y)
            ) * slope[q]
            tx[q] += f * x + (xy * y - zz * x + xz * z + xx * x) * r
            ty[q] += f * y + (xy * x + yz * z - zz * y - xx * y) * r
            tz[q] += f * z + (yz * y + (zz + zz) * z + xz * x) * r


@compiled(fastmath=FAST)
def _gather(
    chi: Any,
    weights: Any,
    parts: Any,
    near: Any,
    shells: Any,
    tables: Any,
    shifts: Any,
    orbitals: Any,
    slopes: Any,
    corner: Any,
    size: Any,
) -> int:
    """Write functions and coefficients of the shells that are near, filled up with zeros to a multiple of four rows.

    ``parts`` are the radial parts, their slopes (where ``slopes`` is not empty) and the displacements, by place in ``near``.
    """
    _, _, first, start, momenta, coefficients = shells
    radial, slope, u = parts
    rows = 0
    for a in range(len(near)):
        s = near[a]
        n = 2 * momenta[s] + 1
        _radial(radial[a], tables, coefficients, first[s], first[s + 1], corner, size)
        if len(slopes):
            _radial(slope[a], tables, slopes, first[s], first[s + 1], corner, size)
            _displacements(u[a], shifts, s, corner, size)
        _functions(chi[rows : rows + n], radial[a], momenta[s], s, shifts, corner, size)
        weights[rows : rows + n] = orbitals[start[s] : start[s] + n]
        rows += n
    filled = (rows + 3) // 4 * 4
    chi[rows:filled] = 0
    weights[rows:filled] = 0
    return filled


@compiled(fastmath=FAST)
def _slopes_of_all(total: Any, g: Any, parts: Any, near: Any, momenta: Any) -> None:
    """Set (3, points) to Σ_μ g_μ ∇χ_μ over the functions of the shells that are near."""
    radial, slope, u = parts
    total[:] = 0
    row = 0
    for a in range(len(near)):
        n = 2 * momenta[near[a]] + 1
        _add_slopes(total, g[row : row + n], radial[a], slope[a], momenta[near[a]], u[a])
        row += n


@compiled(fastmath=FAST)
def add_densities(
    values: Any, n_sub: int, size: Any, lines: Any, shells: Any, tables: Any, shifts: Any, orbitals: Any
) -> None:
    """Add Σ_j ψ_j² at the points of each cell to the cell.

    Parameters
    ----------
    values : np.ndarray
        (nx, ny, nz), float32 or float64.
    n_sub : int
        Points of a cell along each axis.
    size : tuple of int
        Points of a block along x and y.
    lines : tuple of np.ndarray
        Coordinates of all points along x, y and z, float64.
    shells : tuple of np.ndarray
        Centres (n_shells, 3) and reach (n_shells,), first primitive (n_shells + 1,) and first function of each, angular momenta,
        and coefficients (n_primitives,) in the dtype of the values.
    tables, shifts : tuple of np.ndarray
        Of `shell_tables`, in the dtype of the values, a block longer than the axes.
    orbitals : np.ndarray
        L (n_functions, n occupied), filled up with columns of zeros to a multiple of four, in the dtype of the values.
    """
    points, n_orbitals, kind = size[0] * size[1] * BLOCK_Z, orbitals.shape[1], values.dtype
    n_shells, n_rows = len(shells[1]), len(orbitals) + 4
    near, none = np.empty(n_shells, np.int64), np.empty(0, kind)
    chi, weights, psi = (
        np.empty((n_rows, points), kind),
        np.empty((n_rows, n_orbitals), kind),
        np.empty((n_orbitals, points), kind),
    )
    parts = np.empty((n_shells, points), kind), np.empty((1, points), kind), np.empty((1, 3, points), kind)
    for x0 in range(0, len(lines[0]), size[0]):
        for y0 in range(0, len(lines[1]), size[1]):
            for z0 in range(0, len(lines[2]), BLOCK_Z):
                corner = (x0, y0, z0)
                n_near = _near_shells(near, shells[0], shells[1], lines, corner, size)
                if n_near:
                    rows = _gather(
                        chi, weights, parts, near[:n_near], shells, tables, shifts, orbitals, none, corner, size
                    )
                    _multiply(psi, weights, chi, n_orbitals, rows)
                    _square(chi[0], psi)
                    _add_cells(values, chi[0], n_sub, corner, size, lines)


@compiled(fastmath=FAST)
def add_gradients(
    values: Any,
    densities: Any,
    n_sub: int,
    size: Any,
    lines: Any,
    shells: Any,
    tables: Any,
    shifts: Any,
    orbitals: Any,
    slopes: Any,
) -> None:
    """Add ½ ∇ Σ_j ψ_j² at the points of each cell to the cell, or its length.

    Parameters
    ----------
    values : np.ndarray
        (1, nx, ny, nz) for the length, (3, nx, ny, nz) for the components.
    densities : np.ndarray
        (nx, ny, nz), to which Σ_j ψ_j² is added as `add_densities` does it; (0, 0, 0) where nobody asks.
    n_sub, size, lines, shells, tables, shifts, orbitals
        As in `add_densities`.
    slopes : np.ndarray
        -2 a c of each primitive, (n_primitives,).
    """
    points, n_orbitals, kind = size[0] * size[1] * BLOCK_Z, orbitals.shape[1], values.dtype
    n_shells, n_rows = len(shells[1]), len(orbitals) + 4
    near = np.empty(n_shells, np.int64)
    chi, weights, psi = (
        np.empty((n_rows, points), kind),
        np.empty((n_rows, n_orbitals), kind),
        np.empty((n_orbitals, points), kind),
    )
    parts = (
        np.empty((n_shells, points), kind),
        np.empty((n_shells, points), kind),
        np.empty((n_shells, 3, points), kind),
    )
    turned, total = np.empty((n_orbitals, n_rows), kind), np.empty((3, points), kind)
    for x0 in range(0, len(lines[0]), size[0]):
        for y0 in range(0, len(lines[1]), size[1]):
            for z0 in range(0, len(lines[2]), BLOCK_Z):
                corner = (x0, y0, z0)
                n_near = _near_shells(near, shells[0], shells[1], lines, corner, size)
                if n_near:
                    rows = _gather(
                        chi, weights, parts, near[:n_near], shells, tables, shifts, orbitals, slopes, corner, size
                    )
                    turned[:, :rows] = weights[:rows].T
                    _multiply(psi, weights, chi, n_orbitals, rows)
                    if len(densities):
                        _square(total[0], psi)
                        _add_cells(densities, total[0], n_sub, corner, size, lines)
                    _multiply(chi, turned, psi, rows, n_orbitals)  # the functions are done with: g takes their places
                    _slopes_of_all(total, chi, parts, near[:n_near], shells[4])
                    if len(values) == 1:
                        _length(total)
                    for axis in range(len(values)):
                        _add_cells(values[axis], total[axis], n_sub, corner, size, lines)


@compiled(fastmath=FAST)
def _square(out: Any, psi: Any) -> None:
    for q in range(len(out)):
        out[q] = 0
    for j in range(len(psi)):
        row = psi[j]
        for q in range(len(out)):
            out[q] += row[q] * row[q]


@compiled(fastmath=FAST)
def _length(total: Any) -> None:
    """Replace the first component of vectors (3, points) by their length."""
    x, y, z = total[0], total[1], total[2]
    for q in range(len(x)):
        x[q] = math.sqrt(x[q] * x[q] + y[q] * y[q] + z[q] * z[q])


@compiled()
def _add_cells(values: Any, block: Any, n_sub: int, corner: Any, size: Any, lines: Any) -> None:
    """Add the points of a block to the cells that they lie in; those beyond the ends of the axes are left out."""
    x0, y0, z0 = corner
    nx, ny, nz = min(size[0], len(lines[0]) - x0), min(size[1], len(lines[1]) - y0), min(BLOCK_Z, len(lines[2]) - z0)
    for i in range(nx):
        for j in range(ny):
            row, q = values[(x0 + i) // n_sub, (y0 + j) // n_sub], (i * size[1] + j) * BLOCK_Z
            if n_sub == 1:
                for k in range(nz):
                    row[z0 + k] += block[q + k]
            else:
                for k in range(nz):
                    row[(z0 + k) // n_sub] += block[q + k]
