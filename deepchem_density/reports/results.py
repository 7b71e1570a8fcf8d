"""Tables from finished cells: errors, tests between representations, power laws, data efficiency, sizes and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepchem_density.curves.baselines import BASELINES as FITTED
from deepchem_density.curves.cells import Cell, Row, read_cell
from deepchem_density.curves.metrics import log_losses
from deepchem_density.reports.power_laws import data_ratio, fit_floored_power_law, fit_power_law
from deepchem_density.reports.significance import holm, mean_interval, paired_difference

__all__ = [
    *(
        "AREAS",
        "BASELINES",
        "ERRORS",
        "METRICS",
        "collect_cells",
        "comparison_table",
        "cost_table",
        "curve_table",
        "efficiency_table",
    ),
    *("part_table", "power_law_table", "rows_of", "size_table"),
]

BASELINES = (
    *FITTED.values(),
    *("linear in element counts", "logistic in element counts", "ligand heavy atoms", "constant"),
)
METRICS = {
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "r2": "R²",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "roc_auc": "ROC-AUC",
    "prc_auc": "PRC-AUC (average precision)",
    "log_loss": "log loss",
}
AREAS = ("roc_auc", "prc_auc")
"""Metrics from 0 to 1 that rise with what is learned."""
ERRORS = ("mae", "rmse")
"""Metrics that have the unit of the label."""

SINGLE_SIZES, CLASSES, FEWEST = 12, 8, 10
"""Most sizes that are classes of their own, most classes where there are more, and fewest molecules of a class."""


def collect_cells(cells: Path) -> list[Cell]:
    """Return every finished cell in the folder of a study, of all representations that were run there."""
    found = (read_cell(folder) for folder in sorted(cells.iterdir()) if folder.is_dir())
    return [cell for cell in found if cell is not None]


def rows_of(cells: Sequence[Cell]) -> list[Row]:
    """Return the rows of several cells."""
    return [row for cell in cells for row in cell.rows]


def curve_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one line per target, model and training size: mean, standard deviation and 95 % t interval over seeds.

    A baseline depends on the training molecules only, so it stands once for all representations.

    Returns
    -------
    pandas.DataFrame
        Columns target, unit, model, n_train, seeds, capped (whether a cap stopped the training of one, where patience was asked
        for), and for each of mae, rmse, r2, pearson and spearman, or of roc_auc, prc_auc
        and log_loss, the mean and with _std, _low and _high behind its name the deviation and the ends of the interval, NaN for
        a single seed.
    """
    frame = pd.DataFrame(rows)
    network = frame["model"] == "network"
    frame.loc[network, "model"] = frame.loc[network, "label"]
    frame = frame.drop_duplicates(["target", "model", "n_train", "seed"])
    grouped = frame.groupby(["target", "unit", "model", "n_train"], sort=False)
    columns: dict[str, tuple[str, Any]] = {"seeds": ("seed", "nunique")}
    if "capped" in frame:
        frame["capped"] = frame["capped"].eq(True) & ~frame["model"].isin(BASELINES)
        columns["capped"] = ("capped", "any")
    for metric in (one for one in METRICS if one in frame):
        columns |= {metric: (metric, "mean"), f"{metric}_std": (metric, _spread)}
        columns |= {f"{metric}_low": (metric, _low), f"{metric}_high": (metric, _high)}
    table = grouped.agg(**columns).reset_index()
    order = {model: i for i, model in enumerate([*sorted(set(table["model"]) - set(BASELINES)), *BASELINES])}
    return table.sort_values(
        ["target", "model", "n_train"], key=lambda c: c.map(order) if c.name == "model" else c, ignore_index=True
    )


def part_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return the lines of `curve_table` for each part of the test set that is reported on its own, such as a core set.

    Returns
    -------
    pandas.DataFrame
        Columns part, n_test and those of `curve_table`; empty where there are no parts.
    """
    rows = [row for cell in cells for row in cell.part_rows]
    tables = []
    for part in dict.fromkeys(row["part"] for row in rows):
        of_part = [row for row in rows if row["part"] == part]
        table = curve_table(of_part)
        table.insert(0, "part", part)
        table.insert(1, "n_test", max(row["n_test"] for row in of_part))
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _spread(values: pd.Series) -> float:
    return values.std(ddof=1) if len(values) > 1 else np.nan


def _low(values: pd.Series) -> float:
    return mean_interval(values.to_numpy())[1]


def _high(values: pd.Series) -> float:
    return mean_interval(values.to_numpy())[2]


def comparison_table(cells: Sequence[Cell], metric: str) -> pd.DataFrame:
    """Test every two representations against each other at each training size, on the same seeds and test molecules.

    Parameters
    ----------
    cells : sequence of Cell
        Of all curves.
    metric : str
        "mae" compares absolute errors, "rmse" squared ones, "log_loss" the logarithms of the probabilities of what is true.

    Returns
    -------
    pandas.DataFrame
        Columns target, unit (of the label; squared losses have its square), n_train, first, second, seeds, n_test; difference
        (mean loss of the first minus that of the second),
        low and high of its 95 % interval, relative (difference by the mean loss of the second), p, p_holm (adjusted over all
        tests of the target) and seed_share, as in `paired_difference`.

    Raises
    ------
    ValueError
        Cells that were not tested on the same molecules.
    """
    _require_same_test(cells)
    lines: list[dict[str, Any]] = []
    units = {row["target"]: row["unit"] for row in cells[0].rows}
    for t, target in enumerate(_targets(cells)):
        losses = {key: _loss(cell, t, metric) for key, cell in _by_place(cells).items()}
        part: list[dict[str, Any]] = []
        for n_train in sorted({n for _, n, _ in losses}):
            for first, second in combinations(_labels(cells), 2):
                seeds = [s for s in _seeds(cells) if {(first, n_train, s), (second, n_train, s)} <= set(losses)]
                if seeds:
                    a, b = (np.array([losses[label, n_train, s] for s in seeds]) for label in (first, second))
                    about = {
                        "target": target,
                        "unit": units[target],
                        "n_train": n_train,
                        "first": first,
                        "second": second,
                    }
                    part.append(about | {"seeds": len(seeds), "n_test": a.shape[1]} | _compared(a, b))
        for line, p in zip(part, holm([line["p"] for line in part]), strict=True):
            lines.append({**line, "p_holm": float(p)})
    return pd.DataFrame(lines)


def _compared(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    found = paired_difference(first, second)
    relative = found.mean / float(second.mean()) if second.any() else float("nan")
    about = {"difference": found.mean, "low": found.low, "high": found.high, "relative": relative}
    return {**about, "p": found.p, "seed_share": found.seed_share}


def power_law_table(cells: Sequence[Cell], metric: str) -> pd.DataFrame:
    """Fit error = factor · n^-exponent, and where there are four sizes or more factor · n^-exponent + floor, to every curve.

    Returns
    -------
    pandas.DataFrame
        Columns target, unit, model, sizes, seeds, factor, exponent, exponent_low, exponent_high, and floored_exponent, floor
        with _low and _high, NaN where there is no such fit; see `deepchem_density.reports.power_laws`.
    """
    lines = []
    for target in _targets(cells):
        for label in _labels(cells):
            sizes, errors, unit = _errors(cells, label, target, metric)
            law, floored = fit_power_law(sizes, errors), fit_floored_power_law(sizes, errors)
            line = {"target": target, "unit": unit, "model": label, "sizes": len(sizes), "seeds": len(errors)}
            fits = {"factor": law, "exponent": law, "exponent_low": (law, "low"), "exponent_high": (law, "high")}
            line |= {name: _value(*(fit if isinstance(fit, tuple) else (fit, name))) for name, fit in fits.items()}
            for end in ("", "_low", "_high"):
                line |= {f"floored_exponent{end}": _value(floored, f"exponent{end}")}
                line |= {f"floor{end}": _value(floored, f"floor{end}")}
            lines.append(line)
    return pd.DataFrame(lines)


def _value(fit: Any, name: str) -> float:
    return float("nan") if fit is None else getattr(fit, name)


def efficiency_table(cells: Sequence[Cell], metric: str, reference: str) -> pd.DataFrame:
    """Return how many times as much data the reference needs to reach each error of the other curves.

    Returns
    -------
    pandas.DataFrame
        Columns target, model, n_train, ratio, low, high, bound and limit, as in
        `data_ratio`.
    """
    lines = []
    for target in _targets(cells):
        sizes, known, _ = _errors(cells, reference, target, metric)
        for label in _labels(cells):
            if label == reference:
                continue
            others, errors, _ = _errors(cells, label, target, metric)
            for place, n_train in enumerate(others):
                ratio = data_ratio(sizes, known, errors[:, place], float(n_train))
                line = {"target": target, "model": label, "n_train": int(n_train), "ratio": ratio.value}
                lines.append(line | {"low": ratio.low, "high": ratio.high, "bound": ratio.bound, "limit": ratio.limit})
    return pd.DataFrame(lines)


def size_table(cells: Sequence[Cell], metric: str) -> pd.DataFrame:
    """Return the error of the largest training size in classes of molecules by heavy atoms.

    Returns
    -------
    pandas.DataFrame
        Columns target, unit, model, heavy_atoms ("7-8"), molecules, error, and low and high of a 95 % t interval over
        molecules of their losses averaged over seeds.
    """
    largest = max(cell.rows[0]["n_train"] for cell in cells)
    heavy = cells[0].heavy_atoms
    places = _size_classes(heavy)
    lines = []
    for t, target in enumerate(_targets(cells)):
        for label in _labels(cells):
            own = [c for c in cells if c.rows[0]["label"] == label and c.rows[0]["n_train"] == largest]
            if not own:
                continue
            loss = np.mean([_loss(cell, t, metric) for cell in own], axis=0)
            known = np.isfinite(cells[0].truth[:, t])
            for place in np.unique(places[known]):
                inside = places[known] == place
                ends = np.array(mean_interval(loss[inside]))
                error, low, high = np.sqrt(np.maximum(ends, 0)) if metric == "rmse" else ends
                line = {"target": target, "unit": own[0].rows[t]["unit"], "model": label}
                line |= {"heavy_atoms": _span(heavy[known][inside]), "molecules": int(inside.sum())}
                lines.append({**line, "error": error, "low": low, "high": high})
    return pd.DataFrame(lines)


def _size_classes(sizes: np.ndarray) -> np.ndarray:
    """Return the class of each molecule: single sizes where there are few, joined until each class has enough molecules."""
    values, counts = np.unique(sizes, return_counts=True)
    least = FEWEST if len(values) <= SINGLE_SIZES else max(FEWEST, len(sizes) / CLASSES)
    place, inside, classes = 0, 0, np.zeros(len(values), dtype=np.int64)
    for i, count in enumerate(counts):
        classes[i] = place
        inside += count
        if inside >= least and counts[i + 1 :].sum() >= least:
            place, inside = place + 1, 0
    return classes[np.searchsorted(values, sizes)]


def _span(sizes: np.ndarray) -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return str(low) if low == high else f"{low}-{high}"


def cost_table(cells: Sequence[Cell], voxel_seconds: Mapping[str, float]) -> pd.DataFrame:
    """Return what each representation costs.

    Parameters
    ----------
    cells : sequence of Cell
        Of all curves.
    voxel_seconds : mapping of str to float
        Label -> seconds of one core for the voxels of a molecule.

    Returns
    -------
    pandas.DataFrame
        Columns model, parameters, device, voxel_ms (of one molecule), n_train, training_s (mean seconds of a cell of the
        largest size, training and test), steps, step_ms and total_h (training hours of all cells).
    """
    largest = max(cell.rows[0]["n_train"] for cell in cells)
    lines = []
    for label in _labels(cells):
        own = [cell.rows[0] for cell in cells if cell.rows[0]["label"] == label]
        last = [row for row in own if row["n_train"] == largest]
        seconds, steps = (float(np.mean([row[name] for row in last])) for name in ("seconds", "steps"))
        line = {"model": label, "parameters": own[0]["parameters"]}
        line |= {"device": ", ".join(sorted({row["device"] for row in own}))}
        line |= {"voxel_ms": 1000 * voxel_seconds.get(label, float("nan")), "n_train": largest, "training_s": seconds}
        line |= {"steps": steps, "step_ms": 1000 * seconds / steps, "total_h": sum(r["seconds"] for r in own) / 3600}
        lines.append(line)
    return pd.DataFrame(lines)


def _targets(cells: Sequence[Cell]) -> list[str]:
    return [row["target"] for row in cells[0].rows if row["model"] == "network"]


def _labels(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.rows[0]["label"] for cell in cells))


def _seeds(cells: Sequence[Cell]) -> list[int]:
    return sorted({cell.rows[0]["seed"] for cell in cells})


def _by_place(cells: Sequence[Cell]) -> dict[tuple[str, int, int], Cell]:
    return {(cell.rows[0]["label"], cell.rows[0]["n_train"], cell.rows[0]["seed"]): cell for cell in cells}


def _require_same_test(cells: Sequence[Cell]) -> None:
    for cell in cells:
        if not np.array_equal(cell.ids, cells[0].ids):
            raise ValueError(
                f"'{cell.name}' and '{cells[0].name}' were tested on different molecules; run both in one comparison."
            )


def _loss(cell: Cell, t: int, metric: str) -> np.ndarray:
    """Return the loss of each test molecule with a label whose mean the metric is made of."""
    if metric == "log_loss":
        losses = log_losses(cell.truth[:, t], cell.predicted[:, t])
        return losses[np.isfinite(losses)]
    error = cell.predicted[:, t] - cell.truth[:, t]
    return error**2 if metric == "rmse" else np.abs(error)


def _errors(cells: Sequence[Cell], label: str, target: str, metric: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the training sizes of a curve, its errors (n_seeds, n_sizes), and their unit."""
    found = {place[1:]: cell for place, cell in _by_place(cells).items() if place[0] == label}
    sizes = sorted({n for n, _ in found})
    seeds = [seed for seed in _seeds(cells) if all((n, seed) in found for n in sizes)]
    t = _targets(cells).index(target)
    errors = np.array([[found[n, seed].rows[t][metric] for n in sizes] for seed in seeds])
    return np.array(sizes), errors.reshape(len(seeds), len(sizes)), next(iter(found.values())).rows[t]["unit"]
