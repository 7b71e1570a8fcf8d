"""How many errors lie within the bounds of a calibrated ensemble: a table, a figure and a section of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepchem_density.curves.calibrated import CalibratedEnsemble, CalibratedTarget
from deepchem_density.models.calibration import LEVELS, coverage
from deepchem_density.reports.digits import UNKNOWN, significant
from deepchem_density.reports.figures import STYLE
from deepchem_density.reports.markup import Picture, Section, Table
from deepchem_density.reports.shown import in_words, of_unit, titled
from deepchem_density.tables.shown_units import shown_factor

__all__ = ["uncertainty_figure", "uncertainty_section", "uncertainty_table"]

GROUPS = 5
COLOURS = {"68": "#0072B2", "95": "#D55E00"}

ABOUT = (
    "The networks with most training {} of each input, one a seed, as one ensemble: its mean, and what its errors stay below for "
    "68.3 and 95.5 %, as within 1 and 2 standard deviations of a normal distribution. Bounds grow with the networks' spread as "
    "far as errors do. They are calibrated on {} that neither trained nor stopped a network; those of each one on the other "
    "nine tenths when shares are measured. Intervals of 95 % are Clopper and Pearson's, for {} like these. The last columns are "
    "the shares in the third with the narrowest bounds and in that with the widest: where they differ, bounds are right on "
    "average only."
)
MISSED = " Not all shares agree with their level: {}."


def uncertainty_table(ensembles: Sequence[CalibratedEnsemble]) -> pd.DataFrame:
    """Return a line for each ensemble, target and level.

    Returns
    -------
    pandas.DataFrame
        Columns model, target, unit, networks, level, nominal, n, within, share with the ends low and high of its interval,
        median_bound in the unit of the target, and narrow and wide, the shares where bounds are narrowest and widest, in thirds.
    """
    lines = []
    for ensemble in ensembles:
        for target in ensemble.targets:
            thirds = np.array_split(np.argsort(target.bounds[:, 0], kind="stable"), 3)
            narrow, wide = (
                {one.level: one.share for one in coverage(target.errors[some], target.bounds[some])}
                for some in (thirds[0], thirds[-1])
            )
            for one in target.coverages:
                low, high = one.interval
                bounds = target.bounds[:, list(LEVELS).index(one.level)]
                about: dict[str, Any] = {"model": ensemble.label, "target": target.name, "unit": target.unit}
                about |= {"networks": len(ensemble.cells), "level": one.level, "nominal": LEVELS[one.level]}
                about |= {"n": one.n, "within": one.within, "share": one.share, "low": low, "high": high}
                about |= {"median_bound": float(np.nanmedian(bounds))}
                lines.append(about | {"narrow": narrow.get(one.level, np.nan), "wide": wide.get(one.level, np.nan)})
    return pd.DataFrame(lines)


def uncertainty_section(table: pd.DataFrame, figure: Path, datapoints: str = "molecules") -> Section:
    """Return what a report says about the uncertainty of its ensembles.

    Parameters
    ----------
    table : pandas.DataFrame
        From `uncertainty_table`.
    figure : path
        Of `uncertainty_figure`.
    datapoints : str
        What is predicted: molecules, or complexes.
    """
    missed = table[(table["nominal"] < table["low"]) | (table["nominal"] > table["high"])]
    named = ", ".join(f"{row.target} of {in_words(row.model)} at {row.level} %" for row in missed.itertuples())
    text = ABOUT.format(datapoints, datapoints, datapoints) + (MISSED.format(named) if named else "")
    lines = [
        [
            *(in_words(row.model), titled(row.target, row.unit), str(row.networks), f"{row.level} %"),
            significant(shown_factor(row.unit) * row.median_bound),
            f"{row.within} of {row.n}",
            f"{row.share:.1%} ({row.low:.1%} to {row.high:.1%})",
            *(UNKNOWN if np.isnan(share) else f"{share:.0%}" for share in (row.narrow, row.wide)),
        ]
        for row in table.itertuples()
    ]
    head = ["model", "target", "networks", "bound", "its median", "errors within", "share", "narrowest", "widest"]
    return Section("Uncertainty", [text], [Table(head, lines), Picture(figure, "errors against their bounds")])


def uncertainty_figure(ensembles: Sequence[CalibratedEnsemble]) -> Figure:
    """Draw a row for each ensemble and target: shares within the bounds, from narrow to wide, and errors against bounds."""
    rows = [(in_words(ensemble.label), target) for ensemble in ensembles for target in ensemble.targets]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.0, 4.2 * len(rows)), layout="constrained")
        grid = figure.subplots(len(rows), 2, squeeze=False)
        for (shares, scatter), (name, target) in zip(grid, rows, strict=True):
            _draw_shares(shares, target)
            _draw_errors(scatter, target)
            shares.set_title(f"{titled(target.name, target.unit)}: {name}", fontsize=9)
    return figure


def _draw_shares(axis: Axes, target: CalibratedTarget) -> None:
    """Draw the part of errors within their bounds in fifths of molecules, from narrow bounds to wide ones."""
    factor = shown_factor(target.unit)
    fifths = np.array_split(np.argsort(target.bounds[:, 0], kind="stable"), GROUPS)
    for place, (level, nominal) in enumerate(LEVELS.items()):
        axis.axhline(nominal, color=COLOURS[level], linestyle="--", linewidth=1)
        drawn = []
        for some in fifths:
            for one in coverage(target.errors[some], target.bounds[some]):
                if one.level == level:
                    drawn.append((factor * float(np.nanmedian(target.bounds[some, place])), one.share, *one.interval))
        if drawn:
            x, share, low, high = np.array(drawn).T
            bars = np.maximum(np.array([share - low, high - share]), 0)  # an interval ends at 1 to rounding
            axis.errorbar(x, share, yerr=bars, color=COLOURS[level], marker="o", capsize=2, label=f"bound of {level} %")
    axis.set(xlabel=f"bound, median of a fifth{of_unit(target.unit)}", ylabel="errors within", ylim=(0, 1.04))
    axis.legend(loc="lower right", fontsize=8)


def _draw_errors(axis: Axes, target: CalibratedTarget) -> None:
    """Draw each error against its bound of 68 %, with the lines below which 68 and 95 % of them should be."""
    factor = shown_factor(target.unit)
    bounds, size = factor * target.bounds[:, 0], factor * np.abs(target.errors)
    axis.scatter(bounds, size, s=8, alpha=0.5, color="0.3")
    ends = np.array([0.0, 1.05 * bounds.max()])
    axis.plot(ends, ends, color=COLOURS["68"], label="68 % below")
    narrow, wide = target.calibration.factors
    if narrow > 0 and np.isfinite(wide):
        axis.plot(ends, wide / narrow * ends, color=COLOURS["95"], label="95 % below")
    axis.set(xlabel=f"bound of 68 %{of_unit(target.unit)}", ylabel=f"absolute error{of_unit(target.unit)}")
    axis.set(xlim=(0, ends[1]), ylim=(0, 1.05 * size.max() or 1.0))
    axis.legend(loc="upper left", fontsize=8)
