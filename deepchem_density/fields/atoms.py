"""Fields made from atoms alone: Gaussians in one channel per element, and the union of van der Waals spheres."""

from __future__ import annotations

import numpy as np
import torch

from deepchem_density.fields import Field

__all__ = ["AtomTypes", "VdwOccupancy"]

REACH = 6.0
"""Gaussians are cut at this many sigma, at exp(-18) = 1.5e-8 of their height."""

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
        lines = [axis[:, None].cpu().numpy() for axis in (x, y, z)]
        tables = [self._table(line, self.positions[:, i]) for i, line in enumerate(lines)]
        values = torch.zeros((len(x), len(y), len(z), self.n_channels), dtype=x.dtype, device=x.device)
        return self._add_products(tables, lines, values)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean over each cell: of a product along three axes it is the product of the means."""
        line = axis.cpu().numpy()
        n = len(line)
        values = torch.zeros((n, n, n, self.n_channels), dtype=axis.dtype, device=axis.device) if out is None else out
        return self._add_products(list(self._table(line, self.positions.T)), [line] * 3, values)

    @property
    def _height(self) -> float:
        return float((2 * np.pi * self.sigma**2) ** -1.5)

    def _one_hot(self, like: torch.Tensor) -> torch.Tensor:
        channels = torch.as_tensor(self.channels, device=like.device)
        return torch.nn.functional.one_hot(channels, self.n_channels).to(like.dtype)

    def _table(self, line: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
        """Return the mean of exp(-u²/2σ²) over each cell (cells, sub-points) of a line, (*coordinates.shape, cells)."""
        u = line - coordinates[..., None, None].astype(line.dtype)
        u *= u
        u *= line.dtype.type(-0.5 / self.sigma**2)
        np.exp(u, out=u)
        return u[..., 0] if line.shape[1] == 1 else u.mean(axis=-1)

    def _add_products(self, tables: list[np.ndarray], lines: list[np.ndarray], values: torch.Tensor) -> torch.Tensor:
        """Add Σ_atoms X(x) Y(y) Z(z) per channel to zeros, touching only the cells near the atoms.

        From tables (n_atoms, cells) and in NumPy: the work is small, and its calls cost a third of torch's.
        """
        margin = REACH * self.sigma
        low, high = (self.positions.min(axis=0) - margin).tolist(), (self.positions.max(axis=0) + margin).tolist()
        near = tuple(_within(line, *ends) for line, *ends in zip(lines, low, high, strict=True))
        x, y, z = (table[:, block] for table, block in zip(tables, near, strict=True))
        by_channel = np.zeros((*z.shape, self.n_channels), dtype=z.dtype)
        by_channel[np.arange(len(z)), :, self.channels] = z * z.dtype.type(self._height)
        shape = (x.shape[1], y.shape[1], *by_channel.shape[1:])
        columns = y[:, :, None] * by_channel.reshape(len(z), 1, by_channel[0].size)
        product = (x.T @ columns.reshape(len(z), columns[0].size)).reshape(shape)
        if values.device.type == "cpu":
            values.numpy()[near] = product
        else:
            values[near] = torch.from_numpy(product).to(values.device)
        return values


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
        """Return 0 or 1, (nx, ny, nz, 1); each atom looks only at the block of points around it."""
        inside = torch.zeros((len(x), len(y), len(z)), dtype=torch.bool, device=x.device)
        lines = [axis[:, None].cpu().numpy() for axis in (x, y, z)]
        for position, radius in zip(self.positions, self.radii, strict=True):
            block = tuple(_within(line, c - radius, c + radius) for line, c in zip(lines, position, strict=True))
            dx, dy, dz = ((a[b] - c).square() for a, b, c in zip((x, y, z), block, position, strict=True))
            inside[block] |= dx[:, None, None] + dy[:, None] + dz <= radius**2
        return inside.to(x.dtype)[..., None]


def _within(line: np.ndarray, low: float, high: float) -> slice:
    """Return the cells of a line (cells, sub-points), in ascending order, that touch the interval."""
    start = int(line[:, -1].searchsorted(low))
    return slice(start, max(start, int(line[:, 0].searchsorted(high, side="right"))))
