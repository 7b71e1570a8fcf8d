"""How long the voxels of a molecule take."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.curves.config import CurveConfig
from deepchem_density.errors import FeaturizationError
from deepchem_density.files import digest, kept_json, write_text
from deepchem_density.settings import described
from deepchem_density.tables.load import load_data
from deepchem_density.voxels.recipe import Recipe

__all__ = ["voxel_seconds"]

MOLECULES = 10
ENOUGH = 10.0
"""Seconds after which no further molecule is measured."""


def voxel_seconds(configs: Sequence[CurveConfig], out: Path) -> dict[str, float]:
    """Return the median seconds of one core for the voxels of a test molecule in each representation.

    Measured once, with reading and solving, and kept. NaN where no molecule that was tried can be featurized.

    Parameters
    ----------
    configs : sequence of CurveConfig
        With the same data and split.
    out : path
        As in `run_curve`.

    Returns
    -------
    dict of str to float
        Label -> seconds.
    """
    folder = out / "seconds"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {config.label: folder / f"{configs[0].study}-{digest(described(config.recipe))}.json" for config in configs}
    recipes = {config.label: config.recipe for config in configs}
    datapoints: list[Any] = []
    seconds = {}
    for label, path in paths.items():
        kept = kept_json(path)
        if not isinstance(kept, float):
            datapoints = datapoints or _test_molecules(configs[0])
            kept = _measured(recipes[label], datapoints)
            write_text(path, json.dumps(kept))
        seconds[label] = kept
    return seconds


def _test_molecules(config: CurveConfig) -> list[Any]:
    data = load_data(config)
    return data.table.subset(data.test[: MOLECULES + 1]).datapoints()


def _measured(recipe: Recipe, datapoints: Sequence[Any]) -> float:
    taken: list[float] = []
    for datapoint in datapoints:
        started = time.perf_counter()
        try:
            recipe.voxels(datapoint)
        except FeaturizationError:
            continue
        taken.append(time.perf_counter() - started)
        if sum(taken) > ENOUGH:
            break
    warm = taken[1:] or taken  # the first one loads libraries and compiles kernels
    return float(np.median(warm)) if warm else float("nan")
