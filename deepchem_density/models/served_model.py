"""The model that MLflow stores and serves: from molecules to predictions. MLflow runs this file; it holds no pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd

from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import inputs_from


class MoleculePredictor(mlflow.pyfunc.PythonModel):
    """Predicts from a column ``molecule`` of SMILES or paths, or from columns ``ligand``, ``protein`` and ``map`` of paths.

    The parameter ``masks``, 2 or more, adds a column with the ending _std for each target: the deviation over so many
    dropout masks, of a network that was trained with dropout.
    """

    def load_context(self, context: Any) -> None:
        """Rebuild the network from its settings and weights, and the recipe of its voxels; see `Predictor.from_folder`."""
        self.predictor = Predictor.from_folder(Path(context.artifacts["network"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a column per target; a molecule that cannot be featurized gets NaN in all of them."""
        masks = (params or {}).get("masks", 0)
        table = self.predictor.predict(inputs_from(model_input), masks, all_may_fail=True, progress=False)
        return table[self.predictor.columns(masks)]


mlflow.models.set_model(MoleculePredictor())
