"""How errors fall with more data: power laws, and how much more data one curve needs to reach another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from deepchem_density.reports.significance import LEVEL, mean_interval

__all__ = ["FlooredPowerLaw", "PowerLaw", "Ratio", "data_ratio", "fit_floored_power_law", "fit_power_law"]

MIN_SIZES_WITH_FLOOR = 4
SMALLEST_FLOOR = 1e-3


@dataclass(frozen=True)
class PowerLaw:
    """error = factor · n^-exponent, with the 95 % interval of the exponent."""

    factor: float
    exponent: float
    low: float
    high: float

    def __call__(self, n: np.ndarray) -> np.ndarray:
        """Return the error with n training molecules."""
        return self.factor * np.asarray(n, dtype=np.float64) ** -self.exponent


@dataclass(frozen=True)
class FlooredPowerLaw:
    """error = factor · n^-exponent + floor, with 95 % intervals of the exponent and the floor."""

    factor: float
    exponent: float
    exponent_low: float
    exponent_high: float
    floor: float
    floor_low: float
    floor_high: float


@dataclass(frozen=True)
class Ratio:
    """How many times as much data one curve needs as another.

    Parameters
    ----------
    value, low, high : float
        Ratio and ends of its 95 % interval, NaN where the curves do not tell.
    bound : str
        Of a ratio that lies outside the sizes measured: ">" with ``limit`` below it, "<" with ``limit`` above it, else "".
    limit : float
        NaN without a bound.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    bound: str = ""
    limit: float = float("nan")


def fit_power_law(sizes: np.ndarray, errors: np.ndarray) -> PowerLaw | None:
    """Fit a straight line to the logarithms, a seed at a time.

    Parameters
    ----------
    sizes : np.ndarray
        (n_sizes,) training molecules.
    errors : np.ndarray
        (n_seeds, n_sizes) above 0, in any unit.

    Returns
    -------
    PowerLaw or None
        None for fewer than two sizes or an error of 0; its interval is NaN for a single seed.

    Notes
    -----
    Each seed gives an exponent; their mean (which is that of a common fit) has a t interval over seeds. No
    assumption is needed that errors of one seed at several sizes scatter independently: its training sets are nested. The
    exponent is the mean slope over the sizes measured, and says nothing of sizes beyond.
    """
    log_n = np.log(np.asarray(sizes, dtype=np.float64))
    errors = np.asarray(errors, dtype=np.float64)
    if len(log_n) < 2 or not (errors > 0).all():
        return None
    log_e = np.log(errors)
    centred = log_n - log_n.mean()
    slopes = log_e @ centred / (centred @ centred)
    exponent, low, high = mean_interval(-slopes)
    return PowerLaw(float(np.exp(log_e.mean() + exponent * log_n.mean())), exponent, low, high)


def fit_floored_power_law(sizes: np.ndarray, errors: np.ndarray) -> FlooredPowerLaw | None:
    """Fit a power law that ends in a floor, to the logarithms of all errors together.

    Parameters
    ----------
    sizes, errors : np.ndarray
        As in `fit_power_law`.

    Returns
    -------
    FlooredPowerLaw or None
        None for fewer than four sizes, an error of 0, or where the data do not tell such a floor: the fit does not converge, its
        best floor is 0, or the interval of the floor is wider than the smallest error.

    Notes
    -----
    Intervals are those of the linearized fit, with the scatter of all errors about the curve taken as independent: a guide.
    A floor whose interval reaches to 0 is not established.
    """
    sizes, errors = np.asarray(sizes, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    start = fit_power_law(sizes, errors)
    if start is None or len(sizes) < MIN_SIZES_WITH_FLOOR:
        return None
    middle, scale = float(np.exp(np.log(sizes).mean())), float(errors.min())
    n = np.broadcast_to(sizes / middle, errors.shape).ravel()

    def log_error(n: np.ndarray, factor: float, exponent: float, floor: float) -> np.ndarray:
        return np.log(factor * n**-exponent + floor)

    first = [float(start(np.array(middle))) / scale, max(start.exponent, 0.05), 0.1]
    try:
        best, covariance = optimize.curve_fit(
            log_error, n, np.log(errors / scale).ravel(), p0=first, bounds=([1e-12, 1e-6, 0], [np.inf, 10, np.inf])
        )
    except (RuntimeError, optimize.OptimizeWarning):
        return None
    if not np.isfinite(covariance).all():
        return None
    half = stats.t.ppf((1 + LEVEL) / 2, n.size - 3) * np.sqrt(np.diag(covariance))
    factor, exponent, floor = best
    if floor < SMALLEST_FLOOR or 2 * half[2] > 1:  # in units of the smallest error
        return None
    floors = (np.array([floor, floor - half[2], floor + half[2]]) * scale).tolist()
    slopes = (float(exponent), float(exponent - half[1]), float(exponent + half[1]))
    return FlooredPowerLaw(float(factor * middle**exponent * scale), *slopes, *floors)


def data_ratio(sizes: np.ndarray, reference: np.ndarray, errors: np.ndarray, n: float) -> Ratio:
    """Return how many times `n` the reference needs to reach an error that another network has with `n` molecules.

    Parameters
    ----------
    sizes : np.ndarray
        (n_sizes,) rising training molecules of the reference.
    reference : np.ndarray
        (n_seeds, n_sizes) errors of the reference, above 0.
    errors : np.ndarray
        (n_seeds,) errors of the other network with `n` molecules, of the same seeds.
    n : float
        Training molecules of the other network.

    Notes
    -----
    The reference is read between its sizes along straight lines in the logarithms, at the first place where it reaches the
    error. The ratio is that of the geometric means over seeds; its interval is a t interval over the logarithms of the
    ratios of single seeds, and needs all of them inside the range.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    log_reference, log_errors = np.log(reference), np.log(errors)
    reached = _first_reach(sizes, log_reference.mean(axis=0), float(log_errors.mean()))
    if not np.isfinite(reached):
        limit = float((sizes[-1] if reached > 0 else sizes[0]) / n)
        return Ratio(float("nan"), bound=">" if reached > 0 else "<", limit=limit)
    of_seeds = [_first_reach(sizes, r, float(e)) for r, e in zip(log_reference, log_errors, strict=True)]
    ratio = float(np.exp(reached) / n)
    if not np.isfinite(of_seeds).all():
        return Ratio(ratio)
    mean, low, high = mean_interval(of_seeds)
    return Ratio(ratio, float(ratio * np.exp(low - mean)), float(ratio * np.exp(high - mean)))


def _first_reach(sizes: np.ndarray, log_reference: np.ndarray, level: float) -> float:
    """Return the logarithm of the size where a curve first comes down to a level; ∞ if it never does, -∞ if it starts below."""
    if log_reference[0] < level:
        return -np.inf
    below = np.flatnonzero(log_reference <= level)
    if len(below) == 0:
        return np.inf
    last = below[0]
    if last == 0:
        return float(np.log(sizes[0]))
    before, after = log_reference[last - 1], log_reference[last]
    part = (before - level) / (before - after)
    return float((1 - part) * np.log(sizes[last - 1]) + part * np.log(sizes[last]))
