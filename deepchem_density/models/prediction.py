"""Predictions of a trained network for new molecules and complexes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepchem_density.errors import FeaturizationError
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.predicted_values import predicted_values
from deepchem_density.models.prediction_inputs import Input
from deepchem_density.models.recipe_file import RECIPE_FILE, ModelRecipe
from deepchem_density.models.shipped import shipped_models
from deepchem_density.progress import progress_of
from deepchem_density.quiet import deepchem as dc
from deepchem_density.settings import listed
from deepchem_density.workers import map_in_order

__all__ = ["Predictor", "find_model"]

CHUNK = 256
OWN_COLUMNS = ("id", "input", "failure")
"""Of tables of predictions; a target of such a name is called "predicted id"."""
NETWORK_FILE = "config.json"
_URI = re.compile(r"^[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


def find_model(source: str) -> Path:
    """Return the folder of a model, fetched by MLflow where it is no folder of this machine.

    Parameters
    ----------
    source : str
        A folder that MLflow logged a model to, a cell of a learning curve (runs/cells/.../), its ``model`` folder, the name of a
        model that comes with the package, or what MLflow knows: models:/name/1, models:/m-..., runs:/id/model.

    Raises
    ------
    ValueError
        There is none.
    ImportError
        MLflow is needed and not installed.
    """
    if Path(source).is_dir():
        return Path(source)
    shipped = shipped_models()
    if source in shipped:
        return shipped[source]
    if not _URI.match(source):
        raise ValueError(
            f"There is no folder '{source}'; the folder of a logged model or a cell, models:/... or runs:/... is accepted, or "
            f"the name of a model in this package: {listed(sorted(shipped))}."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow warns of its own type hints
            import mlflow.artifacts
            import mlflow.exceptions
    except ImportError as error:
        raise ImportError(f'MLflow cannot be imported ({error}); pip install "deepchem-density[mlflow]".') from error
    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=source))
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise ValueError(f"MLflow finds no model '{source}' ({error}); see MLFLOW_TRACKING_URI.") from error


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network with the recipe of its voxels.

    Parameters
    ----------
    about : ModelRecipe
        Voxels and targets.
    network : VoxelCNNModel
        Takes such voxels.

    Raises
    ------
    ValueError
        The two do not fit.
    """

    about: ModelRecipe
    network: VoxelCNNModel

    def __post_init__(self) -> None:
        self.about.check_channels(self.network.n_channels, "the network")
        if self.network.mode != self.about.task:
            raise ValueError(
                f"The network is one of {self.network.mode}, its recipe says {self.about.task}; the two do not belong together: "
                "log or train the model again."
            )
        if self.network.n_tasks != len(self.about.targets):
            raise ValueError(
                f"The network predicts {self.network.n_tasks} values, its recipe names {', '.join(self.about.targets)}; the two "
                "do not belong together: log or train the model again."
            )

    @classmethod
    def from_folder(cls, folder: Path) -> Predictor:
        """Load what lies in a folder; nothing is unpickled.

        Raises
        ------
        ValueError
            It holds no model or several, or one of another release.
        """
        about = ModelRecipe.read(_only(folder, RECIPE_FILE))
        network = _only(folder, NETWORK_FILE).parent
        return cls(about, VoxelCNNModel.from_dir(network))

    @property
    def draws_masks(self) -> bool:
        """Whether the network was trained with dropout."""
        return self.network.dropout > 0

    def columns(self, masks: int = 0) -> list[str]:
        """Return the names of the columns that hold predictions, and deviations over masks where there are some."""
        names = [f"predicted {name}" if name in OWN_COLUMNS else name for name in self.about.columns]
        return [*names, *(f"{name}_std" for name in names)] if masks else list(names)

    def predict(
        self,
        inputs: Sequence[Input],
        masks: int = 0,
        n_jobs: int = 1,
        all_may_fail: bool = False,
        progress: bool = True,
    ) -> pd.DataFrame:
        """Predict each datapoint.

        Parameters
        ----------
        inputs : sequence of Input
            From `read_inputs`.
        masks : int
            Dropout masks to draw, 2 or more; 0 for none.
        n_jobs : int
            Processes that compute voxels.
        all_may_fail : bool
            Whether a table without any prediction is returned, and not refused.
        progress : bool
            Whether to show how far it is.

        Returns
        -------
        pandas.DataFrame
            A row per input: id, input, a column for each target in the unit of its labels (of classes the probability of 1, with
            the ending _probability), with ``masks`` another one with the ending _std for the deviation over masks,
            which is far smaller than errors are, and ``failure``, why there is no prediction.

        Raises
        ------
        FeaturizationError
            No datapoint could be predicted.
        ValueError
            Masks are asked of a network without dropout.
        """
        if masks and not self.draws_masks:
            raise ValueError(
                f"masks={masks} arrived, but the network was trained with dropout=0.0 and has no masks; pass 0, or train with "
                "dropout=0.1 or so."
            )
        names = self.columns(masks)
        failures = [one.failure for one in inputs]
        values = np.full((len(inputs), len(names)), np.nan)
        readable = [place for place, one in enumerate(inputs) if not one.failure]
        results = map_in_order(self.about.voxels_and_line, [inputs[place].datapoint for place in readable], n_jobs)
        chunk: list[tuple[int, tuple[np.ndarray, np.ndarray]]] = []
        pairs = zip(readable, results, strict=True)
        for place, result in progress_of(pairs, len(readable), "predicting", "datapoints", shown=progress):
            if isinstance(result, Exception):
                failures[place] = str(result) or type(result).__name__
            else:
                chunk.append((place, result))
            if len(chunk) == CHUNK:
                self._fill(values, chunk, masks)
                chunk = []
        self._fill(values, chunk, masks)
        for place in np.flatnonzero(~np.isfinite(values).all(axis=1)):
            if not failures[place]:
                failures[place] = "the network's prediction is no finite number"
                values[place] = np.nan
        if all(failures) and not all_may_fail:
            raise FeaturizationError(f"None of {len(inputs)} datapoints could be predicted; the first: {failures[0]}")
        about = pd.DataFrame({"id": [one.name for one in inputs], "input": [one.text for one in inputs]})
        return pd.concat([about, pd.DataFrame(values, columns=names), pd.Series(failures, name="failure")], axis=1)

    def _fill(self, values: np.ndarray, chunk: list[tuple[int, tuple[np.ndarray, np.ndarray]]], masks: int) -> None:
        """Predict some voxels into their rows."""
        if not chunk:
            return
        places = [place for place, _ in chunk]
        dataset = dc.data.NumpyDataset(np.stack([voxels for _, (voxels, _) in chunk]))
        lines = np.stack([line for _, (_, line) in chunk])
        columns = [predicted_values(self.network.predict(dataset), lines.shape[1]) + lines]
        if masks:
            columns.append(predicted_values(self.network.predict_uncertainty(dataset, masks)[1], lines.shape[1]))
        values[places] = np.concatenate(columns, axis=1)


def _only(folder: Path, name: str) -> Path:
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise ValueError(
            f"'{folder}' holds {len(found)} files {name}; the folder of one model, with its {RECIPE_FILE} and its network's "
            f"{NETWORK_FILE}, is accepted."
        )
    return found[0]
