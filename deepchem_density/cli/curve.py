"""``deepchem-density curve``: one representation, over nested fractions of the training molecules and several seeds."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.cli.describe import describe
from deepchem_density.cli.options import (
    BaselineSettings,
    RunSettings,
    add_settings,
    add_tracking,
    asked_for,
    config_from,
    engine_of,
    values_of,
)
from deepchem_density.curves.settings import CurveSettings
from deepchem_density.progress import duration
from deepchem_density.settings import setting

if TYPE_CHECKING:
    from deepchem_density.curves.cells import Cell
    from deepchem_density.curves.config import CurveConfig

__all__ = ["CurveRun", "add_to", "cell_line", "run"]


@dataclass
class TunedSettings:
    """Tuned settings."""

    params: str = setting(
        "", "file of settings from tune, with {rep} for the representation; options that are given win"
    )


@dataclass
class CurveRun(RunSettings, TunedSettings, BaselineSettings, CurveSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "curve",
        usage="deepchem-density curve [options]",
        help="a learning curve: featurize, train over nested fractions and seeds, compare with baselines",
        epilog="Example: deepchem-density curve --rep gradient --targets gap,mu --fractions 0.25,1, or "
        "deepchem-density curve --dataset csv --data-dir my.csv --smiles-column smiles --targets 'logp (Crippen)'",
    )
    parser.set_defaults(command=run)
    add_settings(parser, CurveRun)
    add_tracking(parser)


def run(options: argparse.Namespace) -> int:
    """Run a learning curve, print its table, and leave table, figures and model in files and in MLflow."""
    here, config = values_of(options, RunSettings), curve_config(options)
    baselines = values_of(options, BaselineSettings).names
    config.check()
    if here.dry_run:
        describe([config], here)
        return 0
    from deepchem_density.curves.calibrated import calibrate, write_ensemble
    from deepchem_density.curves.learning_curve import run_curve
    from deepchem_density.curves.tracking import MlflowTracker, NoTracker
    from deepchem_density.reports.report import write_curve_report

    tracker = MlflowTracker() if options.track else NoTracker()
    out = Path(here.out)

    def report_cell(cell: Cell) -> None:
        tracker.cell(cell)
        print(cell_line(cell, config.metrics[0]), flush=True)

    def report_epoch(n_train: int, seed: int, epoch: int, metrics: dict[str, float]) -> None:
        tracker.epoch(config.label, n_train, seed, epoch, metrics)

    n_jobs = None if here.scheduler else here.n_jobs
    with tracker.run([config]):
        with engine_of(here) as engine:
            cells = run_curve(
                config, out, n_jobs, report_epoch, report_cell, engine, baselines=baselines, on_data=tracker.data
            )
        files = write_curve_report(config, cells, out)
        tracker.files(files)
        tracker.model(cells[-1], config)
    print("\n" + files[0].read_text(encoding="utf-8"))
    print(f"Figures: {', '.join(str(path) for path in files if path.suffix == '.png')}")
    calibrated = calibrate(config, cells)
    for target in calibrated.targets if calibrated is not None else ():
        print(target.words)
    print(how_to_predict(config, cells, None if calibrated is None else write_ensemble(calibrated, out)))
    return 0


def how_to_predict(config: CurveConfig, cells: Sequence[Cell], ensemble: Path | None) -> str:
    """Return where the networks of the largest training size are kept, and the command that predicts with them.

    Parameters
    ----------
    config, cells
        Of the curve.
    ensemble : path or None
        Folder of the ensemble they make, where it is calibrated.
    """
    largest = [cell for cell in cells if cell.rows[0]["n_train"] == cells[-1].rows[0]["n_train"]]
    models = [str(cell.model_dir) for cell in largest]
    listed = "\n".join(f"  {model}" for model in models)
    inputs = "a .csv with ligand and protein" if config.of_complexes else "a .csv, .smi, .parquet or .sdf"
    what = "" if ensemble is None else ", with what errors stay below for 68 and 95 % of such molecules"
    return (
        f"Models of the largest training set, one a seed:\n{listed}\n"
        f"To predict{what} ({inputs} in place of NEW.csv):\n"
        f"  deepchem-density predict {shlex.join(models if ensemble is None else [str(ensemble)])} NEW.csv --out predictions.csv"
    )


def cell_line(cell: Cell, metric: str) -> str:
    """Return what is printed about a cell."""
    from deepchem_density.reports.digits import significant
    from deepchem_density.reports.results import ERRORS
    from deepchem_density.tables.shown_units import shown_factor, shown_unit

    row = cell.rows[0]
    factor, unit = (shown_factor(row["unit"]), shown_unit(row["unit"])) if metric in ERRORS else (1.0, "")
    word = metric.upper().replace("_", "-")
    value = f"{significant(factor * row[metric])} {unit}".rstrip()
    return f"{cell.name}: {row['target']} {word} {value} ({duration(row['seconds'])})"


def curve_config(options: argparse.Namespace) -> CurveConfig:
    """Return what was asked for, on top of tuned settings where a file of them was named."""
    asked = asked_for(options)
    params = asked_for(options, TunedSettings).get("params", "")
    if not params:
        return config_from(asked)
    from deepchem_density.tuning.params_file import read_params
    from deepchem_density.voxels.representations import canonical

    rep = canonical(asked["rep"], "rep") if "rep" in asked else ""
    if "{rep}" in params and not rep:
        raise ValueError(f"params={params!r} arrived without rep; name the representation that stands for {{rep}}.")
    return config_from(asked, read_params(params.replace("{rep}", rep), rep))
