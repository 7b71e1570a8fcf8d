from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from deepchem_density.errors import ConvergenceError, FeaturizationError
from deepchem_density.fields import xtb
from deepchem_density.fields.slater_basis import METHODS, valence_electrons
from deepchem_density.fields.xtb import ENGINES, solve_xtb, xtb_density
from deepchem_density.structures.pdb_ligands import split_ligand
from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure, joined, symbol
from deepchem_density.voxels.grid import VoxelGrid, voxelize

REFERENCES = (
    "C", "CBr", "CC(=O)[O-]", "CCl", "CO", "CS(=O)(=O)N", "C[NH3+]", "C[Si](C)(C)C", "FC(F)F", "N", "O", "OP(=O)(O)O",
    "c1ccccc1",
)  # fmt: skip
MOLECULES = (
    "water", "methane", "benzene", "nitric oxide", "oxygen", "acetate", "ammonium", "hexafluorophosphate",
    "sulfuryl fluoride", "phosphoric acid", "methanesulfonamide", "iron carbonyl", "gold chloride",
)  # fmt: skip
AXIS = torch.as_tensor((np.arange(28) - 13.5) * 0.5)
ATOMS_FAR_APART = Structure([1, 53], [[0, 0, 0], [50, 0, 0]], name="torn hydrogen iodide")
"""Neither engine converges."""


@pytest.fixture(params=ENGINES)
def engine(request) -> str:
    pytest.importorskip(f"{request.param}.interface", reason=f"the engine {request.param} is not installed")
    return request.param


@pytest.fixture
def fresh_engines():
    """Engines are looked up anew, during the test and after it."""
    xtb._engine_module.cache_clear()
    yield
    xtb._engine_module.cache_clear()


# ---- values


@pytest.mark.parametrize("name", REFERENCES)
def test_solved_anew_agrees_with_pyscf(name, engine, reference_densities):
    """As far as the engines converge: 2e-4 e/Å³, and 1e-3 e/Å⁴ in the gradient."""
    reference = reference_densities[name]
    density = xtb_density(reference.structure, engine).in_frame(reference.center, np.eye(3))
    assert density.n_electrons == pytest.approx(reference.electrons, abs=1e-6)
    np.testing.assert_allclose(density.on_axes(AXIS, AXIS, AXIS)[..., 0], reference.density, rtol=0, atol=2e-4)
    np.testing.assert_allclose(density.gradient_on_axes(AXIS, AXIS, AXIS), reference.gradient, rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MOLECULES)
def test_engines_agree(name, method, molecules):
    pytest.importorskip("tblite.interface", reason="tblite is an optional engine")
    structure = molecules[name]
    first, second = (
        xtb_density(structure, engine, method).in_frame(structure.positions.mean(axis=0), np.eye(3))
        for engine in ENGINES
    )
    torch.testing.assert_close(first.on_axes(AXIS, AXIS, AXIS), second.on_axes(AXIS, AXIS, AXIS), rtol=0, atol=2e-4)
    assert float(first.on_axes(AXIS, AXIS, AXIS).max()) > 0.1


def test_methods_differ(molecules, engine):
    one, other = (xtb_density(molecules["water"], engine, method) for method in METHODS)
    assert float((one.on_axes(AXIS, AXIS, AXIS) - other.on_axes(AXIS, AXIS, AXIS)).abs().max()) > 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MOLECULES)
def test_orbitals_are_orthonormal_in_this_basis(name, method, molecules, engine):
    """Lᵀ S L holds the occupations on its diagonal and nothing beside it, for the engine's order and signs."""
    structure = molecules[name]
    density = xtb_density(structure, engine, method)
    gram = density.orbitals.T @ density.basis.overlap @ density.orbitals
    occupations = np.diag(gram)
    np.testing.assert_allclose(gram, np.diag(occupations), rtol=0, atol=1e-6)
    assert occupations.min() > 0
    assert occupations.max() < 2 + 1e-6
    electrons = sum(valence_electrons(symbol(number), method) for number in structure.numbers) - structure.charge
    assert occupations.sum() == pytest.approx(electrons, abs=1e-6)


@pytest.mark.parametrize("name", ["hydrogen", "water", "methane", "nitric oxide", "hexafluorophosphate"])
def test_voxels_hold_all_electrons(name, molecules):
    structure = molecules[name]
    density = xtb_density(structure)
    grid = VoxelGrid(structure.positions.mean(axis=0), box_width=15.0, voxel_width=0.25)
    electrons = float(voxelize(density, grid, 3, torch.float64).sum()) * 0.25**3
    assert electrons == pytest.approx(density.n_electrons, abs=1e-3)
    assert density.n_electrons == pytest.approx(
        {"hydrogen": 2, "water": 8, "methane": 8, "nitric oxide": 11, "hexafluorophosphate": 48}[name], abs=1e-6
    )


def test_charge_and_unpaired_electrons_reach_the_engine(molecules, engine):
    ammonium = molecules["ammonium"]
    reduced = Structure(ammonium.numbers, ammonium.positions, charge=0, unpaired=1)
    assert xtb_density(reduced, engine).n_electrons - xtb_density(ammonium, engine).n_electrons == pytest.approx(
        1, abs=1e-6
    )
    iron = molecules["iron carbonyl"]
    triplet = Structure(iron.numbers, iron.positions, unpaired=2)
    points = torch.as_tensor(np.random.default_rng(3).normal(iron.positions[0], 0.7, (300, 3)))
    assert float((xtb_density(iron, engine).at(points) - xtb_density(triplet, engine).at(points)).abs().max()) > 0.01
    acetate = molecules["acetate"]
    assert acetate.charge == -1
    assert xtb_density(acetate, engine).n_electrons == pytest.approx(24, abs=1e-6)


def test_a_moved_and_turned_molecule_carries_its_density_along(molecules, engine):
    structure = molecules["phosphoric acid"]
    rotation = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
    moved = Structure(structure.numbers, structure.positions @ rotation.T + [5.0, -7.0, 3.0])
    points = torch.as_tensor(np.random.default_rng(3).normal(structure.positions.mean(axis=0), 1.5, (300, 3)))
    there = points @ torch.as_tensor(rotation.T) + torch.tensor([5.0, -7.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(
        xtb_density(structure, engine).at(points), xtb_density(moved, engine).at(there), rtol=0, atol=2e-4
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "name", ["acetate", "nitric oxide", "oxygen", "phosphoric acid", "hexafluorophosphate", "gold chloride", "benzene"]
)
def test_neither_place_nor_order_matter(name, method, molecules, engine):
    """To 1e-7 e/Å³, a tenth of what is promised; at 10,000 Å xtb alone would be wrong by 0.2 e/Å³."""
    structure, rng = molecules[name], np.random.default_rng(5)
    points = rng.normal(structure.positions.mean(axis=0), 1.2, (300, 3))
    expected = xtb_density(structure, engine, method).at(torch.as_tensor(points))
    for shift in ([0, 0, 0], [1e4, -1e4, 1e4], [-31.7, 1e4, 0.5]):
        order = rng.permutation(len(structure.numbers))
        moved = replace(structure.subset(order), positions=structure.positions[order] + shift)
        density = xtb_density(moved, engine, method).at(torch.as_tensor(points + shift))
        torch.testing.assert_close(density, expected, rtol=0, atol=1e-7)


# ---- what is refused


@pytest.mark.parametrize("number", [87, 92, 118])
def test_elements_without_parameters(number, engine):
    uranium = Structure([number, 1], [[0, 0, 0], [0, 0, 2.0]], unpaired=1)
    with pytest.raises(FeaturizationError, match=rf"holds {symbol(number)} \(Z = {number}\); GFN2-xTB knows H to Rn"):
        xtb_density(uranium, engine)


@pytest.mark.parametrize(
    ("charge", "unpaired"), [(1, 0), (0, 1), (0, -2), (0, 10), (8, 0), (9, 1), (-1, 0)], ids=lambda value: f"{value:+d}"
)
def test_electrons_that_do_not_go_together(charge, unpaired, molecules, engine):
    water = molecules["water"]
    wrong = Structure(water.numbers, water.positions, charge, unpaired, "wrong water")
    with pytest.raises(
        FeaturizationError, match=rf"'wrong water' with charge \{charge:+d} has {8 - charge} valence electrons"
    ):
        xtb_density(wrong, engine)


def test_clashes_that_a_model_may_hold_are_not_solved(molecules, engine):
    """A water of the crystal where the ligand was modelled."""
    water = molecules["water"]
    clash = Structure([8], water.positions[:1] + np.array([[0.5, 0, 0]]), residues=[0], name="crystal")
    whole = joined(water, clash)
    with pytest.raises(FeaturizationError, match=r"of 'water \+ crystal' are 0.500 Å apart"):
        xtb_density(whole, engine)


def test_hydrogens_without_positions(engine):
    bare = Structure([6], [[0, 0, 0]], name="bare carbon", implicit_hydrogens=4)
    with pytest.raises(
        FeaturizationError, match=r"'bare carbon' lacks the positions of 4 hydrogens; add them with rdkit"
    ):
        xtb_density(bare, engine)


PHENYLETHANOL = "OCCc1ccccc1"
WRITERS = {".pdb": Chem.MolToPDBBlock, ".xyz": Chem.MolToXYZBlock}


@pytest.mark.parametrize("suffix", WRITERS)
def test_hydrogens_that_a_file_does_not_tell_of(suffix, tmp_path, engine):
    """Solved all the same, the density would hold 38 electrons instead of 48."""
    whole = Chem.AddHs(Chem.MolFromSmiles(PHENYLETHANOL))
    assert AllChem.EmbedMolecule(whole, randomSeed=1) == 0
    path = tmp_path / f"bare{suffix}"
    path.write_text(WRITERS[suffix](Chem.RemoveHs(whole)))
    with pytest.raises(
        FeaturizationError, match=r"'bare\.\w+' lacks hydrogens: .* 7 of its carbons have room .* hydrogens='add'"
    ):
        xtb_density(structure_from(path), engine)
    path.write_text(WRITERS[suffix](whole))
    assert xtb_density(structure_from(path), engine).n_electrons == pytest.approx(48, abs=1e-6)


def test_a_ligand_of_an_entry_without_hydrogens(shared_data):
    ligand, _ = split_ligand(shared_data / "maps" / "3pqr" / "3pqr.pdb", "RET")
    with pytest.raises(FeaturizationError, match=r"'3pqr_RET' lacks hydrogens"):
        xtb_density(ligand)


def test_hydrogens_of_the_surroundings_do_not_hide_that_the_ligand_has_none(molecules):
    heavy = structure_from(PHENYLETHANOL).without_hydrogens()
    bare = Structure(heavy.numbers, heavy.positions + np.array([0, 0, 12.0]), name="bare")
    with pytest.raises(FeaturizationError, match=r"'bare \+ benzene' lacks hydrogens"):
        xtb_density(joined(bare, molecules["benzene"]))


@pytest.mark.parametrize(
    ("smiles", "electrons"), [("O=C=O", 16), ("FC(F)(F)F", 32), ("FC(F)=C(F)F", 36), ("N#CC#N", 18), ("NC(N)=O", 24)]
)
def test_molecules_whose_carbons_bear_no_hydrogen(smiles, electrons, engine):
    assert xtb_density(structure_from(smiles), engine).n_electrons == pytest.approx(electrons, abs=1e-6)


def test_a_radical_without_hydrogens_is_told_by_its_unpaired_electron(engine):
    positions = np.array([[0, 0, 0], [0, 0, 1.32], [1.24, 0, -0.45], [-0.62, 1.08, -0.45]])
    radical = Structure([6, 9, 9, 9], positions, unpaired=1)
    assert xtb_density(radical, engine).n_electrons == pytest.approx(25, abs=1e-6)
    with pytest.raises(FeaturizationError, match=r"1 of its carbons have room .* For radicals pass unpaired="):
        xtb_density(Structure([6, 9, 9, 9], positions), engine)


@pytest.mark.parametrize("unpaired", [0, 2])
def test_a_single_carbon_is_an_atom(engine, unpaired):
    atom = Structure([6], [[0, 0, 0]], unpaired=unpaired)
    assert xtb_density(atom, engine).n_electrons == pytest.approx(4, abs=1e-6)


def test_unknown_engine_and_method(molecules):
    with pytest.raises(ValueError, match="engine='dftb' arrived; 'xtb', 'tblite', 'auto' are accepted"):
        xtb_density(molecules["water"], engine="dftb")
    with pytest.raises(ValueError, match="method='GFN0' arrived; 'GFN2-xTB', 'GFN1-xTB' are accepted"):
        xtb_density(molecules["water"], method="GFN0")


def test_no_convergence(engine, monkeypatch):
    monkeypatch.setattr(xtb, "MAX_ITERATIONS", 50)
    with pytest.raises(
        ConvergenceError, match=rf"'torn hydrogen iodide' did not converge in 50 steps of {engine}; check"
    ) as info:
        xtb_density(ATOMS_FAR_APART, engine)
    assert isinstance(info.value, FeaturizationError)
    assert isinstance(info.value, RuntimeError)


def test_an_engine_that_fails_is_quoted_with_the_name(engine, monkeypatch, molecules):
    class BrokenError(RuntimeError):
        pass

    class Calculator:
        def __init__(self, *args):
            raise BrokenError("something\n  broke inside")

    interface = SimpleNamespace(
        Calculator=Calculator, XTBException=BrokenError, Param=SimpleNamespace(GFN2xTB=1, GFN1xTB=2)
    )
    monkeypatch.setattr(xtb, "_engine_module", lambda package, remedy: interface)
    with pytest.raises(FeaturizationError, match=f"^{engine} failed on 'water': something broke inside$") as info:
        xtb_density(molecules["water"], engine)
    assert not isinstance(info.value, ConvergenceError)


@pytest.mark.usefixtures("fresh_engines")
@pytest.mark.parametrize(
    ("missing", "remedy"),
    [("xtb", r"pip install xtb .* engine='tblite'"), ("tblite", r'pip install "deepchem-density\[tblite\]"')],
)
def test_a_missing_engine_names_its_remedy(missing, remedy, monkeypatch, molecules):
    monkeypatch.setitem(sys.modules, f"{missing}.interface", None)
    with pytest.raises(ImportError, match=rf"The engine '{missing}' cannot be imported .*; {remedy}"):
        xtb_density(molecules["water"], missing)


def test_a_heavy_element_does_not_end_the_process():
    """xtb-python alone would: its library stops with a segmentation fault."""
    code = """
from deepchem_density import Structure, xtb_density
for engine in ("xtb", "tblite"):
    try:
        xtb_density(Structure([92], [[0, 0, 0]]), engine)
    except ValueError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("holds U (Z = 92)") == 2
    assert done.stderr == ""


def test_engines_write_nothing(capfd, molecules, engine, monkeypatch):
    monkeypatch.setattr(xtb, "MAX_ITERATIONS", 50)
    xtb_density(molecules["water"], engine)
    with pytest.raises(ConvergenceError):
        xtb_density(ATOMS_FAR_APART, engine)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", ["GFN2-xTB", "GFN1-xTB"])
def test_both_engines_say_the_same_of_a_molecule(molecules, method):
    first, second = (solve_xtb(molecules["acetate"], engine, method) for engine in ("xtb", "tblite"))
    assert first.energy == pytest.approx(second.energy, abs=1e-5)
    np.testing.assert_allclose(first.orbital_energies, second.orbital_energies, atol=2e-4)
    np.testing.assert_allclose(first.dipole, second.dipole, atol=5e-3)
    np.testing.assert_allclose(first.charges, second.charges, atol=5e-4)
    assert first.n_occupied == second.n_occupied == 12
    assert first.charges.sum() == pytest.approx(-1, abs=1e-6)


def test_the_dipole_is_that_of_its_charges_and_of_its_density(molecules):
    """Water's dipole with GFN2 is 2.2 D or so, and points from O to between the hydrogens."""
    solution = solve_xtb(molecules["water"])
    oxygen, *hydrogens = molecules["water"].positions
    along = np.mean(hydrogens, axis=0) - oxygen
    assert np.linalg.norm(solution.dipole) == pytest.approx(2.2, abs=0.1)
    assert solution.dipole @ along / np.linalg.norm(along) == pytest.approx(np.linalg.norm(solution.dipole), rel=1e-4)


def test_the_engine_is_chosen_by_size(monkeypatch, molecules):
    chosen = []
    for name in ("xtb", "tblite"):
        monkeypatch.setitem(xtb.ENGINES, name, (lambda *_, one=name: chosen.append(one) or 1 / 0, {}, {}))
    for name, below in (("water", 50), ("benzene", 50), ("benzene", 12)):
        monkeypatch.setattr(xtb, "TBLITE_BELOW", below)
        with pytest.raises(ZeroDivisionError):
            solve_xtb(molecules[name], "auto")
    assert chosen == ["tblite", "tblite", "xtb"]


@pytest.mark.parametrize("engine", ["xtb", "tblite"])
def test_where_a_molecule_stands_and_in_which_order_does_not_matter(molecules, engine):
    """To 1e-6 e/Å³, at 10,000 Å too."""
    whole = molecules["phosphoric acid"]
    points = torch.as_tensor(whole.positions.mean(axis=0) + np.random.default_rng(0).normal(size=(300, 3)))
    expected = xtb_density(whole, engine).at(points)
    order = np.random.default_rng(1).permutation(len(whole.numbers))
    shift = np.array([1e4, -1e4, 5e3])
    for changed, away in ((whole.subset(order), 0), (replace(whole, positions=whole.positions + shift), shift)):
        found = xtb_density(changed, engine).at(points + torch.as_tensor(away))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
