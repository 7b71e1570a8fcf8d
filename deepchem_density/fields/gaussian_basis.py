"""Contracted Gaussian shells as sums of Cartesian primitives: values along axes, overlap, and how they turn.

Everything here is in bohr. A function of a shell of angular momentum l at centre A is

    χ(r) = Y(r - A) Σ_k c_k exp(-a_k |r - A|²)

with the real solid harmonics, in this order and with these factors,

    s: 1        p: x, y, z        d: √3 xy, √3 yz, (2z² - x² - y²)/2, √3 xz, √3/2 (x² - y²)

and coefficients c that include the normalization of the primitive x^l exp(-a r²).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

__all__ = ["GaussianBasis", "GaussianShell", "Primitives", "ShellArrays"]

SQRT3 = 3**0.5
Monomial = tuple[int, int, int]

# Each harmonic as monomials x^i y^j z^k with factors, in the order of the module docstring.
HARMONICS: dict[int, tuple[dict[Monomial, float], ...]] = {
    0: ({(0, 0, 0): 1.0},),
    1: ({(1, 0, 0): 1.0}, {(0, 1, 0): 1.0}, {(0, 0, 1): 1.0}),
    2: (
        {(1, 1, 0): SQRT3},
        {(0, 1, 1): SQRT3},
        {(0, 0, 2): 1.0, (2, 0, 0): -0.5, (0, 2, 0): -0.5},
        {(1, 0, 1): SQRT3},
        {(2, 0, 0): SQRT3 / 2, (0, 2, 0): -SQRT3 / 2},
    ),
}

# The d harmonics as symmetric tensors T with Y(r) = T_ij r_i r_j.
D_TENSORS = np.zeros((5, 3, 3))
for _m, _harmonic in enumerate(HARMONICS[2]):
    for _powers, _factor in _harmonic.items():
        _i, _j = np.repeat(np.arange(3), _powers)
        D_TENSORS[_m, _i, _j] += _factor / 2
        D_TENSORS[_m, _j, _i] += _factor / 2


@dataclass(frozen=True, eq=False)
class GaussianShell:
    """The 2l + 1 functions of one shell: angular momentum l, exponents a_k (1/bohr²) and coefficients c_k."""

    angular_momentum: int
    exponents: np.ndarray
    coefficients: np.ndarray


class ShellArrays(NamedTuple):
    """The shells of a molecule as flat arrays, wherever their centres are.

    Parameters
    ----------
    angular_momenta : np.ndarray
        Of each shell, (n_shells,).
    first : np.ndarray
        First primitive of each shell, (n_shells + 1,).
    start : np.ndarray
        First function of each shell, (n_shells,).
    exponents, coefficients : np.ndarray
        Of each primitive, (n_primitives,), before it is written out in monomials.
    """

    angular_momenta: np.ndarray
    first: np.ndarray
    start: np.ndarray
    exponents: np.ndarray
    coefficients: np.ndarray


class Primitives(NamedTuple):
    """The functions of a molecule written out in Cartesian primitives, monomial by monomial.

    Parameters
    ----------
    centers_bohr : np.ndarray
        Centre of each primitive, (n_primitives, 3).
    exponents : np.ndarray
        (n_primitives,) in 1/bohr².
    powers : np.ndarray
        Powers of x, y and z, (n_primitives, 3).
    contraction : np.ndarray
        Functions from primitives, (n_primitives, n_orbitals).
    """

    centers_bohr: np.ndarray
    exponents: np.ndarray
    powers: np.ndarray
    contraction: np.ndarray


@dataclass(frozen=True, eq=False)
class GaussianBasis:
    """The functions of one molecule, shell by shell.

    Parameters
    ----------
    shells : tuple of GaussianShell
        Those of an element are the same objects in all molecules.
    centers_bohr : np.ndarray
        Centre of each shell, (n_shells, 3).
    """

    shells: tuple[GaussianShell, ...]
    centers_bohr: np.ndarray

    @classmethod
    def from_shells(cls, shells: Sequence[GaussianShell], centers_bohr: np.ndarray) -> GaussianBasis:
        """Build from shells and the centre of each, (n_shells, 3)."""
        return cls(tuple(shells), centers_bohr)

    @property
    def arrays(self) -> ShellArrays:
        """The shells as flat arrays."""
        return _shell_arrays(self.shells)

    @property
    def angular_momenta(self) -> np.ndarray:
        """Angular momentum of each shell, (n_shells,)."""
        return self.arrays.angular_momenta

    @cached_property
    def primitives(self) -> Primitives:
        """The functions written out in Cartesian primitives."""
        blocks = [_expansion(shell) for shell in self.shells]
        sizes = [len(exponents) for exponents, _, _ in blocks]
        contraction = np.zeros((sum(sizes), self.n_orbitals))
        row = column = 0
        for _, _, block in blocks:
            contraction[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return Primitives(
            np.repeat(self.centers_bohr, sizes, axis=0),
            np.concatenate([exponents for exponents, _, _ in blocks]),
            np.concatenate([powers for _, powers, _ in blocks]),
            contraction,
        )

    @property
    def n_orbitals(self) -> int:
        """Number of functions."""
        return int((2 * self.angular_momenta + 1).sum())

    @cached_property
    def overlap(self) -> np.ndarray:
        """The overlap matrix (n_orbitals, n_orbitals), exact: Gauss-Hermite quadrature along each axis."""
        centers, exponents, powers, contraction = self.primitives
        a, b = exponents[:, None], exponents[None, :]
        nodes, weights = np.polynomial.hermite.hermgauss(powers.max() + 1)
        product = np.ones((len(exponents), len(exponents)))
        for axis in range(3):
            A, B = centers[:, None, axis], centers[None, :, axis]  # noqa: N806
            i, j = powers[:, None, axis], powers[None, :, axis]
            center = (a * A + b * B) / (a + b)
            moments = sum(
                weight * (center + node / np.sqrt(a + b) - A) ** i * (center + node / np.sqrt(a + b) - B) ** j
                for node, weight in zip(nodes, weights, strict=True)
            )
            product *= moments * np.exp(-a * b / (a + b) * (A - B) ** 2) / np.sqrt(a + b)
        return contraction.T @ product @ contraction

    def in_frame(self, center_bohr: np.ndarray, rotation: np.ndarray) -> GaussianBasis:
        """Return the basis at the same atoms as seen from a frame; its functions point along the axes of the frame."""
        return replace(self, centers_bohr=(self.centers_bohr - center_bohr) @ rotation)

    def turn(self, coefficients: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """Return the coefficients (n_orbitals, n) of the same functions of space in the basis of the rotated frame."""
        turned = coefficients.copy()
        tensors = np.einsum("pi,mpq,qj->mij", rotation, D_TENSORS, rotation)
        matrices = {1: rotation.T, 2: np.einsum("nij,mij->nm", D_TENSORS, tensors) / 1.5}
        offsets = self.arrays.start
        for angular_momentum, matrix in matrices.items():
            first = offsets[self.angular_momenta == angular_momentum]
            rows = first[:, None] + np.arange(2 * angular_momentum + 1)
            turned[rows] = np.einsum("nm,smr->snr", matrix, coefficients[rows])
        return turned


@lru_cache(maxsize=4096)
def _shell_arrays(shells: tuple[GaussianShell, ...]) -> ShellArrays:
    momenta = np.array([shell.angular_momentum for shell in shells])
    sizes = np.array([len(shell.exponents) for shell in shells])
    return ShellArrays(
        momenta,
        np.concatenate([[0], np.cumsum(sizes)]),
        np.cumsum(2 * momenta + 1) - (2 * momenta + 1),
        np.concatenate([shell.exponents for shell in shells]),
        np.concatenate([shell.coefficients for shell in shells]),
    )


def _expansion(shell: GaussianShell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return exponents, powers and contraction of the primitives of one shell, monomial by monomial."""
    harmonics = HARMONICS[shell.angular_momentum]
    monomials = sorted({monomial for harmonic in harmonics for monomial in harmonic}, reverse=True)
    factors = np.array([[harmonic.get(monomial, 0.0) for harmonic in harmonics] for monomial in monomials])
    return (
        np.tile(shell.exponents, len(monomials)),
        np.repeat(np.array(monomials), len(shell.exponents), axis=0),
        np.kron(factors, shell.coefficients[:, None]),
    )
