"""``deepchem-density predict MODEL... INPUT``: predictions of trained networks for new molecules or complexes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepchem_density.cli.options import add_settings, values_of
from deepchem_density.settings import setting
from deepchem_density.tables.settings import ColumnSettings

__all__ = ["PredictSettings", "add_to", "run"]


@dataclass
class PredictSettings(ColumnSettings):
    """Prediction."""

    out: str = setting("predictions.csv", "csv to write")
    masks: int = setting(
        0,
        "dropout masks to draw, of networks trained with dropout; the deviation over them is far smaller than errors are, and a "
        "calibrated ensemble draws its own",
        least=0,
    )
    n_jobs: int = setting(-1, "processes that compute voxels; -1 is one a core", least=-1)
    threads: int = setting(1, "threads of the network; more pays only on idle cores", least=1)


def add_to(commands: Any) -> None:
    """Add the command to an argparse parser's subparsers."""
    parser = commands.add_parser(
        "predict",
        usage="deepchem-density predict model [model ...] input [options]",
        help="predictions for new molecules or complexes; of an ensemble that curve wrote, with calibrated bounds of the error",
        epilog="Example: deepchem-density predict qm9-density molecules.csv --out predictions.csv",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "model",
        nargs="+",
        help="a model of this package (qm9-density, qm9-atom); folder of an ensemble that curve wrote (runs/ensembles/.../...), "
        "whose mean, like that of those, comes with what its errors stay below "
        "for 68 and 95 %% of molecules; or of a logged model or a cell (runs/cells/.../...), or MLflow's models:/... or "
        "runs:/...: several of one target give their mean and spread, which is no calibrated uncertainty",
    )
    parser.add_argument(
        "input",
        help=".csv or .parquet with a column of SMILES, or ligand and protein, map or both; .smi; .sdf; all but .parquet also "
        "gzipped",
    )
    add_settings(parser, PredictSettings)


def run(options: argparse.Namespace) -> int:
    """Predict, write a csv with a row per input, and name what failed."""
    import torch

    from deepchem_density.files import check_writable, write_csv
    from deepchem_density.models.ensemble import Ensemble
    from deepchem_density.models.prediction import find_model
    from deepchem_density.models.prediction_inputs import read_inputs

    asked = values_of(options, PredictSettings)
    if asked.masks == 1:
        raise ValueError("masks=1 arrived; 0, or 2 and more are accepted: one mask has no deviation.")
    out = Path(asked.out)
    check_writable(out)
    torch.set_num_threads(asked.threads)
    ensemble = Ensemble.from_folders([find_model(model) for model in options.model])
    inputs = read_inputs(options.input, ensemble.reading, asked.smiles_column, asked.id_column)
    if not ensemble.calibrations:
        print("Without calibrated uncertainty: only an ensemble that curve wrote (runs/ensembles/...) has one.")
    table = ensemble.predict(inputs, asked.masks, asked.n_jobs)
    write_csv(out, table)
    failed = table[table["failure"] != ""]
    for row in failed.itertuples():
        print(f"{row.id}: {row.failure}")
    units = ", ".join(f"{name} in {unit}" for name, unit in ensemble.members[0].about.units.items() if unit)
    print(f"{len(table) - len(failed)} of {len(table)} predicted: {out}" + (f" ({units})" if units else ""))
    return 0
