"""A field that is linear in position, which linear interpolation between any points gives back."""

from __future__ import annotations

import numpy as np
import torch

from deepchem_density.fields.field import Field


class Linear(Field):
    """2 + 0.3 x - 0.7 y + 1.1 z, and in further channels its multiples."""

    slopes = np.array([0.3, -0.7, 1.1])

    def __init__(self, n_channels: int = 1) -> None:
        self.n_channels = n_channels

    def at(self, points):
        value = 2 + points @ torch.from_numpy(self.slopes).to(points)
        return torch.stack([(1 + c) * value for c in range(self.n_channels)], dim=-1)

    def in_frame(self, center, rotation):
        raise NotImplementedError
