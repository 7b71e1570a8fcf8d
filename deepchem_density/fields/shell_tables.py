"""One-dimensional tables of Gaussian shells along an axis, and how far each shell reaches; everything in bohr."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deepchem_density.fields.compiled import FAST, compiled

__all__ = ["fill_tables", "reach_of_shells"]


@compiled()
def reach_of_shells(first: Any, exponents: Any, coefficients: Any, momenta: Any, weights: Any, cutoff: float) -> Any:
    """Return how far from its centre each shell matters: beyond, w |c| r^l exp(-a r²) summed over k is below a cutoff.

    Parameters
    ----------
    first : np.ndarray
        First primitive of each shell, (n_shells + 1,).
    exponents, coefficients : np.ndarray
        (n_primitives,).
    momenta : np.ndarray
        Angular momentum of each shell, (n_shells,).
    weights : np.ndarray
        Largest coefficient of the shell's functions in any orbital, (n_shells,).
    cutoff : float
        In the unit of an orbital.
    """
    reach = np.zeros(len(momenta))
    for s in range(len(momenta)):
        low, high = 0.0, 60.0
        for _ in range(14):
            r, value = 0.5 * (low + high), 0.0
            for k in range(first[s], first[s + 1]):
                value += abs(coefficients[k]) * math.exp(-exponents[k] * r * r)
            power = 1.0
            for _ in range(momenta[s]):
                power *= max(r, 1.0)
            if 2.0 * weights[s] * value * power > cutoff:
                low = r
            else:
                high = r
        reach[s] = high if weights[s] > 0.0 else 0.0
    return reach


@compiled(fastmath=FAST)
def fill_tables(table: Any, shifts: Any, line: Any, centers: Any, reach: Any, first: Any, exponents: Any) -> None:
    """Set tables to exp(-a u²) of each primitive, and to the displacements u = x - A of each shell, along one axis.

    Parameters
    ----------
    table, shifts : np.ndarray
        (n_primitives, n) and (n_shells, n), zeros where the axis is shorter.
    line : np.ndarray
        Coordinates, (at most n,), float64.
    centers, reach : np.ndarray
        Of each shell, (n_shells,), float64.
    first, exponents : np.ndarray
        As in `reach_of_shells`.
    """
    for s in range(len(centers)):
        for i in range(len(line)):
            u = line[i] - centers[s]
            shifts[s, i] = u
            if abs(u) <= reach[s]:
                for k in range(first[s], first[s + 1]):
                    table[k, i] = math.exp(-exponents[k] * u * u)
