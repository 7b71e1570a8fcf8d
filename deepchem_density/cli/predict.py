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

MASKS = 50


@dataclass
class PredictSettings(ColumnSettings):
    """Prediction."""

    out: str = setting("predictions.csv", "csv to write")
    masks: int | str = setting(
        "auto",
        "dropout masks to draw the uncertainty from, 0 for none; auto is 50 for networks with dropout",
        choices=("auto",),
        least=0,
    )
    n_jobs: int = setting(-1, "processes that compute voxels; -1 is one a core", least=-1)
    threads: int = setting(1, "threads of the network; more pays only on idle cores", least=1)


def add_to(commands: Any) -> None:
    """Add the command to an argparse parser's subparsers."""
    parser = commands.add_parser(
        "predict",
        usage="deepchem-density predict model [model ...] input [options]",
        help="predictions for new molecules or complexes, with uncertainty",
        epilog="Example: deepchem-density predict runs/cells/<study>/<cell>/model molecules.csv --out predictions.csv",
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "model",
        nargs="+",
        help="folder of a logged model or of a cell (runs/cells/.../...), or MLflow's models:/... or runs:/...; several of one "
        "target give their mean and spread",
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
    from deepchem_density.models.prediction import Predictor, find_model
    from deepchem_density.models.prediction_inputs import read_inputs

    asked = values_of(options, PredictSettings)
    if asked.masks == 1:
        raise ValueError("masks=1 arrived; auto, 0, or 2 and more are accepted: one mask has no deviation.")
    out = Path(asked.out)
    check_writable(out)
    torch.set_num_threads(asked.threads)
    ensemble = Ensemble(tuple(Predictor.from_folder(find_model(model)) for model in options.model))
    inputs = read_inputs(options.input, ensemble.reading, asked.smiles_column, asked.id_column)
    masks = asked.masks
    if masks == "auto":
        masks = MASKS if ensemble.knows_uncertainty else 0
        if not masks and len(options.model) == 1:
            print("The network was trained without dropout: there is no uncertainty to tell.")
    table = ensemble.predict(inputs, masks, asked.n_jobs)
    write_csv(out, table)
    failed = table[table["failure"] != ""]
    for row in failed.itertuples():
        print(f"{row.id}: {row.failure}")
    print(f"{len(table) - len(failed)} of {len(table)} predicted: {out}")
    return 0
