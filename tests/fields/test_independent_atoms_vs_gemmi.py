"""The density of independent atoms against gemmi's calculator, on real structures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from rdkit import Chem, rdBase

from deepchem_density.fields import independent_atoms as module
from deepchem_density.fields.independent_atoms import IndependentAtoms, independent_atoms
from deepchem_density.structures.structure import Structure
from deepchem_density.tables.qm9 import load_sample

IONS = Structure(
    [11, 17, 12, 8, 8, 7, 26],
    [[0.1, -0.7, 0.4], [2.6, 0.2, -0.6], [-1.1, 2.9, 0.3], [0.4, 0.5, 3.6], [-3.0, -0.2, 0.5], [0.2, -3.1, 1.0], [0, 0, -3]],
    formal_charges=np.array([1, -1, 2, -1, -2, 1, 3]),
    name="ions",
)  # fmt: skip
"""All have an entry in the table, except N+."""


def ligand(shared_data: Path) -> Structure:
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolFile(str(shared_data / "pdbbind_core/1bcu/1bcu_ligand.sdf"), removeHs=False)
    return Structure([a.GetAtomicNum() for a in mol.GetAtoms()], mol.GetConformer().GetPositions(), name="1bcu ligand")


def pocket(shared_data: Path) -> Structure:
    """Atoms as in the file: hydrogens with B = 0, and some others with 999.99."""
    found = gemmi.read_structure(str(shared_data / "pdbbind_core/1bcu/1bcu_pocket.pdb"))
    atoms = [place.atom for place in found[0].all()]
    return Structure(
        [atom.element.atomic_number for atom in atoms],
        [atom.pos.tolist() for atom in atoms],
        b_iso=np.array([atom.b_iso for atom in atoms]),
        site_occupancy=np.array([atom.occ for atom in atoms]),
        name="1bcu pocket",
    )


def known(structure: Structure) -> Structure:
    """The same atoms with B between 10 and 100 Å², whose tails fit into the cell below."""
    b_iso = np.full(len(structure.numbers), 20.0) if structure.b_iso is None else np.clip(structure.b_iso, 10, 100)
    occupancy = structure.site_occupancy
    return Structure(structure.numbers, structure.positions, b_iso=b_iso, site_occupancy=occupancy, name=structure.name)


class Cell:
    """A cubic cell in P1 around a structure, with a multiple of 30 nodes along each edge, and gemmi's density in it."""

    def __init__(self, structure: Structure, spacing: float = 0.5, margin: float = 8.0) -> None:
        self.structure = structure
        self.center = structure.positions.mean(axis=0)
        reach = np.abs(structure.positions - self.center).max() + margin
        self.n = 30 * int(np.ceil(2 * reach / spacing / 30))
        self.width = self.n * spacing
        self.spacing = spacing

    @property
    def axis(self) -> torch.Tensor:
        """Coordinates of the nodes from the centre."""
        return torch.arange(self.n, dtype=torch.float64) * self.spacing - self.width / 2

    def ours(self, field: IndependentAtoms) -> np.ndarray:
        return field.in_frame(self.center, np.eye(3)).on_axes(self.axis, self.axis, self.axis)[..., 0].numpy()

    def gemmi(self, cutoff: float = 1e-5, blur: float = 0.0) -> gemmi.FloatGrid:
        calculator = gemmi.DensityCalculatorX()
        calculator.d_min, calculator.rate = 2 * self.spacing, 1.0
        calculator.cutoff, calculator.blur = cutoff, blur
        model = self._model()
        calculator.set_grid_cell_and_spacegroup(model)
        calculator.put_model_density_on_grid(model[0])
        assert calculator.grid.shape == (self.n,) * 3
        return calculator.grid

    def _model(self) -> gemmi.Structure:
        structure, residue = self.structure, gemmi.Residue()
        n_atoms = len(structure.numbers)
        b_iso, occupancy, charges = (
            np.full(n_atoms, default) if values is None else values
            for values, default in (
                (structure.b_iso, 20.0),
                (structure.site_occupancy, 1.0),
                (structure.formal_charges, 0),
            )
        )
        residue.name, residue.seqid = "LIG", gemmi.SeqId("1")
        for i, position in enumerate(structure.positions - self.center + self.width / 2):
            atom = gemmi.Atom()
            atom.element, atom.pos = gemmi.Element(int(structure.numbers[i])), gemmi.Position(*position)
            atom.b_iso, atom.occ, atom.charge = float(b_iso[i]), float(occupancy[i]), int(charges[i])
            residue.add_atom(atom)
        whole, model, chain = gemmi.Structure(), gemmi.Model(1), gemmi.Chain("A")
        chain.add_residue(residue)
        model.add_chain(chain)
        whole.add_model(model)
        whole.cell, whole.spacegroup_hm = gemmi.UnitCell(*[self.width] * 3, 90, 90, 90), "P 1"
        return whole


@pytest.mark.parametrize("index", [0, 700, 1500, 1999])
def test_small_molecules_are_gemmis(index):
    structure = known(load_sample().structures()[index])
    cell = Cell(structure, spacing=0.25, margin=6.0)
    theirs = np.array(cell.gemmi().array)
    assert theirs.max() > 1.0
    np.testing.assert_allclose(cell.ours(independent_atoms(structure)), theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("source", [ligand, pocket])
@pytest.mark.parametrize("blur", [0.0, 30.0])
def test_ligand_and_pocket_are_gemmis(source, blur, shared_data):
    structure = known(source(shared_data))
    cell = Cell(structure, margin=10.0)
    theirs = np.array(cell.gemmi(1e-6, blur).array)
    ours = cell.ours(independent_atoms(structure, blur=blur, cutoff=1e-6))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("source", [ligand, pocket])
def test_default_cutoff_is_gemmis(source, shared_data):
    structure = source(shared_data)
    structure = Structure(structure.numbers, structure.positions)
    cell = Cell(structure)
    np.testing.assert_allclose(cell.ours(independent_atoms(structure)), np.array(cell.gemmi().array), rtol=0, atol=1e-4)


@pytest.fixture
def charges_count() -> Iterator[None]:
    before = gemmi.IT92_get_ignore_charge()
    gemmi.IT92_set_ignore_charge(False)
    yield
    gemmi.IT92_set_ignore_charge(before)


@pytest.mark.usefixtures("charges_count")
def test_ions_are_gemmis():
    cell = Cell(IONS, spacing=0.25)
    theirs = np.array(cell.gemmi(1e-6).array)
    ionic, neutral = (independent_atoms(IONS, ionic=ionic, cutoff=1e-6) for ionic in (True, False))
    np.testing.assert_allclose(cell.ours(ionic), theirs, rtol=0, atol=1e-4)
    assert np.abs(cell.ours(neutral) - theirs).max() > 0.05


def test_electrons_of_ions():
    # N+ is not in the table and stays neutral
    charges = IONS.formal_charges.copy()
    charges[IONS.numbers == 7] = 0
    assert independent_atoms(IONS, ionic=True).n_electrons == pytest.approx(
        float((IONS.numbers - charges).sum()), abs=0.05
    )
    assert independent_atoms(IONS, ionic=False).n_electrons == pytest.approx(float(IONS.numbers.sum()), abs=0.05)


@pytest.mark.parametrize("ignored", [True, False])
def test_gemmis_switch_is_left_as_it_was(ignored):
    before = gemmi.IT92_get_ignore_charge()
    module._form_factors.cache_clear()
    gemmi.IT92_set_ignore_charge(ignored)
    try:
        table = module._form_factors()
        assert gemmi.IT92_get_ignore_charge() is ignored
    finally:
        gemmi.IT92_set_ignore_charge(before)
    assert {(8, 0), (8, -1), (30, 2), (98, 0)} <= table.keys()
    assert sum(charge == 0 for _, charge in table) == 98


def test_neutral_atoms_hold_as_many_electrons_as_their_number():
    numbers = np.arange(1, 99)
    atoms = Structure(numbers, np.arange(98)[:, None] * np.array([5.0, 0, 0]))
    field = independent_atoms(atoms)
    electrons = (field.amplitudes * (np.pi / field.exponents) ** 1.5).sum(axis=1)
    np.testing.assert_allclose(electrons, numbers, rtol=0, atol=0.06)  # the fits of the table are no better


@pytest.mark.parametrize("d_min", [1.5, 2.0, 2.5, 3.0])
def test_d_min_looks_like_a_map_without_finer_coefficients(d_min):
    structure = known(load_sample().structures()[1500])
    cell = Cell(structure, spacing=0.25, margin=10.0)
    coefficients = gemmi.transform_map_to_f_phi(cell.gemmi(1e-7), half_l=True).prepare_asu_data(dmin=d_min)
    low_pass = np.array(coefficients.transform_f_phi_to_map(exact_size=(cell.n,) * 3).array).ravel()

    def correlation(**settings: float) -> float:
        return float(np.corrcoef(cell.ours(independent_atoms(structure, **settings)).ravel(), low_pass)[0, 1])

    # measured: 0.994, 0.986, 0.975, 0.967; without smoothing 0.997, 0.981, 0.940, 0.895
    assert correlation(d_min=d_min) > 0.96
    assert d_min < 2 or correlation(d_min=d_min) > correlation()
    twice = structure.b_iso[0] + 2 * 4 * np.log(2) * d_min**2
    assert correlation(d_min=d_min) > correlation(b_iso=twice)


def test_cutoff_is_worth_what_the_docstring_says(shared_data):
    structure = pocket(shared_data)
    cell = Cell(structure)
    coarse, exact = (cell.ours(independent_atoms(structure, cutoff=cutoff)) for cutoff in (1e-5, 1e-12))
    assert np.abs(coarse - exact).max() < 5e-4
    coarse, exact = (cell.ours(independent_atoms(structure, 20.0, cutoff=cutoff)) for cutoff in (1e-5, 1e-12))
    assert np.abs(coarse - exact).max() < 2e-4
    assert 1 - 1e-3 < coarse.sum() / exact.sum() < 1
