"""Make what tests/test_stored_by_earlier_releases.py checks: voxels, a cell, a model and names as release 0.1 stored them.

Run with the package as it was at commit 490ff6a, from the root of this repository:

    git worktree add ../before 490ff6a
    PYTHONPATH=../before python scripts/make_stored_reference.py
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import torch
from deepchem_density.experiments.cells import cell_folder
from deepchem_density.experiments.curve_config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.experiments.learning_curve import run_curve
from deepchem_density.experiments.molecule_inputs import read_inputs
from deepchem_density.experiments.prediction import Predictor
from deepchem_density.experiments.tracking import MlflowTracker
from deepchem_density.experiments.tuning_space import describe, space

from deepchem_density import AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel, load_sample

OUT = Path("tests/data/stored")
MOLECULES = (3, 700, 1500)
SMALL = {"box_width": 16.0, "voxel_width": 2.0}
VOXELS = {
    "AtomVoxel": [
        SMALL,
        {**SMALL, "oversampling": 2, "rotation_seed": 3, "elements": ["C", "N"], "other": True, "sigma": 0.7},
    ],
    "DensityVoxel": [
        SMALL,
        {**SMALL, "oversampling": 2, "transform": "log", "center": "charge"},
        {**SMALL, "source": "independent_atoms", "b_iso": 20.0, "d_min": 2.0, "rotation_seed": 1},
        {**SMALL, "source": "independent_atoms", "b_iso": 30.0, "blur": 5.0, "dtype": "float16"},
        {**SMALL, "engine": "tblite", "method": "GFN1-xTB", "dtype": "float64"},
    ],
    "GradientVoxel": [{**SMALL, "oversampling": 2, "transform": "sqrt"}, {**SMALL, "rotation_seed": 5}],
    "OccupancyVoxel": [
        {**SMALL, "dtype": "uint8"},
        {**SMALL, "oversampling": 2, "shape": "density", "threshold": 0.05},
    ],
}
CLASSES = {one.__name__: one for one in (AtomVoxel, DensityVoxel, GradientVoxel, OccupancyVoxel)}
CELLS = [
    {"rep": "density", "targets": ["gap", "mu"], "remove_composition": True, "dropout": 0.1},
    {"rep": "atom", "targets": ["gap"]},
]
QUICK = {
    **{"n_train": 40, "n_valid": 10, "n_test": 20, "fractions": [1.0], "seeds": [0], "steps": 12},
    **{"box_width": 15.0, "voxel_width": 1.5, "oversampling": 1, "widths": [4, 8]},
}
SMILES = ["CCO", "C1CC1N", "CC(=O)C", "N#CC", "OCC=O"]
NAMED = [
    {},
    {"rep": "gradient", "transform": "log", "oversampling": 3, "rotation_seed": 1},
    {"rep": "atom", "elements": ["C", "O"], "other": True, "sigma": 0.6, "remove_composition": True},
    {"rep": "density", "d_min": 2.0, "source": "independent_atoms", "epochs": 4, "steps": 0, "n_bins": 4},
    {
        **COMPLEX_DEFAULTS,
        "rep": "occupancy",
        "dataset": "complexes",
        "data_dir": "/x.csv",
        "shape": "density",
        "threshold": 0.1,
    },
]


def config_of(settings: dict[str, object]) -> CurveConfig:
    """Return a configuration from what JSON holds."""
    return CurveConfig(**{name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()})


def voxels() -> None:
    """Store voxels of some molecules, with the arguments that made them."""
    sample = load_sample()
    molecules = [sample.structure(i) for i in MOLECULES]
    arrays, about = {}, {}
    for name, many in VOXELS.items():
        for place, settings in enumerate(many):
            given = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
            featurizer = CLASSES[name](**given)
            key = f"{name}-{place}"
            arrays[key] = featurizer.featurize(molecules)
            about[key] = {"class": name, "settings": settings, "file_name": str(featurizer)}
    np.savez_compressed(OUT / "voxels.npz", **arrays)
    (OUT / "voxels.json").write_text(json.dumps({"molecules": MOLECULES, "voxels": about}, indent=1) + "\n")


def cells_and_models() -> None:
    """Store finished cells, a logged model, and what they predict."""
    predictions = {}
    with tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch, "in.smi")
        inputs.write_text("\n".join(SMILES) + "\n")
        mlflow.set_tracking_uri(f"sqlite:///{scratch}/mlflow.db")
        for settings in CELLS:
            config = config_of({**QUICK, **settings})
            (cell,) = run_curve(config, OUT)
            predictor = Predictor.from_folder(cell.model_dir)
            table = predictor.predict(read_inputs(inputs, predictor.about.recipe.reading))
            predictions[settings["rep"]] = {target: table[target].tolist() for target in config.targets}
        mlflow.create_experiment("deepchem_density", f"{scratch}/artifacts")
        tracker = MlflowTracker()
        with tracker.run([config]):
            tracker.model(cell, config)
        logged = mlflow.search_logged_models(output_format="list")[0]
        shutil.copytree(mlflow.artifacts.download_artifacts(logged.artifact_location), OUT / "logged_model")
    described = OUT / "logged_model" / "MLmodel"
    # MLflow notes where the folders were; nothing reads that
    text = re.sub(r"(?m)^( *(?:artifact_path|model_code_path): ).*/", r"\1", described.read_text())
    described.write_text(text)
    shutil.rmtree(OUT / "voxels")
    about = {"quick": QUICK, "cells": CELLS, "smiles": SMILES, "predictions": predictions}
    (OUT / "cells.json").write_text(json.dumps(about, indent=1) + "\n")


def names() -> None:
    """Store settings, and the names that follow from them."""
    found = []
    for settings in NAMED:
        config = config_of(settings)
        found.append(
            {
                "settings": settings,
                "all": json.loads(json.dumps(dataclasses.asdict(config))),
                **{"study": config.study, "label": config.label, "channels": config.recipe.channels},
                "cell": cell_folder(config, Path("out"), 40, 1, ["a", "b"], "content").as_posix(),
                "space": describe(space(config)) if config.pooling == "mean" and not config.epochs else None,
            }
        )
    (OUT / "names.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    voxels()
    cells_and_models()
    names()
