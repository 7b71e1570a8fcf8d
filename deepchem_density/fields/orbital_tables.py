"""Density of orbitals and its gradient with torch, on any device, at points and on regular axes.

On regular axes a Cartesian primitive is X(x) Y(y) Z(z), three short tables: no exponential is taken for a voxel, and the
orbitals on a slab of planes are one matrix product,

    ψ_j(x, (y, z)) = Σ_p [L_pj X_p(x)] [Y_p(y) Z_p(z)],

over the primitives that reach the slab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from deepchem_density.fields.gaussian_basis import GaussianBasis
from deepchem_density.fields.units import BOHR_PER_ANGSTROM, E_PER_ANGSTROM3, E_PER_ANGSTROM4

__all__ = ["OrbitalTables"]

PLANES_PER_SLAB = 4
POINTS_PER_STEP = 8192


@dataclass(frozen=True, eq=False)
class OrbitalTables:
    """Orbitals in primitives.

    Parameters
    ----------
    basis : GaussianBasis
        The functions.
    weights : torch.Tensor
        L in primitives, (n_primitives, n occupied), in the dtype and on the device of the results.
    """

    basis: GaussianBasis
    weights: torch.Tensor

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ρ (n, 1) in e/Å³."""
        values = [
            (self.weights.T @ (x * y * z)).square().sum(dim=0)
            for x, y, z in (self._tables(*step.T) for step in points.split(POINTS_PER_STEP))
        ]
        return torch.cat(values).mul_(E_PER_ANGSTROM3)[:, None]

    def gradient_at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (n, 3) in e/Å⁴."""
        weights = self.weights
        values = []
        for step in points.split(POINTS_PER_STEP):
            (x, y, z), (dx, dy, dz) = self._tables(*step.T), self._slopes(*step.T)
            amplitudes = weights.T @ (x * y * z)
            slopes = torch.stack([weights.T @ part for part in (dx * y * z, x * dy * z, x * y * dz)])
            values.append(2 * (amplitudes * slopes).sum(dim=1))
        return torch.cat(values, dim=1).mul_(E_PER_ANGSTROM4).T.contiguous()

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ρ (nx, ny, nz, 1) in e/Å³."""
        tables = self._tables(x, y, z)
        values = torch.empty((len(x), len(y) * len(z)), dtype=x.dtype, device=x.device)
        for planes, near in _slabs(self.weights, *tables):
            along_x, along_y, along_z = (table[near] for table in tables)
            values[planes] = _amplitudes(self.weights[near], along_x[:, planes], along_y, along_z).square().sum(dim=1)
        return values.mul_(E_PER_ANGSTROM3).reshape(len(x), len(y), len(z), 1)

    def gradient_on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (nx, ny, nz, 3) in e/Å⁴."""
        tables, slopes = self._tables(x, y, z), self._slopes(x, y, z)
        values = torch.empty((3, len(x), len(y) * len(z)), dtype=x.dtype, device=x.device)
        for planes, near in _slabs(self.weights, *tables):
            rows = self.weights[near]
            along = [table[near] for table in tables]
            along[0] = along[0][:, planes]
            amplitudes = _amplitudes(rows, *along)
            for axis, slope in enumerate(slopes):
                turned = list(along)
                turned[axis] = slope[near][:, planes] if axis == 0 else slope[near]
                torch.sum(_amplitudes(rows, *turned).mul_(amplitudes), dim=1, out=values[axis, planes])
        return values.mul_(2 * E_PER_ANGSTROM4).reshape(3, len(x), len(y), len(z)).permute(1, 2, 3, 0)

    def _tables(self, *coordinates: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return u^i exp(-a u²) of every primitive along x, y and z, (n_primitives, n) each; u in bohr."""
        return tuple(_power(u, i) * torch.exp(-a * u * u) for u, a, i in self._displacements(*coordinates))

    def _slopes(self, *coordinates: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the derivatives of the tables with respect to u."""
        return tuple(
            (i * _power(u, i - 1) - 2 * a * u * _power(u, i)) * torch.exp(-a * u * u)
            for u, a, i in self._displacements(*coordinates)
        )

    def _displacements(self, *coordinates: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        centers, exponents, powers, _ = self.basis.primitives
        for axis, coordinate in enumerate(coordinates):
            center = torch.as_tensor(centers[:, axis, None]).to(coordinate)
            exponent = torch.as_tensor(exponents[:, None]).to(coordinate)
            power = torch.as_tensor(powers[:, axis, None]).to(coordinate.device)
            yield coordinate * BOHR_PER_ANGSTROM - center, exponent, power


def _power(u: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """Return u^0, u^1 or u^2, without the cost of a general power; 1 for a negative exponent."""
    return torch.where(exponent <= 0, torch.ones_like(u), torch.where(exponent == 1, u, u * u))


def _amplitudes(weights: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Return ψ_j(x, (y, z)), (nx, n occupied, ny nz), from tables of the primitives along the axes."""
    rows = x.T[:, None, :] * weights.T[None, :, :]
    columns = (y[:, :, None] * z[:, None, :]).flatten(1)
    return (rows.flatten(0, 1) @ columns).unflatten(0, (-1, weights.shape[1]))


def _slabs(
    weights: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield slabs of planes along x with the primitives whose amplitude in the slab is not lost to rounding."""
    largest = weights.abs().amax(dim=1) * y.abs().amax(dim=1) * z.abs().amax(dim=1)
    reach = largest[:, None] * x.abs()
    for first in range(0, x.shape[1], PLANES_PER_SLAB):
        planes = slice(first, first + PLANES_PER_SLAB)
        yield planes, (reach[:, planes].amax(dim=1) > torch.finfo(x.dtype).eps / 10).nonzero()[:, 0]
