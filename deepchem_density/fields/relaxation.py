"""Relaxes a molecule on the energy surface of GFN-xTB: the nearest minimum, with the bonds that it came with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS
from ase.units import Bohr, Hartree

from deepchem_density.errors import ConvergenceError, FeaturizationError
from deepchem_density.fields.xtb import energy_surface
from deepchem_density.structures.bonds import bonds_of
from deepchem_density.structures.structure import Structure, symbol

__all__ = ["relaxed"]

LARGEST_FORCE = 0.025
"""eV/Å on an atom, where a minimum is reached; 5e-4 hartree/bohr."""
MAX_STEPS = 500
_MOVED = 0.3
"""Å by which the distance of two atoms changes where a bond is made or broken, and not only just counted or not."""


class _Surface(Calculator):
    """What ASE asks for energies and forces."""

    implemented_properties = ("energy", "forces")

    def __init__(self, surface: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> None:
        super().__init__()
        self._surface = surface

    def calculate(self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        energy, gradient = self._surface(atoms.positions / Bohr)
        self.results = {"energy": energy * Hartree, "forces": -gradient * (Hartree / Bohr)}


def relaxed(structure: Structure, method: str = "GFN2-xTB", engine: str = "auto") -> Structure:
    """Return a molecule at the nearest minimum of its energy.

    Parameters
    ----------
    structure : Structure
        H to Rn; its charge and unpaired electrons are used.
    method : str
        "GFN2-xTB" or "GFN1-xTB".
    engine : str
        As `solve_xtb` takes it; "auto" is the faster one.

    Returns
    -------
    Structure
        The same but for its positions, which move by ASE's BFGS, at most 0.2 Å a step, until no force is above 0.025 eV/Å.

    Raises
    ------
    FeaturizationError
        What `solve_xtb` refuses; or a bond was made or broken on the way, as where a proton of a zwitterion changes places.
    ConvergenceError
        No minimum in 500 steps, or a self-consistent field that does not converge.
    """
    if len(structure.numbers) == 1:
        return structure
    middle = structure.positions.mean(axis=0)
    centred = replace(structure, positions=structure.positions - middle)
    atoms = Atoms(numbers=centred.numbers, positions=centred.positions)
    atoms.calc = _Surface(energy_surface(centred, engine, method))
    steps = BFGS(atoms, logfile=None)
    if not steps.run(fmax=LARGEST_FORCE, steps=MAX_STEPS):
        largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        raise ConvergenceError(
            f"{structure.label} came to no minimum of {method} in {steps.nsteps} steps (a force of {largest:.2g} eV/Å is left, "
            f"at most {LARGEST_FORCE:g} is accepted); pass another conformer_seed, optimize=True for the force field alone, or a "
            "conformer of your own."
        )
    relaxed_structure = replace(structure, positions=atoms.positions + middle)
    _check_bonds(structure, relaxed_structure, method)
    return relaxed_structure


def _check_bonds(before: Structure, after: Structure, method: str) -> None:
    """Refuse a molecule that has become another one."""
    bonds = [{tuple(sorted(pair)) for pair in bonds_of(one).tolist()} for one in (before, after)]
    for i, j in sorted(bonds[0] ^ bonds[1]):
        lengths = [float(np.linalg.norm(one.positions[i] - one.positions[j])) for one in (before, after)]
        if abs(lengths[1] - lengths[0]) > _MOVED:
            what = "broke" if lengths[1] > lengths[0] else "made"
            raise FeaturizationError(
                f"{method} {what} a bond when {before.label} was relaxed, between {symbol(before.numbers[i])} (atom {i}) and "
                f"{symbol(before.numbers[j])} (atom {j}), {lengths[0]:.2f} Å apart before and {lengths[1]:.2f} Å after; pass "
                "optimize=True for the force field alone, the neutral form of a zwitterion, or a conformer of your own."
            )
