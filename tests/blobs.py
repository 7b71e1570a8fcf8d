"""Synthetic molecules of Gaussian blobs, and small models for them."""

from __future__ import annotations

import numpy as np
import torch

from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.quiet import deepchem as dc

SMALL = {"widths": (8, 16), "head_width": 16, "batch_size": 8, "augment": False, "autocast": False, "seed": 3}


def molecules(n_samples: int, edge: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Smooth two-channel fields of three Gaussian blobs each, and the sum of their pairwise distances."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-0.25, 0.25, (n_samples, 3, 3)) * edge
    axis = np.arange(edge) + 0.5 - edge / 2
    factors = np.exp(-((axis - centres[..., None]) ** 2) / 2)
    blobs = np.einsum("nax,nay,naz->naxyz", *np.moveaxis(factors, 2, 0))
    voxels = np.stack([blobs[:, 0] + blobs[:, 1], blobs[:, 2]], axis=-1).astype(np.float32)
    apart = np.linalg.norm(centres - np.roll(centres, 1, axis=1), axis=-1).sum(axis=1)
    return voxels, apart[:, None]


def dataset(n_samples: int = 12, scale: float = 1.0, shift: float = 0.0, **options) -> dc.data.NumpyDataset:
    voxels, apart = molecules(n_samples, **options)
    return dc.data.NumpyDataset(voxels, shift + scale * apart)


def model(**options) -> VoxelCNNModel:
    return VoxelCNNModel(n_channels=2, **{**SMALL, **options})


def state(trained: VoxelCNNModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trained.model.state_dict().items()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, right[name]) for name, value in left.items())


def error_with_own_statistics(
    weights: dict[str, torch.Tensor], train: dc.data.Dataset, validation: dc.data.Dataset
) -> float:
    """Return the mean absolute error of a network whose batch statistics are those of its training set, as one batch."""
    settled = model(batch_size=len(train))
    settled.model.load_state_dict(weights)
    for layer in settled.model.modules():
        if isinstance(layer, torch.nn.BatchNorm3d):
            layer.momentum = 1.0
    settled.model.train()
    with torch.no_grad():
        settled.model(torch.as_tensor(train.X))
    return float(np.abs(settled.predict(validation) - validation.y).mean())
