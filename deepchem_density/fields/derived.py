"""Fields made from a density: the length of its gradient, both side by side, and the region where it is above a threshold."""

from __future__ import annotations

import numpy as np
import torch

from deepchem_density.fields.field import Density, Field, lengths

__all__ = ["Above", "DensityAndGradient", "GradientMagnitude"]


class GradientMagnitude(Field):
    """``|∇ρ|`` of a density, in e/Å⁴."""

    def __init__(self, density: Density) -> None:
        self.density = density

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> GradientMagnitude:
        """Return the same field seen from a frame."""
        return GradientMagnitude(self.density.in_frame(center, rotation))

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ``|∇ρ|`` (n, 1)."""
        return lengths(self.density.gradient_at(points))

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ``|∇ρ|`` (nx, ny, nz, 1)."""
        return lengths(self.density.gradient_on_axes(x, y, z))

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean of ``|∇ρ|`` over each cell, (n, n, n, 1)."""
        return self.density.gradient_length_means(axis, out)


class DensityAndGradient(Field):
    """A density in e/Å³ and the length of its gradient in e/Å⁴, side by side: of orbitals, for little more than the gradient."""

    n_channels = 2

    def __init__(self, density: Density) -> None:
        self.density = density

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> DensityAndGradient:
        """Return the same field seen from a frame."""
        return DensityAndGradient(self.density.in_frame(center, rotation))

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ρ and ``|∇ρ|`` (n, 2)."""
        return torch.cat((self.density.at(points), lengths(self.density.gradient_at(points))), dim=-1)

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ρ and ``|∇ρ|`` (nx, ny, nz, 2)."""
        return torch.cat((self.density.on_axes(x, y, z), lengths(self.density.gradient_on_axes(x, y, z))), dim=-1)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the means of ρ and ``|∇ρ|`` over each cell, (n, n, n, 2)."""
        return self.density.means_with_gradient_length(axis, out)


class Above(Field):
    """1 where a density is above a threshold in e/Å³, 0 elsewhere.

    The default of 0.0135 e/Å³ = 0.002 e/bohr³ bounds the volume that R. F. W. Bader et al., J. Am. Chem. Soc. 109, 7968
    (1987), doi:10.1021/ja00260a006, take for the size of a molecule.
    """

    def __init__(self, density: Density, threshold: float = 0.0135) -> None:
        if not threshold > 0:
            raise ValueError(
                f"threshold={threshold} arrived; a positive density in e/Å³ is accepted, for instance 0.0135."
            )
        self.density = density
        self.threshold = threshold

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> Above:
        """Return the same field seen from a frame."""
        return Above(self.density.in_frame(center, rotation), self.threshold)

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1, (n, 1)."""
        return (self.density.at(points) > self.threshold).to(points.dtype)

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1, (nx, ny, nz, 1)."""
        return (self.density.on_axes(x, y, z) > self.threshold).to(x.dtype)
