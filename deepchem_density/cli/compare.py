"""``deepchem-density compare``: several representations on the same molecules, and a report of what they are worth."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.cli.curve import cell_line
from deepchem_density.cli.describe import describe
from deepchem_density.cli.options import (
    BaselineSettings,
    RunSettings,
    add_settings,
    add_tracking,
    asked_for,
    config_from,
    engine_of,
    parsed_setting,
    values_of,
)
from deepchem_density.curves.settings import CurveSettings
from deepchem_density.settings import setting

if TYPE_CHECKING:
    from deepchem_density.curves.cells import Cell
    from deepchem_density.curves.config import CurveConfig

__all__ = ["CompareRun", "add_to", "configs_of", "run"]


@dataclass
class ComparisonSettings:
    """Comparison."""

    reps: str = setting(
        "atom,density,gradient,occupancy",
        "representations, first to last; settings of one alone after colons, as in density:transform=sqrt:oversampling=3 (lists "
        "in them with spaces)",
    )
    params: str = setting(
        "", "file of tuned settings from tune for each representation, with {rep} for its name", path=False
    )


@dataclass
class CompareRun(RunSettings, BaselineSettings, CurveSettings, ComparisonSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "compare",
        usage="deepchem-density compare [options]",
        help="learning curves of several representations on the same molecules, with tests and a report",
        epilog="Example: deepchem-density compare --reps atom,density,density+gradient+occupancy --targets gap",
    )
    parser.set_defaults(command=run)
    add_settings(parser, CompareRun, without=("rep",))
    add_tracking(parser)


def run(options: argparse.Namespace) -> int:
    """Run all curves, and write the report."""
    here, baselines = values_of(options, RunSettings), values_of(options, BaselineSettings).names
    configs = configs_of(options)
    for config in configs:
        config.check()
    if here.dry_run:
        describe(configs, here)
        return 0
    from deepchem_density.curves.calibrated import calibrate, write_ensemble
    from deepchem_density.curves.learning_curve import run_curves
    from deepchem_density.curves.tracking import MlflowTracker, NoTracker
    from deepchem_density.curves.voxel_cost import voxel_seconds
    from deepchem_density.reports.report import write_comparison_report

    tracker = MlflowTracker() if options.track else NoTracker()
    out, n_jobs = Path(here.out), None if here.scheduler else here.n_jobs

    def report_epoch(config: CurveConfig, n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        tracker.epoch(config.label, n_train, seed, epoch, metrics)

    def report_cell(config: CurveConfig, cell: Cell) -> None:
        tracker.cell(cell)
        print(cell_line(cell, config.metrics[0]), flush=True)

    with tracker.run(configs):
        with engine_of(here) as engine:
            curves = run_curves(
                configs, out, n_jobs, report_epoch, report_cell, engine, baselines=baselines, on_data=tracker.data
            )
        seconds = voxel_seconds(configs, out)
        files = write_comparison_report(configs, curves, seconds, out)
        tracker.files(files)
        for config, cells in zip(configs, curves, strict=True):
            tracker.model(cells[-1], config)
    print(f"\nReport: {files[0]} and, in one file, {files[1]}")
    ensembles = [one for one in map(calibrate, configs, curves) if one is not None]
    for ensemble in ensembles:
        print(f"To predict with calibrated uncertainty, {ensemble.label}: {write_ensemble(ensemble, out)}")
    return 0


def configs_of(options: argparse.Namespace) -> list[CurveConfig]:
    """Return the configuration of each curve.

    Raises
    ------
    ValueError
        No representation, one that stands twice, or a setting that means nothing to any of them.
    """
    from deepchem_density.curves.config import applies

    comparison = values_of(options, ComparisonSettings)
    entries = [_entry(entry.strip()) for entry in comparison.reps.split(",") if entry.strip()]
    if not entries:
        raise ValueError(f"reps={comparison.reps!r} arrived; one representation or more, between commas, is accepted.")
    asked = asked_for(options)

    def means_something(name: str, rep: str, own: Mapping[str, Any]) -> bool:
        return applies(name, rep, own.get("baseline", asked.get("baseline", "none")))

    for name in asked:
        if not any(means_something(name, rep, own) for rep, own in entries):
            raise ValueError(
                f"{name}={asked[name]!r} arrived for reps={comparison.reps!r}, to none of which it means anything; leave it out."
            )
    configs = [
        _config(
            rep,
            {name: value for name, value in asked.items() if means_something(name, rep, own)} | own,
            comparison.params,
        )
        for rep, own in entries
    ]
    labels = [config.label for config in configs]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ValueError(f"reps={comparison.reps!r} arrived, with {repeated[0]} more than once; each may stand once.")
    return configs


def _entry(entry: str) -> tuple[str, dict[str, Any]]:
    """Return a representation and the settings of its own."""
    from deepchem_density.voxels.representations import canonical

    rep, *settings = entry.split(":")
    own: dict[str, Any] = {}
    for one in settings:
        name, equals, text = one.partition("=")
        if not equals:
            raise ValueError(f"'{one}' arrived in reps; name=value, as in density:transform=sqrt, is accepted.")
        own[name] = parsed_setting(name, text)
    return canonical(rep, "rep"), own


def _config(rep: str, asked: Mapping[str, Any], params: str) -> CurveConfig:
    if not params:
        return config_from({**asked, "rep": rep})
    from deepchem_density.tuning.params_file import read_params

    return config_from({**asked, "rep": rep}, read_params(params.replace("{rep}", rep), rep))
