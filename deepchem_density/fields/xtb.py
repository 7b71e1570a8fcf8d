"""Valence electron densities from GFN1-xTB and GFN2-xTB, through xtb-python or tblite.

The engines give orbitals; the density is built here from their own basis (see ``slater_basis``). It differs from the cube
files that the program xtb writes with ``--density`` up to version 6.5.1: those evaluate p functions with the wrong sign
(grimme-lab/xtb issues 586 and 1337), so that the cube of water holds 5.92 electrons instead of 8.

C. Bannwarth et al., J. Chem. Theory Comput. 15, 1652 (2019), doi:10.1021/acs.jctc.8b01176.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from deepchem_density.errors import ConvergenceError, FeaturizationError
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.slater_basis import METHODS, slater_basis, valence_electrons
from deepchem_density.fields.units import BOHR_PER_ANGSTROM
from deepchem_density.settings import one_of
from deepchem_density.structures.charges import OPEN_SHELLS
from deepchem_density.structures.missing_hydrogens import carbons_without_hydrogens
from deepchem_density.structures.structure import NOT_TOLD, Structure, check_distances, symbol

__all__ = ["ENGINES", "XtbSolution", "check_solvable", "energy_surface", "solve_xtb", "xtb_density"]

HEAVIEST_ELEMENT = 86
MAX_ITERATIONS = 500
TBLITE_BELOW = 50
"""Atoms; tblite is the faster engine below, and four times slower for 500 (benchmarks/engines.py)."""
HALF_OCCUPIED = 0.5
DEBYE_PER_AU = 2.541746473
"""One e bohr in debye, CODATA 2018."""

# Place of each function of a shell, in this package's order, among the engine's own, by angular momentum; and its sign:
# xtb's d functions are x²-y², -z², xy, xz, yz (only so are its orbitals orthonormal).
Order = dict[int, tuple[int, ...]]
XTB_ORDER: Order = {0: (0,), 1: (0, 1, 2), 2: (2, 4, 1, 3, 0)}
XTB_SIGNS: Order = {0: (1,), 1: (1, 1, 1), 2: (1, 1, -1, 1, 1)}
TBLITE_ORDER: Order = {0: (0,), 1: (2, 0, 1), 2: (0, 1, 2, 3, 4)}
TBLITE_SIGNS: Order = {0: (1,), 1: (1, 1, 1), 2: (1, 1, 1, 1, 1)}


@dataclass(frozen=True, eq=False)
class XtbSolution:
    """What a self-consistent field gives.

    Parameters
    ----------
    density : OrbitalDensity
        Of the valence electrons.
    energy : float
        Total energy in hartree.
    orbital_energies : np.ndarray
        (n_orbitals,) in hartree, ascending.
    n_occupied : int
        Orbitals with more than half of an electron for each spin: the last of them is the HOMO, the next the LUMO.
    dipole : np.ndarray
        (3,) in debye; of an ion it depends on where the origin is, here the mean of the positions.
    charges : np.ndarray
        Partial charges of the atoms, (n_atoms,).
    """

    density: OrbitalDensity
    energy: float
    orbital_energies: np.ndarray
    n_occupied: int
    dipole: np.ndarray
    charges: np.ndarray


def xtb_density(structure: Structure, engine: str = "xtb", method: str = "GFN2-xTB") -> OrbitalDensity:
    """Solve a structure and return its valence density; see `solve_xtb`."""
    return solve_xtb(structure, engine, method).density


def solve_xtb(structure: Structure, engine: str = "xtb", method: str = "GFN2-xTB") -> XtbSolution:
    """Solve a structure.

    Parameters
    ----------
    structure : Structure
        H to Rn; its charge and unpaired electrons are used.
    engine : str
        "xtb" (xtb-python), "tblite" (``pip install "deepchem-density[tblite]"``), or "auto": tblite where it is installed and
        the faster one, below 50 atoms, xtb-python elsewhere.
    method : str
        "GFN2-xTB" or "GFN1-xTB".

    Raises
    ------
    FeaturizationError
        An element without parameters, atoms that are too close, hydrogens without positions, a charge or number of unpaired
        electrons that is not known or does not fit, or an engine that fails.
    ConvergenceError
        The self-consistent field did not converge.

    Notes
    -----
    Hydrogens are missing where the source says so, and where more carbons than there are unpaired electrons have room for
    them (`carbons_without_hydrogens` has the rule and its limits). A single atom is taken for one.

    The engine sees the molecule around the origin, wherever it is: moved by 10,000 Å, where xtb alone would be wrong by
    0.2 e/Å³, or with its atoms in another order it has the same density to 1e-9 e/Å³.
    """
    package, order, signs = _engine_for(structure, engine, method)
    middle = structure.positions.mean(axis=0)
    positions_bohr = (structure.positions - middle) * BOHR_PER_ANGSTROM
    answer = package(structure, positions_bohr, method).answer()
    symbols = tuple(symbol(number) for number in structure.numbers)
    basis = slater_basis(symbols, structure.positions * BOHR_PER_ANGSTROM, method)
    sizes = 2 * basis.angular_momenta + 1
    rows = np.repeat(np.cumsum(sizes) - sizes, sizes) + _by_shell(basis.angular_momenta, order)
    ordered = _by_shell(basis.angular_momenta, signs)[:, None] * answer.coefficients[rows]
    return XtbSolution(
        OrbitalDensity.from_occupations(basis, ordered, answer.occupations),
        float(answer.energy),
        np.asarray(answer.orbital_energies),
        int((np.asarray(answer.occupations) > HALF_OCCUPIED).sum()),
        np.asarray(answer.dipole_au) * DEBYE_PER_AU,
        np.asarray(answer.charges),
    )


def energy_surface(
    structure: Structure, engine: str = "auto", method: str = "GFN2-xTB"
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return a function of positions: (n_atoms, 3) in bohr to energy in hartree and its gradient in hartree/bohr.

    Each call starts from the solution of the one before. Arguments and errors are those of `solve_xtb`; the function raises
    FeaturizationError and ConvergenceError as well.
    """
    package, _, _ = _engine_for(structure, engine, method)
    return package(structure, structure.positions * BOHR_PER_ANGSTROM, method).energy_and_gradient


def _engine_for(structure: Structure, engine: str, method: str) -> EngineRecord:
    """Return what solves a structure, and how its functions are ordered; raises as `solve_xtb`."""
    one_of("engine", engine, (*ENGINES, "auto"))
    one_of("method", method, METHODS)
    check_solvable(structure, method)
    return ENGINES[_chosen(engine, len(structure.numbers))]


def _chosen(engine: str, n_atoms: int) -> str:
    """Return an engine for "auto"."""
    if engine != "auto":
        return engine
    return "tblite" if n_atoms < TBLITE_BELOW and find_spec("tblite") is not None else "xtb"


def check_solvable(structure: Structure, method: str = "GFN2-xTB") -> None:
    """Refuse what an engine would answer with nonsense or with the end of the process; raises as `solve_xtb`."""
    heaviest = int(structure.numbers.max())
    if heaviest > HEAVIEST_ELEMENT:
        raise FeaturizationError(
            f"{structure.label} holds {symbol(heaviest)} (Z = {heaviest}); {method} knows H to Rn (Z = 1 to {HEAVIEST_ELEMENT})."
        )
    check_distances(structure)
    _check_hydrogens(structure)
    if structure.unpaired == NOT_TOLD:
        raise _not_told(structure)
    electrons = sum(valence_electrons(symbol(number), method) for number in structure.numbers) - structure.charge
    unpaired = structure.unpaired
    if electrons < 1 or not 0 <= unpaired <= electrons or (electrons - unpaired) % 2:
        raise FeaturizationError(
            f"{structure.label} with charge {structure.charge:+d} has {electrons} valence electrons, which does not go with "
            f"{unpaired} unpaired ones; pass the right charge= (or charge='formal') and unpaired=."
        )


def _not_told(structure: Structure) -> FeaturizationError:
    metals = sorted(OPEN_SHELLS.intersection(structure.numbers.tolist()))
    if metals:
        return FeaturizationError(
            f"{structure.label} holds {', '.join(map(symbol, metals))}, whose unpaired electrons its source does not tell; pass "
            "unpaired= with their number, 0 for a closed shell."
        )
    return FeaturizationError(
        f"The bonds and types in the file of {structure.label} leave electrons over, so its charge and its unpaired electrons "
        "are not known; pass charge= and unpaired= as numbers, or an SDF file."
    )


def _check_hydrogens(structure: Structure) -> None:
    if structure.implicit_hydrogens:
        raise FeaturizationError(
            f"{structure.label} lacks the positions of {structure.implicit_hydrogens} hydrogens; add them with "
            "rdkit.Chem.AddHs(mol, addCoords=True), a density without them would be another molecule's."
        )
    bare = len(carbons_without_hydrogens(structure)) if len(structure.numbers) > 1 else 0
    if bare and bare > structure.unpaired:
        raise FeaturizationError(
            f"{structure.label} lacks hydrogens: by its geometry {bare} of its carbons have room for some; a density "
            "without them would be another molecule's. Pass hydrogens='add' with an SDF or mol2 "
            "file; PDB, mmCIF and xyz files tell no bonds: assign them with "
            "rdkit.Chem.AllChem.AssignBondOrdersFromTemplate, then rdkit.Chem.AddHs(mol, addCoords=True). For radicals pass "
            "unpaired=."
        )


def _by_shell(angular_momenta: np.ndarray, table: Order) -> np.ndarray:
    return np.concatenate([table[int(angular_momentum)] for angular_momentum in angular_momenta])


@lru_cache(maxsize=2)
def _engine_module(package: str, remedy: str) -> ModuleType:
    from importlib import import_module

    try:
        return import_module(f"{package}.interface")
    except ImportError as error:
        raise ImportError(f"The engine '{package}' cannot be imported ({error}); {remedy}.") from error


class Answer(NamedTuple):
    """What an engine says, in its own order of functions and in atomic units."""

    coefficients: np.ndarray
    occupations: np.ndarray
    energy: float
    orbital_energies: np.ndarray
    dipole_au: np.ndarray
    charges: np.ndarray


class _Xtb:
    """xtb-python's calculator of one molecule."""

    name = "xtb"

    def __init__(self, structure: Structure, positions_bohr: np.ndarray, method: str) -> None:
        interface = _engine_module("xtb", "pip install xtb (CPython up to 3.11), or pass engine='tblite'")
        parameters = {"GFN2-xTB": interface.Param.GFN2xTB, "GFN1-xTB": interface.Param.GFN1xTB}
        self._structure, self._error = structure, interface.XTBException
        self._result: Any = None
        with _naming(structure, self.name, self._error):
            self._calculator = interface.Calculator(
                parameters[method], structure.numbers, positions_bohr, float(structure.charge), structure.unpaired
            )
            self._calculator.set_verbosity("muted")
            self._calculator.set_max_iterations(MAX_ITERATIONS)

    def answer(self) -> Answer:
        with _naming(self._structure, self.name, self._error):
            result = self._calculator.singlepoint()
        return Answer(
            result.get_orbital_coefficients(),
            result.get_orbital_occupations(),
            result.get_energy(),
            result.get_orbital_eigenvalues(),
            result.get_dipole(),
            result.get_charges(),
        )

    def energy_and_gradient(self, positions_bohr: np.ndarray) -> tuple[float, np.ndarray]:
        with _naming(self._structure, self.name, self._error):
            self._calculator.update(positions_bohr)
            self._result = self._calculator.singlepoint(self._result)
        return float(self._result.get_energy()), np.asarray(self._result.get_gradient())


class _Tblite:
    """tblite's calculator of one molecule."""

    name = "tblite"

    def __init__(self, structure: Structure, positions_bohr: np.ndarray, method: str) -> None:
        interface = _engine_module("tblite", 'pip install "deepchem-density[tblite]"')
        self._structure = structure
        self._result: Any = None
        with _naming(structure, self.name, RuntimeError):
            self._calculator = interface.Calculator(
                method, structure.numbers, positions_bohr, float(structure.charge), structure.unpaired
            )
            self._calculator.set("verbosity", 0)
            self._calculator.set("max-iter", MAX_ITERATIONS)

    def answer(self) -> Answer:
        with _naming(self._structure, self.name, RuntimeError):
            result = self._calculator.singlepoint()
        names = ("orbital-coefficients", "orbital-occupations", "energy", "orbital-energies", "dipole", "charges")
        return Answer(*(result.get(name) for name in names))

    def energy_and_gradient(self, positions_bohr: np.ndarray) -> tuple[float, np.ndarray]:
        with _naming(self._structure, self.name, RuntimeError):
            self._calculator.update(positions=positions_bohr)
            self._result = self._calculator.singlepoint(self._result)
        return float(self._result.get("energy")), np.asarray(self._result.get("gradient"))


@contextmanager
def _naming(structure: Structure, engine: str, error: type[Exception]) -> Iterator[None]:
    """Turn an engine's own errors into those that name the molecule."""
    try:
        yield
    except error as found:
        raise _failure(structure, engine, found) from found


def _failure(structure: Structure, engine: str, error: Exception) -> FeaturizationError:
    reason = " ".join(str(error).split())
    if "converge" in reason.lower():
        return ConvergenceError(
            f"The self-consistent field of {structure.label} did not converge in {MAX_ITERATIONS} steps of {engine}; check "
            "the geometry, the charge and the number of unpaired electrons."
        )
    return FeaturizationError(f"{engine} failed on {structure.label}: {reason}")


EngineRecord = tuple[type[_Xtb] | type[_Tblite], Order, Order]

ENGINES: dict[str, EngineRecord] = {
    "xtb": (_Xtb, XTB_ORDER, XTB_SIGNS),
    "tblite": (_Tblite, TBLITE_ORDER, TBLITE_SIGNS),
}
