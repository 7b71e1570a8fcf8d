"""Turn an ensemble that ``curve`` or ``compare`` wrote into one that comes with the package.

    python scripts/ship_model.py runs/ensembles/<study>/<ensemble> qm9-density --n-smiles 1500

Weights alone are kept, energies become eV, molecules unlike QM9's are refused, and SMILES are relaxed with GFN2-xTB. Its errors
are measured, and its bounds calibrated, twice: on the test molecules of its run as they are in QM9, and on some of them from
their SMILES. Needs qm9pack (pip install "deepchem-density[qm9]").
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from deepchem_density import load_qm9
from deepchem_density.curves.held_out import HeldOut
from deepchem_density.files import write_text
from deepchem_density.models.calibration import (
    bounds_from_others,
    coverage,
    fit_calibration,
    joint_spread,
)
from deepchem_density.models.domain import Domain
from deepchem_density.models.ensemble import Ensemble
from deepchem_density.models.ensemble_file import ENSEMBLE_FILE, EnsembleFile
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.models.recipe_file import RECIPE_FILE, ModelRecipe
from deepchem_density.tables.shown_units import shown_factor, shown_unit
from deepchem_density.voxels.solver_line import SolverLine, solve_molecule
from deepchem_density.workers import map_in_order

MODELS = Path(__file__).parents[1] / "deepchem_density" / "data" / "models"
RELAXED = "GFN2-xTB"
LEAST_HEAVY_ATOMS = 6


def main() -> None:
    """Write deepchem_density/data/models/NAME."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ensemble", type=Path)
    parser.add_argument("name")
    parser.add_argument("--n-smiles", type=int, default=1500)
    parser.add_argument("--n-jobs", type=int, default=1)
    asked = parser.parse_args()
    about = EnsembleFile.read(asked.ensemble / ENSEMBLE_FILE)
    table = load_qm9()
    factors = np.array([shown_factor(table.units.get(name, "")) for name in about.targets])
    folder = MODELS / asked.name
    domain = domain_of(table)
    members = tuple(
        shipped_member(member, folder / str(place), factors, domain) for place, member in enumerate(about.members)
    )
    held_out = [HeldOut.read(member.parent) for member in about.members]
    given = held_out[0]
    picked = np.sort(np.random.default_rng(0).choice(len(given.ids), asked.n_smiles, replace=False))
    truth = given.truth * factors
    measured = Measured(np.stack([one.predicted * factors for one in held_out]), truth)
    smiles = dict(zip(table.ids.tolist(), table.smiles.tolist(), strict=True))
    made, lines = from_smiles(members, [smiles[one] for one in given.ids[picked].tolist()], asked.n_jobs)
    known = np.isfinite(made).all(axis=(0, 2))
    relaxed = Measured(made[:, known], truth[picked][known])
    shipped = EnsembleFile(
        members, about.targets, measured.calibrations, measured.coverages, 0, relaxed.calibrations, relaxed.coverages
    )
    shipped.write(folder)
    recipe = ModelRecipe.read(members[0] / RECIPE_FILE)
    rows = errors_of(recipe, measured, relaxed, lines[known])
    rows.to_csv(folder / "errors.csv", index=False)
    failed = int((~known).sum())
    numbers = {
        "test_molecules": len(given.ids),
        "from_smiles": int(known.sum()),
        "smiles_that_failed": failed,
        "members": len(members),
    }
    write_text(folder / "measured.json", json.dumps(numbers, indent=2) + "\n")
    print(rows.to_string(index=False), numbers, sep="\n")


class Measured:
    """Errors of an ensemble on molecules that neither trained nor stopped it."""

    def __init__(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        spread = joint_spread(predicted)
        self.errors = predicted.mean(axis=0) - truth
        self.truth = truth
        self.calibrations, self.coverages = [], []
        for errors, apart in zip(self.errors.T, spread.T, strict=True):
            self.calibrations.append(fit_calibration(errors, apart))
            self.coverages.append(tuple(coverage(errors, bounds_from_others(errors, apart))))

    @property
    def mae(self) -> np.ndarray:
        """Mean absolute error of each target."""
        return np.abs(self.errors).mean(axis=0)


def domain_of(table) -> Domain:
    """Return what nearly all of QM9's molecules are like: the few with less than six heavy atoms are predicted badly."""
    heavy = np.add.reduceat((table.numbers > 1).astype(int), table.offsets[:-1])
    return Domain(("H", "C", "N", "O", "F"), (LEAST_HEAVY_ATOMS, int(heavy.max())))


def shipped_member(member: Path, folder: Path, factors: np.ndarray, domain: Domain) -> Path:
    """Write one network with weights alone, in the units that are shown, and return its folder."""
    about = ModelRecipe.read(member / RECIPE_FILE)
    folder.mkdir(parents=True, exist_ok=True)
    replace(
        about,
        recipe=replace(about.recipe, optimize=RELAXED),
        units={name: shown_unit(about.units.get(name, "")) for name in about.targets},
        line=None if about.line is None else scaled_line(about.line, factors),
        domain=domain,
    ).write(folder)
    (folder / "config.json").write_text((member / "config.json").read_text())
    checkpoint = max(member.glob("checkpoint*.pt"), key=lambda path: path.stat().st_mtime)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    weights = state["model_state_dict"]
    for name in ("label_mean", "label_std"):
        weights[name] = weights[name] * torch.as_tensor(factors, dtype=weights[name].dtype)
    optimizer = {"state": {}, "param_groups": state["optimizer_state_dict"]["param_groups"]}
    torch.save(
        {"model_state_dict": weights, "optimizer_state_dict": optimizer, "global_step": state["global_step"]},
        folder / "checkpoint1.pt",
    )
    return folder


def scaled_line(line, factors: np.ndarray):
    """Return a line in other units."""
    if isinstance(line, SolverLine):
        return SolverLine(scaled_line(line.composition, factors), line.slopes * factors)
    return replace(line, slopes=line.slopes * factors, intercept=line.intercept * factors)


def from_smiles(members: tuple[Path, ...], smiles: list[str], n_jobs: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what each network predicts from SMILES, and the part of it that is the line; NaN for what failed."""
    ensemble = Ensemble.from_folders(members)
    recipe = ensemble.members[0].about.recipe
    read = list(map_in_order(recipe.read, smiles, n_jobs))
    inputs = [
        Input(
            str(place),
            text,
            None if isinstance(one, Exception) else one,
            str(one) if isinstance(one, Exception) else "",
        )
        for place, (text, one) in enumerate(zip(smiles, read, strict=True))
    ]
    for one in inputs:
        if one.failure:
            print(one.text, one.failure)
    tables = [member.predict(inputs, n_jobs=n_jobs) for member in ensemble.members]
    columns = ensemble.members[0].columns()
    lines = np.full((len(inputs), len(columns)), np.nan)
    line = ensemble.members[0].about.line
    for place, one in enumerate(inputs):
        if not one.failure and line is not None:
            try:
                lines[place] = (
                    line.of_solved(solve_molecule(recipe, one.datapoint))
                    if isinstance(line, SolverLine)
                    else line.of_molecule(one.datapoint.ligand)
                )
            except ValueError:
                continue
    return np.stack([table[columns].to_numpy() for table in tables]), lines


def errors_of(recipe: ModelRecipe, given: Measured, relaxed: Measured, lines: np.ndarray) -> pd.DataFrame:
    """Return a table of mean absolute errors."""
    rows = []
    for t, name in enumerate(recipe.targets):
        within = [{one.level: one.share for one in each.coverages[t]} for each in (given, relaxed)]
        rows.append(
            {
                "target": name,
                "unit": recipe.units[name],
                "mae": given.mae[t],
                "mae_from_smiles": relaxed.mae[t],
                "mae_from_smiles_line": np.nanmean(np.abs(lines[:, t] - relaxed.truth[:, t])),
                **{f"within_{level}": share for level, share in within[0].items()},
                **{f"within_{level}_from_smiles": share for level, share in within[1].items()},
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    main()
