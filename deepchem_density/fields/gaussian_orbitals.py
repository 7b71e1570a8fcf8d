"""Electron density of orbitals in a Gaussian basis, and its analytic gradient, on regular axes and at points.

With weighted orbitals L (one column an orbital times the root of its occupation, so that P = L Lᵀ is the density matrix)

    ψ_j(r) = Σ_μ L_μj χ_μ(r)        ρ(r) = Σ_j ψ_j(r)²        ∇ρ(r) = 2 Σ_j ψ_j(r) ∇ψ_j(r)

and ρ is never negative. On regular axes a Cartesian primitive is X(x) Y(y) Z(z), three short tables: no exponential is
taken for a voxel, and the orbitals on a slab of planes are one matrix product,

    ψ_j(x, (y, z)) = Σ_p [L_pj X_p(x)] [Y_p(y) Z_p(z)],

over the primitives that reach the slab. A turned grid stays regular because the orbitals are turned instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch

from deepchem_density.fields.field import Density
from deepchem_density.fields.gaussian_basis import GaussianBasis
from deepchem_density.fields.units import BOHR_PER_ANGSTROM, E_PER_ANGSTROM3, E_PER_ANGSTROM4

__all__ = ["OrbitalDensity"]

PLANES_PER_SLAB = 4
POINTS_PER_STEP = 8192
SMALLEST_OCCUPATION = 1e-9
LARGEST_NEGATIVE_OCCUPATION = 1e-6


class OrbitalDensity(Density):
    """The density Σ_j (Σ_μ L_μj χ_μ)² of one molecule.

    Parameters
    ----------
    basis : GaussianBasis
        The functions χ.
    orbitals : np.ndarray
        L, (n_orbitals of the basis, n occupied), each column times the root of its occupation.
    """

    def __init__(self, basis: GaussianBasis, orbitals: np.ndarray) -> None:
        self.basis = basis
        self.orbitals = orbitals

    @classmethod
    def from_density_matrix(cls, basis: GaussianBasis, density_matrix: np.ndarray) -> OrbitalDensity:
        """Build from a symmetric, positive semidefinite density matrix (n_orbitals, n_orbitals), both spins added.

        Raises
        ------
        ValueError
            The matrix has an eigenvalue below -1e-6, so it is no density matrix.
        """
        occupations, vectors = np.linalg.eigh(density_matrix)
        if occupations[0] < -LARGEST_NEGATIVE_OCCUPATION:
            raise ValueError(
                f"A density matrix has no negative eigenvalue, but this one has {occupations[0]:.3g}; "
                "pass the sum of both spins, in the order of the basis."
            )
        return cls.from_occupations(basis, vectors, occupations)

    @classmethod
    def from_occupations(
        cls, basis: GaussianBasis, coefficients: np.ndarray, occupations: np.ndarray
    ) -> OrbitalDensity:
        """Build from coefficients (n_orbitals, n) with an orbital a column, and the occupation of each (n,)."""
        kept = occupations > SMALLEST_OCCUPATION
        return cls(basis, coefficients[:, kept] * np.sqrt(occupations[kept]))

    @property
    def density_matrix(self) -> np.ndarray:
        """P = L Lᵀ, (n_orbitals, n_orbitals)."""
        return self.orbitals @ self.orbitals.T

    @property
    def n_electrons(self) -> float:
        """Trace of P S, the number of electrons in these orbitals."""
        return float(np.einsum("mj,mn,nj->", self.orbitals, self.basis.overlap, self.orbitals))

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> OrbitalDensity:
        """Return the density as a function of u, where position = center + rotation @ u."""
        basis = self.basis.in_frame(np.asarray(center) * BOHR_PER_ANGSTROM, rotation)
        return OrbitalDensity(basis, self.basis.turn(self.orbitals, rotation))

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ρ (n, 1) in e/Å³."""
        weights = self._weights(points)
        values = [
            (weights.T @ (x * y * z)).square().sum(dim=0)
            for x, y, z in (self._tables(*step.T) for step in points.split(POINTS_PER_STEP))
        ]
        return torch.cat(values).mul_(E_PER_ANGSTROM3)[:, None]

    def gradient_at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (n, 3) in e/Å⁴."""
        weights = self._weights(points)
        values = []
        for step in points.split(POINTS_PER_STEP):
            (x, y, z), (dx, dy, dz) = self._tables(*step.T), self._slopes(*step.T)
            amplitudes = weights.T @ (x * y * z)
            slopes = torch.stack([weights.T @ part for part in (dx * y * z, x * dy * z, x * y * dz)])
            values.append(2 * (amplitudes * slopes).sum(dim=1))
        return torch.cat(values, dim=1).mul_(E_PER_ANGSTROM4).T.contiguous()

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ρ (nx, ny, nz, 1) in e/Å³."""
        weights, tables = self._weights(x), self._tables(x, y, z)
        values = torch.empty((len(x), len(y) * len(z)), dtype=x.dtype, device=x.device)
        for planes, near in _slabs(weights, *tables):
            along_x, along_y, along_z = (table[near] for table in tables)
            values[planes] = _amplitudes(weights[near], along_x[:, planes], along_y, along_z).square().sum(dim=1)
        return values.mul_(E_PER_ANGSTROM3).reshape(len(x), len(y), len(z), 1)

    def gradient_on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (nx, ny, nz, 3) in e/Å⁴."""
        weights, tables, slopes = self._weights(x), self._tables(x, y, z), self._slopes(x, y, z)
        values = torch.empty((3, len(x), len(y) * len(z)), dtype=x.dtype, device=x.device)
        for planes, near in _slabs(weights, *tables):
            rows = weights[near]
            along = [table[near] for table in tables]
            along[0] = along[0][:, planes]
            amplitudes = _amplitudes(rows, *along)
            for axis, slope in enumerate(slopes):
                turned = list(along)
                turned[axis] = slope[near][:, planes] if axis == 0 else slope[near]
                torch.sum(_amplitudes(rows, *turned).mul_(amplitudes), dim=1, out=values[axis, planes])
        return values.mul_(2 * E_PER_ANGSTROM4).reshape(3, len(x), len(y), len(z)).permute(1, 2, 3, 0)

    @cached_property
    def _primitive_weights(self) -> np.ndarray:
        """L in primitives, (n_primitives, n occupied)."""
        return self.basis.contraction @ self.orbitals

    def _weights(self, like: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self._primitive_weights, dtype=like.dtype, device=like.device)

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
        for axis, coordinate in enumerate(coordinates):
            center = torch.as_tensor(self.basis.centers_bohr[:, axis, None]).to(coordinate)
            exponent = torch.as_tensor(self.basis.exponents[:, None]).to(coordinate)
            power = torch.as_tensor(self.basis.powers[:, axis, None]).to(coordinate.device)
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
