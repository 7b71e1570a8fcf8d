"""Which voxels drove a prediction: its gradient with respect to each of them, by back-propagation."""

from __future__ import annotations

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


def saliency_of(predictor: Predictor, datapoint: Any, target: str = "") -> Saliency:
    """Predict a datapoint and return the derivatives of the prediction.

    Parameters
    ----------
    predictor : Predictor
        A stored model.
    datapoint
        What `read_complex` reads.
    target : str
        Which of its targets; the first by default. Of a classifier the probability of the last class counts.

    Raises
    ------
    ValueError
        The model has no such target.
    FeaturizationError
        The datapoint has no voxels.
    """
    about, network = predictor.about, predictor.network
    target = target or about.targets[0]
    one_of("target", target, about.targets)
    place = about.targets.index(target)
    whole: Complex = about.recipe.read(datapoint)
    voxels, line = about.voxels_and_line(whole)
    values = torch.from_numpy(np.array(voxels, dtype=np.float32))[None].to(network.device).requires_grad_()
    with evaluating(network.model), torch.enable_grad():
        outputs = network.model(values)[0]
    classes = outputs.ndim > 2
    output = outputs[0, place, -1] if classes else outputs[0, place]
    (gradient,) = torch.autograd.grad(output, values)
    return Saliency(
        target=target,
        unit="probability" if classes else about.units.get(target, ""),
        prediction=float(output.detach()) + (0.0 if classes else float(line[place])),
        voxels=values[0].detach().cpu().numpy(),
        gradient=gradient[0].cpu().numpy(),
        grid=about.recipe.grid(whole.ligand),
    )
