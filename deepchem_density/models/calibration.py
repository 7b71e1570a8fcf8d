"""From how far the networks of an ensemble are from each other to how far their mean is from the truth.

Neither dropout nor the spread over seeds has the size of errors: labels hold what no network of the ensemble knows. Both are
calibrated on molecules that neither trained nor stopped the networks. The spread of a molecule gives a scale,
sqrt(floor² + (slope · spread)²), and quantiles of absolute error / scale give the factors that turn scales into bounds (split
conformal prediction with a normalized score [1]_). Nothing is assumed of the shape of the errors, whose tails are heavier than
those of a normal distribution.

References
----------
.. [1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, J. Am. Stat. Assoc. 113, 1094 (2018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = [
    "FEWEST_CALIBRATED",
    "LEVELS",
    "Calibration",
    "Coverage",
    "bounds_from_others",
    "coverage",
    "fit_calibration",
    "joint_spread",
]

LEVELS = {"68": 0.6827, "95": 0.9545}
"""What lies within 1 and 2 standard deviations of a normal distribution, by the ending of its name."""

FEWEST_CALIBRATED = 10
"""Molecules that calibrate; fewer tell nothing, and below 21 there is no bound of 95 %."""

FOLDS = 10
_ODDS = np.concatenate([[0.0], np.logspace(-2, 3, 101)])
WEIGHTS = _ODDS / (1 + _ODDS)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Calibration:
    """How the spread of one target becomes bounds of its error.

    Parameters
    ----------
    floor : float
        Scale of the error where networks agree, up to the factors; in the unit of the target.
    slope : float
        How much of the spread counts, 0 to 1.
    factors : tuple of float
        By which the scale is multiplied, for each of `LEVELS`; NaN where too few molecules were there to tell.
    """

    floor: float
    slope: float
    factors: tuple[float, ...]

    def __post_init__(self) -> None:
        values = (self.floor, self.slope, *(one for one in self.factors if not math.isnan(one)))
        if len(self.factors) != len(LEVELS) or not all(math.isfinite(one) and one >= 0 for one in values):
            raise ValueError(
                f"floor={self.floor!r}, slope={self.slope!r} and factors={self.factors!r} arrived; numbers from 0 up and "
                f"{len(LEVELS)} factors are accepted."
            )

    def bounds(self, spread: np.ndarray) -> np.ndarray:
        """Return (n, n_levels) what the error stays below, for spreads (n,), both in the unit of the target."""
        return np.outer(self._scale(spread), self.factors)

    def _scale(self, spread: np.ndarray) -> np.ndarray:
        return np.sqrt(self.floor**2 + (self.slope * np.asarray(spread, dtype=np.float64)) ** 2)


@dataclass(frozen=True)
class Coverage:
    """How many errors lie within their bounds, with the ends of the Clopper-Pearson interval of 95 %.

    Parameters
    ----------
    level : str
        Of `LEVELS`.
    within, n : int
        Errors within their bounds, and errors in all.
    """

    level: str
    within: int
    n: int

    @property
    def share(self) -> float:
        """The part within."""
        return self.within / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """What the part may be in many molecules, if these were drawn from them one by one."""
        found = stats.binomtest(self.within, self.n).proportion_ci(CONFIDENCE, method="exact")
        return float(found.low), float(found.high)

    @property
    def holds(self) -> bool:
        """Whether the level lies in the interval."""
        low, high = self.interval
        return low <= LEVELS[self.level] <= high


def joint_spread(predicted: np.ndarray, deviation: np.ndarray | None = None) -> np.ndarray:
    """Return (n, n_targets) how far the networks of an ensemble are from each other.

    Parameters
    ----------
    predicted : np.ndarray
        (n_members, n, n_targets).
    deviation : np.ndarray, optional
        The same shape: of each over dropout masks.

    Returns
    -------
    np.ndarray
        Square root of the variance over members (n - 1 in the denominator; 0 of a single one) plus the mean variance over masks.
    """
    variance = predicted.var(axis=0, ddof=1) if len(predicted) > 1 else np.zeros(predicted.shape[1:])
    return np.sqrt(variance if deviation is None else variance + (deviation**2).mean(axis=0))


def fit_calibration(errors: np.ndarray, spread: np.ndarray) -> Calibration:
    """Fit one target.

    Parameters
    ----------
    errors : np.ndarray
        (n,) of the ensemble's mean, of molecules that neither trained nor stopped its networks.
    spread : np.ndarray
        (n,) from `joint_spread`.

    Raises
    ------
    ValueError
        Fewer than `FEWEST_CALIBRATED` molecules, shapes that differ, or values that are not finite.

    Notes
    -----
    How much of the spread counts is what makes the errors likeliest under a Laplace distribution of this scale. The factors are
    the smallest that a new error stays below with at least the probability of the level, whatever the distribution.
    """
    size, spread = np.abs(np.asarray(errors, dtype=np.float64)), np.asarray(spread, dtype=np.float64)
    if size.ndim != 1 or size.shape != spread.shape or len(size) < FEWEST_CALIBRATED:
        raise ValueError(
            f"Errors of shape {size.shape} and spreads of shape {spread.shape} arrived; two of (n,), n from "
            f"{FEWEST_CALIBRATED} up, are accepted."
        )
    if not (np.isfinite(size).all() and np.isfinite(spread).all() and (spread >= 0).all()):
        raise ValueError(
            "Errors or spreads that are not finite, or spreads below 0, arrived; leave such molecules out."
        )
    typical = float(np.sqrt((spread**2).mean()))
    if typical == 0 or not size.any():
        floor, slope = 1.0, 0.0
    else:
        weight = _likeliest_weight(size, spread, typical)
        floor, slope = math.sqrt(1 - weight) * typical, math.sqrt(weight)
    scale = np.sqrt(floor**2 + (slope * spread) ** 2)
    ratios = np.sort(size / scale)
    return Calibration(floor, slope, tuple(_quantile(ratios, level) for level in LEVELS.values()))


def _likeliest_weight(size: np.ndarray, spread: np.ndarray, typical: float) -> float:
    """Return the part of the squared scale that the spread makes; the size of the scale itself drops out."""
    scales = np.sqrt((1 - WEIGHTS[:, None]) * typical**2 + WEIGHTS[:, None] * spread**2)
    negative_log_likelihood = np.log((size / scales).mean(axis=1)) + np.log(scales).mean(axis=1)
    return float(WEIGHTS[negative_log_likelihood.argmin()])


def _quantile(ratios: np.ndarray, level: float) -> float:
    """Return what one more ratio stays below with this probability at least, NaN where too few tell."""
    place = math.ceil((len(ratios) + 1) * level)
    return float(ratios[place - 1]) if place <= len(ratios) else math.nan


def bounds_from_others(errors: np.ndarray, spread: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return (n, n_levels) bounds for each molecule, calibrated on the other folds of ten: none calibrates its own.

    Parameters
    ----------
    errors, spread : np.ndarray
        As of `fit_calibration`.
    seed : int
        Of the folds.

    Raises
    ------
    ValueError
        As of `fit_calibration`, with a tenth of the molecules left out.
    """
    errors, spread = np.asarray(errors, dtype=np.float64), np.asarray(spread, dtype=np.float64)
    found = np.full((len(errors), len(LEVELS)), np.nan)
    for fold in np.array_split(np.random.default_rng(seed).permutation(len(errors)), FOLDS):
        others = np.ones(len(errors), dtype=bool)
        others[fold] = False
        found[fold] = fit_calibration(errors[others], spread[others]).bounds(spread[fold])
    return found


def coverage(errors: np.ndarray, bounds: np.ndarray) -> Sequence[Coverage]:
    """Return how many errors lie within their bounds, for each level that has some.

    Parameters
    ----------
    errors : np.ndarray
        (n,) of molecules that did not calibrate their own bounds.
    bounds : np.ndarray
        (n, n_levels).
    """
    found = []
    for place, level in enumerate(LEVELS):
        known = np.isfinite(bounds[:, place])
        if known.any():
            within = np.abs(errors[known]) <= bounds[known, place]
            found.append(Coverage(level, int(within.sum()), int(known.sum())))
    return found
