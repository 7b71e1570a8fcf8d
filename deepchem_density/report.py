"""Tables and figures from rows of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deepchem_density.atomic_files import replacing
from deepchem_density.learning_curve import Cell, Row, read_cell

__all__ = ["collect_rows", "curve_table", "learning_curve_figure", "markdown", "parity_figure", "save_figure"]

BASELINES = ("linear in element counts", "ligand heavy atoms", "constant")
METRICS = {
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "r2": "R²",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
}
ERRORS = ("mae", "rmse")
LINES = {"constant": ":", "linear in element counts": "--", "ligand heavy atoms": "-."}
COLOURS = {"atom": "#0072B2", "density": "#D55E00", "gradient": "#009E73", "occupancy": "#CC79A7"}
STYLE = {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3, "font.size": 10}


def collect_rows(cells: Path) -> list[Row]:
    """Return the rows of every finished cell in the folder of a study, of all representations that were run there."""
    found = (read_cell(folder) for folder in sorted(cells.iterdir()) if folder.is_dir())
    return [row for cell in found if cell is not None for row in cell.rows]


def curve_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one line per target, model and training size: mean and standard deviation over seeds.

    A baseline depends on the training molecules only, so it stands once for all representations.

    Returns
    -------
    pandas.DataFrame
        Columns target, unit, model, n_train, seeds, and mae, mae_std, rmse, rmse_std, r2, r2_std, pearson, pearson_std,
        spearman, spearman_std.
    """
    frame = pd.DataFrame(rows)
    network = frame["model"] == "network"
    frame.loc[network, "model"] = frame.loc[network, "label"]
    frame = frame.drop_duplicates(["target", "model", "n_train", "seed"])
    grouped = frame.groupby(["target", "unit", "model", "n_train"], sort=False)
    columns: dict[str, tuple[str, Any]] = {"seeds": ("seed", "nunique")}
    for metric in METRICS:
        columns |= {metric: (metric, "mean"), f"{metric}_std": (metric, _spread)}
    table = grouped.agg(**columns).reset_index()
    order = {model: i for i, model in enumerate([*sorted(set(table["model"]) - set(BASELINES)), *BASELINES])}
    return table.sort_values(
        ["target", "model", "n_train"], key=lambda c: c.map(order) if c.name == "model" else c, ignore_index=True
    )


def _spread(values: pd.Series) -> float:
    return values.std(ddof=1) if len(values) > 1 else np.nan


def markdown(table: pd.DataFrame, metrics: Sequence[str] = ("mae",)) -> str:
    """Return tables in Markdown, one for each target and metric: a line per model, a column per training size."""
    lines = []
    for (target, unit), part in table.groupby(["target", "unit"], sort=False):
        sizes = sorted(part["n_train"].unique())
        for metric in metrics:
            lines += [
                f"{target}: {METRICS[metric]} on the test set{f', {unit}' if unit and metric in ERRORS else ''}",
                "",
                "| model | " + " | ".join(f"{size} molecules" for size in sizes) + " |",
                "|---|" + "---|" * len(sizes),
            ]
            for model, one in part.groupby("model", sort=False):
                values = zip(one["n_train"], one[metric], one[f"{metric}_std"], strict=True)
                cells = {size: _with_spread(mean, spread) for size, mean, spread in values}
                lines.append(f"| {model} | " + " | ".join(cells.get(size, "") for size in sizes) + " |")
            lines.append("")
    return "\n".join(lines)


def _with_spread(mean: float, spread: float) -> str:
    if np.isnan(mean):
        return "–"
    return f"{mean:.4g}" if np.isnan(spread) else f"{mean:.4g} ± {spread:.2g}"


def learning_curve_figure(table: pd.DataFrame, title: str = "", metric: str = "mae") -> Figure:
    """Draw an error against training size, both logarithmic: a line per model, a bar for the spread over seeds.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`curve_table`.
    title : str
        Above each panel.
    metric : str
        "mae" or "rmse".
    """
    targets = list(dict.fromkeys(table["target"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2 * len(targets), 4.4), layout="constrained")
        axes = figure.subplots(1, len(targets), squeeze=False)[0]
        for axis, target in zip(axes, targets, strict=True):
            part = table[table["target"] == target]
            for model, one in part.groupby("model", sort=False):
                baseline = model in BASELINES
                axis.errorbar(
                    one["n_train"],
                    one[metric],
                    yerr=one[f"{metric}_std"].fillna(0),
                    label=model,
                    color="0.45" if baseline else COLOURS.get(str(model).split(" ")[0]),
                    linestyle=LINES.get(str(model), "-"),
                    marker=None if baseline else "o",
                    capsize=2,
                )
            axis.set(xscale="log", yscale="log", xlabel="training molecules", title=title)
            unit = part["unit"].iloc[0]
            axis.set_ylabel(f"{METRICS[metric]} of {target}" + (f" ({unit})" if unit else ""))
            sizes = sorted(part["n_train"].unique())
            axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.minorticks_off()
            axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 3, 5, 7)))
            axis.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%.3g"))
            axis.legend(frameon=False, fontsize=8)
    return figure


def parity_figure(cell: Cell, targets: Sequence[str]) -> Figure:
    """Draw predictions against labels of the test set, a panel per target."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.4 * len(targets), 4.4), layout="constrained")
        axes = figure.subplots(1, len(targets), squeeze=False)[0]
        network = [row for row in cell.rows if row["model"] == "network"]
        for t, (axis, row) in enumerate(zip(axes, network, strict=True)):
            truth, predicted = cell.truth[:, t], cell.predicted[:, t]
            ends = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
            axis.plot(ends, ends, color="0.5", linewidth=1)
            axis.scatter(truth, predicted, s=8, alpha=0.5, color=COLOURS.get(row["rep"]))
            unit = f" ({row['unit']})" if row["unit"] else ""
            axis.set(xlabel=f"{row['target']}{unit}", ylabel="predicted", title=cell.name, aspect="equal")
            axis.title.set_fontsize(9)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, completely or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    return path
