"""Several networks that predict the same: their mean, and how far they are from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.voxels.datapoints import Reading
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

    Raises
    ------
    ValueError
        Members with other targets, units or tasks, or that read molecules in another way.
    """

    members: tuple[Predictor, ...]

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

    @property
    def reading(self) -> Reading:
        """How molecules are read."""
        return self.members[0].about.recipe.reading

    @property
    def knows_uncertainty(self) -> bool:
        """Whether it is one network that was trained with dropout."""
        return len(self.members) == 1 and self.members[0].knows_uncertainty

    def predict(self, inputs: Sequence[Input], masks: int = 0, n_jobs: int = 1) -> pd.DataFrame:
        """Predict each datapoint, as `Predictor.predict` does.

        Returns
        -------
        pandas.DataFrame
            Of several networks, each column of predictions is their mean, and another one with the ending _spread is their
            standard deviation (n - 1 in the denominator), in the same unit. A datapoint without a prediction of one of them has
            none.

        Raises
        ------
        FeaturizationError, ValueError
            As `Predictor.predict` does; or masks are asked of several networks.
        """
        if len(self.members) == 1:
            return self.members[0].predict(inputs, masks, n_jobs)
        if masks:
            raise ValueError(
                f"masks={masks} arrived with {len(self.members)} models, whose spread is told instead; 0 or auto is accepted."
            )
        read = _read_once(inputs, self.members[0].about.recipe, n_jobs)
        tables = [member.predict(read, n_jobs=n_jobs) for member in self.members]
        columns = self.members[0].columns()
        values = np.stack([table[columns].to_numpy() for table in tables])
        failures = [
            next((one for one in row if one), "") for row in zip(*(table["failure"] for table in tables), strict=True)
        ]
        made = tables[0][["id", "input"]].copy()
        made[columns] = values.mean(axis=0)
        made[[f"{name}_spread" for name in columns]] = values.std(axis=0, ddof=1)
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
