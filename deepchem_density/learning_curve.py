"""Learning curves: one frozen configuration in, rows of results out.

The test set is fixed by ``split_seed`` and never used for training or choosing anything. The training sets of one seed
are nested: each fraction holds all smaller ones. Every cell (target set, fraction, seed) trains a network from scratch and
is compared with two baselines on the same molecules: a constant, and a line in the element counts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
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
from deepchem_density.labelled_sdf import load_sdf_csv
from deepchem_density.metrics import regression_metrics
from deepchem_density.molecule_table import MoleculeTable
from deepchem_density.qm9 import load_qm9, load_sample
from deepchem_density.quiet import deepchem as dc
from deepchem_density.representations import FEATURE_VERSION, REPRESENTATIONS, Recipe
from deepchem_density.splits import fixed_split, nested_fractions
from deepchem_density.voxel_store import VoxelStore

__all__ = ["DATASETS", "Cell", "CurveConfig", "Row", "load_dataset", "run_curve"]

logger = logging.getLogger(__name__)

Row = dict[str, Any]
DATASETS = ("sample", "qm9", "sdf")
CELL_FORMAT = 1
NEVER = 10**12
VALIDATIONS = 10
NETWORK = ("batch_size", "learning_rate", "widths", "depth", "stem_widths", "n_bins", "pooling")


@dataclass(frozen=True)
class CurveConfig:
    """Everything that determines a learning curve.

    Parameters
    ----------
    rep : str
        "atom", "density", "gradient" or "occupancy".
    dataset : str
        "sample" (2,000 molecules of QM9 inside the package), "qm9" (all of it, package qm9pack) or "sdf" (a folder
        ``data_dir`` with gdb9.sdf and gdb9.sdf.csv, or one other .sdf with a .csv of the same name).
    targets : tuple of str
        Label columns, learned together.
    n_train, n_valid, n_test : int
        Molecules in the pool for training (0: all that are left), watched during training, and for the final test.
    fractions : tuple of float
        Of the pool, each above 0 and at most 1.
    seeds : tuple of int
        Each draws its own training molecules and initial weights.
    split_seed : int
        Fixes the test set.
    steps : int
        Gradient steps of every cell; 0 leaves the length to ``epochs``.
    epochs : int
        Passes over the training molecules, where ``steps`` is 0.
    batch_size, learning_rate, widths, depth, stem_widths, n_bins, pooling
        Network and training, as in :class:`~deepchem_density.cnn.VoxelCNNModel`.
    box_width, voxel_width, oversampling, center, rotation_seed, sigma, transform, shape, threshold, engine, method
        Voxels, as in the featurizers.
    """

    rep: str = "density"
    dataset: str = "sample"
    data_dir: str = ""
    targets: tuple[str, ...] = ("gap",)
    n_train: int = 0
    n_valid: int = 100
    n_test: int = 400
    fractions: tuple[float, ...] = (0.0625, 0.25, 1.0)
    seeds: tuple[int, ...] = (0, 1)
    split_seed: int = 0
    steps: int = 240
    epochs: int = 0
    batch_size: int = 32
    learning_rate: float = 3e-3
    widths: tuple[int, ...] = (16, 32, 64, 128)
    depth: int = 1
    stem_widths: tuple[int, ...] = ()
    n_bins: int | None = None
    pooling: str = "mean"
    box_width: float = 14.4
    voxel_width: float = 0.6
    oversampling: int = 2
    center: str = "mean"
    rotation_seed: int | None = None
    sigma: float = 0.5
    transform: str = "none"
    shape: str = "vdw"
    threshold: float = 0.0135
    engine: str = "xtb"
    method: str = "GFN2-xTB"

    def check(self) -> None:
        """Refuse what cannot run, before anything is computed.

        Raises
        ------
        ValueError
            Naming the setting, what arrived and what is accepted.
        """
        _require(self.rep in REPRESENTATIONS, "rep", self.rep, ", ".join(REPRESENTATIONS))
        _require(self.dataset in DATASETS, "dataset", self.dataset, ", ".join(DATASETS))
        _require(self.dataset != "sdf" or bool(self.data_dir), "data_dir", self.data_dir, "a folder, for dataset=sdf")
        _require(len(self.targets) > 0, "targets", self.targets, "one or more label columns")
        _require(
            all(0 < f <= 1 for f in self.fractions) and self.fractions != (), "fractions", self.fractions, "0 < f <= 1"
        )
        _require(len(set(self.seeds)) == len(self.seeds) > 0, "seeds", self.seeds, "different whole numbers")
        _require(
            self.steps >= 0 and self.epochs >= 0, "steps, epochs", (self.steps, self.epochs), "whole numbers from 0"
        )
        _require(
            (self.steps > 0) != (self.epochs > 0), "steps, epochs", (self.steps, self.epochs), "one of them above 0"
        )
        self.recipe.check()

    @property
    def recipe(self) -> Recipe:
        """How molecules become voxels."""
        names = {field.name for field in dataclasses.fields(Recipe)} & {
            field.name for field in dataclasses.fields(self)
        }
        settings = {name: getattr(self, name) for name in names}
        return Recipe(self.rep, dtype="float16", **settings)

    @property
    def study(self) -> str:
        """A digest of what curves must share to stand in one figure: data, split, training and network."""
        shared = ("dataset", "data_dir", "targets", "n_train", "n_valid", "n_test", "split_seed", "steps", "epochs")
        settings = {name: getattr(self, name) for name in (*shared, *NETWORK)}
        return _digest(settings)

    @property
    def label(self) -> str:
        """The representation and what is special about it, as it is called in tables and figures."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        knobs = {"atom": ("sigma",), "occupancy": ("shape", "threshold")}.get(self.rep, ("transform", "method"))
        names = (*knobs, "box_width", "voxel_width", "oversampling", "center", "rotation_seed")
        special = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name) != defaults[name]]
        return f"{self.rep} ({', '.join(special)})" if special else self.rep


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


def load_dataset(config: CurveConfig) -> MoleculeTable:
    """Return the molecules and labels that a configuration names."""
    if config.dataset == "sample":
        return load_sample()
    if config.dataset == "qm9":
        return load_qm9(config.data_dir or None)
    folder = Path(config.data_dir)
    found = [folder / "gdb9.sdf"] if (folder / "gdb9.sdf").is_file() else sorted(folder.glob("*.sdf"))
    if len(found) != 1:
        raise ValueError(
            f"'{folder}' holds {len(found)} .sdf files; gdb9.sdf, or exactly one with a .csv beside it, is read."
        )
    sdf = found[0]
    csv = next((c for c in (Path(f"{sdf}.csv"), sdf.with_suffix(".csv")) if c.is_file()), None)
    if csv is None:
        raise ValueError(f"There are no labels for '{sdf.name}'; put {sdf.name}.csv or {sdf.stem}.csv beside it.")
    return load_sdf_csv(sdf, csv, list(config.targets))


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
    data = _prepare(config, Path(out), n_jobs)
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


@dataclass(frozen=True, eq=False)
class _Data:
    """The molecules of a run, their voxels, and the places of the pool, validation and test set among them."""

    table: MoleculeTable
    voxels: np.ndarray
    pool: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def dataset(self, places: np.ndarray, targets: tuple[str, ...]) -> dc.data.NumpyDataset:
        return dc.data.NumpyDataset(self.voxels[places], self.table.columns(targets)[places])


def _prepare(config: CurveConfig, out: Path, n_jobs: int) -> _Data:
    """Load, split and featurize the molecules that the run uses; those that fail are left out of every set."""
    table = load_dataset(config)
    table = table.subset(np.isfinite(table.columns(config.targets)).all(axis=1))
    pool, valid, test = fixed_split(len(table), config.n_test, config.n_valid, config.split_seed)
    if config.n_train > len(pool):
        raise ValueError(
            f"n_train={config.n_train} arrived; {len(pool)} molecules are left for training, 0 takes them all."
        )
    if config.n_train:
        pool = nested_fractions(pool, [config.n_train], config.split_seed)[0]
    table = table.subset(np.concatenate([pool, valid, test]))
    voxels, failures = VoxelStore(out / "voxels", config.recipe).voxels(table.structures(), n_jobs)
    usable = np.ones(len(table), dtype=bool)
    usable[[index for index, _ in failures]] = False
    ends = np.cumsum([len(pool), len(valid), len(test)])
    parts = [part[usable[part]] for part in np.split(np.arange(len(table)), ends[:-1])]
    return _Data(table, voxels, *parts)


def cell_folder(config: CurveConfig, out: Path, n_train: int, seed: int) -> Path:
    """Return where a cell is kept: settings and package version of the voxels in its name, as a digest."""
    ignored = {"fractions", "seeds", "n_valid"}
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in ignored}
    digest = _digest([CELL_FORMAT, FEATURE_VERSION, settings, n_train, seed])
    return out / "cells" / config.study / f"{config.rep}-{n_train}-{seed}-{digest}"


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
    data: _Data,
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
    watch = _Watch(model, data.dataset(data.valid, config.targets), epochs, on_epoch)
    model.fit(
        data.dataset(train, config.targets),
        nb_epoch=config.epochs or None,
        max_steps=config.steps or None,
        max_checkpoints_to_keep=1,
        checkpoint_interval=NEVER,
        on_epoch=watch,
    )
    about: dict[str, Any] = {"epochs": epochs, "steps": config.steps or epochs * batches}
    about["parameters"] = sum(p.numel() for p in model.model.parameters())
    predicted = np.asarray(model.predict(data.dataset(data.test, config.targets)), dtype=np.float64)
    about["seconds"] = round(time.perf_counter() - started, 1)
    test = data.table.subset(data.test)
    truth = test.columns(config.targets)
    predicted = predicted.reshape(truth.shape)
    rows = _rows(config, data, train, seed, predicted, about)
    result = {"rows": rows, "ids": test.ids.tolist(), "truth": truth.tolist(), "predicted": predicted.tolist()}
    write_text(folder / "result.json", json.dumps(result))
    return Cell(rows, test.ids, truth, predicted, folder / "model")


def _rows(
    config: CurveConfig, data: _Data, train: np.ndarray, seed: int, predicted: np.ndarray, about: dict[str, Any]
) -> list[Row]:
    """Return the metrics of the network and of both baselines, trained on the same molecules, for each target."""
    labels = data.table.columns(config.targets)
    y, truth = labels[train], labels[data.test]
    counts = data.table.element_counts(data.table.elements)
    models = {
        "network": predicted,
        "linear in element counts": predict_linear(counts[train], y, counts[data.test]),
        "constant": predict_constant(y, len(truth)),
    }
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


def _require(satisfied: bool, name: str, arrived: object, accepted: str) -> None:
    if not satisfied:
        raise ValueError(f"{name}={arrived!r} arrived; accepted: {accepted}.")


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
