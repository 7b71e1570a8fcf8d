from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepchem_density.errors import ConvergenceError, FeaturizationError
from deepchem_density.fields import relaxation
from deepchem_density.fields.relaxation import relaxed
from deepchem_density.fields.xtb import energy_surface, solve_xtb
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure

HARTREE_PER_EV = 1 / 27.211386


@pytest.mark.parametrize("engine", ["xtb", "tblite"])
@pytest.mark.parametrize("method", ["GFN2-xTB", "GFN1-xTB"])
def test_the_gradient_is_that_of_the_energy(molecules, engine, method):
    """Central differences of 1e-3 bohr, to 1e-5 hartree/bohr, what energies converge to; the energy is that of one solution."""
    structure = molecules["acetate"]
    surface = energy_surface(structure, engine, method)
    start = structure.positions / 0.529177210903
    energy, gradient = surface(start)
    assert energy == pytest.approx(solve_xtb(structure, engine, method).energy, abs=1e-7)
    for atom, axis in ((0, 0), (2, 1), (5, 2)):
        step = np.zeros_like(start)
        step[atom, axis] = 1e-3
        slope = (surface(start + step)[0] - surface(start - step)[0]) / 2e-3
        assert gradient[atom, axis] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("engine", ["xtb", "tblite"])
def test_water_has_the_geometry_that_the_method_is_known_for(engine):
    """GFN2-xTB: O-H 0.959 Å, 107.2°, from a start that is far from it, anywhere in space."""
    start = Structure([8, 1, 1], np.array([[0, 0, 0], [1.05, 0, 0], [0.1, 1.0, 0]]) + 500.0, name="water")
    found = relaxed(start, engine=engine)
    one, other = found.positions[1:] - found.positions[0]
    lengths = np.linalg.norm(one), np.linalg.norm(other)
    assert lengths == pytest.approx((0.959, 0.959), abs=3e-3)
    assert np.degrees(np.arccos(one @ other / np.prod(lengths))) == pytest.approx(107.2, abs=0.8)
    assert found.positions.mean() == pytest.approx(500.0, abs=1.0)


def test_engines_find_the_same_minimum_and_leave_the_rest_of_a_structure_alone():
    start = structure_from("CC(=O)NC")
    one, other = relaxed(start, engine="xtb"), relaxed(start, engine="tblite")
    energies = [solve_xtb(each, "tblite").energy for each in (start, one, other)]
    assert energies[1] == pytest.approx(energies[2], abs=0.002 * HARTREE_PER_EV)
    assert energies[0] - energies[1] > 0.02 * HARTREE_PER_EV
    assert replace(one, positions=start.positions).__dict__.keys() == start.__dict__.keys()
    assert (one.name, one.charge, one.unpaired) == (start.name, start.charge, start.unpaired)


def test_a_single_atom_stays_as_it_is():
    helium = Structure([2], [[1.0, 2.0, 3.0]])
    assert relaxed(helium) is helium


def test_a_strained_ring_that_opens_is_named():
    """The force field's conformer of this one holds two rings that share three atoms."""
    with pytest.raises(
        FeaturizationError, match=r"GFN2-xTB broke a bond when 'C#CC1C2CCC12C#N' was relaxed, between C \(atom"
    ):
        relaxed(structure_from("C#CC1C2CCC12C#N"))


def test_a_proton_that_changes_places_is_named():
    """Glycine's zwitterion has no minimum in vacuum."""
    with pytest.raises(
        FeaturizationError, match=r"GFN2-xTB (made|broke) a bond when .* \d\.\d\d Å apart before .*neutral form"
    ):
        relaxed(structure_from("[NH3+]CC(=O)[O-]"))


def test_no_minimum_within_the_steps_is_an_error(monkeypatch):
    monkeypatch.setattr(relaxation, "MAX_STEPS", 2)
    with pytest.raises(ConvergenceError, match=r"came to no minimum of GFN2-xTB in 2 steps .*optimize=True"):
        relaxed(structure_from("CCCO"))


def test_what_cannot_be_solved_is_refused_as_elsewhere():
    with pytest.raises(FeaturizationError, match="GFN2-xTB knows H to Rn"):
        relaxed(Structure([92, 1], [[0, 0, 0], [2.0, 0, 0]], unpaired=3))
