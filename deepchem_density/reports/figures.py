"""Figures from tables and cells."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepchem_density.curves.baselines import BASELINES as FITTED
from deepchem_density.curves.cells import Cell
from deepchem_density.files import replacing
from deepchem_density.reports.results import AREAS, BASELINES, ERRORS, METRICS
from deepchem_density.reports.shown import in_words, of_unit, shown_table, titled
from deepchem_density.tables.shown_units import shown_factor
from deepchem_density.voxels.representations import REPRESENTATIONS

__all__ = ["error_by_size_figure", "learning_curve_figure", "parity_figure", "save_figure", "square_panels"]

LINES = {
    **{"constant": ":", "ligand heavy atoms": "-."},
    **dict.fromkeys(("linear in element counts", "logistic in element counts"), "--"),
    **dict(zip(FITTED.values(), [(0, (6, 1)), (0, (4, 1, 1, 1, 1, 1))], strict=True)),
}
FURTHER = ("#E69F00", "#56B4E9", "#000000", "#8C564B", "#7F7F7F", "#9467BD")
BESIDE = 1.025
FEW_TICKS = 4
BESIDE_EACH_OTHER = 3
LONGEST_LINE = 46
STYLE = {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3, "font.size": 10}


def learning_curve_figure(
    table: pd.DataFrame,
    title: str = "",
    metric: str = "mae",
    spread: str = "deviation",
    datapoints: str = "molecules",
) -> Figure:
    """Draw an error against training size, both logarithmic, or an area under a curve, which is not: a line per model.

    Parameters
    ----------
    table : pandas.DataFrame
        From `curve_table`.
    title : str
        Above all panels, each of which is titled by its label and the unit that it is shown in.
    metric : str
        A column of the table.
    spread : {"deviation", "interval"}
        What bars show: the standard deviation over seeds, or the 95 % interval of the mean.
    datapoints : str
        What is trained on: molecules, or complexes.
    """
    with mpl.rc_context(STYLE):
        figure, panels = _panels(shown_table(table, "errors"), 4.4, metric, title)
        for axis, part, colours in panels:
            for place, (model, one) in enumerate(part.groupby("model", sort=False)):
                baseline = model in BASELINES
                axis.errorbar(
                    # side by side, or the last bar would hide the others
                    one["n_train"] * (1.0 if baseline else BESIDE ** (place - (len(colours) - 1) / 2)),
                    one[metric],
                    yerr=None if baseline else _bars(one, metric, spread),
                    label=_wrapped(in_words(str(model))),
                    color="0.45" if baseline else colours[str(model)],
                    linestyle=_line(str(model), one),
                    marker=None if baseline else "o",
                    capsize=2,
                )
            axis.set(xscale="log", xlabel=f"training {datapoints}")
            if metric not in AREAS:
                _scale(axis, part[metric])
            sizes = sorted(part["n_train"].unique())
            axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.minorticks_off()
        _legend(figure, panels[0].axis)
    return figure


def _line(model: str, points: pd.DataFrame) -> Any:
    """Return how a line is drawn: dashed for networks of which some were still learning when their cap stopped them."""
    capped = "capped" in points and bool(points["capped"].any())
    return LINES.get(model, "--" if capped else "-")


class _Panel(NamedTuple):
    """Where a target is drawn, its rows, and a colour for each model."""

    axis: Axes
    part: pd.DataFrame
    colours: dict[str, str]


def _wrapped(text: str) -> str:
    """Return a name in lines short enough to stand in a legend or above a panel."""
    return "\n".join(textwrap.wrap(text, LONGEST_LINE, break_long_words=False))


def _panels(table: pd.DataFrame, height: float, metric: str, title: str = "") -> tuple[Figure, list[_Panel]]:
    """Return a figure with a panel for each target, at most two beside each other: more could not be read on a phone."""
    targets = list(dict.fromkeys(table["target"]))
    columns = min(len(targets), 2)
    rows = -(-len(targets) // columns)
    figure = Figure(figsize=(6.2 * columns, height * rows + 0.5), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    figure.suptitle(title)
    for axis in axes[len(targets) :]:
        axis.remove()
    panels = []
    for axis, target in zip(axes, targets, strict=False):
        part = table[table["target"] == target]
        unit = part["unit"].iloc[0]
        axis.set_ylabel(METRICS[metric] + (of_unit(unit) if metric in ERRORS else ""))
        axis.set_title(titled(target, unit))
        panels.append(_Panel(axis, part, _colours(part["model"])))
    return figure, panels


def _legend(figure: Figure, axis: Axes) -> None:
    """Name the lines of all panels, which are those of one, below them, where no line is covered."""
    handles, labels = axis.get_legend_handles_labels()
    columns = 3 if len(figure.axes) > 1 else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _bars(one: pd.DataFrame, metric: str, spread: str) -> np.ndarray:
    """Return the lengths of error bars below and above."""
    if spread == "deviation":
        return np.tile(one[f"{metric}_std"].fillna(0).to_numpy(), (2, 1))
    mean = one[metric].to_numpy()
    ends = one[f"{metric}_low"].to_numpy(), one[f"{metric}_high"].to_numpy()
    return np.nan_to_num(np.array([mean - np.maximum(ends[0], 1e-3 * mean), ends[1] - mean]))


def _scale(axis: Axes, means: pd.Series) -> None:
    """Show the means on a logarithmic scale; an interval of few seeds may reach down to 0 and press them into a corner."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, 0.6 * means.min()), min(high, 1.7 * means.max()))
    bottom, top = axis.get_ylim()
    subs = (1, 2, 3, 5, 7) if top > FEW_TICKS * bottom else tuple(np.arange(1, 10, 0.5))
    axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=subs))
    axis.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%.3g"))


def _colours(models: Sequence[str] | pd.Series) -> dict[str, str]:
    """Return a colour for each model: that of its representation, and another one for further variants of it."""
    names = [str(model) for model in dict.fromkeys(models) if model not in BASELINES]
    colours: dict[str, str] = {}
    further = iter(FURTHER * (1 + len(names) // len(FURTHER)))
    for name in names:
        record = REPRESENTATIONS.get(name.split(" ")[0])
        usual = None if record is None else record.color
        colours[name] = usual if usual is not None and usual not in colours.values() else next(further)
    return colours


def square_panels(n_cells: int, n_targets: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure, and a panel for each target of each cell: three beside each other, cell below cell."""
    columns = min(n_targets, BESIDE_EACH_OTHER)
    rows = -(-n_targets // columns)
    # made for panels of equal axes, the titles of which the constrained layout may push out of the figure
    figure = Figure(figsize=(4.4 * columns, 4.9 * rows * n_cells), layout="compressed")
    panels = figure.subplots(rows * n_cells, columns, squeeze=False).reshape(n_cells, -1)
    for axis in panels[:, n_targets:].flat:
        axis.remove()
    return figure, panels[:, :n_targets].tolist()


def parity_figure(cells: Sequence[Cell], targets: Sequence[str]) -> Figure:
    """Draw predictions against labels of the test set: a panel for each target of each cell."""
    with mpl.rc_context(STYLE):
        figure, panels = square_panels(len(cells), len(targets))
        colours = _colours([cell.rows[0]["label"] for cell in cells])
        for axes, cell in zip(panels, cells, strict=True):
            network = [row for row in cell.rows if row["model"] == "network"]
            for t, (axis, row) in enumerate(zip(axes, network, strict=True)):
                factor = shown_factor(row["unit"])
                _parity(axis, factor * cell.truth[:, t], factor * cell.predicted[:, t], colours[row["label"]])
                unit = of_unit(row["unit"])
                axis.set(xlabel=f"label{unit}", ylabel=f"prediction{unit}")
                name = _wrapped(cell.named(in_words(row["label"])))
                axis.set_title(f"{titled(row['target'], row['unit'])}\n{name}", fontsize=9)
    return figure


def _parity(axis: Axes, truth: np.ndarray, predicted: np.ndarray, colour: str) -> None:
    """Draw predictions against labels with the line where both are the same, on two equal axes with equal ticks."""
    ends = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
    room = 0.04 * (ends[1] - ends[0]) or 1.0
    limits = ends[0] - room, ends[1] + room
    axis.plot(ends, ends, color="0.5", linewidth=1)
    axis.scatter(truth, predicted, s=8, alpha=0.5, color=colour)
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_locator(mpl.ticker.MaxNLocator(5))
    axis.set(aspect="equal", xlim=limits, ylim=limits)


def error_by_size_figure(table: pd.DataFrame, metric: str, of_complexes: bool = False) -> Figure:
    """Draw the error in classes of molecules, or complexes, by the heavy atoms of the molecule or ligand, from `size_table`."""
    with mpl.rc_context(STYLE):
        figure, panels = _panels(shown_table(table, "sizes"), 4.0, metric)
        for axis, part, colours in panels:
            for place, (model, one) in enumerate(part.groupby("model", sort=False)):
                x = np.arange(len(one)) + 0.12 * (place - (len(colours) - 1) / 2)
                bars = np.nan_to_num(np.array([one["error"] - one["low"], one["high"] - one["error"]]))
                style: dict[str, Any] = {"color": colours[str(model)], "marker": "o", "capsize": 2, "linewidth": 1}
                axis.errorbar(x, one["error"], yerr=bars, label=_wrapped(in_words(str(model))), **style)
            axis.set_xticks(np.arange(len(one)), [str(name) for name in one["heavy_atoms"]])
            axis.set(
                xlabel="heavy atoms" + (" of the ligand" if of_complexes else ""),
                xlim=(-0.5, len(one) - 0.5),
                ylim=(0, None),
            )
        _legend(figure, panels[0].axis)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, completely or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    return path
