"""Axes as compiled sums take them, the cells of an axis near an atom, and Gaussians tabulated along them.

An axis is the sub-points of its cells, (cells, sub-points) in Å, float64, ascending and evenly spaced; a table has one number
a cell, the mean over its sub-points. On even steps h a Gaussian needs no exponential a point: with g_i = exp(-e u_i²)

    g_(i+1) = g_i r_i        r_(i+1) = r_i exp(-2 e h²)        r_0 = exp(-e h (h + 2 u_0))

which goes outwards from the point nearest to the atom, so that all factors are below 1, and starts anew now and then.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from deepchem_density.fields.compiled import FAST, compiled

__all__ = ["N_TERMS", "decay", "fill_table", "fill_tables", "half_diagonal", "is_even", "line", "scale", "window"]

N_TERMS = 5
"""Gaussians of an atom in `fill_tables`, whose loops are written out for that many."""


RESTART = 64
"""Points after which a recurrence starts anew: errors grow with the square, here to 2e-13 of the largest value."""

EVEN = {torch.float32: 1e-5, torch.float64: 1e-10}
"""Å by which coordinates may differ from even steps: a Gaussian of σ = 0.5 Å changes by as much, as part of its height."""


def line(axis: torch.Tensor) -> np.ndarray:
    """Return an axis as compiled code takes it."""
    return axis.detach().cpu().double().numpy()


def is_even(axis: torch.Tensor) -> bool:
    """Say whether coordinates (n,) ascend in equal steps, which compiled sums rely on."""
    points = line(axis)
    even = np.linspace(points[0], points[-1], len(points))
    ascends = len(points) == 1 or points[-1] > points[0]
    return bool(ascends and np.abs(points - even).max() <= EVEN.get(axis.dtype, 0.0))


@compiled()
def scale(line: Any) -> Any:
    """Return the centre of the first cell, the distance between neighbours and its inverse, and the number of cells."""
    start, end = 0.5 * (line[0, 0] + line[0, -1]), 0.5 * (line[-1, 0] + line[-1, -1])
    step = (end - start) / (len(line) - 1) if len(line) > 1 else 1.0
    return start, step, 1.0 / step, len(line)


@compiled()
def window(scale: Any, position: float, reach: float) -> Any:
    """Return the cells [first, last) whose centres lie within reach of a position."""
    start, _, inverse, n = scale
    place, half = (position - start) * inverse, reach * inverse
    return max(0, math.ceil(place - half)), min(n, math.floor(place + half) + 1)


@compiled()
def half_diagonal(x: Any, y: Any, z: Any) -> Any:
    """Return how far sub-points lie from the centre of their cell at most."""
    return 0.5 * math.sqrt((x[0, -1] - x[0, 0]) ** 2 + (y[0, -1] - y[0, 0]) ** 2 + (z[0, -1] - z[0, 0]) ** 2)


@compiled()
def decay(line: Any, exponent: float) -> float:
    """Return exp(-2 e h²), by which the ratio of a Gaussian's values falls from sub-point to sub-point."""
    step = _step(line)
    return math.exp(-2.0 * exponent * step * step)


@compiled(fastmath=FAST)
def fill_table(
    tables: Any, row: int, line: Any, window: Any, position: float, exponent: float, height: float, decay: float
) -> None:
    """Set the cells of a window to means of height exp(-exponent u²), in one row of tables.

    Parameters
    ----------
    tables : np.ndarray
        (rows, at least n).
    row : int
        Which of them; to take it out would cost as much as to fill it.
    line : np.ndarray
        (n, sub-points) in Å.
    window : tuple of int
        First cell, and the end; at least one cell.
    position, exponent, height : float
        In Å, 1/Å² and the unit of the table.
    decay : float
        Of the function `decay`.
    """
    n_sub, (first, last) = line.shape[1], window
    if n_sub == 1:
        _walk(tables, row, line, first, last, position, exponent, height, decay)
        return
    points = np.empty((1, line.size), line.dtype)
    _walk(points, 0, line, first * n_sub, last * n_sub, position, exponent, height, decay)
    for i in range(first, last):
        total = 0.0
        for s in range(i * n_sub, (i + 1) * n_sub):
            total += points[0, s]
        tables[row, i] = total / n_sub


@compiled(fastmath=FAST)
def fill_tables(
    tables: Any, slopes: Any, line: Any, window: Any, position: float, exponents: Any, heights: Any
) -> None:
    """Do `fill_table` for ``N_TERMS`` Gaussians at once, and for their derivatives.

    Parameters
    ----------
    tables, slopes : np.ndarray
        (``N_TERMS``, at least n); slopes of length 0 are not asked for.
    line, window, position
        As in `fill_table`.
    exponents, heights : np.ndarray
        (``N_TERMS``,).
    """
    n_sub, (first, last) = line.shape[1], window
    points = tables if n_sub == 1 else np.empty((N_TERMS, line.size), tables.dtype)
    _walk_all(points, line, first * n_sub, last * n_sub, position, exponents, heights)
    if n_sub == 1 and slopes.size == 0:
        return
    for t in range(N_TERMS):
        for i in range(first, last):
            total, slope = 0.0, 0.0
            for s in range(n_sub):
                value = points[t, i * n_sub + s]
                total += value
                slope -= 2.0 * exponents[t] * (line[i, s] - position) * value
            tables[t, i] = total / n_sub
            if slopes.size:
                slopes[t, i] = slope / n_sub


@compiled()
def _nearest(line: Any, low: int, high: int, position: float) -> int:
    """Return the point of [low, high) nearest to a position."""
    return min(max(math.floor((position - line[0, 0]) / _step(line) + 0.5), low), high - 1)


@compiled(fastmath=FAST)
def _walk(
    points: Any, row: int, line: Any, low: int, high: int, position: float, exponent: float, height: float, decay: float
) -> None:
    """Set the points [low, high) of a row to a Gaussian."""
    step, nearest = _step(line), _nearest(line, low, high, position)
    for sign in (1, -1):
        end = high - nearest if sign > 0 else nearest - low + 1
        for begin in range(0, end, RESTART):
            u = sign * (line[0, 0] + (nearest + sign * begin) * step - position)
            value, ratio = _start(exponent, height, u, step)
            for n in range(begin, min(begin + RESTART, end)):
                points[row, nearest + sign * n] = value
                value *= ratio
                ratio *= decay


@compiled(fastmath=FAST)
def _walk_all(points: Any, line: Any, low: int, high: int, position: float, exponents: Any, heights: Any) -> None:
    """Set the points (``N_TERMS``, [low, high)) to Gaussians, all at once, so that none waits for its last product."""
    step, nearest = _step(line), _nearest(line, low, high, position)
    p0, p1, p2, p3, p4 = points[0], points[1], points[2], points[3], points[4]
    d0, d1, d2 = _decay(exponents[0], step), _decay(exponents[1], step), _decay(exponents[2], step)
    d3, d4 = _decay(exponents[3], step), _decay(exponents[4], step)
    for sign in (1, -1):
        end = high - nearest if sign > 0 else nearest - low + 1
        for begin in range(0, end, RESTART):
            u = sign * (line[0, 0] + (nearest + sign * begin) * step - position)
            v0, r0 = _start(exponents[0], heights[0], u, step)
            v1, r1 = _start(exponents[1], heights[1], u, step)
            v2, r2 = _start(exponents[2], heights[2], u, step)
            v3, r3 = _start(exponents[3], heights[3], u, step)
            v4, r4 = _start(exponents[4], heights[4], u, step)
            for n in range(begin, min(begin + RESTART, end)):
                i = nearest + sign * n
                p0[i], p1[i], p2[i], p3[i], p4[i] = v0, v1, v2, v3, v4
                v0, v1, v2, v3, v4 = v0 * r0, v1 * r1, v2 * r2, v3 * r3, v4 * r4
                r0, r1, r2, r3, r4 = r0 * d0, r1 * d1, r2 * d2, r3 * d3, r4 * d4


@compiled()
def _start(exponent: float, height: float, u: float, step: float) -> Any:
    """Return a Gaussian at u, and its ratio to the next point."""
    return height * math.exp(-exponent * u * u), math.exp(-exponent * step * (step + 2.0 * u))


@compiled()
def _decay(exponent: float, step: float) -> float:
    """Return by what the ratio falls from point to point."""
    return math.exp(-2.0 * exponent * step * step)


@compiled()
def _step(line: Any) -> float:
    """Return the distance between neighbouring sub-points; anything where there is one."""
    n = line.size
    return (line[-1, -1] - line[0, 0]) / (n - 1) if n > 1 else 1.0
