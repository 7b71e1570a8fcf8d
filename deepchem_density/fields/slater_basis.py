"""The basis of GFN1-xTB and GFN2-xTB: one Slater function a shell, expanded in Gaussians.

Expansions: R. F. Stewart, J. Chem. Phys. 52, 431 (1970), doi:10.1063/1.1672702, tables I to V (6s and 6p: as published
with xTB). The six-Gaussian 4s, 4p, 5s and 5p shells of GFN1 share exponents within a shell instead: W. J. Pietro et al.,
Inorg. Chem. 19, 2225 (1980), doi:10.1021/ic50210a005 and 20, 3650 (1981), doi:10.1021/ic50225a013.

Slater exponents: C. Bannwarth, S. Ehlert, S. Grimme, J. Chem. Theory Comput. 15, 1652 (2019),
doi:10.1021/acs.jctc.8b01176 (GFN2) and S. Grimme, C. Bannwarth, P. Shushkov, ibid. 13, 1989 (2017),
doi:10.1021/acs.jctc.7b00118 (GFN1); ``scripts/make_xtb_shells.py`` writes the table.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np

from deepchem_density.fields.gaussian_basis import GaussianBasis, GaussianShell

__all__ = ["METHODS", "slater_basis", "valence_electrons"]

METHODS = ("GFN2-xTB", "GFN1-xTB")
_DATA = files("deepchem_density") / "data"


@lru_cache(maxsize=1)
def _expansions() -> dict:
    return json.loads((_DATA / "slater_expansions.json").read_text())


@lru_cache(maxsize=1)
def _xtb_shells() -> dict:
    return json.loads((_DATA / "xtb_shells.json").read_text())


def valence_electrons(symbol: str, method: str) -> int:
    """Return the number of electrons that the method gives a neutral atom: H 1, C 4, N 5, O 6, a lanthanide 3."""
    return _xtb_shells()[method][symbol]["electrons"]


def slater_basis(symbols: tuple[str, ...], positions_bohr: np.ndarray, method: str) -> GaussianBasis:
    """Return the basis of a molecule; functions run atom by atom, shell by shell, in the method's own order.

    Parameters
    ----------
    symbols : tuple of str
        Element symbols, H to Rn.
    positions_bohr : np.ndarray
        (n_atoms, 3).
    method : str
        "GFN2-xTB" or "GFN1-xTB".
    """
    atoms = [_element_shells(symbol, method) for symbol in symbols]
    shells = [shell for atom in atoms for shell in atom]
    return GaussianBasis.from_shells(shells, np.repeat(positions_bohr, [len(atom) for atom in atoms], axis=0))


@lru_cache(maxsize=512)
def _element_shells(symbol: str, method: str) -> tuple[GaussianShell, ...]:
    shells: list[GaussianShell] = []
    for name, zeta, n_gaussians in _xtb_shells()[method][symbol]["shells"]:
        angular_momentum = "spd".index(name[1])
        shared = n_gaussians == 6 and name in _expansions()["6sp"]
        expansion = _expansions()["6sp" if shared else str(n_gaussians)][name]
        exponents = np.array(expansion["exponents"]) * zeta**2
        norms = (2 * exponents / np.pi) ** 0.75 * (4 * exponents) ** (angular_momentum / 2)
        norms /= np.sqrt([1.0, 1.0, 3.0][angular_momentum])
        coefficients = np.array(expansion["coefficients"]) * norms
        for inner in shells:
            if inner.angular_momentum == angular_momentum:
                exponents, coefficients = _orthogonalized(inner, exponents, coefficients)
        shells.append(GaussianShell(angular_momentum, exponents, coefficients))
    return tuple(shells)


def _orthogonalized(
    inner: GaussianShell, exponents: np.ndarray, coefficients: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Project an inner s shell of the same atom out of an outer one (hydrogen in GFN1-xTB) and normalize."""

    def product(a: np.ndarray, c: np.ndarray, b: np.ndarray, d: np.ndarray) -> float:
        return float(c @ (np.pi / (a[:, None] + b[None, :])) ** 1.5 @ d)

    projection = product(inner.exponents, inner.coefficients, exponents, coefficients)
    exponents = np.concatenate([exponents, inner.exponents])
    coefficients = np.concatenate([coefficients, -projection * inner.coefficients])
    return exponents, coefficients / np.sqrt(product(exponents, coefficients, exponents, coefficients))
