"""Valence electron densities from GFN1-xTB and GFN2-xTB, through xtb-python or tblite.

The engines give orbitals; the density is built here from their own basis (see ``slater_basis``). It differs from the cube
files that the program xtb writes with ``--density`` up to version 6.5.1: those evaluate p functions with the wrong sign
(grimme-lab/xtb issues 586 and 1337), so that the cube of water holds 5.92 electrons instead of 8.

C. Bannwarth et al., J. Chem. Theory Comput. 15, 1652 (2019), doi:10.1021/acs.jctc.8b01176.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from deepchem_density.errors import ConvergenceError, FeaturizationError
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.slater_basis import METHODS, slater_basis, valence_electrons
from deepchem_density.fields.units import BOHR_PER_ANGSTROM
from deepchem_density.structures.missing_hydrogens import carbons_without_hydrogens
from deepchem_density.structures.structure import Structure, symbol

__all__ = ["ENGINES", "xtb_density"]

HEAVIEST_ELEMENT = 86
MAX_ITERATIONS = 500

# Place of each function of a shell, in this package's order, among the engine's own, by angular momentum; and its sign:
# xtb's d functions are x²-y², -z², xy, xz, yz (only so are its orbitals orthonormal).
Order = dict[int, tuple[int, ...]]
XTB_ORDER: Order = {0: (0,), 1: (0, 1, 2), 2: (2, 4, 1, 3, 0)}
XTB_SIGNS: Order = {0: (1,), 1: (1, 1, 1), 2: (1, 1, -1, 1, 1)}
TBLITE_ORDER: Order = {0: (0,), 1: (2, 0, 1), 2: (0, 1, 2, 3, 4)}
TBLITE_SIGNS: Order = {0: (1,), 1: (1, 1, 1), 2: (1, 1, 1, 1, 1)}


def xtb_density(structure: Structure, engine: str = "xtb", method: str = "GFN2-xTB") -> OrbitalDensity:
    """Solve a structure and return its valence density.

    Parameters
    ----------
    structure : Structure
        H to Rn; its charge and unpaired electrons are used.
    engine : str
        "xtb" (xtb-python) or "tblite" (about twice as fast; ``pip install "deepchem-density[tblite]"``).
    method : str
        "GFN2-xTB" or "GFN1-xTB".

    Raises
    ------
    FeaturizationError
        An element without parameters, hydrogens without positions, a charge or number of unpaired electrons that does not
        fit, or an engine that fails.
    ConvergenceError
        The self-consistent field did not converge.

    Notes
    -----
    Hydrogens are missing where the source says so, and where more carbons than there are unpaired electrons have room for
    them in molecules in which no carbon has any (`carbons_without_hydrogens`
    has the rule and its limits). A single atom is taken for one.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine='{engine}' is not known; {', '.join(map(repr, ENGINES))} are accepted.")
    if method not in METHODS:
        raise ValueError(f"method='{method}' is not known; {', '.join(map(repr, METHODS))} are accepted.")
    _check(structure, method)
    positions_bohr = structure.positions * BOHR_PER_ANGSTROM
    solve, order, signs = ENGINES[engine]
    coefficients, occupations = solve(structure, positions_bohr, method)
    basis = slater_basis(tuple(symbol(number) for number in structure.numbers), positions_bohr, method)
    sizes = 2 * basis.angular_momenta + 1
    rows = np.repeat(np.cumsum(sizes) - sizes, sizes) + _by_shell(basis.angular_momenta, order)
    ordered = _by_shell(basis.angular_momenta, signs)[:, None] * coefficients[rows]
    return OrbitalDensity.from_occupations(basis, ordered, occupations)


def _check(structure: Structure, method: str) -> None:
    """Refuse what an engine would answer with nonsense or with the end of the process."""
    heaviest = int(structure.numbers.max())
    if heaviest > HEAVIEST_ELEMENT:
        raise FeaturizationError(
            f"{structure.label} holds {symbol(heaviest)} (Z = {heaviest}); {method} knows H to Rn (Z = 1 to {HEAVIEST_ELEMENT})."
        )
    _check_hydrogens(structure)
    electrons = sum(valence_electrons(symbol(number), method) for number in structure.numbers) - structure.charge
    unpaired = structure.unpaired
    if electrons < 1 or not 0 <= unpaired <= electrons or (electrons - unpaired) % 2:
        raise FeaturizationError(
            f"{structure.label} with charge {structure.charge:+d} has {electrons} valence electrons, which does not go with "
            f"{unpaired} unpaired ones; pass the right charge= (or charge='formal') and unpaired=."
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
            f"{structure.label} lacks hydrogens: by its geometry {bare} of its carbons have room for some, and no carbon of the "
            "same molecule has any; a density without them would be another molecule's. Pass hydrogens='add' with an SDF or mol2 "
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


def _solve_xtb(structure: Structure, positions_bohr: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    interface = _engine_module("xtb", "pip install xtb (CPython up to 3.11), or pass engine='tblite'")
    parameters = {"GFN2-xTB": interface.Param.GFN2xTB, "GFN1-xTB": interface.Param.GFN1xTB}
    try:
        calculator = interface.Calculator(
            parameters[method], structure.numbers, positions_bohr, float(structure.charge), structure.unpaired
        )
        calculator.set_verbosity("muted")
        calculator.set_max_iterations(MAX_ITERATIONS)
        result = calculator.singlepoint()
    except interface.XTBException as error:
        raise _failure(structure, "xtb", error) from error
    return result.get_orbital_coefficients(), result.get_orbital_occupations()


def _solve_tblite(structure: Structure, positions_bohr: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    interface = _engine_module("tblite", 'pip install "deepchem-density[tblite]"')
    try:
        calculator = interface.Calculator(
            method, structure.numbers, positions_bohr, float(structure.charge), structure.unpaired
        )
        calculator.set("verbosity", 0)
        calculator.set("max-iter", MAX_ITERATIONS)
        result = calculator.singlepoint()
    except RuntimeError as error:
        raise _failure(structure, "tblite", error) from error
    return result.get("orbital-coefficients"), result.get("orbital-occupations")


def _failure(structure: Structure, engine: str, error: Exception) -> FeaturizationError:
    reason = " ".join(str(error).split())
    if "converge" in reason.lower():
        return ConvergenceError(
            f"The self-consistent field of {structure.label} did not converge in {MAX_ITERATIONS} steps of {engine}; check "
            "the geometry, the charge and the number of unpaired electrons."
        )
    return FeaturizationError(f"{engine} failed on {structure.label}: {reason}")


Solver = Callable[[Structure, np.ndarray, str], tuple[Any, Any]]

ENGINES: dict[str, tuple[Solver, Order, Order]] = {
    "xtb": (_solve_xtb, XTB_ORDER, XTB_SIGNS),
    "tblite": (_solve_tblite, TBLITE_ORDER, TBLITE_SIGNS),
}
