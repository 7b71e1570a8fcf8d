"""Cube files are read back by a few lines that know the columns of cubegen and nothing of this package."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from deepchem_density import PointGrid, VoxelGrid, independent_atoms, read_map, voxelize, write_cube, xtb_density
from deepchem_density.errors import FeaturizationError
from deepchem_density.fields import GradientMagnitude

BOHR = 0.529177210903
TURN = Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix()
STEPS = TURN * [0.30, 0.25, 0.20]
TURNED = PointGrid([0.25, -0.1, 0.3] - STEPS @ [10, 10, 12], STEPS, (20, 21, 25))


class Columns(NamedTuple):
    atoms: np.ndarray
    origin: np.ndarray
    steps: np.ndarray
    values: np.ndarray
    comments: list[str]


def in_columns(path) -> Columns:
    """Read I5, 4F12.6 and 6E13.5, as Fortran does; lengths in bohr."""
    lines = path.read_text(encoding="ascii").splitlines()

    def head(line: str, n: int) -> list[float]:
        assert len(line) == 5 + 12 * n
        return [float(line[:5]), *(float(line[5 + 12 * i : 17 + 12 * i]) for i in range(n))]

    n_atoms, *origin = head(lines[2], 3)
    rows = [head(line, 3) for line in lines[3:6]]
    atoms = np.array([head(line, 4) for line in lines[6 : 6 + int(n_atoms)]])
    shape = [int(row[0]) for row in rows]
    body = lines[6 + int(n_atoms) :]
    assert len(body) == shape[0] * shape[1] * -(-shape[2] // 6)
    words = [line[i : i + 13] for line in body for i in range(0, len(line), 13)]
    values = np.array([float(word) for word in words]).reshape(shape)
    return Columns(atoms, np.array(origin), np.array([row[1:] for row in rows]), values, lines[:2])


def test_a_turned_off_origin_grid_that_is_no_cube_agrees_with_the_density_at_a_hundred_points(molecules, tmp_path):
    water = molecules["water"]
    density = xtb_density(water)
    path = write_cube(tmp_path / "water.cube", density, TURNED, atoms=water)
    found = in_columns(path)
    chosen = np.random.default_rng(0).integers(0, TURNED.shape, (100, 3))
    positions = (found.origin + chosen @ found.steps) * BOHR
    expected = density.at(torch.from_numpy(positions))[:, 0].numpy() * BOHR**3
    assert expected.max() > 0.05
    # six digits of a value, at the positions that the file states; those are the grid's to 25 times 10⁻⁶ bohr
    np.testing.assert_allclose(found.values[tuple(chosen.T)], expected, rtol=6e-6, atol=1e-12)
    np.testing.assert_allclose(positions, TURNED.origin + chosen @ TURNED.steps.T, atol=2e-5)
    np.testing.assert_allclose(found.atoms[:, 2:] * BOHR, water.positions, atol=1e-6)
    np.testing.assert_array_equal(found.atoms[:, :2], np.stack([water.numbers, water.numbers], axis=1))


def test_voxels_stand_at_their_centres_and_integrate_to_the_electrons(molecules, tmp_path):
    water = molecules["water"]
    grid = VoxelGrid(water.positions.mean(axis=0), 9.0, 0.25, TURN)
    voxels = voxelize(xtb_density(water), grid, oversampling=3)
    found = in_columns(write_cube(tmp_path / "water.cube", voxels, grid))
    centres = (found.origin + np.array([[3, 7, 11]]) @ found.steps) * BOHR
    np.testing.assert_allclose(centres[0], grid.points()[3, 7, 11], atol=2e-5)
    assert len(found.atoms) == 0
    assert found.values.sum() * abs(np.linalg.det(found.steps)) == pytest.approx(8.0, abs=0.01)


def test_it_is_read_back_as_it_was(molecules, tmp_path):
    density = xtb_density(molecules["methane"])
    path = write_cube(tmp_path / "methane.cub", density, TURNED, title="Dichte\nvon Methan, 0.5 Å³")
    read = read_map(path, values="file")
    assert path.read_text().splitlines()[0] == "Dichte von Methan, 0.5 A^3"
    points = torch.from_numpy(np.concatenate(list(TURNED.positions())))[::97]
    torch.testing.assert_close(read.at(points), density.at(points), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("e/Å³", BOHR**3), ("e/Å⁴", BOHR**4), ("atoms/Å³", BOHR**3), ("1", 1.0), ("σ", 1.0), ("σ/Å", BOHR)],
)
def test_values_are_in_atomic_units_and_what_is_no_density_is_not_taken_for_one(unit, factor, molecules, tmp_path):
    values = np.random.default_rng(0).random((4, 5, 6))
    grid = PointGrid((0, 0, 0), np.eye(3), (4, 5, 6))
    path = write_cube(tmp_path / "some.cube", values, grid, unit=unit)
    np.testing.assert_allclose(in_columns(path).values, values * factor, rtol=1e-5)
    if unit == "e/Å³":
        assert read_map(path, values="file").values.max() == pytest.approx(values.max(), rel=1e-5)
    else:
        with pytest.raises(FeaturizationError, match="no electron density"):
            read_map(path)


def test_any_field_is_looked_at(molecules, tmp_path):
    gradient = GradientMagnitude(independent_atoms(molecules["benzene"]))
    found = in_columns(write_cube(tmp_path / "gradient.cube", gradient, TURNED, unit="e/Å⁴"))
    places = np.indices(TURNED.shape).reshape(3, -1).T
    points = torch.from_numpy((found.origin + places @ found.steps) * BOHR)
    expected = gradient.at(points)[:, 0].reshape(TURNED.shape).numpy() * BOHR**4
    np.testing.assert_allclose(found.values, expected, rtol=6e-6, atol=1e-90)


def test_tiny_values_leave_no_numbers_without_a_space(tmp_path):
    values = np.array([-1e-150, 1e-98, -1e-98, 0.0, -1.0, 1e98, -1e98]).reshape(1, 1, 7)
    found = in_columns(write_cube(tmp_path / "tiny.cube", values, PointGrid((0, 0, 0), np.eye(3), (1, 1, 7)), unit="1"))
    np.testing.assert_allclose(found.values, values, rtol=1e-5, atol=1e-149)


def test_what_cannot_be_written_is_refused_and_leaves_no_file(molecules, tmp_path):
    grid = PointGrid((0, 0, 0), np.eye(3), (2, 2, 2))
    path = tmp_path / "refused.cube"
    with pytest.raises(ValueError, match=r"unit='eV' arrived; 'e/Å³', .* are accepted"):
        write_cube(path, np.zeros((2, 2, 2)), grid, unit="eV")
    with pytest.raises(ValueError, match="below 1e\\+99"):
        write_cube(path, np.full((2, 2, 2), 1e200), grid, unit="1")
    with pytest.raises(ValueError, match="A coordinate of 11338 bohr arrived"):
        write_cube(path, np.zeros((2, 2, 2)), PointGrid((6000, 0, 0), np.eye(3), (2, 2, 2)))
    with pytest.raises(ValueError, match="channel=None arrived for 2 channels"):
        write_cube(path, np.zeros((2, 2, 2, 2)), grid)
    assert not list(tmp_path.iterdir())
