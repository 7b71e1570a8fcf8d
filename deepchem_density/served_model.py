"""The model that MLflow stores and serves: from molecules to predictions. MLflow runs this file; it holds no pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd

from deepchem_density.cnn import VoxelCNNModel
from deepchem_density.errors import FeaturizationError
from deepchem_density.quiet import deepchem as dc
from deepchem_density.representations import Recipe


class MoleculePredictor(mlflow.pyfunc.PythonModel):
    """Predicts from a column ``molecule`` of SMILES or paths, or from columns ``ligand``, ``protein`` and ``map`` of paths."""

    def load_context(self, context: Any) -> None:
        """Rebuild the network from its settings and weights, and the recipe of its voxels."""
        about = json.loads(Path(context.artifacts["recipe"]).read_text())
        self.recipe = Recipe.from_dict(about["recipe"])
        self.targets = about["targets"]
        self.network = VoxelCNNModel.from_dir(context.artifacts["network"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a column per target; a molecule that cannot be featurized gets NaN in all of them."""
        predicted = np.full((len(model_input), len(self.targets)), np.nan)
        for row, datapoint in enumerate(_datapoints(model_input)):
            try:
                voxels = self.recipe.voxels(datapoint)
            except FeaturizationError:
                continue
            predicted[row] = np.ravel(self.network.predict(dc.data.NumpyDataset(voxels[None])))
        return pd.DataFrame(predicted, columns=self.targets)


def _datapoints(model_input: pd.DataFrame) -> list[Any]:
    if "molecule" in model_input:
        return model_input["molecule"].tolist()
    columns = [model_input.get(name, pd.Series([None] * len(model_input))) for name in ("ligand", "protein", "map")]
    return [tuple(None if pd.isna(part) else part for part in row) for row in zip(*columns, strict=True)]


mlflow.models.set_model(MoleculePredictor())
