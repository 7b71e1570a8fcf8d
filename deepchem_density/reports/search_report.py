"""The report of a search: how the error fell trial by trial, which settings mattered, and what was best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from deepchem_density.files import write_text
from deepchem_density.reports.digits import UNKNOWN, significant
from deepchem_density.reports.figures import STYLE, save_figure
from deepchem_density.reports.markup import Picture, Section, Table, html_text, markdown_text

__all__ = ["history_figure", "importance_figure", "write_search_report"]

ERROR = "validation error, a constant being 1"
HISTORY = (
    "The error on validation molecules, cut from the training molecules, divided by that of the median label. Points are "
    "complete trials, crosses those that were stopped or diverged, at their last error; the line is the best so far. Point 0 is "
    "where the search began."
)
IMPORTANCE = (
    "The part of the variance of the errors over the space that goes with each setting alone (fANOVA on {} complete trials). "
    "With few trials such parts are rough: they tell what to look at, not what is so."
)
NO_IMPORTANCE = "Too few complete trials, {}, to tell which settings mattered."


def history_figure(trials: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the error of each trial and the best so far.

    Parameters
    ----------
    trials : sequence of mapping
        With point, state, error and last, as of `deepchem_density.tuning.Best`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 4.0), layout="constrained")
        axis = figure.subplots()
        done = [one for one in trials if one["state"] == "complete"]
        cut = [one for one in trials if one["state"] != "complete" and one.get("last") is not None]
        axis.plot(
            [one["point"] for one in done], [one["error"] for one in done], "o", color="#0072B2", label="complete"
        )
        if cut:
            axis.plot([one["point"] for one in cut], [one["last"] for one in cut], "x", color="0.45", label="stopped")
        best = np.minimum.accumulate([one["error"] for one in done])
        axis.step([one["point"] for one in done], best, where="post", color="#D55E00", label="best so far")
        axis.set(xlabel="trial", ylabel=ERROR)
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        axis.legend(frameon=False, fontsize=9)
    return figure


def importance_figure(importances: Mapping[str, float]) -> Figure:
    """Draw the part of the variance that goes with each setting, the largest on top."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.2, 0.8 + 0.35 * len(importances)), layout="constrained")
        axis = figure.subplots()
        ordered = sorted(importances.items(), key=lambda one: one[1])
        axis.barh([name for name, _ in ordered], [part for _, part in ordered], color="#0072B2")
        axis.set(xlabel="part of the variance of the errors", xlim=(0, None))
    return figure


def write_search_report(
    folder: Path,
    title: str,
    trials: Sequence[Mapping[str, Any]],
    importances: Mapping[str, float],
    params: Mapping[str, Any],
    about: Mapping[str, Any],
) -> list[Path]:
    """Write the report of a search, with its figures beside it.

    Parameters
    ----------
    folder : path
        Made where there is none.
    title : str
        Of the report.
    trials : sequence of mapping
        As in `history_figure`, with settings.
    importances : mapping of str to float
        Setting -> part of the variance; empty where it is not known.
    params : mapping
        The best settings.
    about : mapping
        How the search was made, sampler and pruner included.

    Returns
    -------
    list of path
        report.md and report.html first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [save_figure(history_figure(trials), folder / "history.png")]
    n_complete = sum(one["state"] == "complete" for one in trials)
    important = Section("Importance", [NO_IMPORTANCE.format(n_complete)])
    if importances:
        pictures.append(save_figure(importance_figure(importances), folder / "importance.png"))
        lines = [[name, f"{part:.0%}"] for name, part in sorted(importances.items(), key=lambda one: -one[1])]
        drawn = Picture(pictures[-1], "part of the variance of the errors by setting")
        important = Section("Importance", [IMPORTANCE.format(n_complete)], [drawn, Table(["setting", "part"], lines)])
    sections = [
        Section("History", [HISTORY], [Picture(pictures[0], "error by trial"), _trials(trials)]),
        important,
        Section("Best settings", [], [_pairs("setting", params)]),
        Section("Search", [], [_pairs("option", about)]),
    ]
    write_text(folder / "report.md", markdown_text(title, sections))
    write_text(folder / "report.html", html_text(title, sections))
    return [folder / "report.md", folder / "report.html", *pictures]


def _trials(trials: Sequence[Mapping[str, Any]]) -> Table:
    names = list(trials[0]["settings"])
    lines = [
        [
            *(str(one["point"]), one["state"], UNKNOWN if one["error"] is None else significant(one["error"])),
            *(_text(one["settings"].get(name, UNKNOWN)) for name in names),
        ]
        for one in trials
    ]
    return Table(["trial", "state", "error", *names], lines)


def _pairs(head: str, values: Mapping[str, Any]) -> Table:
    return Table([head, "value"], [[name, _text(value)] for name, value in values.items()])


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, (tuple, list)):
        return " ".join(map(_text, value)) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
