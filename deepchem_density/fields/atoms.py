"""Fields made from atoms alone: Gaussians in one channel per element, and the union of van der Waals spheres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deepchem_density.fields.axis_tables import is_even, line
from deepchem_density.fields.batches import Batch, filled, joined, new_or_given
from deepchem_density.fields.field import Field
from deepchem_density.fields.stencils import fill_gaussians, fill_spheres

__all__ = ["AtomTypes", "VdwOccupancy", "voxelize_atoms", "voxelize_spheres"]

NEGLIGIBLE = 1e-6
"""Gaussians are cut where they are below this part of their height, at 5.3 σ."""

POINTS_TIMES_ATOMS = 1 << 24


class AtomTypes(Field):
    """The smoothed number density of the atoms of each channel, in atoms/Å³.

    An atom at A adds ``(2πσ²)^(-3/2) exp(-|r - A|²/2σ²)`` to its channel: the sum over all voxels times the volume of one
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
        _check_sigma(sigma)
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
            _height(self.sigma)
            * torch.exp(torch.cdist(part, positions).square() / (-2 * self.sigma**2))
            @ self._one_hot(points)
            for part in points.split(step)
        ]
        return torch.cat(values)

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the number densities (nx, ny, nz, n_channels); fast on axes that ascend evenly."""
        if not all(is_even(axis) for axis in (x, y, z)):
            return super().on_axes(x, y, z)
        return self._means([line(axis[:, None]) for axis in (x, y, z)], x)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean over each cell: of a product along three axes it is the product of the means."""
        return self._means([line(axis)] * 3, axis, out)

    def _means(self, lines: list[np.ndarray], like: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        one = joined([self.positions], [self.channels])
        shape = (*map(len, lines), self.n_channels)
        return filled(lambda values: _sum_atoms(values[None], lines, one, self.sigma), shape, like, out)

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
        """Return 0 or 1, (nx, ny, nz, 1); fast on axes that ascend evenly."""
        if not all(is_even(axis) for axis in (x, y, z)):
            return super().on_axes(x, y, z)
        inside = new_or_given((len(x), len(y), len(z), 1), x.dtype)
        return self._filled(inside, [line(axis[:, None]) for axis in (x, y, z)]).to(x.device)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the part of each cell's sub-points that is inside, (n, n, n, 1)."""
        if axis.shape[1] > 1 or out is None or out.device.type != "cpu":
            return super().cell_means(axis, out)
        return self._filled(out, [line(axis)] * 3)

    def _filled(self, inside: torch.Tensor, lines: list[np.ndarray]) -> torch.Tensor:
        fill_spheres(inside.numpy()[None, ..., 0], *lines, *joined([self.positions], [self.radii]))
        return inside


def voxelize_atoms(
    positions: Sequence[np.ndarray],
    channels: Sequence[np.ndarray],
    n_channels: int,
    axis: torch.Tensor,
    sigma: float = 0.5,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the voxels of a batch of molecules, each as `AtomTypes.cell_means` gives them, in one compiled call.

    Parameters
    ----------
    positions, channels : sequence of np.ndarray
        Of each molecule, (n_atoms, 3) in Å in the frame of the grid, and (n_atoms,) from 0 to n_channels - 1.
    n_channels : int
        Number of channels.
    axis : torch.Tensor
        Coordinates in Å of the sub-points of each cell along every axis, (n, points per cell and axis), evenly spaced.
    sigma : float
        Width σ in Å.
    out : torch.Tensor, optional
        Of the shape and dtype of the result, contiguous and on the CPU; overwritten and returned.

    Returns
    -------
    torch.Tensor
        (n_molecules, n, n, n, n_channels) in atoms/Å³, in the dtype of the axis, on the CPU.

    Raises
    ------
    ValueError
        A channel that there is not, ``sigma`` that is not positive, or an ``out`` that does not fit.

    Examples
    --------
    >>> axis = torch.linspace(-3.75, 3.75, 16)[:, None]
    >>> carbon_monoxide = np.array([[-0.64, 0, 0], [0.49, 0, 0]])
    >>> voxels = voxelize_atoms([carbon_monoxide], [np.array([0, 1])], 2, axis)
    >>> (voxels.sum(dim=(1, 2, 3)) * 0.5**3).round(decimals=3).tolist()
    [[1.0, 1.0]]
    """
    _check_sigma(sigma)
    batch = joined(positions, channels)
    if len(batch.kinds) and not 0 <= batch.kinds.min() <= batch.kinds.max() < n_channels:
        raise ValueError(
            f"channels from {batch.kinds.min()} to {batch.kinds.max()} arrived; those from 0 to {n_channels - 1} are accepted."
        )
    n = len(axis)
    values = new_or_given((len(positions), n, n, n, n_channels), axis.dtype, out)
    _sum_atoms(values, [line(axis)] * 3, batch, sigma)
    return values


def voxelize_spheres(
    positions: Sequence[np.ndarray], radii: Sequence[np.ndarray], axis: torch.Tensor, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the voxels of a batch of molecules, each as `VdwOccupancy.cell_means` gives them.

    Parameters
    ----------
    positions, radii : sequence of np.ndarray
        Of each molecule, (n_atoms, 3) in Å in the frame of the grid, and (n_atoms,) in Å.
    axis, out
        As in `voxelize_atoms`. With one point a cell the batch is one compiled call.

    Returns
    -------
    torch.Tensor
        (n_molecules, n, n, n, 1) in the dtype of the axis, on the CPU.
    """
    n = len(axis)
    values = new_or_given((len(positions), n, n, n, 1), axis.dtype, out)
    if axis.shape[1] == 1:
        fill_spheres(values.numpy()[..., 0], *[line(axis)] * 3, *joined(positions, radii))
    else:
        for one, atoms, sizes in zip(values, positions, radii, strict=True):
            VdwOccupancy(atoms, sizes).cell_means(axis, one)
    return values


def _sum_atoms(values: torch.Tensor, lines: list[np.ndarray], batch: Batch, sigma: float) -> None:
    height = _height(sigma)
    fill_gaussians(values.numpy(), *lines, *batch, height, 0.5 / sigma**2, height * NEGLIGIBLE)


def _height(sigma: float) -> float:
    return float((2 * np.pi * sigma**2) ** -1.5)


def _check_sigma(sigma: float) -> None:
    if not sigma > 0:
        raise ValueError(f"sigma={sigma} arrived; a positive width in Å is accepted, for instance 0.5.")
