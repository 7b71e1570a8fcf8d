"""The model that MLflow stores and serves: from molecules to predictions. MLflow runs this file; it holds no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd

from deepchem_density.cnn import VoxelCNNModel
from deepchem_density.errors import FeaturizationError
from deepchem_density.experiments.model_recipe import RECIPE_FILE, ModelRecipe
from deepchem_density.quiet import deepchem as dc


class MoleculePredictor(mlflow.pyfunc.PythonModel):
    """Predicts from a column ``molecule`` of SMILES or paths, or from columns ``ligand``, ``protein`` and ``map`` of paths.

    The parameter ``masks``, 2 or more, adds a column with the ending _std for each target: the deviation over so many
    dropout masks, of a network that was trained with dropout.
    """

    def load_context(self, context: Any) -> None:
        """Rebuild the network from its settings and weights, and the recipe of its voxels.

        Raises
        ------
        ValueError
            They were stored by a release that makes other voxels, or do not belong together.
        """
        folder = Path(context.artifacts["network"])
        self.about = ModelRecipe.read(folder / RECIPE_FILE)
        self.network = VoxelCNNModel.from_dir(folder)
        self.about.check_channels(self.network.n_channels, str(folder))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a column per target; a molecule that cannot be featurized gets NaN in all of them."""
        masks = (params or {}).get("masks", 0)
        targets = self.about.targets
        names = [*targets, *(f"{target}_std" for target in targets)] if masks else list(targets)
        predicted = np.full((len(model_input), len(names)), np.nan)
        for row, datapoint in enumerate(_datapoints(model_input)):
            try:
                voxels, line = self.about.voxels_and_line(datapoint)
            except FeaturizationError:
                continue
            dataset = dc.data.NumpyDataset(voxels[None])
            values = [np.ravel(self.network.predict(dataset)) + line]
            if masks:
                values.append(np.ravel(self.network.predict_uncertainty(dataset, masks)[1]))
            predicted[row] = np.concatenate(values)
        return pd.DataFrame(predicted, columns=names)


def _datapoints(model_input: pd.DataFrame) -> list[Any]:
    if "molecule" in model_input:
        return model_input["molecule"].tolist()
    columns = [model_input.get(name, pd.Series([None] * len(model_input))) for name in ("ligand", "protein", "map")]
    return [tuple(None if pd.isna(part) else part for part in row) for row in zip(*columns, strict=True)]


mlflow.models.set_model(MoleculePredictor())
