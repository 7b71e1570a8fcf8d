"""A datapoint that was read, and solved where xTB was asked for: what is expensive, kept; voxels are made of it when asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.slater_basis import slater_basis
from deepchem_density.fields.units import BOHR_PER_ANGSTROM
from deepchem_density.fields.xtb import solve_xtb
from deepchem_density.structures.structure import Structure, symbol
from deepchem_density.voxels.datapoints import Complex, Reading, row_of, surroundings
from deepchem_density.voxels.representations.record import names_in
from deepchem_density.voxels.subject import check_size, needs_density, parts_of, source_of

__all__ = ["SOLVER_SETTINGS", "Orbitals", "Solved", "Solver"]

SOLVER_SETTINGS = ("engine", "method", "pocket_radius", "max_atoms")


@dataclass(frozen=True, eq=False)
class Orbitals:
    """What xTB says of some atoms.

    Parameters
    ----------
    weighted : np.ndarray
        Orbitals times the root of their occupations, (n_functions, n occupied), float32.
    energy : float
        Total energy in hartree.
    orbital_energies : np.ndarray
        (n_functions,) in hartree, float32.
    n_occupied : int
        The HOMO is the orbital before this place, the LUMO the one at it.
    dipole : np.ndarray
        (3,) in debye.
    charges : np.ndarray
        Partial charges of the atoms, (n_atoms,) float32.
    """

    weighted: np.ndarray
    energy: float
    orbital_energies: np.ndarray
    n_occupied: int
    dipole: np.ndarray
    charges: np.ndarray

    def density(self, atoms: Structure, method: str) -> OrbitalDensity:
        """Return the density that they are of."""
        symbols = tuple(symbol(number) for number in atoms.numbers)
        return OrbitalDensity(slater_basis(symbols, atoms.positions * BOHR_PER_ANGSTROM, method), self.weighted)


@dataclass(frozen=True, eq=False)
class Solved:
    """A datapoint with all that is expensive to make of it.

    Parameters
    ----------
    whole : Complex
        The atoms. Its map is read when it is looked at.
    orbitals : tuple of Orbitals
        Of each part that is looked at; none where no xTB was asked for.
    map_path : str
        Where the map is, "" where there is none.
    """

    whole: Complex
    orbitals: tuple[Orbitals, ...] = ()
    map_path: str = ""

    def named(self, name: str) -> Solved:
        """Return the same with another name of the molecule."""
        fields = {field.name: getattr(self.whole.ligand, field.name) for field in dataclasses.fields(Structure)}
        ligand = Structure.as_stored(**fields | {"name": name})
        return dataclasses.replace(self, whole=dataclasses.replace(self.whole, ligand=ligand))

    @property
    def n_bytes(self) -> int:
        """About what it takes on disk."""
        structures = [part for part in (self.whole.ligand, self.whole.protein) if part is not None]
        atoms = sum(25 * len(part.numbers) + 64 for part in structures)
        return atoms + sum(
            one.weighted.nbytes + one.orbital_energies.nbytes + one.charges.nbytes + 64 for one in self.orbitals
        )

    def with_map(self, reading: Reading) -> Complex:
        """Return the atoms together with their map, which is read now."""
        if not self.map_path:
            return self.whole
        return dataclasses.replace(self.whole, density_map=reading.density_map(Path(self.map_path)))


@dataclass(frozen=True)
class Solver:
    """Reads datapoints and solves them; what it does depends on the settings that are named in ``settings`` alone.

    Parameters
    ----------
    representation : str
        What will be looked at.
    recipe : Recipe
        How, of which the grid does not matter here.
    """

    representation: str
    recipe: Any

    def settings(self, datapoints: Sequence[Any]) -> dict[str, Any]:
        """Return the settings that matter for such datapoints, as something JSON can hold."""
        names = [*names_in(Reading), "part"]
        if self.solves(datapoints):
            names += SOLVER_SETTINGS
        return {name: getattr(self.recipe, name) for name in names} | {"xtb": self.solves(datapoints)}

    def solves(self, datapoints: Sequence[Any]) -> bool:
        """Return whether xTB is asked for: of all or of none, since densities of different sources are refused."""
        if not needs_density(self.representation, self.recipe) or len(datapoints) == 0:
            return False
        return any(self._source(datapoint) == "xtb" for datapoint in datapoints[:1])

    def __call__(self, datapoint: Any) -> Solved:
        """Read and solve a datapoint.

        Raises
        ------
        FeaturizationError
            Naming the datapoint, the reason and the remedy.
        """
        map_path = self._map_path(datapoint)
        whole = self.recipe.read(datapoint)
        if whole.density_map is not None and not map_path:
            raise FeaturizationError(
                f"{whole.label} came with a map in memory, which cannot be kept; pass the map's path."
            )
        orbitals: tuple[Orbitals, ...] = ()
        if needs_density(self.representation, self.recipe) and self._source(whole) == "xtb":
            orbitals = tuple(self._solved(part) for part in parts_of(self.representation, self.recipe, whole))
        return Solved(dataclasses.replace(whole, density_map=None), orbitals, map_path)

    def _map_path(self, datapoint: Any) -> str:
        if isinstance(datapoint, (Complex, Structure)):
            return ""
        source = row_of(datapoint, self.recipe.reading).density_map
        return str(source) if isinstance(source, (str, Path)) else ""

    def _source(self, datapoint: Any) -> str:
        return source_of(self.recipe, *surroundings(datapoint, self.recipe.reading))

    def _solved(self, atoms: Structure) -> Orbitals:
        check_size(atoms, self.recipe.max_atoms)
        solution = solve_xtb(atoms, self.recipe.engine, self.recipe.method)
        return Orbitals(
            solution.density.orbitals.astype(np.float32),
            solution.energy,
            solution.orbital_energies.astype(np.float32),
            solution.n_occupied,
            solution.dipole,
            solution.charges.astype(np.float32),
        )
