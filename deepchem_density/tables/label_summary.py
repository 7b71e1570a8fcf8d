"""What the labels of a table are like: how many are known, where they lie, and how they are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepchem_density.tables.labelled_rows import LabelledRows

__all__ = ["LabelSummary", "summarize_labels"]

BINS = 24
INSIDE = (0.005, 0.995)
"""Quantiles between which the histogram is drawn, so that a stray label does not press all others into one bin."""


@dataclass(frozen=True)
class LabelSummary:
    """One column of labels.

    Parameters
    ----------
    name, unit : str
        Of the column; "" where the unit is not known.
    known, missing : int
        Rows with and without a label.
    values : int
        Different values among them.
    low, median, high, mean, deviation : float
        Of the known labels, in their unit; NaN where there are too few.
    first, last : float
        Ends of the histogram; labels outside count in the first and last bin.
    counts : tuple of int
        Labels in each of the bins, all of one width.
    """

    name: str
    unit: str
    known: int
    missing: int
    values: int
    low: float
    median: float
    high: float
    mean: float
    deviation: float
    first: float
    last: float
    counts: tuple[int, ...]


def summarize_labels(table: LabelledRows, names: Sequence[str]) -> list[LabelSummary]:
    """Return a summary of each column. Raises ValueError for a column that the table has not."""
    units = getattr(table, "units", {})
    return [_summary(name, units.get(name, ""), table.column(name)) for name in names]


def _summary(name: str, unit: str, labels: np.ndarray) -> LabelSummary:
    known = labels[np.isfinite(labels)]
    missing = len(labels) - len(known)
    if not len(known):
        nan = float("nan")
        return LabelSummary(name, unit, 0, missing, 0, nan, nan, nan, nan, nan, nan, nan, ())
    first, last = (float(end) for end in np.quantile(known, INSIDE))
    counts = np.histogram(np.clip(known, first, last), BINS, (first, last))[0] if last > first else [len(known)]
    return LabelSummary(
        *(name, unit, len(known), missing, len(np.unique(known))),
        *(float(known.min()), float(np.median(known)), float(known.max()), float(known.mean())),
        float(known.std(ddof=1)) if len(known) > 1 else float("nan"),
        *(first, last, tuple(int(count) for count in counts)),
    )
