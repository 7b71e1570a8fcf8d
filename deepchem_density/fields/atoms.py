"""Fields made from atoms alone: Gaussians in one channel per element, and the union of van der Waals spheres."""

from __future__ import annotations

import numpy as np
import torch

from deepchem_density.fields.field import Field
from deepchem_density.fields.stencils import add_gaussians, fill_spheres

__all__ = ["AtomTypes", "VdwOccupancy"]

NEGLIGIBLE = 1e-6
"""Gaussians are cut where they are below this part of their height, at 5.3 σ."""

POINTS_TIMES_ATOMS = 1 << 24


class AtomTypes(Field):
    """The smoothed number density of the atoms of each channel, in atoms/Å³.

    An atom at A adds (2πσ²)^(-3/2) exp(-|r - A|²/2σ²) to its channel: the sum over all voxels times the volume of one
    is the number of atoms.

    Parameters
    ----------
    positions : np.ndarray
        (n_atoms, 3) in Å.
    channels : np.ndarray
        Channel of each atom, (n_atoms,).
    n_channels : int
        Number of channels.
    sigma : float
        Width σ in Å.
    """

    def __init__(self, positions: np.ndarray, channels: np.ndarray, n_channels: int, sigma: float = 0.5) -> None:
        if not sigma > 0:
            raise ValueError(f"sigma={sigma} arrived; a positive width in Å is accepted, for instance 0.5.")
        self.positions = positions
        self.channels = channels
        self.n_channels = n_channels
        self.sigma = sigma

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> AtomTypes:
        """Return the same atoms seen from a frame."""
        return AtomTypes((self.positions - center) @ rotation, self.channels, self.n_channels, self.sigma)

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the number densities (n, n_channels)."""
        positions = torch.as_tensor(self.positions, dtype=points.dtype, device=points.device)
        step = max(1, POINTS_TIMES_ATOMS // len(positions))
        values = [
            self._height
            * torch.exp(torch.cdist(part, positions).square() / (-2 * self.sigma**2))
            @ self._one_hot(points)
            for part in points.split(step)
        ]
        return torch.cat(values)

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the number densities (nx, ny, nz, n_channels)."""
        values = torch.zeros((len(x), len(y), len(z), self.n_channels), dtype=x.dtype)
        self._add(values, x[:, None], y[:, None], z[:, None])
        return values.to(x.device)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean over each cell: of a product along three axes it is the product of the means."""
        n = len(axis)
        if out is not None and out.device.type == "cpu":
            self._add(out, axis, axis, axis)
            return out
        values = torch.zeros((n, n, n, self.n_channels), dtype=axis.dtype)
        self._add(values, axis, axis, axis)
        return values.to(axis.device) if out is None else out.copy_(values)

    def _add(self, values: torch.Tensor, *lines: torch.Tensor) -> None:
        axes = (line.cpu().numpy() for line in lines)
        height, exponent = self._height, 0.5 / self.sigma**2
        add_gaussians(values.numpy(), *axes, self.positions, self.channels, height, exponent, height * NEGLIGIBLE)

    @property
    def _height(self) -> float:
        return float((2 * np.pi * self.sigma**2) ** -1.5)

    def _one_hot(self, like: torch.Tensor) -> torch.Tensor:
        channels = torch.as_tensor(self.channels, device=like.device)
        return torch.nn.functional.one_hot(channels, self.n_channels).to(like.dtype)


class VdwOccupancy(Field):
    """1 within the van der Waals radius of any atom, 0 elsewhere.

    Parameters
    ----------
    positions : np.ndarray
        (n_atoms, 3) in Å.
    radii : np.ndarray
        (n_atoms,) in Å.
    """

    def __init__(self, positions: np.ndarray, radii: np.ndarray) -> None:
        self.positions = positions
        self.radii = radii

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> VdwOccupancy:
        """Return the same spheres seen from a frame."""
        return VdwOccupancy((self.positions - center) @ rotation, self.radii)

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1, (n, 1)."""
        inside = torch.zeros(len(points), dtype=torch.bool, device=points.device)
        for position, radius in zip(self.positions, self.radii, strict=True):
            center = torch.as_tensor(position, dtype=points.dtype, device=points.device)
            inside |= (points - center).square().sum(dim=1) <= radius**2
        return inside.to(points.dtype)[:, None]

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return 0 or 1, (nx, ny, nz, 1)."""
        inside = torch.zeros((len(x), len(y), len(z), 1), dtype=x.dtype)
        self._fill(inside, x[:, None], y[:, None], z[:, None])
        return inside.to(x.device)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the part of each cell's sub-points that is inside, (n, n, n, 1)."""
        if axis.shape[1] > 1 or out is None or out.device.type != "cpu":
            return super().cell_means(axis, out)
        self._fill(out, axis, axis, axis)
        return out

    def _fill(self, inside: torch.Tensor, *lines: torch.Tensor) -> None:
        axes = (line.cpu().numpy() for line in lines)
        fill_spheres(inside.numpy()[..., 0], *axes, self.positions, self.radii)
