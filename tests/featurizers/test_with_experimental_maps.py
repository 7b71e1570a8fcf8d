"""Experimental maps with models of the crystals: do cell, symmetry and axes put the density where the atoms are?"""

from __future__ import annotations

from typing import NamedTuple

import gemmi
import numpy as np
import pytest
from crystals import values_at

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.cube_files import read_cube
from deepchem_density.fields.map_readers import read_map
from deepchem_density.fields.maps import GriddedDensity


class Case(NamedTuple):
    """A map, its model and resolution (Å); a ligand and σ at its atoms as the data's README has it, from linear interpolation."""

    density_map: str
    model: str
    d_min: float
    ligand: str = ""
    sigma: float = 0.0


CASES = [
    Case("5a3h/5a3h_sigmaa.mtz", "5a3h/5a3h.pdb", 1.82, "G2F", 3.2),
    Case("5a3h/5a3h_sigmaa.mtz", "5a3h/5a3h.mmcif", 1.82, "BGC", 3.4),
    Case("4ms6/4ms6_composite_omit.mtz", "4ms6/4ms6.pdb", 1.72, "28T", 2.9),
    Case("5agk/5agk_composite_omit.mtz", "5agk/5agk.pdb", 2.0, "RGE", 2.5),
    Case("2vtq/2vtq_refmac.mtz", "2vtq/2vtq_no_ligand.ent", 1.9),
    Case("4hg7/4hg7_refmac.mtz", "4hg7/4hg7_no_ligand.ent", 1.6),
    Case("3nzd/3nzd.ccp4.gz", "3nzd/3nzd.cif", 1.8, "D2Q", 2.3),
    Case("3ek3/3ek3-2fofc.map.gz", "3ek3/3ek3.cif", 1.7, "FMN", 3.9),
    Case("3pqr/3pqr.ccp4.gz", "3pqr/3pqr.pdb", 2.85, "RET", 1.5),
    Case("3pqr/3pqr-mode0.ccp4", "3pqr/3pqr.pdb", 2.85, "RET", 1.5),
    Case("1mru/1mru.map", "1mru/1mru.pdb", 3.0, "AGS", 3.1),
    Case("1mru/1mru_m0.map", "1mru/1mru.pdb", 3.0, "AGS", 3.1),
    Case("1mru/pdb_redo_1mru.map", "1mru/pdb_redo_1mru_final.pdb", 3.0, "AGS", 3.1),
    Case("JMJD2DA-x336/JMJD2DA-x336_event2.ccp4.gz", "JMJD2DA-x336/JMJD2DA-x336_event2.pdb", 1.34, "LIG", 6.4),
    Case("4un4/4un4_final_m0.map", "4un4/4un4_final.pdb", 2.4),
    Case("dimple_thaum/dimple_thaum.map", "dimple_thaum/dimple_thaum.pdb", 1.6),
]
IDS = [f"{case.density_map.split('/')[1]}-{case.model.rsplit('.', 1)[1]}" for case in CASES]
SHIFT = np.array([2.1, -1.7, 1.3])
CELLS_AWAY = np.array([1, -2, 0])


@pytest.fixture(params=CASES, ids=IDS)
def case(request) -> Case:
    return request.param


@pytest.fixture
def density(shared_data, case) -> GriddedDensity:
    return read_map(shared_data / "maps" / case.density_map)


@pytest.fixture
def structure(shared_data, case) -> gemmi.Structure:
    structure = gemmi.read_structure(str(shared_data / "maps" / case.model))
    structure.setup_cell_images()
    return structure


def positions(structure: gemmi.Structure, residue: str = "") -> np.ndarray:
    return np.array([c.atom.pos.tolist() for c in structure[0].all() if residue in ("", c.residue.name)])


def within(density: GriddedDensity, points: np.ndarray) -> np.ndarray:
    """Return the points that the map covers."""
    if density.periodic:
        return points
    nodes = (points - density.origin) @ np.linalg.inv(density.steps).T
    return points[((nodes >= 0) & (nodes <= np.array(density.shape) - 1)).all(axis=1)]


def model_density(structure: gemmi.Structure, d_min: float) -> gemmi.FloatGrid:
    """Return gemmi's density of the crystal, its reflections cut at d_min as those of the experiment are."""
    calculator = gemmi.DensityCalculatorX()
    calculator.d_min, calculator.rate = d_min, 1.5
    calculator.set_grid_cell_and_spacegroup(structure)
    calculator.put_model_density_on_grid(structure[0])
    reflections = gemmi.transform_map_to_f_phi(calculator.grid, half_l=True).prepare_asu_data(dmin=d_min)
    return reflections.transform_f_phi_to_map(sample_rate=3)


def test_density_is_at_the_atoms_and_not_elsewhere(case, density, structure):
    atoms = positions(structure)
    rng = np.random.default_rng(0)
    anywhere = within(density, rng.uniform(atoms.min(axis=0), atoms.max(axis=0), (20_000, 3)))
    at_atoms, at_random = values_at(density, within(density, atoms)), values_at(density, anywhere)
    assert at_atoms.mean() > 2.2
    assert abs(at_random.mean()) < 0.15
    assert (at_atoms > 1).mean() > 0.8
    assert (at_random > 1).mean() < 0.2


def test_density_follows_that_of_the_model(case, density, structure):
    """Real-space correlation with the model's own density, at random points of its box; none with the model shifted."""
    atoms = positions(structure)
    rng = np.random.default_rng(1)
    points = within(density, rng.uniform(atoms.min(axis=0), atoms.max(axis=0), (20_000, 3)))
    seen, computed = values_at(density, points), model_density(structure, case.d_min)
    fits = np.corrcoef(seen, computed.interpolate_position_array(points, order=3))[0, 1]
    shifted = np.corrcoef(seen, computed.interpolate_position_array(points + SHIFT, order=3))[0, 1]
    assert fits > 0.5
    assert shifted < 0.25


def test_density_repeats_by_symmetry(case, density, structure):
    """The same value at an atom and at its images, wherever the map is that of the crystal; a PanDDA event's is not."""
    cell = structure.cell
    lengths = np.linalg.norm(density.steps * density.shape, axis=0)
    if not density.periodic or not np.allclose(lengths, [cell.a, cell.b, cell.c], rtol=1e-3):
        pytest.skip("a map of part of the crystal")
    atoms = positions(structure)[::10]
    expected = values_at(density, atoms)
    for operation in gemmi.SpaceGroup(structure.spacegroup_hm).operations():
        images = [operation.apply_to_xyz(cell.fractionalize(gemmi.Position(*x)).tolist()) for x in atoms]
        images = (np.array(images) + CELLS_AWAY) @ np.array(cell.orth.mat.tolist()).T
        assert np.corrcoef(values_at(density, images), expected)[0, 1] > 0.995, operation.triplet()


def test_ligands_have_the_density_of_the_readme(case, density, structure):
    """Higher by up to a quarter: linear interpolation cuts off the peaks."""
    if not case.ligand:
        pytest.skip("a model without ligand")
    sigma = values_at(density, positions(structure, case.ligand)).mean()
    assert case.sigma - 0.05 < sigma < 1.27 * case.sigma


def test_a_difference_map_is_low_at_the_atoms(shared_data):
    structure = gemmi.read_structure(str(shared_data / "maps" / "3nzd" / "3nzd.cif"))
    density = read_map(shared_data / "maps" / "3nzd" / "3nzd_diff.ccp4.gz")
    assert abs(values_at(density, positions(structure)).mean()) < 0.3


def test_bytes_are_the_reals_they_were_made_from(shared_data):
    folder = shared_data / "maps"
    for reals, stored in (("3pqr/3pqr.ccp4.gz", "3pqr/3pqr-mode0.ccp4"), ("1mru/1mru.map", "1mru/1mru_m0.map")):
        first, second = (read_map(folder / name, values="file").values for name in (reals, stored))
        np.testing.assert_allclose(second, first, atol=np.ptp(first) / 500)


def test_a_map_and_its_cube_are_the_same(shared_data):
    """The cube is another program's resampling around a ligand, zero elsewhere and in another unit."""
    cube = read_cube(shared_data / "maps" / "3ek3" / "3ek3-2fofc.cub")
    values = cube.values[..., 0]
    known = abs(values) > 1e-10
    inner = known.copy()
    for axis in range(3):
        inner &= np.roll(known, 2, axis) & np.roll(known, -2, axis)
    nodes = np.argwhere(inner)
    density = read_map(shared_data / "maps" / "3ek3" / "3ek3-2fofc.map.gz")
    same = np.corrcoef(values[inner], values_at(density, cube.origin + nodes @ cube.steps.T))[0, 1]
    assert same > 0.97
    for shift in np.vstack([np.eye(3), -np.eye(3)]):
        moved = values_at(density, cube.origin + (nodes + shift) @ cube.steps.T)
        assert np.corrcoef(values[inner], moved)[0, 1] < 0.9


def test_a_map_computed_for_a_ligand_covers_its_cell(shared_data):
    """With a header of MRC2014, space group 1 and empty faces, it does not say whether it repeats."""
    path = shared_data / "maps" / "cctbx_ligand" / "tst_00_mmtbx_building_ligands.map"
    for periodic in (None, True):
        density = read_map(path, periodic=periodic)
        np.testing.assert_allclose(np.diag(density.steps) * density.shape, [30.347, 29.064, 28.168], rtol=1e-5)
        assert density.periodic is bool(periodic)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("3str/3str-2fofc.dsn6", "map of the program O"),
        ("5a3h/r5a3hsf.ent", r"F_meas_au, F_meas_sigma_au, but not FWT"),
        ("1yjp/1yjp-sf.cif", r"F_meas_au, F_meas_sigma_au, but not FWT"),
        ("1yjp/1yjp.cif", "holds no reflections"),
        ("2vtq/LZA.cif", "holds no reflections"),
        ("2vtq/2vtq_no_ligand.ent", "gemmi cannot read"),
        ("gemmi_tiny/iota_yzx.ccp4.gz", r"shape \(4, 1, 2\)"),
    ],
)
def test_files_that_give_no_map_are_refused(shared_data, name, message):
    with pytest.raises(FeaturizationError, match=message):
        read_map(shared_data / "maps" / name)


def test_tiny_maps_of_gemmi(shared_data):
    folder = shared_data / "maps" / "gemmi_tiny"
    box = read_map(folder / "5i55_tiny.ccp4", values="file")
    reference = gemmi.read_ccp4_map(str(folder / "5i55_tiny.ccp4"))
    reference.setup(0.0)
    grid = reference.grid
    for i, j, k in ((0, 0, 0), (5, 7, 9), (2, 3, 4)):
        x, y, z = box.origin + box.steps @ [i, j, k]
        assert box.values[i, j, k] == pytest.approx(grid.interpolate_value(gemmi.Position(x, y, z)), abs=1e-4)
    assert not box.periodic
    assert read_map(folder / "5wkd_phases.mtz.gz").periodic
