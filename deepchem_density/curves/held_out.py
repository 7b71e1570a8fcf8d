"""What a cell predicts for all molecules that neither trained nor stopped its network: those that uncertainty is measured on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import CurveData
from deepchem_density.files import kept_json, write_text
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.predicted_values import predicted_values

__all__ = ["HeldOut", "predict_held_out"]

HELD_OUT_FILE = "held_out.json"
MASKS = 50


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The test set of a cell, and behind it the validation set where that is drawn like it and stopped nothing.

    Parameters
    ----------
    ids : np.ndarray
        (n,) of the molecules.
    truth, predicted : np.ndarray
        (n, n_targets).
    deviation : np.ndarray or None
        (n, n_targets) over dropout masks, of a network that was trained with dropout.
    masks : int
        Their number.
    """

    ids: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    deviation: np.ndarray | None = None
    masks: int = 0

    def write(self, folder: Path) -> None:
        """Write held_out.json into the folder of a cell."""
        arrays = {name: getattr(self, name).tolist() for name in ("ids", "truth", "predicted")}
        deviation = None if self.deviation is None else self.deviation.tolist()
        write_text(folder / HELD_OUT_FILE, json.dumps({**arrays, "deviation": deviation, "masks": self.masks}))

    @classmethod
    def read(cls, folder: Path) -> HeldOut | None:
        """Return what `write` wrote, None where an earlier release trained the cell."""
        stored = kept_json(folder / HELD_OUT_FILE)
        try:
            arrays = {name: np.array(stored[name]) for name in ("ids", "truth", "predicted")}
            deviation = None if stored["deviation"] is None else np.array(stored["deviation"])
            return cls(**arrays, deviation=deviation, masks=int(stored["masks"]))
        except (KeyError, TypeError, ValueError):
            return None


def predict_held_out(
    config: CurveConfig, data: CurveData, model: VoxelCNNModel, tested: np.ndarray, removed: np.ndarray
) -> HeldOut:
    """Predict the molecules that may calibrate an uncertainty.

    Parameters
    ----------
    config, data
        Of the cell.
    model : VoxelCNNModel
        Its network.
    tested : np.ndarray
        (n_test, n_targets) predictions for the test set.
    removed : np.ndarray
        (n_molecules, n_targets) part of the labels that the network does not predict.

    Notes
    -----
    With patience the validation set has chosen when to stop, and errors on it are too small. Split otherwise than at random, it
    resembles the training molecules more than the test set does.
    """
    labels = data.table.columns(config.targets)
    watched = data.valid if config.patience == 0 and config.split == "random" else data.valid[:0]
    predicted = tested
    if len(watched):
        more = predicted_values(model.predict(data.dataset(watched, labels[watched])), len(config.targets))
        predicted = np.concatenate([tested, more + removed[watched]])
    places = np.concatenate([data.test, watched])
    found = HeldOut(data.table.ids[places], labels[places], predicted)
    if not config.dropout:
        return found
    _, deviation = model.predict_uncertainty(data.dataset(places, labels[places]), MASKS)
    return HeldOut(found.ids, found.truth, predicted, predicted_values(deviation, len(config.targets)), MASKS)
