"""``deepchem-density compare``: several representations on the same molecules, and a report of what they are worth."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.cli.curve import cell_line, train_along
from deepchem_density.cli.options import (
    TRAINING_PROCESSES,
    add_curve_options,
    add_run_options,
    asked_for,
    config_from,
    parsed_setting,
)
from deepchem_density.cli.processes import companions
from deepchem_density.curves.sharing import STALE_AFTER

if TYPE_CHECKING:
    from deepchem_density.curves.cells import Cell
    from deepchem_density.curves.config import CurveConfig

__all__ = ["add_to", "run"]

ALL = "atom,density,gradient,occupancy"
REPS = (
    "representations, first to last; settings of one alone after colons, as in density:transform=sqrt:oversampling=3 "
    "(lists in them with spaces)"
)


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "compare",
        help="learning curves of several representations on the same molecules, with tests and a report",
        description="Start the same command several times, also on several machines, to share the work in one folder.",
    )
    parser.set_defaults(command=run)
    parser.add_argument("--reps", default="", help=f"{REPS} (default: {ALL})")
    add_curve_options(parser, without=("rep",))
    parser.add_argument(
        "--params", default="", help="file of tuned settings from tune for each representation, with {rep} for its name"
    )
    add_run_options(parser, TRAINING_PROCESSES, "train cells")
    parser.add_argument(
        "--takeover-minutes",
        type=float,
        default=STALE_AFTER / 60,
        help="without a sign of life from another machine before its work is done here (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    """Run all curves, together with whoever else works in the folder, and write the report."""
    configs = _configs(options)
    for config in configs:
        config.check()
    from deepchem_density.cli.process_settings import prepare_process
    from deepchem_density.curves.learning_curve import run_curves
    from deepchem_density.curves.tracking import MlflowTracker, NoTracker
    from deepchem_density.curves.voxel_cost import voxel_seconds
    from deepchem_density.reports.report import write_comparison_report

    prepare_process(options.threads)
    tracker = MlflowTracker() if options.track else NoTracker()
    out, stale_after = Path(options.out), 60 * options.takeover_minutes

    def report_epoch(config: CurveConfig, n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        tracker.epoch(config.label, n_train, seed, epoch, metrics)

    def report_cell(config: CurveConfig, cell: Cell) -> None:
        tracker.cell(cell)
        print(cell_line(cell, config.metrics[0]), flush=True)

    with tracker.run(configs):
        shared = (configs, out, stale_after, options.threads, tracker.address)
        with companions(options.workers, train_along, *shared):
            curves = run_curves(configs, out, options.n_jobs, report_epoch, report_cell, stale_after)
        seconds = voxel_seconds(configs, out, stale_after)
        files = write_comparison_report(configs, curves, seconds, out)
        tracker.files(files)
        for config, cells in zip(configs, curves, strict=True):
            tracker.model(cells[-1], config)
    print(f"\nReport: {files[0]} and, in one file, {files[1]}")
    return 0


def _configs(options: argparse.Namespace) -> list[CurveConfig]:
    asked = asked_for(options)
    entries = [entry.strip() for entry in (options.reps or ALL).split(",") if entry.strip()]
    configs = [_config(entry, asked, options.params) for entry in entries]
    labels = [config.label for config in configs]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise ValueError(f"reps='{options.reps}' arrived, with {repeated[0]} more than once; each may stand once.")
    return configs


def _config(entry: str, asked: Mapping[str, Any], params: str) -> CurveConfig:
    rep, *settings = entry.split(":")
    own: dict[str, Any] = {"rep": rep}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"'{setting}' arrived in reps; a setting is name=value, as in density:transform=sqrt.")
        own[name] = parsed_setting(name, text)
    if not params:
        return config_from({**asked, **own})
    from deepchem_density.tuning.params_file import read_params

    return config_from({**asked, **own}, read_params(params.replace("{rep}", rep), rep))
