"""Which voxels drove a prediction: its gradient with respect to each of them, by back-propagation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from deepchem_density.models.prediction import Predictor
from deepchem_density.models.training_run import evaluating
from deepchem_density.settings import one_of
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.grid import VoxelGrid

__all__ = ["Saliency", "saliency_of"]


@dataclass(frozen=True, eq=False)
class Saliency:
    """What a network made of the voxels of one datapoint.

    Parameters
    ----------
    target, unit : str
        What was predicted, and in which unit; that of a class is "probability".
    prediction : float
        In that unit.
    voxels, gradient : np.ndarray
        (x, y, z, channel); the input, and the derivative of the prediction with respect to each of its values.
    grid : VoxelGrid
        Where they are.

    Notes
    -----
    After K. Simonyan, A. Vedaldi and A. Zisserman, arXiv:1312.6034. In empty space, where all cells are equal, the largest of
    some has no derivative: there the gradient is that of one of them. Contributions do not depend on it.
    """

    target: str
    unit: str
    prediction: float
    voxels: np.ndarray
    gradient: np.ndarray
    grid: VoxelGrid

    @property
    def contributions(self) -> np.ndarray:
        """Gradient times value, summed over channels, (x, y, z) in the unit of the prediction.

        To first order, by how much the prediction would fall if a voxel were empty.
        """
        return (self.gradient * self.voxels).sum(axis=-1)


def saliency_of(predictors: Sequence[Predictor], datapoint: Any, target: str = "") -> Saliency:
    """Predict a datapoint and return the derivatives of the prediction.

    Parameters
    ----------
    predictors : sequence of Predictor
        A stored model, or several of one recipe, such as an ensemble: then prediction and gradient are those of their mean.
    datapoint
        What `read_complex` reads.
    target : str
        Which of their targets; the first by default. Of a classifier the probability of the last class counts.

    Raises
    ------
    ValueError
        There is no such target, or voxels of the models differ.
    FeaturizationError
        The datapoint has no voxels, or is outside what the models predict.
    """
    about = predictors[0].about
    target = target or about.targets[0]
    one_of("target", target, about.targets)
    if any(one.about.recipe != about.recipe for one in predictors):
        raise ValueError(
            "An ensemble of networks with different voxels arrived, which have no gradient together; pass one of its networks, a "
            "folder runs/cells/.../model."
        )
    whole: Complex = about.recipe.read(datapoint)
    grid = about.recipe.grid(whole.ligand)
    made = [one.about.voxels_and_line(whole) for one in predictors]
    values = torch.from_numpy(np.array(made[0][0], dtype=np.float32))[None]
    place = about.targets.index(target)
    found = [_of_one(one, values, place, float(line[place])) for one, (_, line) in zip(predictors, made, strict=True)]
    return Saliency(
        target=target,
        unit="probability" if about.task == "classification" else about.units.get(target, ""),
        prediction=float(np.mean([prediction for prediction, _ in found])),
        voxels=values[0].numpy(),
        gradient=np.mean([gradient for _, gradient in found], axis=0),
        grid=grid,
    )


def _of_one(predictor: Predictor, voxels: torch.Tensor, place: int, line: float) -> tuple[float, np.ndarray]:
    """Return a prediction, the line added that the network does not predict, and its gradient."""
    network = predictor.network
    values = voxels.to(network.device).clone().requires_grad_()
    with evaluating(network.model), torch.enable_grad():
        outputs = network.model(values)[0]
    output = outputs[0, place, -1] if outputs.ndim > 2 else outputs[0, place]  # classes have no line: it is 0
    (gradient,) = torch.autograd.grad(output, values)
    return float(output.detach()) + line, gradient[0].cpu().numpy()
