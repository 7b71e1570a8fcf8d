"""The part of a label that is a line in what the solver says itself: energy, frontier orbitals and dipole, beside the counts.

Whoever has solved a molecule for its density has these numbers. A network that learns what such a line leaves tells what it
adds to what the solver knows already; its predictions are the line and what it adds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.slater_basis import valence_electrons
from deepchem_density.fields.xtb import solve_xtb
from deepchem_density.structures.structure import Structure, symbol
from deepchem_density.tables.baselines import fit_line
from deepchem_density.tables.composition import CompositionLine
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.solved import Solved, Solver

__all__ = ["SOLVER_NUMBERS", "SolverLine", "free_atom_energy", "number_columns", "solve_molecule", "solving_recipe"]

SOLVER_NUMBERS = ("energy", "homo", "lumo", "dipole")
"""Total energy and orbital energies in hartree, length of the dipole in debye; the gap is a difference of two of them."""


@dataclass(frozen=True, eq=False)
class SolverLine:
    """Labels as an intercept, so much for each atom of an element, and so much for each of the solver's numbers.

    Parameters
    ----------
    composition : CompositionLine
        Intercept and elements.
    slopes : np.ndarray
        (4, n_tasks), in units of the labels for each unit of `SOLVER_NUMBERS`.
    """

    composition: CompositionLine
    slopes: np.ndarray

    @classmethod
    def fitted(
        cls,
        elements: Sequence[int],
        counts: np.ndarray,
        numbers: np.ndarray,
        labels: np.ndarray,
        atom_energy: Callable[[int], float],
    ) -> SolverLine:
        """Fit by least squares, as `fit_line` does.

        An atom of an element that no training molecule holds adds what takes its own energy out of that of the molecule again:
        total energies of molecules with and without it are worlds apart, their energies of atomization are not.

        Parameters
        ----------
        elements : sequence of int
            Atomic number of each column of `counts`.
        counts : np.ndarray
            (n, n_elements) atoms of each element.
        numbers : np.ndarray
            (n, 4) of `number_columns`, all known.
        labels : np.ndarray
            (n, n_tasks), all known.
        atom_energy : callable
            Energy of a free atom in hartree by atomic number, as `free_atom_energy` says; asked for such elements alone.
        """
        slopes, intercept = fit_line(np.hstack([counts, numbers]), labels)
        elements = tuple(int(element) for element in elements)
        for place in np.flatnonzero(~counts.any(axis=0)):
            slopes[place] = -slopes[len(elements)] * atom_energy(elements[place])
        return cls(CompositionLine(elements, slopes[: len(elements)], intercept), slopes[len(elements) :])

    @property
    def intercept(self) -> np.ndarray:
        """(n_tasks,) in the units of the labels."""
        return self.composition.intercept

    def values(self, counts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return (n, n_tasks) labels of molecules with (n, n_elements) atoms and (n, 4) numbers of the solver."""
        return self.composition.values(counts) + numbers @ self.slopes

    def of_solved(self, solved: Solved) -> np.ndarray:
        """Return (n_tasks,) labels of a molecule that `solve_molecule` solved.

        Raises
        ------
        FeaturizationError
            It holds an element that the line knows nothing of, or has no empty orbital.
        """
        one = solved.orbitals[0]
        if one.n_occupied >= len(one.orbital_energies):
            raise FeaturizationError(
                f"{solved.whole.label} has no empty orbital in the solver's basis, hence no LUMO for the line that the model "
                "adds to its network; leave it out."
            )
        homo, lumo = (one.orbital_energies[one.n_occupied + place : one.n_occupied + place + 1] for place in (-1, 0))
        numbers = number_columns(
            {"energy": np.array([one.energy]), "homo": homo, "lumo": lumo, "dipole": one.dipole[None]}
        )
        return self.composition.of_molecule(solved.whole.ligand) + (numbers @ self.slopes)[0]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; a release that knows no such line refuses it, for the number of its slopes."""
        stored = self.composition.to_dict()
        return stored | {"numbers": list(SOLVER_NUMBERS), "slopes": [*stored["slopes"], *self.slopes.tolist()]}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SolverLine:
        """Read what `to_dict` gave.

        Raises
        ------
        ValueError
            Shapes that do not belong together, or numbers that this release does not know.
        """
        if tuple(stored["numbers"]) != SOLVER_NUMBERS:
            raise ValueError(f"a line in {stored['numbers']!r}, not in {SOLVER_NUMBERS}")
        n = len(stored["elements"])
        composition = CompositionLine.from_dict({**stored, "slopes": stored["slopes"][:n]})
        slopes = np.array(stored["slopes"][n:], dtype=np.float64)
        if slopes.shape != (len(SOLVER_NUMBERS), len(composition.intercept)) or not np.isfinite(slopes).all():
            raise ValueError(f"slopes {slopes.shape} for {len(SOLVER_NUMBERS)} numbers, or such that are not finite")
        return cls(composition, slopes)


def free_atom_energy(element: int, engine: str, method: str) -> float:
    """Return the solver's total energy of an atom by itself in hartree, with no more unpaired electrons than there must be.

    Raises
    ------
    FeaturizationError
        It cannot be solved.
    """
    unpaired = int(valence_electrons(symbol(element), method)) % 2
    atom = Structure(np.array([element]), np.zeros((1, 3)), unpaired=unpaired, name=symbol(element))
    return solve_xtb(atom, engine, method).energy


def number_columns(numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the columns of a line from what `Shard.numbers` gives.

    Returns
    -------
    np.ndarray
        (n, 4) float64, `SOLVER_NUMBERS`; rows of NaN for molecules that lack one of them.
    """
    columns = {**numbers, "dipole": np.linalg.norm(numbers["dipole"], axis=1)}
    found = np.stack([np.asarray(columns[name], dtype=np.float64) for name in SOLVER_NUMBERS], axis=1)
    found[~np.isfinite(found).all(axis=1)] = np.nan
    return found


def solving_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe by which molecules are read as a recipe says, and solved whatever it looks at."""
    source = recipe.source if recipe.source in ("auto", "xtb") else "xtb"
    return dataclasses.replace(recipe, representation="density", source=source, dtype="float32")


def solve_molecule(recipe: Recipe, datapoint: Any) -> Solved:
    """Read a molecule and solve it, some milliseconds for twenty atoms; its voxels then need no other solution.

    Raises
    ------
    FeaturizationError
        It cannot be read or solved, or has a protein or a map around it.
    """
    whole = recipe.read(datapoint)
    if whole.protein is not None or whole.density_map is not None:
        raise FeaturizationError(
            f"{whole.label} came with a protein or a map; the model adds a line in the solver's numbers of a molecule by "
            "itself: pass the molecule alone."
        )
    return Solver("density", solving_recipe(recipe))(whole)
