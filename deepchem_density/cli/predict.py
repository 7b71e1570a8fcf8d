"""``deepchem-density predict MODEL INPUT``: predictions of a trained network for new molecules or complexes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_to", "run"]

MASKS = 50


def add_to(commands: Any) -> None:
    """Add the command to an argparse parser's subparsers."""
    parser = commands.add_parser("predict", help="predictions for new molecules or complexes, with uncertainty")
    parser.set_defaults(command=run)
    parser.add_argument(
        "model", help="folder of a logged model or of a cell (runs/cells/.../...), or MLflow's models:/... or runs:/..."
    )
    parser.add_argument(
        "input",
        help=".csv with a column molecule or smiles, or ligand and protein, map or both; .smi; .sdf; also gzipped",
    )
    parser.add_argument("--out", default="predictions.csv", help="csv to write (default: predictions.csv)")
    parser.add_argument(
        "--masks",
        type=_masks,
        default="auto",
        help="dropout masks to draw the uncertainty from, 0 for none; auto is 50 for networks with dropout (default: auto)",
    )
    parser.add_argument("--n-jobs", type=int, default=-1, help="processes that compute voxels; -1 is one a core")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network; more pays only on idle cores")


def _masks(text: str) -> int | str:
    if text in ("", "auto"):
        return "auto"
    masks = int(text)
    if masks < 0 or masks == 1:
        raise ValueError(text)
    return masks


_masks.__name__ = "auto, 0, or 2 and more"


def run(options: argparse.Namespace) -> int:
    """Predict, write a csv with a row per input, and name what failed."""
    import torch

    from deepchem_density.files import write_text
    from deepchem_density.models.prediction import Predictor, find_model
    from deepchem_density.models.prediction_inputs import read_inputs

    torch.set_num_threads(options.threads)
    predictor = Predictor.from_folder(find_model(options.model))
    inputs = read_inputs(options.input, predictor.about.recipe.reading)
    masks = options.masks
    if masks == "auto":
        masks = MASKS if predictor.knows_uncertainty else 0
        if not masks:
            print("The network was trained without dropout: there is no uncertainty to tell.")
    table = predictor.predict(inputs, masks, options.n_jobs)
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, table.to_csv(index=False))
    failed = table[table["failure"] != ""]
    for row in failed.itertuples():
        print(f"{row.id}: {row.failure}")
    print(f"{len(table) - len(failed)} of {len(table)} predicted: {out}")
    return 0
