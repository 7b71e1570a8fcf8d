"""The contract: a field is a function of position, in Å, with one or more channels.

Everything that can be looked at on a grid is a `Field`. A field must say what it is at any points (``at``) and
what it looks like from a turned and shifted frame (``in_frame``); one that is faster on the regular axes of a grid says
so too (``on_axes``, ``cell_means``). Fields know one molecule; they never see batches, files or boxes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch

__all__ = ["Density", "Field", "cell_means_of", "lengths"]

POINTS_PER_CHUNK = 1 << 18


class Field(ABC):
    """A function of position with ``n_channels`` values at each point."""

    n_channels: int = 1

    @abstractmethod
    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the values (n, n_channels) at points (n, 3) in Å, in the dtype and on the device of the points."""

    @abstractmethod
    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> Field:
        """Return the same field as a function of local coordinates u, where position = center + rotation @ u."""

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the values (nx, ny, nz, n_channels) at all crossings of three axes of coordinates in Å."""
        points = torch.stack(torch.meshgrid(x, y, z, indexing="ij"), dim=-1)
        return self.at(points.reshape(-1, 3)).reshape(*points.shape[:3], self.n_channels)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean over each cell of a cubic grid, (n, n, n, n_channels).

        Parameters
        ----------
        axis : torch.Tensor
            Coordinates in Å of the sub-points of each cell along every axis, (n, points per cell and axis).
        out : torch.Tensor, optional
            Of the shape, dtype and device of the result, to be overwritten and returned.
        """
        return cell_means_of(self.on_axes, axis, out, self.n_channels)


def cell_means_of(
    look: Callable[..., torch.Tensor], axis: torch.Tensor, out: torch.Tensor | None = None, n_channels: int = 1
) -> torch.Tensor:
    """Return the means over cells of what a function gives at the crossings of three axes, some planes at a time."""
    n, s = axis.shape
    line = axis.reshape(-1)
    planes = max(1, POINTS_PER_CHUNK // (s * line.numel() ** 2))
    means = torch.empty((n, n, n, n_channels), dtype=axis.dtype, device=axis.device) if out is None else out
    for first in range(0, n, planes):
        rows = axis[first : first + planes]
        values = look(rows.reshape(-1), line, line)
        if s > 1:
            values = values.reshape(len(rows), s, n, s, n, s, n_channels).mean(dim=(1, 3, 5))
        means[first : first + planes] = values
    return means


class Density(Field):
    """A field with one channel, in e/Å³, that knows its gradient."""

    @abstractmethod
    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> Density:
        """Return the same density as a function of local coordinates u, where position = center + rotation @ u."""

    @abstractmethod
    def gradient_at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the gradient (n, 3) in e/Å⁴ at points (n, 3) in Å."""

    def gradient_on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the gradient (nx, ny, nz, 3) in e/Å⁴ at all crossings of three axes of coordinates in Å."""
        points = torch.stack(torch.meshgrid(x, y, z, indexing="ij"), dim=-1)
        return self.gradient_at(points.reshape(-1, 3)).reshape(points.shape)

    def gradient_length_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean of the gradient's length over each cell, (n, n, n, 1) in e/Å⁴; as `cell_means` takes them."""
        return cell_means_of(lambda *axes: lengths(self.gradient_on_axes(*axes)), axis, out)

    def means_with_gradient_length(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the means of the density and of its gradient's length over each cell, (n, n, n, 2)."""
        return torch.cat((self.cell_means(axis), self.gradient_length_means(axis)), dim=-1, out=out)


def lengths(vectors: torch.Tensor) -> torch.Tensor:
    """Return the lengths (..., 1) of vectors (..., 3)."""
    return vectors.square().sum(dim=-1, keepdim=True).sqrt_()
