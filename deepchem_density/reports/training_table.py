"""How long each network was trained, what ended it, and its error on training molecules beside that on the test set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from deepchem_density.curves.cells import Cell
from deepchem_density.reports.digits import significant
from deepchem_density.reports.markup import Section, Table
from deepchem_density.reports.shown import in_words, of_unit, titled
from deepchem_density.tables.shown_units import shown_factor

__all__ = ["training_section", "training_table"]

FIXED, STALLED, CAPPED = "fixed number of steps", "validation error stalled", "cap: still learning"
ABOUT = (
    "Where training ended. With patience it goes on until the validation loss has stalled; a network that its cap stopped before "
    "was still learning, decides nothing, and is drawn dashed; with a larger number of steps the same command goes on with it. "
    "Of a fixed number of steps it is not known. The error on "
    "training {} is that of the same network, without dropout and turns."
)


def training_table(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return one line per network, training size and target, means over seeds.

    Returns
    -------
    pandas.DataFrame
        Columns model, n_train, seeds, steps, ended (what ended most trainings), capped (how many the cap ended), target, unit,
        train_mae and mae in that unit; empty of classes, which have no such error, and without cells of this release, which know
        their training error.
    """
    frame = pd.DataFrame([row for cell in cells for row in cell.rows if row["model"] == "network"])
    if not {"train_mae", "mae"} <= set(frame):
        return pd.DataFrame()
    if "capped" not in frame:
        frame["capped"] = np.nan
    frame["ended"] = frame["capped"].map({True: CAPPED, False: STALLED}).fillna(FIXED)
    frame["capped"] = frame["capped"].eq(True)
    grouped = frame.groupby(["label", "n_train", "target", "unit"], sort=False)
    table = grouped.agg(
        seeds=("seed", "nunique"),
        steps=("steps", "mean"),
        ended=("ended", lambda ends: ends.mode().iloc[0]),
        capped=("capped", "sum"),
        train_mae=("train_mae", "mean"),
        mae=("mae", "mean"),
    )
    return table.reset_index().rename(columns={"label": "model"}).sort_values(["target", "model", "n_train"])


def training_section(table: pd.DataFrame, datapoints: str) -> Section:
    """Return the section of a report on it, a table for each target."""
    tables = []
    for (target, unit), part in table.groupby(["target", "unit"], sort=False):
        factor = shown_factor(unit)
        head = [
            titled(target, unit),
            f"training {datapoints}",
            "steps",
            "ended by",
            f"error in training{of_unit(unit)}",
        ]
        lines = [
            [
                *(in_words(str(row.model)), str(row.n_train), f"{row.steps:,.0f}", _ended(row)),
                *(significant(factor * row.train_mae), significant(factor * row.mae)),
            ]
            for row in part.itertuples()
        ]
        tables.append(Table([*head, "in the test"], lines))
    return Section("Training", [ABOUT.format(datapoints)], tables)


def _ended(row: object) -> str:
    ended, capped, seeds = (getattr(row, name) for name in ("ended", "capped", "seeds"))
    return ended if capped in (0, seeds) else f"cap in {capped} of {seeds} seeds"
