"""Electron density of orbitals in a Gaussian basis, and its analytic gradient, on regular axes and at points.

With weighted orbitals L (one column an orbital times the root of its occupation, so that P = L Lᵀ is the density matrix)

    ψ_j(r) = Σ_μ L_μj χ_μ(r)        ρ(r) = Σ_j ψ_j(r)²        ∇ρ(r) = 2 Σ_j ψ_j(r) ∇ψ_j(r)

and ρ is never negative. On regular axes compiled code looks at it block by block (`orbital_kernels`); at points and on other
devices torch does (`orbital_tables`). A turned grid stays regular because the orbitals are turned instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from deepchem_density.fields.field import Density
from deepchem_density.fields.gaussian_basis import GaussianBasis
from deepchem_density.fields.orbital_kernels import BLOCK_Z, add_densities, add_gradients
from deepchem_density.fields.orbital_tables import OrbitalTables
from deepchem_density.fields.shell_tables import fill_tables, reach_of_shells
from deepchem_density.fields.units import BOHR_PER_ANGSTROM, E_PER_ANGSTROM3, E_PER_ANGSTROM4

__all__ = ["OrbitalDensity"]

NEGLIGIBLE = {"float32": 5e-7, "float64": 1e-12}
"""Amplitude of a function, in bohr^(-3/2), below which it is left out of a block."""
BLOCK = (4, 8)
"""Points of a block along x and y; more screen worse, fewer multiply slower."""
BEYOND = 2 * BLOCK_Z
"""Places of tables beyond the end of an axis, which blocks may reach into."""
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
        return self._with_torch(points).at(points)

    def gradient_at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (n, 3) in e/Å⁴."""
        return self._with_torch(points).gradient_at(points)

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ρ (nx, ny, nz, 1) in e/Å³."""
        if x.device.type != "cpu":
            return self._with_torch(x).on_axes(x, y, z)
        values = torch.zeros((len(x), len(y), len(z), 1), dtype=x.dtype)
        self._add_densities(values.numpy()[..., 0], (x, y, z), 1)
        return values.mul_(E_PER_ANGSTROM3)

    def gradient_on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (nx, ny, nz, 3) in e/Å⁴."""
        if x.device.type != "cpu":
            return self._with_torch(x).gradient_on_axes(x, y, z)
        values = torch.zeros((3, len(x), len(y), len(z)), dtype=x.dtype)
        self._add_gradients(values.numpy(), (x, y, z), 1)
        return values.mul_(2 * E_PER_ANGSTROM4).permute(1, 2, 3, 0)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean of ρ over each cell, (n, n, n, 1)."""
        if axis.device.type != "cpu":
            return super().cell_means(axis, out)
        n, n_sub = axis.shape
        values = torch.zeros((n, n, n, 1), dtype=axis.dtype) if out is None else out.zero_()
        line = axis.reshape(-1)
        self._add_densities(values.numpy()[..., 0], (line, line, line), n_sub)
        return values.mul_(E_PER_ANGSTROM3 / n_sub**3)

    def gradient_length_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean of ``|∇ρ|`` over each cell, (n, n, n, 1) in e/Å⁴."""
        if axis.device.type != "cpu":
            return super().gradient_length_means(axis, out)
        n, n_sub = axis.shape
        values = torch.zeros((n, n, n, 1), dtype=axis.dtype) if out is None else out.zero_()
        line = axis.reshape(-1)
        self._add_gradients(values.numpy()[None, ..., 0], (line, line, line), n_sub)
        return values.mul_(2 * E_PER_ANGSTROM4 / n_sub**3)

    def means_with_gradient_length(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the means of ρ and ``|∇ρ|`` over each cell, (n, n, n, 2), from one pass over the orbitals."""
        if axis.device.type != "cpu":
            return super().means_with_gradient_length(axis, out)
        n, n_sub = axis.shape
        values = torch.zeros((2, n, n, n), dtype=axis.dtype)
        line = axis.reshape(-1)
        self._add_gradients(values[1:].numpy(), (line, line, line), n_sub, values[0].numpy())
        values[0] *= E_PER_ANGSTROM3 / n_sub**3
        values[1] *= 2 * E_PER_ANGSTROM4 / n_sub**3
        return torch.stack(values.unbind(), dim=-1, out=out)

    def _with_torch(self, like: torch.Tensor) -> OrbitalTables:
        return OrbitalTables(self.basis, torch.as_tensor(self._primitive_weights, dtype=like.dtype, device=like.device))

    @cached_property
    def _primitive_weights(self) -> np.ndarray:
        """L in primitives, (n_primitives, n occupied)."""
        return self.basis.primitives.contraction @ self.orbitals

    def _add_densities(self, values: np.ndarray, axes: Sequence[torch.Tensor], n_sub: int) -> None:
        lines = tuple(axis.numpy().astype(np.float64) * BOHR_PER_ANGSTROM for axis in axes)
        add_densities(values, n_sub, BLOCK, lines, *self._for_kernels(lines, values.dtype))

    def _add_gradients(
        self, values: np.ndarray, axes: Sequence[torch.Tensor], n_sub: int, densities: np.ndarray | None = None
    ) -> None:
        lines = tuple(axis.numpy().astype(np.float64) * BOHR_PER_ANGSTROM for axis in axes)
        arrays = self.basis.arrays
        slopes = (-2 * arrays.exponents * arrays.coefficients).astype(values.dtype)
        given = self._for_kernels(lines, values.dtype)
        densities = np.empty((0, 0, 0), values.dtype) if densities is None else densities
        add_gradients(values, densities, n_sub, BLOCK, lines, *given, slopes)

    def _for_kernels(self, lines: tuple[np.ndarray, ...], dtype: np.dtype) -> tuple[Any, ...]:
        """Return shells, tables, displacements and orbitals as the kernels take them."""
        momenta, first, start, exponents, coefficients = self.basis.arrays
        n = self.orbitals.shape[1]
        orbitals = np.zeros((len(self.orbitals), -4 * (-n // 4)), dtype)
        orbitals[:, :n] = self.orbitals
        weights = np.maximum.reduceat(np.abs(self.orbitals).max(axis=1, initial=0.0), start)
        cutoff = NEGLIGIBLE[np.dtype(dtype).name]
        reach = reach_of_shells(first, exponents, coefficients, momenta, weights, cutoff)
        centers = np.ascontiguousarray(self.basis.centers_bohr)
        tables, shifts = [], []
        for axis, line in enumerate(lines):
            table = np.zeros((len(exponents), len(line) + BEYOND), dtype)
            shift = np.zeros((len(momenta), len(line) + BEYOND), dtype)
            fill_tables(table, shift, line, centers[:, axis], reach, first, exponents)
            tables.append(table)
            shifts.append(shift)
        shells = (centers, reach, first, start, momenta, coefficients.astype(dtype))
        return shells, tuple(tables), tuple(shifts), orbitals
