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

__all__ = ["decay", "fill_table", "half_diagonal", "is_even", "line", "scale", "window"]

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
    """Return the centre of the first cell, the inverse of the distance between neighbours, and the number of cells."""
    start, end = 0.5 * (line[0, 0] + line[0, -1]), 0.5 * (line[-1, 0] + line[-1, -1])
    return start, (len(line) - 1) / (end - start) if len(line) > 1 else 1.0, len(line)


@compiled(inline="always")
def window(scale: Any, position: float, reach: float) -> Any:
    """Return the cells [first, last) whose centres lie within reach of a position."""
    start, inverse, n = scale
    place, half = (position - start) * inverse, reach * inverse
    return max(0, math.ceil(place - half)), min(n, math.floor(place + half) + 1)


@compiled()
def half_diagonal(x: Any, y: Any, z: Any) -> Any:
    """Return how far sub-points lie from the centre of their cell at most."""
    return 0.5 * math.sqrt((x[0, -1] - x[0, 0]) ** 2 + (y[0, -1] - y[0, 0]) ** 2 + (z[0, -1] - z[0, 0]) ** 2)


@compiled()
def decay(exponent: float, line: Any) -> float:
    """Return exp(-2 e h²) for the step h between sub-points."""
    step = _step(line)
    return math.exp(-2.0 * exponent * step * step)


@compiled(fastmath=FAST)
def fill_table(
    table: Any,
    slopes: Any,
    line: Any,
    first: int,
    last: int,
    position: float,
    exponent: float,
    height: float,
    decay: float,
) -> None:
    """Set cells [first, last) of a table to means of height exp(-exponent u²), and of slopes to those of its derivative.

    Parameters
    ----------
    table, slopes : np.ndarray
        (at least n,); slopes of length 0 are not asked for.
    line : np.ndarray
        (n, sub-points) in Å.
    first, last : int
        At least one cell.
    position, exponent, height : float
        In Å, 1/Å² and the unit of the table.
    decay : float
        Of the function of that name.
    """
    n_sub, step = line.shape[1], _step(line)
    if n_sub == 1:
        _fill_points(table, line[0, 0], step, first, last, position, exponent, height, decay)
        if len(slopes):
            for i in range(first, last):
                slopes[i] = -2.0 * exponent * (line[i, 0] - position) * table[i]
        return
    points = np.empty(line.size, line.dtype)
    _fill_points(points, line[0, 0], step, first * n_sub, last * n_sub, position, exponent, height, decay)
    for i in range(first, last):
        total, slope = 0.0, 0.0
        for s in range(n_sub):
            total += points[i * n_sub + s]
            slope -= 2.0 * exponent * (line[i, s] - position) * points[i * n_sub + s]
        table[i] = total / n_sub
        if len(slopes):
            slopes[i] = slope / n_sub


@compiled(fastmath=FAST)
def _fill_points(
    points: Any,
    start: float,
    step: float,
    low: int,
    high: int,
    position: float,
    exponent: float,
    height: float,
    decay: float,
) -> None:
    """Set the points [low, high) to height exp(-exponent u²), from the one nearest to the position outwards."""
    nearest = min(max(math.floor((position - start) / step + 0.5), low), high - 1)
    u = start + nearest * step - position
    value = height * math.exp(-exponent * u * u)
    points[nearest] = value
    up, down = math.exp(-exponent * step * (step + 2.0 * u)), math.exp(-exponent * step * (step - 2.0 * u))
    upwards = value
    for i in range(nearest + 1, high):
        upwards *= up
        up *= decay
        if i % RESTART == 0:
            u = start + i * step - position
            upwards, up = height * math.exp(-exponent * u * u), math.exp(-exponent * step * (step + 2.0 * u))
        points[i] = upwards
    for i in range(nearest - 1, low - 1, -1):
        value *= down
        down *= decay
        if i % RESTART == 0:
            u = start + i * step - position
            value, down = height * math.exp(-exponent * u * u), math.exp(-exponent * step * (step - 2.0 * u))
        points[i] = value


@compiled(inline="always")
def _step(line: Any) -> float:
    """Return the distance between neighbouring sub-points; anything where there is one."""
    n = line.size
    return (line[-1, -1] - line[0, 0]) / (n - 1) if n > 1 else 1.0
