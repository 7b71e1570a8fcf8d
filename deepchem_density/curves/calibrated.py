"""The networks of the largest training size as one ensemble, whose errors are measured and calibrated."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepchem_density.curves.cells import Cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.held_out import HeldOut
from deepchem_density.files import digest
from deepchem_density.models.calibration import (
    FEWEST_CALIBRATED,
    Calibration,
    Coverage,
    bounds_from_others,
    coverage,
    fit_calibration,
    joint_spread,
)
from deepchem_density.models.ensemble_file import EnsembleFile

__all__ = ["CalibratedEnsemble", "CalibratedTarget", "calibrate", "write_ensemble"]

logger = logging.getLogger(__name__)
FEWEST = FEWEST_CALIBRATED * 10 // 9 + 1
"""Molecules held out, a tenth of which measures while the others calibrate."""


@dataclass(frozen=True, eq=False)
class CalibratedTarget:
    """Errors of an ensemble's mean for molecules that neither trained nor stopped its networks.

    Parameters
    ----------
    name, unit : str
        Of the target.
    errors, spread : np.ndarray
        (n,), in its unit.
    bounds : np.ndarray
        (n, n_levels) of each molecule, calibrated on the others.
    calibration : Calibration
        From all of them, for new molecules.
    """

    name: str
    unit: str
    errors: np.ndarray
    spread: np.ndarray
    bounds: np.ndarray
    calibration: Calibration

    @property
    def coverages(self) -> tuple[Coverage, ...]:
        """How many errors lie within their bounds."""
        return tuple(coverage(self.errors, self.bounds))

    @property
    def words(self) -> str:
        """The same in a sentence."""
        parts = [
            f"{one.within} of {one.n} ({one.share:.0%}, 95 % interval {one.interval[0]:.0%} to {one.interval[1]:.0%}) within "
            f"the bound of {one.level} %"
            for one in self.coverages
        ]
        return f"Errors of {self.name} on molecules that did not calibrate their own bounds: {', '.join(parts)}."


@dataclass(frozen=True, eq=False)
class CalibratedEnsemble:
    """Cells of one curve and training size, and what their mean is worth.

    Parameters
    ----------
    cells : tuple of Cell
        One a seed.
    targets : tuple of CalibratedTarget
        In the order of the configuration.
    masks : int
        Dropout masks that the spread was drawn from, 0 without dropout.
    """

    cells: tuple[Cell, ...]
    targets: tuple[CalibratedTarget, ...]
    masks: int = 0

    @property
    def label(self) -> str:
        """What the curve is called."""
        return str(self.cells[0].rows[0]["label"])


def calibrate(config: CurveConfig, cells: Sequence[Cell]) -> CalibratedEnsemble | None:
    """Join the networks with most training molecules, and calibrate the errors of their mean.

    The molecules are those of the test set, and of the validation set where it is drawn like it and stopped nothing. Each one's
    bounds are calibrated on the other nine tenths of them when coverage is measured; those for new molecules on all.

    Parameters
    ----------
    config : CurveConfig
        Of the cells.
    cells : sequence of Cell
        Of one curve.

    Returns
    -------
    CalibratedEnsemble or None
        None of classes, whose probabilities are not calibrated, and where too few molecules are held out.
    """
    largest = max(cell.rows[0]["n_train"] for cell in cells)
    members = tuple(cell for cell in cells if cell.rows[0]["n_train"] == largest)
    if config.task != "regression":
        return None
    held_out = _shared(members)
    n = len(held_out[0].ids)
    if n < FEWEST:
        logger.warning(
            "%d molecules are held out, which are too few to calibrate an uncertainty; %d are enough.", n, FEWEST
        )
        return None
    predicted = np.stack([one.predicted for one in held_out])
    deviations = [one.deviation for one in held_out if one.deviation is not None]
    spread = joint_spread(predicted, np.stack(deviations) if deviations else None)
    errors = predicted.mean(axis=0) - held_out[0].truth
    units = {row["target"]: row["unit"] for row in members[0].rows}
    targets = tuple(
        CalibratedTarget(
            name,
            units[name],
            errors[:, t],
            spread[:, t],
            bounds_from_others(errors[:, t], spread[:, t]),
            fit_calibration(errors[:, t], spread[:, t]),
        )
        for t, name in enumerate(config.targets)
    )
    return CalibratedEnsemble(members, targets, held_out[0].masks)


def _shared(members: Sequence[Cell]) -> list[HeldOut]:
    """Return what members predict of the same molecules: of the test set alone where one was trained by an earlier release."""
    found = [HeldOut.read(member.model_dir.parent) for member in members]
    known = [one for one in found if one is not None]
    alike = len(known) == len(members) and all(
        one.masks == known[0].masks and np.array_equal(one.ids, known[0].ids) for one in known
    )
    return known if alike else [HeldOut(member.ids, member.truth, member.predicted) for member in members]


def write_ensemble(ensemble: CalibratedEnsemble, out: Path) -> Path:
    """Write the ensemble.json that ``deepchem-density predict`` takes, and return its folder.

    Parameters
    ----------
    ensemble : CalibratedEnsemble
        From `calibrate`.
    out : path
        Folder of the run.
    """
    first = ensemble.cells[0].rows[0]
    members = tuple(cell.model_dir for cell in ensemble.cells)
    name = f"{first['rep']}-{first['n_train']}-{digest([cell.key for cell in ensemble.cells])}"
    about = EnsembleFile(
        members,
        tuple(one.name for one in ensemble.targets),
        tuple(one.calibration for one in ensemble.targets),
        tuple(one.coverages for one in ensemble.targets),
        ensemble.masks,
    )
    return about.write(out / "ensembles" / str(first["study"]) / name).parent
