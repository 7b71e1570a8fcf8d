"""What a report of a comparison says about each of its tables and figures."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deepchem_density.curves.config import CurveConfig, short_labels
from deepchem_density.reports.digits import UNKNOWN, p_value, ratio, significant, with_interval
from deepchem_density.reports.markup import Picture, Section, Table
from deepchem_density.reports.results import AREAS, ERRORS, METRICS
from deepchem_density.reports.shown import in_words, of_unit, shown_table, titled
from deepchem_density.reports.training_table import training_section
from deepchem_density.reports.uncertainty import uncertainty_section
from deepchem_density.versions import installed_versions

__all__ = ["comparison_sections"]

LOSSES = {"mae": "absolute error", "rmse": "squared error", "log_loss": "log loss"}

CURVES = (
    "The {} on the test set against the number of training {}; {} logarithmic. Points are means over "
    "seeds, bars their 95 % t intervals (training {} and initial weights drawn anew; the test set is the same). Grey "
    "lines are baselines."
)
TESTS = (
    "Differences in mean {}, first minus second, with 95 % intervals, on the same seeds, training and test {}. Seeds and test {} "
    "both count as drawn at random (crossed random effects), so that p speaks of other trainings and other {} than these. With "
    "Holm, p is adjusted over all tests of a target. The last column is the part of the uncertainty that more seeds would reduce."
)
ONE_SEED = " With this single seed, intervals and p speak of these trained networks only."
LAWS = (
    "error = a · n^-b, a straight line in the logarithms. b is the mean slope over these sizes; its 95 % t interval is over "
    "seeds. With four sizes or more, error = a · n^-b + c is fitted as well and shown where the data tell such a floor from "
    "none."
)
EFFICIENCY = (
    "How many times as many training {} {} need for the same error, read off its curve; above 1 the other input needs "
    "less data. 95 % t intervals over seeds. An error that it does not reach within the sizes measured gives a bound only."
)
SIZES = (
    "The {} with the most training {}, in classes by the number of heavy atoms{}; bars are 95 % t intervals over the {} "
    "of a class, errors averaged over seeds."
)
PARTS = (
    "The same networks and baselines on parts of the test set, which overlap: core sets, and those of their complexes to which "
    "nothing in PDBbind is similar (_indep)."
)
COSTS = (
    "Voxels: median of some test {} on one core. Training: mean of the cells with the most {}, with their "
    "test, as the clock ran; processes that share a machine slow each other down."
)


def comparison_sections(
    configs: Sequence[CurveConfig],
    tables: Mapping[str, pd.DataFrame],
    pictures: Mapping[str, Path],
    reference: str | None,
    about_baselines: str = "",
) -> list[Section]:
    """Return the sections of a report.

    Parameters
    ----------
    configs : sequence of CurveConfig
        Of the curves.
    tables : mapping of str to pandas.DataFrame
        errors, tests, power_laws, efficiency, sizes, costs and parts, from `deepchem_density.reports.results`; training and
        uncertainty from their own files.
    pictures : mapping of str to path
        learning_curve, error_by_size, parity or, of classes, roc, and uncertainty where there is a table of it.
    reference : str or None
        Label of the curve that others are measured against in data efficiency.
    about_baselines : str
        What must be said of the baselines.
    """
    first, loss = configs[0].metrics[0], METRICS[configs[0].loss]
    words, datapoints = METRICS[first], configs[0].datapoints
    axes = "their axis is" if first in AREAS else "both axes are"
    curve = Picture(pictures["learning_curve"], f"{words} against training {datapoints}")
    by_size = Picture(pictures["error_by_size"], f"{loss} by heavy atoms")
    about_curves = [text for text in (CURVES.format(words, datapoints, axes, datapoints), about_baselines) if text]
    sizes = SIZES.format(loss, datapoints, " of the ligand" if configs[0].of_complexes else "", datapoints)
    efficiency = [] if tables["efficiency"].empty else [_efficiency(tables["efficiency"], reference or "", datapoints)]
    return [
        Section("Learning curves", [" ".join(about_curves)], [curve, *_error_tables(tables["errors"], configs[0])]),
        *([] if tables["parts"].empty else [_parts(tables["parts"], configs[0])]),
        _tests(tables["tests"], configs[0]),
        _power_laws(tables["power_laws"]),
        *efficiency,
        Section("Errors by size", [sizes], [by_size]),
        _agreement(pictures, datapoints),
        *(
            []
            if tables["uncertainty"].empty
            else [uncertainty_section(tables["uncertainty"], pictures["uncertainty"], datapoints)]
        ),
        *([] if tables["training"].empty else [training_section(tables["training"], datapoints)]),
        _costs(tables["costs"], datapoints),
        _settings(configs),
    ]


def _agreement(pictures: Mapping[str, Path], datapoints: str) -> Section:
    if "roc" in pictures:
        text = (
            "True positive against false positive rate on the test set, for each probability above which 1 is said: most "
            f"training {datapoints}, last seed."
        )
        return Section("ROC", [text], [Picture(pictures["roc"], "true positive against false positive rate")])
    text = f"Predictions against labels of the test set: most training {datapoints}, last seed."
    return Section("Parity", [text], [Picture(pictures["parity"], "predictions against labels")])


def _error_tables(errors: pd.DataFrame, config: CurveConfig) -> list[Table]:
    made = []
    for (target, unit), part in shown_table(errors, "errors").groupby(["target", "unit"], sort=False):
        sizes = sorted(part["n_train"].unique())
        for metric in config.metrics:
            head = f"{target}, {METRICS[metric]}{of_unit(unit) if metric in ERRORS else ''}"
            lines = []
            for model, one in part.groupby("model", sort=False):
                rows = one.set_index("n_train")
                lines.append([in_words(str(model)), *(_interval(rows, size, metric) for size in sizes)])
            made.append(Table([head, *(f"{size} {config.datapoints}" for size in sizes)], lines))
    return made


def _parts(parts: pd.DataFrame, config: CurveConfig) -> Section:
    made = []
    for (part, n_test), of_part in parts.groupby(["part", "n_test"], sort=False):
        made += [
            dataclasses.replace(table, header=[f"{part} ({n_test}): {table.header[0]}", *table.header[1:]])
            for table in _error_tables(of_part, config)
        ]
    return Section("Parts of the test set", [PARTS], made)


def _interval(rows: pd.DataFrame, size: int, metric: str) -> str:
    if size not in rows.index:
        return UNKNOWN
    return with_interval(*(rows.loc[size, name] for name in (metric, f"{metric}_low", f"{metric}_high")))


def _tests(table: pd.DataFrame, config: CurveConfig) -> Section:
    if table.empty:
        return Section("Tests", ["A single representation: there is nothing to compare."])
    text = TESTS.format(LOSSES[config.loss], *3 * [config.datapoints]) + (ONE_SEED if len(config.seeds) == 1 else "")
    squared = config.metrics[0] == "rmse"
    made = []
    for (target, unit), part in shown_table(table, "tests", squared).groupby(["target", "unit"], sort=False):
        lines = [
            [
                *(f"{in_words(row.first)} − {in_words(row.second)}", str(row.n_train)),
                *(with_interval(row.difference, row.low, row.high), _form(row.relative, "+.1%")),
                *(p_value(row.p), p_value(row.p_holm), _form(row.seed_share, ".0%")),
            ]
            for row in part.itertuples()
        ]
        difference = f"difference{of_unit(unit, squared)}"
        head = [f"{target}: first − second", f"training {config.datapoints}", difference, "relative"]
        made.append(Table([*head, "p", "p (Holm)", "from seeds"], lines))
    return Section("Tests", [text], made)


def _form(value: float, form: str) -> str:
    return UNKNOWN if np.isnan(value) else f"{value:{form}}"


def _power_laws(table: pd.DataFrame) -> Section:
    head = ["model", "label (unit of a and c)", "a", "b", "b with floor", "c"]
    lines = []
    for row in shown_table(table, "power_laws").itertuples():
        law = with_interval(row.exponent, row.exponent_low, row.exponent_high)
        floored = with_interval(row.floored_exponent, row.floored_exponent_low, row.floored_exponent_high)
        floor = with_interval(row.floor, row.floor_low, row.floor_high)
        label = titled(row.target, row.unit)
        lines.append([in_words(row.model), label, significant(row.factor, 2), law, floored, floor])
    return Section("Power laws", [LAWS], [Table(head, lines)])


def _efficiency(table: pd.DataFrame, reference: str, datapoints: str) -> Section:
    sizes = sorted(table["n_train"].unique())
    lines = []
    for (target, model), one in table.groupby(["target", "model"], sort=False):
        rows = {row.n_train: row for row in one.itertuples()}
        cells = [_ratio(rows[size]) if size in rows else UNKNOWN for size in sizes]
        lines.append([in_words(str(model)), str(target), *cells])
    head = ["model", "label", *(f"{n} {datapoints}" for n in sizes)]
    return Section("Data efficiency", [EFFICIENCY.format(datapoints, in_words(reference))], [Table(head, lines)])


def _ratio(row: object) -> str:
    bound, limit = getattr(row, "bound", ""), getattr(row, "limit", float("nan"))
    if bound:
        return f"{bound} {significant(limit, 2)}"
    return ratio(*(getattr(row, name) for name in ("ratio", "low", "high")))


def _costs(table: pd.DataFrame, datapoints: str) -> Section:
    columns: dict[str, tuple[str, Callable[[float], str]]] = {
        "parameters": ("parameters", lambda v: f"{v:,.0f}"),
        "voxel_ms": ("voxels each, ms", lambda v: significant(v, 2)),
        "training_s": ("training of a cell, s", lambda v: significant(v, 2)),
        "step_ms": ("a step, ms", lambda v: significant(v, 2)),
        "total_h": ("all cells, h", lambda v: significant(v, 2)),
    }
    lines = [
        [in_words(str(row["model"])), str(row["device"]), *(form(row[name]) for name, (_, form) in columns.items())]
        for _, row in table.iterrows()
    ]
    head = ["model", "device", *(head for head, _ in columns.values())]
    return Section("Cost", [COSTS.format(datapoints, datapoints)], [Table(head, lines)])


def _settings(configs: Sequence[CurveConfig]) -> Section:
    """Return what was run: settings that all curves share in one line, others in a table."""
    all_settings = [dataclasses.asdict(config) for config in configs]
    common = {name for name in all_settings[0] if all(one[name] == all_settings[0][name] for one in all_settings)}
    values = {name: _value(all_settings[0][name]) for name in all_settings[0] if name in common}
    shared = ", ".join(f"{name}={value}" for name, value in values.items() if value)
    own = [name for name in all_settings[0] if name not in common]
    lines = [
        [in_words(label), *(_value(one[name]) for name in own)]
        for label, one in zip(short_labels(configs), all_settings, strict=True)
    ]
    versions = ", ".join(f"{package} {number}" for package, number in installed_versions().items())
    where = f"Python {platform.python_version()}, {versions}; {platform.system()} {platform.machine()}."
    return Section("Settings", [f"All: {shared}.", where], [Table(["model", *own], lines)] if own else [])


def _value(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
