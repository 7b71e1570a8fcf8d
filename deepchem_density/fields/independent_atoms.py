"""The density of independent atoms: crystallography's model density, and the promolecule of quantum chemistry.

Every atom is the Fourier transform of its X-ray form factor, four Gaussians and a constant, blurred by its displacement:

    ρ(r) = Σ_atoms q Σ_k a_k (4π / (b_k + B))^(3/2) exp(-4π² |r - A|² / (b_k + B)),    b_5 = 0, a_5 = c

with the occupancy q and B = 8π² u² for a mean square displacement u² along each axis. a, b and c are those of P. J. Brown
et al., International Tables for Crystallography C (1992), table 6.1.1.4, doi:10.1107/97809553602060000600, from gemmi. No
electron is shared between atoms, so that there is nothing to solve: a pocket of a thousand atoms takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import gemmi
import numpy as np
import torch
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.axis_tables import is_even, line
from deepchem_density.fields.batches import filled, new_or_given, offsets_of
from deepchem_density.fields.field import Density
from deepchem_density.fields.stencils import fill_form_factor_gradients, fill_form_factors
from deepchem_density.structures.structure import Structure, symbol

__all__ = ["DEFAULT_B", "SMALLEST_B", "IndependentAtoms", "independent_atoms", "voxelize_independent_atoms"]

DEFAULT_B = 20.0
"""B in Å² where none is known: u = 0.50 Å, usual in crystals at 2 Å and wide enough for voxels of 0.5 Å."""

SMALLEST_B = 2.0
"""B in Å² that atoms have at least: u = 0.16 Å, as in the best crystals. The constant of a form factor needs B > 0."""

B_PER_D_MIN_SQUARED = 4 * np.log(2)
"""exp(-B s²/4) = 1/2 at s = 1/d_min."""

LONGEST_BOND_TO_HYDROGEN = 1.5
"""Å; S-H is 1.34 and Si-H 1.48."""

LARGEST_CHARGE = 9
"""No ion of the table has as many; the highest are 6."""

HEAVIEST = 98
POINTS_TIMES_ATOMS = 1 << 22


class IndependentAtoms(Density):
    """The density ``Σ_atoms Σ_k A_k exp(-e_k |r - position|²)`` of atoms made of five Gaussians each.

    Parameters
    ----------
    positions : np.ndarray
        (n_atoms, 3) in Å.
    amplitudes, exponents : np.ndarray
        A_k in e/Å³ and e_k in 1/Å², (n_atoms, 5); an amplitude may be negative, 0 stands for no Gaussian.
    cutoff : float
        In e/Å³: an atom ends, with its gradient, where each of its Gaussians is below this; the mean over a cell keeps
        whole cells. See `independent_atoms` for the effect.
    """

    def __init__(
        self, positions: np.ndarray, amplitudes: np.ndarray, exponents: np.ndarray, cutoff: float = 1e-5
    ) -> None:
        if not (np.isfinite(cutoff) and cutoff > 0):
            raise ValueError(f"cutoff={cutoff} arrived; a positive density in e/Å³ is accepted, for instance 1e-5.")
        self.positions = np.ascontiguousarray(positions, dtype=np.float64)
        self.amplitudes = np.ascontiguousarray(amplitudes, dtype=np.float64)
        self.exponents = np.ascontiguousarray(exponents, dtype=np.float64)
        self.cutoff = cutoff

    @property
    def n_electrons(self) -> float:
        """The integral over all space of the Gaussians without cutoff."""
        return float((self.amplitudes * (np.pi / self.exponents) ** 1.5).sum())

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> IndependentAtoms:
        """Return the same atoms seen from a frame."""
        return IndependentAtoms((self.positions - center) @ rotation, self.amplitudes, self.exponents, self.cutoff)

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ρ (n, 1) in e/Å³."""
        return torch.cat([self._values(part) for part in points.split(self._points_per_step)])

    def gradient_at(self, points: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (n, 3) in e/Å⁴."""
        return torch.cat([self._gradients(part) for part in points.split(self._points_per_step)])

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ρ (nx, ny, nz, 1) in e/Å³; fast on axes that ascend evenly."""
        if not all(is_even(axis) for axis in (x, y, z)):
            return super().on_axes(x, y, z)
        return self._means([line(axis[:, None]) for axis in (x, y, z)], x)

    def cell_means(self, axis: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean over each cell: of a product along three axes it is the product of the means."""
        return self._means([line(axis)] * 3, axis, out)

    def gradient_on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (nx, ny, nz, 3) in e/Å⁴; fast on axes that ascend evenly."""
        if not all(is_even(axis) for axis in (x, y, z)):
            return super().gradient_on_axes(x, y, z)
        lines = [line(axis[:, None]) for axis in (x, y, z)]

        def fill(values: torch.Tensor) -> None:
            fill_form_factor_gradients(values.numpy(), *lines, *self._atoms, self.cutoff)

        return filled(fill, (3, *map(len, lines)), x).permute(1, 2, 3, 0)

    def _means(self, lines: list[np.ndarray], like: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        offsets, cutoffs = offsets_of([self.positions]), np.array([self.cutoff])

        def fill(values: torch.Tensor) -> None:
            fill_form_factors(values[None, ..., 0].numpy(), *lines, *self._atoms, offsets, cutoffs)

        return filled(fill, (*map(len, lines), 1), like, out)

    @property
    def _atoms(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.positions, self.amplitudes, self.exponents

    @property
    def _points_per_step(self) -> int:
        return max(1, POINTS_TIMES_ATOMS // max(1, len(self.positions)))

    def _values(self, points: torch.Tensor) -> torch.Tensor:
        """Return ρ (n, 1)."""
        near = self._near(points)
        values = sum(a * torch.exp(-e * near.squares) for a, e in near.gaussians)
        return torch.where(near.inside, values, 0).sum(dim=1, keepdim=True)

    def _gradients(self, points: torch.Tensor) -> torch.Tensor:
        """Return ∇ρ (n, 3)."""
        near = self._near(points)
        slopes = sum(-2 * a * e * torch.exp(-e * near.squares) for a, e in near.gaussians)
        slopes = torch.where(near.inside, slopes, 0)
        return torch.stack([(slopes * u).sum(dim=1) for u in near.displacements], dim=1)

    def _near(self, points: torch.Tensor) -> _Near:
        """Return the atoms that can reach a box around points (n, 3)."""
        ends = points.detach().double().aminmax(dim=0)
        low, high = ends.min.cpu().numpy(), ends.max.cpu().numpy()
        gaps = np.maximum(0, np.maximum(low - self.positions, self.positions - high))
        squared_reach = self._squared_reach()
        chosen = (gaps**2).sum(axis=1) <= squared_reach
        positions, amplitudes, exponents, reach = (
            torch.as_tensor(array[chosen].T).to(points) for array in (*self._atoms, squared_reach)
        )
        displacements = [points[:, i, None] - positions[i] for i in range(3)]
        squares = displacements[0] ** 2 + displacements[1] ** 2 + displacements[2] ** 2
        return _Near(displacements, squares, squares <= reach, list(zip(amplitudes, exponents, strict=True)))

    def _squared_reach(self) -> np.ndarray:
        """Return the squared distance (n_atoms,) in Å² at which each atom ends, negative for one that is nowhere."""
        with np.errstate(divide="ignore"):
            return (np.log(np.abs(self.amplitudes) / self.cutoff) / self.exponents).max(axis=1)


def voxelize_independent_atoms(
    densities: Sequence[IndependentAtoms], axis: torch.Tensor, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the voxels of a batch, each as `IndependentAtoms.cell_means` gives them, in one compiled call.

    Parameters
    ----------
    densities : sequence of IndependentAtoms
        In the frames of their grids.
    axis, out
        As in `voxelize_atoms`.

    Returns
    -------
    torch.Tensor
        (n_densities, n, n, n, 1) in e/Å³, in the dtype of the axis, on the CPU.
    """
    n = len(axis)
    values = new_or_given((len(densities), n, n, n, 1), axis.dtype, out)
    atoms = [np.concatenate(arrays) for arrays in zip(*(one._atoms for one in densities), strict=True)]
    offsets, cutoffs = offsets_of([one.positions for one in densities]), np.array([one.cutoff for one in densities])
    if densities:
        fill_form_factors(values.numpy()[..., 0], *[line(axis)] * 3, *atoms, offsets, cutoffs)
    return values


class _Near(NamedTuple):
    """Points and atoms: three displacements, the squared distance, and whether the atom reaches there, (n, n_near) each.

    ``gaussians`` holds amplitudes and exponents (n_near,) of each of the five.
    """

    displacements: list[torch.Tensor]
    squares: torch.Tensor
    inside: torch.Tensor
    gaussians: list[tuple[torch.Tensor, torch.Tensor]]


def independent_atoms(
    structure: Structure,
    b_iso: float | None = None,
    d_min: float | None = None,
    blur: float = 0.0,
    ionic: bool = False,
    cutoff: float = 1e-5,
) -> IndependentAtoms:
    """Build the density of a structure's atoms as if they were alone.

    Parameters
    ----------
    structure : Structure
        Hydrogens that it lacks are lacking in the density; occupancies it does not give are 1.
    b_iso : float, optional
        B in Å² of every atom. By default those of the structure, raised to 2 Å² at least. Where B is unknown (none,
        NaN, or not positive, as processed files mark it) a hydrogen takes that of the nearest atom with a known one within
        1.5 Å, as riding hydrogens do, and any other atom 20 Å².
    d_min : float, optional
        Resolution in Å that the density shall look like. Adds 4 ln 2 d_min² = 2.77 d_min² to B, see the notes.
    blur : float
        Added to B, in Å².
    ionic : bool
        Form factors by ``structure.formal_charges``; a charge that the table does not have gets the neutral atom. The
        table knows O-, O2-, the halides and the usual ions of metals, but no charged C, N, S or P.
    cutoff : float
        An atom ends where each of its Gaussians is below this, in e/Å³. In a pocket 1e-5, gemmi's default as well, changes
        no value by more than 2e-4 e/Å³ at B = 20 Å² and 5e-4 with B up to 1000 Å², and takes less than a thousandth of the
        electrons.

    Returns
    -------
    IndependentAtoms

    Raises
    ------
    FeaturizationError
        An element beyond californium (98), which the table ends with; a negative occupancy.
    ValueError
        A setting out of range.

    Notes
    -----
    A map at d_min has no Fourier coefficient beyond s = 1/d_min. The Gaussian used here is the one whose coefficients are
    halved there, exp(-B s²/4) = 1/2, so that σ = 0.187 d_min: one of the choices of UCSF ChimeraX's ``molmap``
    (https://www.cgl.ucsf.edu/chimerax/docs/user/commands/molmap.html, sigmaFactor). It has no ripples, in
    contrast to a map, with which it correlates to 0.96 or better from 1.5 to 3 Å.

    Examples
    --------
    >>> water = Structure([8, 1, 1], [[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]])
    >>> round(independent_atoms(water).n_electrons, 2)
    10.0
    """
    added = _added(d_min, blur)
    a, b = _coefficients(structure, ionic)
    widths = b + (_displacements(structure, b_iso, added) + added)[:, None]
    amplitudes = _occupancies(structure)[:, None] * a * (4 * np.pi / widths) ** 1.5
    return IndependentAtoms(structure.positions, amplitudes, 4 * np.pi**2 / widths, cutoff)


def _added(d_min: float | None, blur: float) -> float:
    """Return what is added to every B."""
    if not (np.isfinite(blur) and blur >= 0):
        raise ValueError(f"blur={blur} arrived; a B in Å² of zero or more is accepted.")
    if d_min is None:
        return blur
    if not (np.isfinite(d_min) and d_min > 0):
        raise ValueError(f"d_min={d_min} arrived; None or a positive resolution in Å is accepted, for instance 2.0.")
    return float(blur + B_PER_D_MIN_SQUARED * d_min**2)


def _displacements(structure: Structure, b_iso: float | None, added: float) -> np.ndarray:
    """Return B of every atom, (n_atoms,) in Å²."""
    n_atoms = len(structure.numbers)
    if b_iso is not None:
        if not (np.isfinite(b_iso) and b_iso >= 0 and b_iso + added >= SMALLEST_B):
            raise ValueError(
                f"b_iso={b_iso} arrived; None (B as the structure gives it) or a B in Å² that is with blur and d_min at least "
                f"{SMALLEST_B:g} is accepted, for instance {DEFAULT_B:g}."
            )
        return np.full(n_atoms, float(b_iso))
    if structure.b_iso is None:
        return np.full(n_atoms, DEFAULT_B)
    known = structure.b_iso > 0  # and no NaN
    values = np.where(known, np.maximum(structure.b_iso, SMALLEST_B), DEFAULT_B)
    riding = (structure.numbers == 1) & ~known
    if riding.any() and known.any():
        _, nearest = cKDTree(structure.positions[known]).query(
            structure.positions[riding], distance_upper_bound=LONGEST_BOND_TO_HYDROGEN
        )
        values[riding] = np.append(values[known], DEFAULT_B)[nearest]  # beyond the bound, nearest is their number
    return values


def _occupancies(structure: Structure) -> np.ndarray:
    """Return the occupancies, (n_atoms,)."""
    if structure.site_occupancy is None:
        return np.ones(len(structure.numbers))
    if structure.site_occupancy.min() < 0:
        i = int(structure.site_occupancy.argmin())
        raise FeaturizationError(
            f"Atom {i} of {structure.label} has the occupancy {structure.site_occupancy[i]:g}; zero or more is accepted."
        )
    return structure.site_occupancy


def _coefficients(structure: Structure, ionic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b in Å² of every atom, (n_atoms, 5) each."""
    if structure.numbers.max() > HEAVIEST:
        i = int(structure.numbers.argmax())
        raise FeaturizationError(
            f"Atom {i} of {structure.label} is {symbol(int(structure.numbers[i]))}; there are X-ray form factors from H to "
            f"{symbol(HEAVIEST)}. Remove the atom, or choose another source."
        )
    numbers, charges = structure.numbers, np.zeros_like(structure.numbers)
    if ionic and structure.formal_charges is not None:
        charges = structure.formal_charges.clip(-LARGEST_CHARGE, LARGEST_CHARGE)
    _, first, kind = np.unique(numbers * 100 + charges, return_index=True, return_inverse=True)
    table = _form_factors()
    kinds = zip(numbers[first].tolist(), charges[first].tolist(), strict=True)
    rows = np.array([table.get((number, charge), table[number, 0]) for number, charge in kinds])[kind]
    return rows[:, 0], rows[:, 1]


@cache
def _form_factors() -> dict[tuple[int, int], tuple[list[float], list[float]]]:
    """Return a and b of all neutral atoms and ions of gemmi's table by atomic number and charge.

    gemmi hides the ions behind a switch of the whole process, which is turned for the reading and put back.
    """
    before = gemmi.IT92_get_ignore_charge()
    gemmi.IT92_set_ignore_charge(False)
    try:
        found = {
            (number, charge): gemmi.IT92_get_exact(gemmi.Element(number), charge)
            for number in range(1, HEAVIEST + 1)
            for charge in range(-LARGEST_CHARGE, LARGEST_CHARGE + 1)
        }
    finally:
        gemmi.IT92_set_ignore_charge(before)
    return {kind: ([*row.a, row.c], [*row.b, 0.0]) for kind, row in found.items() if row is not None}
