"""One cell of a learning curve: a network trained from scratch on one training set, tested, and kept in a folder.

It is compared with baselines on the same molecules: a constant, a line in the element counts, and for complexes a line in
the number of the ligand's heavy atoms.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.curves.config import CurveConfig, described_as_before, feature_version
from deepchem_density.curves.data import CurveData
from deepchem_density.curves.held_out import predict_held_out
from deepchem_density.curves.metrics import metrics_of
from deepchem_density.curves.removed_line import removed_line
from deepchem_density.files import digest, kept_json, write_text
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.predicted_values import predicted_values
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.models.until_stalled import round_length
from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables.baselines import predict_baselines
from deepchem_density.tables.choose_split import FEWEST_TESTED
from deepchem_density.tables.settings import datapoints_of

__all__ = [
    *("Cell", "EpochHook", "Row", "cell_folder", "cell_name", "looks_of", "read_cell", "rows_of_models", "run_cell"),
    *("TRAINING_STATE", "VALIDATIONS", "write_cell"),
]

Row = dict[str, Any]
EpochHook = Callable[[int, dict[str, float]], None]
CELL_FORMAT = 3
NEVER = 10**12
TRAINING_STATE = "training.pt"
"""What a cell that was killed goes on from, with patience; of one that its cap ended, the state before stays (`held_state`)."""
VALIDATIONS = 10
"""Looks, about, of which the error on the validation set is told."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One trained network: its results, and its predictions for the test set.

    Parameters
    ----------
    rows : list of dict
        Metrics of the network and of each baseline, for each target.
    ids : np.ndarray
        (n_test,) of the test molecules.
    heavy_atoms : np.ndarray
        (n_test,) atoms other than hydrogen, of the ligand in a complex.
    truth, predicted : np.ndarray
        (n_test, n_targets); of classes 1, 0 or NaN where not known, and probabilities.
    model_dir : path
        The network's checkpoint, with the recipe of its voxels.
    part_rows : list of dict
        As `rows`, of parts of the test set; "part" says which.
    """

    rows: list[Row]
    ids: np.ndarray
    heavy_atoms: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    model_dir: Path
    part_rows: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What to call it: representation, training size and seed."""
        return self.named(self.rows[0]["label"])

    def named(self, label: str) -> str:
        """Return what to call it with another name for its representation."""
        first = self.rows[0]
        return cell_name(label, first["n_train"], first["seed"], datapoints_of(first.get("dataset", "sample")))

    @property
    def key(self) -> str:
        """What tells it apart from every other cell: its representation, size and seed, and a digest of all settings."""
        return self.model_dir.parent.name


def cell_name(label: str, n_train: int, seed: int, datapoints: str) -> str:
    """Return what a cell is called, before or after it is trained."""
    return f"{label}, {n_train} {datapoints}, seed {seed}"


def cell_folder(
    config: CurveConfig, out: Path, n_train: int, seed: int, without: Sequence[str] = (), content: str = ""
) -> Path:
    """Return where a cell is kept: data, settings and package version of the voxels in its name, as a digest.

    Parameters
    ----------
    config, out, n_train, seed
        As in `run_curve`.
    without : sequence of str
        Molecules left out because they fail in another representation of the same comparison.
    content : str
        What stands for the data, `content`.
    """
    unimportant = ("fractions", "seeds") if config.patience else ("fractions", "seeds", "n_valid")
    settings = described_as_before(config, without=unimportant)
    about = [CELL_FORMAT, feature_version(config), settings, n_train, seed, sorted(without), content]
    if "binned_channels" in config.network:
        about.append("bins for each channel")  # of an earlier release there was none for several channels
    if config.patience:
        about.append("settled looks")  # an earlier release looked at averaged weights with statistics of others
    return out / "cells" / config.study / f"{config.rep}-{n_train}-{seed}-{digest(about)}"


def read_cell(folder: Path) -> Cell | None:
    """Return a finished cell, or None where there is none that this release can read."""
    stored = kept_json(folder / "result.json")
    try:
        arrays = {name: np.array(stored[name]) for name in ("ids", "heavy_atoms", "truth", "predicted")}
        return Cell(stored["rows"], **arrays, model_dir=folder / "model", part_rows=stored.get("part_rows", []))
    except (KeyError, TypeError):  # of an earlier release, or no cell
        return None


def run_cell(
    config: CurveConfig,
    data: CurveData,
    train: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: EpochHook | None = None,
) -> Cell:
    """Train one network, test it, and write what came out.

    Parameters
    ----------
    config : CurveConfig
        Network and training.
    data : CurveData
        Molecules and labels.
    train : np.ndarray
        Places of the training molecules.
    seed : int
        Of weights, order and turns.
    folder : path
        From `cell_folder`.
    on_epoch : callable, optional
        ``on_epoch(epoch, metrics)``.
    """
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    line, removed = removed_line(config, data.table, data.numbers, train)
    model, about = _trained(config, data, train, seed, folder / "model", removed, on_epoch)
    test = data.table.subset(data.test)
    truth = test.columns(config.targets)
    predicted = predicted_values(model.predict(data.dataset(data.test, truth)), len(config.targets))
    predicted += removed[data.test]
    before = model.trained_.seconds_before if config.patience else 0.0
    about["seconds"] = round(before + time.perf_counter() - started, 1)
    rows, part_rows = _rows(data, train, seed, predicted, about)
    for row, error in zip(rows, _training_error(config, data, train, model, removed), strict=False):
        row["train_mae"] = float(error)  # the network's rows come first
    cell = Cell(rows, test.ids, _heavy_atoms(data)[data.test], truth, predicted, folder / "model", part_rows)
    held_out = predict_held_out(config, data, model, predicted, removed) if config.task == "regression" else None
    if held_out is not None:
        held_out.write(folder)
    units = {target: data.table.units[target] for target in config.targets if target in data.table.units}
    ModelRecipe(config.recipe, config.targets, units, line, config.task).write(folder / "model")
    write_cell(cell)
    (folder / TRAINING_STATE).unlink(missing_ok=True)
    return cell


def looks_of(config: CurveConfig, n_train: int) -> int:
    """Return how often training halts to say how far it is: after each epoch, or round where patience ends it, up to its cap."""
    epoch = config.steps_per_epoch(n_train)
    return -(-config.steps_for(n_train) // (round_length(epoch) if config.patience else epoch))


def write_cell(cell: Cell) -> None:
    """Write the results of a cell beside its network."""
    arrays = {name: getattr(cell, name).tolist() for name in ("ids", "heavy_atoms", "truth", "predicted")}
    parts = {"part_rows": cell.part_rows} if cell.part_rows else {}
    write_text(cell.model_dir.parent / "result.json", json.dumps({"rows": cell.rows, **parts, **arrays}))


def _trained(
    config: CurveConfig,
    data: CurveData,
    train: np.ndarray,
    seed: int,
    model_dir: Path,
    removed: np.ndarray,
    on_epoch: EpochHook | None,
) -> tuple[VoxelCNNModel, dict[str, Any]]:
    """Return a network trained from scratch, and what its training was."""
    labels = data.table.columns(config.targets) - removed
    model = VoxelCNNModel(seed=seed, model_dir=model_dir, **config.network)
    cap = config.steps_for(len(train))
    valid = data.dataset(data.valid, labels[data.valid])
    until: dict[str, Any] = {}
    if config.patience:
        until = {"patience": config.patience, "validation": valid, "state": model_dir.parent / TRAINING_STATE}
    model.fit(
        data.dataset(train, labels[train], training=True, seed=seed),
        nb_epoch=None,
        max_steps=cap,
        max_checkpoints_to_keep=1,
        checkpoint_interval=NEVER,
        on_epoch=_Watch(model, valid, looks_of(config, len(train)), on_epoch),
        **until,
    )
    steps = model.trained_.steps if config.patience else cap
    parameters = sum(p.numel() for p in model.model.parameters())
    about = {"epochs": -(-steps // config.steps_per_epoch(len(train))), "steps": steps, "device": str(model.device)}
    if config.patience:
        about |= {"cap": cap, "capped": model.trained_.capped}
    return model, {**about, "parameters": parameters}


def _training_error(
    config: CurveConfig, data: CurveData, train: np.ndarray, model: VoxelCNNModel, removed: np.ndarray
) -> np.ndarray:
    """Return the mean absolute error of each target for training molecules, as many as there are for testing at most."""
    some = np.sort(train[: len(data.test)])
    truth = data.table.subset(some).columns(config.targets)
    predicted = predicted_values(model.predict(data.dataset(some, truth)), truth.shape[1])
    errors, known = np.abs(predicted + removed[some] - truth), np.isfinite(truth)
    return np.where(known, errors, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)


def _heavy_atoms(data: CurveData) -> np.ndarray:
    return data.table.element_counts([number for number in data.table.elements if number > 1]).sum(axis=1)


def _rows(
    data: CurveData, train: np.ndarray, seed: int, predicted: np.ndarray, about: dict[str, Any]
) -> tuple[list[Row], list[Row]]:
    """Return the metrics of network and baselines, trained on the same molecules, on the test set and on parts of it."""
    labels = data.table.columns(data.config.targets)
    models = {"network": predicted}
    models |= predict_baselines(data.table.baseline_features(), labels, train, data.test, data.config.task)
    return rows_of_models(data, len(train), seed, data.test, models, about)


def rows_of_models(
    data: CurveData,
    n_train: int,
    seed: int,
    test: np.ndarray,
    models: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> tuple[list[Row], list[Row]]:
    """Return the metrics of models for each target on the molecules at `test`, and on parts of them.

    Parameters
    ----------
    data : CurveData
        Molecules and labels.
    n_train, seed : int
        Of the cell.
    test : np.ndarray
        Places of test molecules.
    models : mapping of str to np.ndarray
        Name -> (n_test, n_targets) predictions for them.
    about : mapping of str
        What the rows say beside.
    """
    config = data.config
    truth, ids = data.table.columns(config.targets)[test], data.table.ids[test]
    shared = {
        "study": config.study,
        "rep": config.rep,
        "label": config.label,
        "dataset": config.dataset,
        "n_train": n_train,
        "seed": seed,
        **about,
    }

    def rows(tested: np.ndarray, **more: Any) -> list[Row]:
        return [
            {**shared, "n_test": int(tested.sum()), **more, "model": name, "target": target}
            | {"unit": data.table.units.get(target, "")}
            | metrics_of(config.task)(truth[tested, t], values[tested, t])
            for name, values in models.items()
            for t, target in enumerate(config.targets)
        ]

    parts = {name: np.isin(ids, wanted) for name, wanted in data.test_parts.items()}
    of_parts = [rows(part, part=name) for name, part in parts.items() if part.sum() >= FEWEST_TESTED]
    return rows(np.ones(len(truth), dtype=bool)), [row for part in of_parts for row in part]


class _Watch:
    """Hands on the metrics of each look, of which there are so many, and some ten times the error on the validation set."""

    def __init__(self, model: VoxelCNNModel, valid: dc.data.Dataset, looks: int, on_epoch: EpochHook | None) -> None:
        self.model = model
        self.valid = valid
        self.every = max(1, looks // VALIDATIONS)
        self.last = looks
        self.on_epoch = on_epoch

    def __call__(self, epoch: int, metrics: dict[str, float]) -> None:
        if self.on_epoch is None:
            return
        if len(self.valid) and (epoch % self.every == 0 or epoch == self.last):
            predicted = predicted_values(self.model.predict(self.valid), self.valid.y.shape[1])
            known = self.valid.w > 0
            metrics = {**metrics, "valid_mae": float(np.abs(predicted - self.valid.y)[known].mean())}
        self.on_epoch(epoch, metrics)
