"""Reports: the table and figures of one curve, and the whole comparison of several representations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from deepchem_density.curves.baselines import BASELINES as FITTED
from deepchem_density.curves.baselines import not_for
from deepchem_density.curves.calibrated import calibrate
from deepchem_density.curves.cells import Cell, Row
from deepchem_density.curves.config import CurveConfig, short_labels
from deepchem_density.files import digest, write_csv, write_text
from deepchem_density.reports.digits import with_deviation
from deepchem_density.reports.figures import error_by_size_figure, learning_curve_figure, parity_figure, save_figure
from deepchem_density.reports.markup import Table, html_text, markdown_section, markdown_table, markdown_text
from deepchem_density.reports.results import (
    ERRORS,
    METRICS,
    collect_cells,
    comparison_table,
    cost_table,
    curve_table,
    efficiency_table,
    part_table,
    power_law_table,
    rows_of,
    size_table,
)
from deepchem_density.reports.roc_figure import roc_figure
from deepchem_density.reports.sections import comparison_sections
from deepchem_density.reports.shown import in_words, shown_table
from deepchem_density.reports.training_table import training_section, training_table
from deepchem_density.reports.uncertainty import uncertainty_figure, uncertainty_section, uncertainty_table
from deepchem_density.tables.label_names import metric_names
from deepchem_density.tables.shown_units import shown_unit

__all__ = [
    "about_baselines",
    "comparison_folder",
    "errors_in_markdown",
    "where_tested",
    "write_comparison_report",
    "write_curve_report",
]


def write_curve_report(config: CurveConfig, cells: Sequence[Cell], out: Path) -> list[Path]:
    """Write the table and figures of the study of a curve, with the curves of all representations run in it so far.

    Returns
    -------
    list of path
        table.md first.
    """
    folder = out / f"{config.dataset}-{_in_names(config)}-{config.study}"
    folder.mkdir(parents=True, exist_ok=True)
    found = collect_cells(out / "cells" / config.study)
    rows = rows_of(found)
    table, parts = curve_table(rows), part_table(found)
    about = (config.metrics, config.datapoints)
    said = " ".join(filter(None, [where_tested(rows, config.datapoints), about_baselines(config, rows)]))
    blocks = [errors_in_markdown(table, *about), f"{said}\n"]
    training = training_table(found)
    if len(training):
        blocks.append(markdown_section(training_section(training, config.datapoints)) + "\n")
    for (part, n_test), of_part in parts.groupby(["part", "n_test"], sort=False) if len(parts) else ():
        blocks.append(errors_in_markdown(of_part, *about, f"{part} ({n_test} of the test set)"))
    ensemble, drawn = calibrate(config, cells), folder / f"uncertainty_{config.rep}.png"
    if ensemble is not None:
        save_figure(uncertainty_figure([ensemble]), drawn)
        section = uncertainty_section(uncertainty_table([ensemble]), drawn, config.datapoints)
        blocks.append(markdown_section(section) + "\n")
    write_text(folder / "table.md", "\n".join(blocks))
    write_csv(folder / "table.csv", pd.concat([table, parts]) if len(parts) else table)
    title = f"{config.dataset}, {_seeds(int(table.iloc[0]['seeds']))}"
    figure = learning_curve_figure(table, title, config.metrics[0], datapoints=config.datapoints)
    return [
        folder / "table.md",
        folder / "table.csv",
        save_figure(figure, folder / "learning_curve.png"),
        save_figure(_agreement(config, cells[-1:]), folder / f"{agreement_name(config)}_{config.rep}.png"),
        *([] if ensemble is None else [drawn]),
    ]


def agreement_name(config: CurveConfig) -> str:
    """Return what the figure of predictions and labels is called: a parity plot, or of classes the ROC."""
    return "roc" if config.task == "classification" else "parity"


def _agreement(config: CurveConfig, cells: Sequence[Cell]) -> Figure:
    draw = roc_figure if config.task == "classification" else parity_figure
    return draw(cells, config.targets)


def _in_names(config: CurveConfig) -> str:
    """Return the targets in letters that every file system takes."""
    return "-".join(metric_names(config.targets).values())


def errors_in_markdown(
    table: pd.DataFrame,
    metrics: Sequence[str] = ("mae",),
    datapoints: str = "molecules",
    tested_on: str = "the test set",
) -> str:
    """Return tables in Markdown, one for each target and metric: a line per model, a column per training size.

    Inputs are called by their words, and errors stand in the units that are shown.
    """
    blocks = []
    for (target, unit), part in shown_table(table, "errors").groupby(["target", "unit"], sort=False):
        sizes = sorted(part["n_train"].unique())
        for metric in metrics:
            lines = []
            for model, one in part.groupby("model", sort=False):
                values = zip(one["n_train"], one[metric], one[f"{metric}_std"], strict=True)
                cells = {size: with_deviation(mean, spread) for size, mean, spread in values}
                lines.append([in_words(str(model)), *(cells.get(size, "") for size in sizes)])
            in_unit = f", {shown_unit(unit)}" if unit and metric in ERRORS else ""
            blocks.append(f"{target}: {METRICS[metric]} on {tested_on}{in_unit}")
            blocks.append(markdown_table(Table(["model", *(f"{size} {datapoints}" for size in sizes)], lines)))
    return "\n\n".join(blocks) + "\n"


def where_tested(rows: Sequence[Row], datapoints: str = "molecules") -> str:
    """Return a sentence on the size of the test set, and whether it is the same for all representations."""
    sizes = {(row["label"], row["n_test"]) for row in rows if row["model"] == "network"}
    if len({size for _, size in sizes}) == 1:
        return f"Tested on {rows[0]['n_test']} {datapoints}."
    listed = ", ".join(f"{in_words(label)} {size}" for label, size in sorted(sizes))
    return (
        f"Tested on different {datapoints}, since some fail in one representation and not in another: {listed}. "
        "`deepchem-density compare` leaves them out of all."
    )


def about_baselines(config: CurveConfig, rows: Sequence[Row]) -> str:
    """Return sentences on baselines that are left out, and on those that were tested on fewer molecules; "" without any."""
    said = [f"The baseline '{name}' is left out: {reason}." for name in FITTED if (reason := not_for(config, name))]
    n_test = min(row["n_test"] for row in rows if row["model"] == "network")
    for model in FITTED.values():
        fewest = min((row["n_test"] for row in rows if row["model"] == model), default=None)
        if fewest is not None and fewest < n_test:
            said.append(f"'{model}' is tested on {fewest} {config.datapoints}: of the others it knows nothing.")
    return " ".join(said)


def comparison_folder(configs: Sequence[CurveConfig], out: Path) -> Path:
    """Return where the report of a comparison goes: another folder for every other set of curves."""
    first = configs[0]
    settings = [dataclasses.asdict(config) for config in configs]
    return out / f"compare-{first.dataset}-{_in_names(first)}-{digest(settings)}"


def write_comparison_report(
    configs: Sequence[CurveConfig], curves: Sequence[Sequence[Cell]], voxel_seconds: Mapping[str, float], out: Path
) -> list[Path]:
    """Write tables, figures, and the report made of them: Markdown with pictures beside it, and one HTML file.

    Parameters
    ----------
    configs : sequence of CurveConfig
        Of the curves.
    curves : sequence of sequences of Cell
        Their cells.
    voxel_seconds : mapping of str to float
        Label of a curve -> seconds for the voxels of a molecule.
    out : path
        The report has a folder of its own inside.

    Returns
    -------
    list of path
        report.md and report.html first.
    """
    folder = comparison_folder(configs, out)
    folder.mkdir(parents=True, exist_ok=True)
    config, metric, names = configs[0], configs[0].loss, short_labels(configs)
    called = [[_called(cell, name) for cell in curve] for name, curve in zip(names, curves, strict=True)]
    cells = [cell for curve in called for cell in curve]
    ensembles = [one for one in map(calibrate, configs, called) if one is not None]
    seconds = {name: voxel_seconds[one.label] for name, one in zip(names, configs, strict=True)}
    reference = next((name for name, one in zip(names, configs, strict=True) if one.rep == "atom"), None)
    tables = {
        "errors": curve_table(rows_of(cells)),
        "tests": comparison_table(cells, metric),
        "power_laws": power_law_table(cells, metric),
        "efficiency": pd.DataFrame() if reference is None else efficiency_table(cells, metric, reference),
        "sizes": size_table(cells, metric),
        "costs": cost_table(cells, seconds),
        "parts": part_table(cells),
        "training": training_table(cells),
        "uncertainty": uncertainty_table(ensembles),
    }
    files = []
    for name, table in tables.items():
        if len(table):
            write_csv(folder / f"{name}.csv", table)
            files.append(folder / f"{name}.csv")
    pictures = {
        "learning_curve": learning_curve_figure(
            tables["errors"], f"{config.dataset}, {_seeds(len(config.seeds))}", metric, "interval", config.datapoints
        ),
        "error_by_size": error_by_size_figure(tables["sizes"], metric, config.of_complexes),
        agreement_name(config): _agreement(config, [curve[-1] for curve in called]),
        **({"uncertainty": uncertainty_figure(ensembles)} if ensembles else {}),
    }
    paths = {name: save_figure(figure, folder / f"{name}.png") for name, figure in pictures.items()}
    title = f"{', '.join(config.targets)}: {len(configs)} representations compared"
    sections = comparison_sections(configs, tables, paths, reference, about_baselines(config, rows_of(cells)))
    write_text(folder / "report.md", markdown_text(title, sections))
    write_text(folder / "report.html", html_text(title, sections))
    return [folder / "report.md", folder / "report.html", *files, *paths.values()]


def _called(cell: Cell, name: str) -> Cell:
    return dataclasses.replace(cell, rows=[{**row, "label": name} for row in cell.rows])


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"
