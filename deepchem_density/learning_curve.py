"""Learning curves: one frozen configuration in, rows of results out.

The test set is fixed by ``split_seed`` and never used for training or choosing anything. The training sets of one seed
are nested: each fraction holds all smaller ones. Every cell (target set, fraction, seed) trains a network from scratch and
is compared with baselines on the same molecules: a constant, a line in the element counts, and for complexes a line in the
number of the ligand's heavy atoms.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.atomic_files import write_text
from deepchem_density.baselines import predict_constant, predict_linear
from deepchem_density.cnn import VoxelCNNModel
from deepchem_density.curve_config import NETWORK, CurveConfig, digest
from deepchem_density.curve_data import CurveData, prepare
from deepchem_density.metrics import regression_metrics
from deepchem_density.quiet import deepchem as dc
from deepchem_density.representations import FEATURE_VERSION
from deepchem_density.splits import nested_fractions

__all__ = ["Cell", "Row", "cell_folder", "read_cell", "run_curve"]

Row = dict[str, Any]
CELL_FORMAT = 1
NEVER = 10**12
VALIDATIONS = 10


@dataclass(frozen=True, eq=False)
class Cell:
    """One trained network: its results, and its predictions for the test set."""

    rows: list[Row]
    ids: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    model_dir: Path

    @property
    def name(self) -> str:
        """What to call it: representation, training size and seed."""
        return f"{self.rows[0]['label']}, {self.rows[0]['n_train']} molecules, seed {self.rows[0]['seed']}"


def run_curve(
    config: CurveConfig,
    out: str | Path,
    n_jobs: int = 1,
    on_epoch: Callable[[int, int, int, dict[str, float]], None] | None = None,
    on_cell: Callable[[Cell], None] | None = None,
) -> list[Cell]:
    """Featurize, train and test every cell, and return them in order of training size and seed.

    Parameters
    ----------
    config : CurveConfig
        What to run.
    out : path
        Folder for voxels and finished cells. Cells that are there are not run again: a killed run goes on.
    n_jobs : int
        Processes that compute voxels.
    on_epoch : callable, optional
        ``on_epoch(n_train, seed, epoch, metrics)``.
    on_cell : callable, optional
        Called with each cell as soon as it is finished or found.

    Raises
    ------
    ValueError
        A setting that cannot run.
    FeaturizationError
        No molecule could be featurized.
    """
    config.check()
    data = prepare(config, Path(out), n_jobs)
    sizes = [max(1, round(fraction * len(data.pool))) for fraction in sorted(config.fractions)]
    trains = {seed: nested_fractions(data.pool, sizes, seed) for seed in config.seeds}
    cells = []
    for place, size in enumerate(sizes):
        for seed in config.seeds:
            folder = cell_folder(config, Path(out), size, seed)
            cell = read_cell(folder)
            if cell is None:
                hook = None if on_epoch is None else partial(on_epoch, size, seed)
                cell = _run_cell(config, data, trains[seed][place], seed, folder, hook)
            cells.append(cell)
            if on_cell is not None:
                on_cell(cell)
    return cells


def cell_folder(config: CurveConfig, out: Path, n_train: int, seed: int) -> Path:
    """Return where a cell is kept: settings and package version of the voxels in its name, as a digest."""
    ignored = {"fractions", "seeds", "n_valid"}
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in ignored}
    content = digest([CELL_FORMAT, FEATURE_VERSION, settings, n_train, seed])
    return out / "cells" / config.study / f"{config.rep}-{n_train}-{seed}-{content}"


def read_cell(folder: Path) -> Cell | None:
    """Return a finished cell, or None where there is none."""
    try:
        stored = json.loads((folder / "result.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    arrays = {name: np.array(stored[name]) for name in ("ids", "truth", "predicted")}
    return Cell(stored["rows"], **arrays, model_dir=folder / "model")


def _run_cell(
    config: CurveConfig,
    data: CurveData,
    train: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: Callable[[int, dict[str, float]], None] | None,
) -> Cell:
    """Train one network, test it, and write what came out."""
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    model = VoxelCNNModel(
        n_tasks=len(config.targets),
        n_channels=config.recipe.n_channels,
        seed=seed,
        model_dir=folder / "model",
        **{name: getattr(config, name) for name in NETWORK},
    )
    batches = -(-len(train) // config.batch_size)
    epochs = config.epochs or -(-config.steps // batches)
    watch = _Watch(model, _dataset(data, data.valid, config.targets), epochs, on_epoch)
    model.fit(
        _dataset(data, train, config.targets),
        nb_epoch=config.epochs or None,
        max_steps=config.steps or None,
        max_checkpoints_to_keep=1,
        checkpoint_interval=NEVER,
        on_epoch=watch,
    )
    about: dict[str, Any] = {"epochs": epochs, "steps": config.steps or epochs * batches}
    about["parameters"] = sum(p.numel() for p in model.model.parameters())
    predicted = np.asarray(model.predict(_dataset(data, data.test, config.targets)), dtype=np.float64)
    about["seconds"] = round(time.perf_counter() - started, 1)
    test = data.table.subset(data.test)
    truth = test.columns(config.targets)
    predicted = predicted.reshape(truth.shape)
    rows = _rows(config, data, train, seed, predicted, about)
    result = {"rows": rows, "ids": test.ids.tolist(), "truth": truth.tolist(), "predicted": predicted.tolist()}
    write_text(folder / "result.json", json.dumps(result))
    return Cell(rows, test.ids, truth, predicted, folder / "model")


def _dataset(data: CurveData, places: np.ndarray, targets: tuple[str, ...]) -> dc.data.NumpyDataset:
    return dc.data.NumpyDataset(data.voxels[places], data.table.columns(targets)[places])


def _rows(
    config: CurveConfig, data: CurveData, train: np.ndarray, seed: int, predicted: np.ndarray, about: dict[str, Any]
) -> list[Row]:
    """Return the metrics of the network and of the baselines, trained on the same molecules, for each target."""
    labels = data.table.columns(config.targets)
    y, truth = labels[train], labels[data.test]
    models = {"network": predicted}
    for name, features in data.table.baseline_features().items():
        models[name] = predict_linear(features[train], y, features[data.test])
    models["constant"] = predict_constant(y, len(truth))
    shared = {
        "study": config.study,
        "rep": config.rep,
        "label": config.label,
        "dataset": config.dataset,
        "n_train": len(train),
        "seed": seed,
        "n_test": len(truth),
        **about,
    }
    return [
        {**shared, "model": name, "target": target, "unit": data.table.units.get(target, "")}
        | regression_metrics(truth[:, t], values[:, t])
        for name, values in models.items()
        for t, target in enumerate(config.targets)
    ]


class _Watch:
    """Hands on the metrics of each epoch, and some ten times in a run the error on the validation set."""

    def __init__(
        self,
        model: VoxelCNNModel,
        valid: dc.data.NumpyDataset,
        epochs: int,
        on_epoch: Callable[[int, dict[str, float]], None] | None,
    ) -> None:
        self.model = model
        self.valid = valid
        self.every = max(1, epochs // VALIDATIONS)
        self.last = epochs
        self.on_epoch = on_epoch

    def __call__(self, epoch: int, metrics: dict[str, float]) -> None:
        if self.on_epoch is None:
            return
        if len(self.valid) and (epoch % self.every == 0 or epoch == self.last):
            predicted = np.asarray(self.model.predict(self.valid)).reshape(self.valid.y.shape)
            metrics = {**metrics, "valid_mae": float(np.abs(predicted - self.valid.y).mean())}
        self.on_epoch(epoch, metrics)
