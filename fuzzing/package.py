"""The readers of the package that is fuzzed, whichever release is first on the path.

The oracle is itself tested on an old release, in which some readers stand in other modules.
"""

from __future__ import annotations

import importlib
from typing import Any

MOVED = {
    "deepchem_density.structures.readers": "deepchem_density.files.readers",
    "deepchem_density.models.checkpoints": "deepchem_density.checkpoints",
    "deepchem_density.models.prediction": "deepchem_density.experiments.prediction",
    "deepchem_density.models.prediction_inputs": "deepchem_density.experiments.molecule_inputs",
    "deepchem_density.models.recipe_file": "deepchem_density.experiments.model_recipe",
    "deepchem_density.tuning.params_file": "deepchem_density.experiments.best_params",
    "deepchem_density.voxels.datapoints": "deepchem_density.complexes",
}
"""Where modules stood at 490ff6a."""


class MissingError(Exception):
    """The release that is fuzzed has no such reader."""


def of(module: str, name: str) -> Any:
    """Return an object of the package; raises `MissingError` where this release has none."""
    for place in (module, MOVED.get(module, "")):
        try:
            return getattr(importlib.import_module(place), name) if place else _missing(module, name)
        except (ModuleNotFoundError, AttributeError) as error:
            if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("deepchem_density"):
                raise
    return _missing(module, name)


def _missing(module: str, name: str) -> Any:
    raise MissingError(f"{module}.{name}")
