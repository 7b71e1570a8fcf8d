"""Networks that predict the same: their mean, how far they are from each other, and calibrated, what errors stay below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepchem_density.models.calibration import LEVELS, Calibration, joint_spread
from deepchem_density.models.ensemble_file import ENSEMBLE_FILE, EnsembleFile
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.voxels.datapoints import Reading, lacks_positions
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.workers import map_in_order

__all__ = ["Ensemble"]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """One network, or several of the same targets; their voxels may differ, but not how molecules are read.

    Parameters
    ----------
    members : tuple of Predictor
        One or more.
    calibrations : tuple of Calibration, optional
        One for each target, where errors of just these networks were measured.
    masks : int
        Dropout masks that calibrated spreads are drawn from.
    from_smiles : tuple of Calibration, optional
        In place of those, for molecules that come without positions.

    Raises
    ------
    ValueError
        Members with other targets, units or tasks, or that read molecules in another way; or calibrations of other targets.
    """

    members: tuple[Predictor, ...]
    calibrations: tuple[Calibration, ...] = ()
    masks: int = 0
    from_smiles: tuple[Calibration, ...] = ()

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("No model arrived; one or more are accepted.")
        first, *others = (_described(member) for member in self.members)
        for place, other in enumerate(others, start=2):
            for name, value in first.items():
                if other[name] != value:
                    raise ValueError(
                        f"Models with {name}={value!r} (the first) and {name}={other[name]!r} (number {place}) arrived; only "
                        "models that predict the same, of molecules read in the same way, are averaged: predict with each alone."
                    )
        if self.calibrations and (len(self.calibrations) != len(first["targets"]) or first["task"] != "regression"):
            raise ValueError(
                f"{len(self.calibrations)} calibrations arrived for {first['task']} of {', '.join(first['targets'])}; one for "
                "each target of a regression is accepted."
            )

    @classmethod
    def from_folders(cls, folders: Sequence[Path]) -> Ensemble:
        """Load networks, or one calibrated ensemble that `deepchem-density curve` wrote.

        Raises
        ------
        ValueError
            As `Predictor.from_folder` and `EnsembleFile.read`; or an ensemble arrives with others.
        """
        calibrated = [folder for folder in folders if (folder / ENSEMBLE_FILE).is_file()]
        if not calibrated:
            return cls(tuple(Predictor.from_folder(folder) for folder in folders))
        if len(folders) > 1:
            raise ValueError(
                f"The ensemble '{calibrated[0]}' arrived with {len(folders) - 1} more; it is calibrated for its own networks: "
                "predict with it alone, or with networks alone."
            )
        path = calibrated[0] / ENSEMBLE_FILE
        about = EnsembleFile.read(path)
        members = tuple(Predictor.from_folder(folder) for folder in about.members)
        if any(member.about.targets != about.targets for member in members):
            raise ValueError(
                f"'{path}' is calibrated for {', '.join(about.targets)}, and names networks of {members[0].about.targets}; run "
                "the same curve again."
            )
        return cls(members, about.calibrations, about.masks, about.from_smiles)

    @property
    def reading(self) -> Reading:
        """How molecules are read."""
        return self.members[0].about.recipe.reading

    def predict(self, inputs: Sequence[Input], masks: int = 0, n_jobs: int = 1) -> pd.DataFrame:
        """Predict each datapoint, as `Predictor.predict` does.

        Returns
        -------
        pandas.DataFrame
            Of several networks, each column of predictions is their mean, and another one with the ending _spread is their
            standard deviation (n - 1 in the denominator; with masks, joined with the deviation over them), in the same unit.
            Neither is an uncertainty. Of a calibrated ensemble, columns with the endings _error_68 and _error_95 say what the
            error stays below for 68 and 95 % of molecules like those that calibrated it. A datapoint without a prediction of one
            of the networks has none.

        Raises
        ------
        FeaturizationError, ValueError
            As `Predictor.predict` does; or other masks than those that were calibrated.
        """
        if self.calibrations and masks not in (0, self.masks):
            raise ValueError(f"masks={masks} arrived; the ensemble was calibrated with {self.masks}: leave masks out.")
        masks = self.masks if self.calibrations else masks
        if len(self.members) == 1 and not self.calibrations:
            return self.members[0].predict(inputs, masks, n_jobs)
        read = _read_once(inputs, self.members[0].about.recipe, n_jobs) if len(self.members) > 1 else inputs
        tables = [member.predict(read, masks, n_jobs) for member in self.members]
        columns = self.members[0].columns()
        values = np.stack([table[columns].to_numpy() for table in tables])
        deviation = np.stack([table[[f"{name}_std" for name in columns]] for table in tables]) if masks else None
        failures = [
            next((one for one in row if one), "") for row in zip(*(table["failure"] for table in tables), strict=True)
        ]
        spread = joint_spread(values, deviation)
        made = tables[0][["id", "input"]].copy()
        made[columns] = values.mean(axis=0)
        if len(self.members) > 1 or masks:
            made[[f"{name}_spread" for name in columns]] = spread
        without_positions = np.array([lacks_positions(one.datapoint) for one in inputs])
        for t, (name, calibration) in enumerate(zip(columns, self.calibrations, strict=False)):
            bounds = calibration.bounds(spread[:, t])
            if self.from_smiles:
                bounds[without_positions] = self.from_smiles[t].bounds(spread[without_positions, t])
            bounds[np.isnan(values[:, :, t]).any(axis=0)] = np.nan
            for place, level in enumerate(LEVELS):
                if not np.isnan(calibration.factors[place]):
                    made[f"{name}_error_{level}"] = bounds[:, place]
        made["failure"] = failures
        return made


def _described(member: Predictor) -> dict[str, Any]:
    """Return what members must share."""
    about = member.about
    return {"targets": about.targets, "task": about.task, "units": dict(about.units)} | vars(about.recipe.reading)


def _read_once(inputs: Sequence[Input], recipe: Recipe, n_jobs: int) -> list[Input]:
    """Return inputs whose molecules are read, conformers made, so that no member does it again; complexes stay as they are."""
    alone = not recipe.map_pattern  # maps in memory would be many times as large
    readable = [place for place, one in enumerate(inputs) if alone and isinstance(one.datapoint, str)]
    read = list(inputs)
    results = map_in_order(recipe.read, [inputs[place].datapoint for place in readable], n_jobs)
    for place, result in zip(readable, results, strict=True):
        failed = isinstance(result, Exception)
        read[place] = (
            replace(inputs[place], failure=str(result) or type(result).__name__)
            if failed
            else replace(inputs[place], datapoint=result)
        )
    return read
