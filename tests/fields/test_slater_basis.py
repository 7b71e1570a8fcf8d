from __future__ import annotations

import json
from importlib.resources import files
from math import factorial

import numpy as np
import pytest
from scipy.integrate import trapezoid

from deepchem_density.fields.gaussian_basis import GaussianBasis
from deepchem_density.fields.slater_basis import METHODS, slater_basis, valence_electrons
from deepchem_density.structures.structure import symbol

SHELLS = json.loads((files("deepchem_density") / "data" / "xtb_shells.json").read_text())
ELEMENTS = [symbol(number) for number in range(1, 87)]
BESIDE = np.array([[0.0, 0.0, 0.0], [2.1, 1.3, -0.9], [-1.6, 2.2, 1.7]]) * 1.6
"""Places of an element, of hydrogen and of oxygen in bohr, with no two atoms in a plane of the axes."""


def along_z(basis: GaussianBasis, z: np.ndarray) -> np.ndarray:
    """Values (functions, points) on the z axis, written out again from the definition of a primitive."""
    points = np.stack([np.zeros_like(z), np.zeros_like(z), z], axis=1)
    away = points[:, None] - basis.primitives.centers_bohr
    primitives = (away**basis.primitives.powers).prod(axis=2) * np.exp(
        -basis.primitives.exponents * (away**2).sum(axis=2)
    )
    return (primitives @ basis.primitives.contraction).T


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("element", ELEMENTS)
def test_overlap_and_electrons_are_those_of_tblite(element, method, tblite_rows):
    interface = pytest.importorskip("tblite.interface", reason="tblite is an optional engine")
    symbols = (element, "H", "O")
    electrons = sum(valence_electrons(s, method) for s in symbols)
    numbers = np.array([ELEMENTS.index(s) + 1 for s in symbols])
    calculator = interface.Calculator(method, numbers, BESIDE, 0.0, electrons % 2)
    calculator.set("verbosity", 0)
    calculator.set("save-integrals", 1)
    calculator.set("temperature", 0.02)  # in hartree: with so much smearing every element converges
    result = calculator.singlepoint()
    basis = slater_basis(symbols, BESIDE, method)
    rows = tblite_rows(basis.angular_momenta)
    np.testing.assert_allclose(basis.overlap, result.get("overlap-matrix")[np.ix_(rows, rows)], rtol=0, atol=1e-8)
    assert result.get("orbital-occupations").sum() == pytest.approx(electrons, abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_functions_are_normalized(method):
    """To the digits that are printed in the tables: from K on they leave up to 2e-7."""
    for element in ELEMENTS:
        overlap = slater_basis((element,), np.zeros((1, 3)), method).overlap
        np.testing.assert_allclose(np.diag(overlap), 1, rtol=0, atol=1e-6, err_msg=element)


@pytest.mark.parametrize("method", METHODS)
def test_expansions_resemble_their_slater_functions(method):
    """On the z axis s, pz and dz² are R(z) sqrt((2l + 1) / 4π); R is compared with Slater's by quadrature."""
    for element in ELEMENTS:
        basis = slater_basis((element,), np.zeros((1, 3)), method)
        first = np.cumsum(2 * basis.angular_momenta + 1) - (2 * basis.angular_momenta + 1)
        along = first + np.take([0, 2, 2], basis.angular_momenta)  # s, pz, dz²
        shells = zip(SHELLS[method][element]["shells"], along, basis.angular_momenta, strict=True)
        for (name, zeta, _), place, momentum in shells:
            if (element, method, name) == ("H", "GFN1-xTB", "2s"):
                continue  # the 1s function is projected out of it, see below
            n = int(name[0])
            r = np.linspace(0, (20 + 10 * n) / zeta, 1001)
            slater = (2 * zeta) ** (n + 0.5) / factorial(2 * n) ** 0.5 * r ** (n - 1) * np.exp(-zeta * r)
            expanded = along_z(basis, r)[place] * np.sqrt(4 * np.pi / (2 * momentum + 1))
            assert trapezoid(slater**2 * r**2, r) == pytest.approx(1, abs=1e-6)
            assert trapezoid(expanded**2 * r**2, r) == pytest.approx(1, abs=1e-6)
            assert trapezoid(slater * expanded * r**2, r) > 0.99, (element, name)


def test_second_shell_of_hydrogen_in_gfn1_is_orthogonal_to_the_first():
    overlap = slater_basis(("H",), np.zeros((1, 3)), "GFN1-xTB").overlap
    np.testing.assert_allclose(overlap, np.eye(2), rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_valence_electrons(method):
    known = {
        "H": 1,
        "He": 2,
        "C": 4,
        "N": 5,
        "O": 6,
        "F": 7,
        "Si": 4,
        "P": 5,
        "S": 6,
        "Cl": 7,
        "Fe": 8,
        "Br": 7,
        "Gd": 3,
    }
    assert {element: valence_electrons(element, method) for element in known} == known


def test_atoms_keep_their_order_and_shells_the_methods():
    basis = slater_basis(("O", "P", "H"), BESIDE, "GFN2-xTB")
    assert basis.angular_momenta.tolist() == [0, 1, 0, 1, 2, 0]
    assert basis.n_orbitals == 4 + 9 + 1
    for atom, functions in enumerate([range(4), range(4, 13), range(13, 14)]):
        primitives = np.abs(basis.primitives.contraction[:, functions]).sum(axis=1) > 0
        assert (basis.primitives.centers_bohr[primitives] == BESIDE[atom]).all()
