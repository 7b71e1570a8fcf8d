from __future__ import annotations

import pickle

import gemmi
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.derived import GradientMagnitude
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.voxels.grid import VoxelGrid, random_rotation, voxelize

SHAPE = (9, 12, 7)
SKEWED = gemmi.UnitCell(5.1, 6.3, 4.2, 78, 96, 111)


def steps_of(cell: gemmi.UnitCell, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.array(cell.orth.mat.tolist()) / shape


def noise(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def gemmi_grid(values: np.ndarray, cell: gemmi.UnitCell) -> gemmi.FloatGrid:
    grid = gemmi.FloatGrid(values)
    grid.set_unit_cell(cell)
    return grid


@pytest.fixture(params=[True, False], ids=["periodic", "box"])
def density(request) -> GriddedDensity:
    return GriddedDensity(noise(), np.array([1.0, -2.0, 0.5]), steps_of(SKEWED), request.param, "noise.ccp4")


def inside(density: GriddedDensity, n: int = 200, seed: int = 1) -> torch.Tensor:
    fractions = np.random.default_rng(seed).uniform(0, 1, (n, 3)) * (np.array(density.shape) - 1)
    return torch.as_tensor(density.origin + fractions @ density.steps.T)


cells = st.builds(gemmi.UnitCell, *[st.floats(3, 9)] * 3, st.floats(70, 110), st.floats(70, 110), st.floats(70, 110))


@given(cells, st.tuples(*[st.integers(4, 9)] * 3), st.integers(0, 99))
def test_a_periodic_map_is_interpolated_as_gemmi_does(cell, shape, seed):
    values = noise(seed, shape)
    density = GriddedDensity(values, np.zeros(3), steps_of(cell, shape), True)
    grid = gemmi_grid(values, cell)
    points = np.random.default_rng(seed).uniform(-40, 40, (50, 3))
    expected = [grid.tricubic_interpolation(gemmi.Position(*point)) for point in points]
    np.testing.assert_allclose(density.at(torch.as_tensor(points))[:, 0], expected, atol=1e-11)
    derivatives = [grid.tricubic_interpolation_der(cell.fractionalize(gemmi.Position(*point))) for point in points]
    gradients = np.array(derivatives)[:, 1:] @ np.array(cell.frac.mat.tolist())
    np.testing.assert_allclose(density.gradient_at(torch.as_tensor(points)), gradients, atol=1e-10)


def test_every_node_has_its_stored_value(density):
    nodes = np.indices(SHAPE).reshape(3, -1).T
    positions = density.origin + nodes @ density.steps.T
    found = density.at(torch.as_tensor(positions)).numpy().astype(np.float32)
    np.testing.assert_array_equal(found.reshape(SHAPE), noise())
    np.testing.assert_array_equal(density.values, noise())


def test_a_periodic_map_repeats_and_may_start_anywhere():
    cell = steps_of(SKEWED) * SHAPE
    density = GriddedDensity(noise(), np.zeros(3), steps_of(SKEWED), True)
    points = inside(density)
    far = points + torch.as_tensor(cell @ [3, -2, 5])
    torch.testing.assert_close(density.at(far), density.at(points), rtol=0, atol=1e-11)
    moved = GriddedDensity(np.roll(noise(), (-2, -3, 1), (0, 1, 2)), steps_of(SKEWED) @ [2, 3, -1], density.steps, True)
    torch.testing.assert_close(moved.at(points), density.at(points), rtol=0, atol=1e-11)


def test_quadratic_functions_are_exact_up_to_the_last_node_of_a_box():
    """Cubic convolution with Keys' condition at the boundary reproduces polynomials of second degree."""
    empty = GriddedDensity(np.zeros(SHAPE), np.array([1.0, -2.0, 0.5]), steps_of(SKEWED), False)
    rng = np.random.default_rng(3)
    curvature, slope = rng.normal(size=(3, 3)), rng.normal(size=3)
    curvature += curvature.T
    nodes = empty.origin + np.moveaxis(np.indices(SHAPE), 0, -1) @ empty.steps.T
    values = np.einsum("...i,ij,...j", nodes, curvature, nodes) / 2 + nodes @ slope
    density = GriddedDensity(values, empty.origin, empty.steps, False)
    points = inside(density, 500)
    expected = torch.einsum("ni,ij,nj->n", points, torch.as_tensor(curvature), points) / 2
    torch.testing.assert_close(density.at(points)[:, 0], expected + points @ torch.as_tensor(slope), rtol=0, atol=2e-5)
    gradient = points @ torch.as_tensor(curvature) + torch.as_tensor(slope)
    torch.testing.assert_close(density.gradient_at(points), gradient, rtol=0, atol=2e-4)


def test_the_error_falls_with_the_third_power_of_the_step():
    points = torch.as_tensor(np.random.default_rng(0).uniform(-2, 2, (500, 3)))
    errors = []
    for step in (0.5, 0.25, 0.125):
        n = round(8 / step) + 1
        nodes = np.moveaxis(np.indices((n, n, n)), 0, -1) * step - 4
        values = np.exp(-np.square(nodes).sum(axis=-1))
        density = GriddedDensity(values, np.full(3, -4.0), np.eye(3) * step, False)
        errors.append(float((density.at(points)[:, 0] - torch.exp(-points.square().sum(dim=1))).square().mean()) ** 0.5)
    assert errors[0] / errors[1] > 6.5
    assert errors[1] / errors[2] > 6.5
    assert errors[2] < 2e-4


def test_the_gradient_is_the_slope_of_the_values(density):
    points = inside(density)
    shrunk = points + 0.02 * (points.mean(dim=0) - points)
    h = 1e-5
    slopes = [(density.at(shrunk + step) - density.at(shrunk - step)) / (2 * h) for step in torch.eye(3).double() * h]
    torch.testing.assert_close(density.gradient_at(shrunk), torch.cat(slopes, dim=1), rtol=1e-5, atol=1e-4)


@given(st.integers(0, 99))
def test_a_frame_sees_the_same_map(seed):
    rng = np.random.default_rng(seed)
    density = GriddedDensity(noise(seed), rng.normal(size=3), steps_of(SKEWED), True)
    center, rotation = rng.normal(size=3), random_rotation(rng)
    local = torch.as_tensor(rng.uniform(-5, 5, (50, 3)))
    points = local @ torch.as_tensor(rotation.T) + torch.as_tensor(center)
    seen = density.in_frame(center, rotation)
    torch.testing.assert_close(seen.at(local), density.at(points), rtol=0, atol=1e-11)
    turned = density.gradient_at(points) @ torch.as_tensor(rotation)
    torch.testing.assert_close(seen.gradient_at(local), turned, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_axes_are_their_crossings(density, dtype, atol):
    middle = density.origin + density.steps @ (np.array(SHAPE) - 1) / 2
    turned = density.in_frame(middle, random_rotation(np.random.default_rng(5)))
    axes = [torch.linspace(low, high, n, dtype=dtype) for low, high, n in ((-0.5, 0.6, 4), (-0.4, 0.3, 6), (0, 0.7, 3))]
    crossings = torch.cartesian_prod(*axes)
    values, gradient = turned.on_axes(*axes), turned.gradient_on_axes(*axes)
    assert values.shape == (4, 6, 3, 1)
    assert gradient.shape == (4, 6, 3, 3)
    assert values.dtype == gradient.dtype == dtype
    exact = crossings.double()
    torch.testing.assert_close(values.reshape(-1, 1).double(), turned.at(exact), rtol=1e-6, atol=atol)
    torch.testing.assert_close(gradient.reshape(-1, 3).double(), turned.gradient_at(exact), rtol=1e-6, atol=10 * atol)
    length = GradientMagnitude(turned).on_axes(*axes)[..., 0]
    torch.testing.assert_close(length, torch.linalg.norm(gradient, dim=-1))


@pytest.mark.parametrize("oversampling", [1, 2])
def test_voxels_are_means_over_points_of_their_cells(oversampling):
    density = GriddedDensity(noise(), np.zeros(3), steps_of(SKEWED), True)
    grid = VoxelGrid([0.3, -4.0, 2.0], 4.0, 0.5, random_rotation(np.random.default_rng(2)))
    fine = VoxelGrid(grid.center, 4.0, 0.5 / oversampling, grid.rotation)
    values = density.at(torch.as_tensor(fine.points().reshape(-1, 3)))
    expected = values.reshape(8, oversampling, 8, oversampling, 8, oversampling, 1).mean(dim=(1, 3, 5))
    torch.testing.assert_close(voxelize(density, grid, oversampling, torch.float64), expected, rtol=0, atol=1e-11)


def test_a_travelled_map_is_the_same(density):
    points = inside(density)
    assert torch.equal(pickle.loads(pickle.dumps(density)).at(points), density.at(points))


def test_the_order_of_the_values_in_memory_does_not_matter(density):
    other = GriddedDensity(np.asfortranarray(noise()), density.origin, density.steps, density.periodic)
    assert torch.equal(other.at(inside(density)), density.at(inside(density)))
    assert other.values.strides == density.values.strides, "a copy would be made at every look"


def test_values_cannot_be_written(density):
    with pytest.raises(ValueError, match="read-only"):
        density.values[0, 0, 0] = 1.0


def test_no_points_have_no_values(density):
    assert density.at(torch.empty((0, 3))).shape == (0, 1)
    assert density.gradient_at(torch.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_point_outside_a_box_is_refused_with_the_distance(axis, direction):
    density = GriddedDensity(noise(), np.zeros(3), np.diag([0.5, 0.6, 0.7]), False, "part.map")
    point = torch.as_tensor((np.array(SHAPE) - 1) * [0.5, 0.6, 0.7] * (direction > 0))[None]
    point[0, axis] += direction * 1e-5
    assert density.at(point).isfinite().all()
    point[0, axis] += direction * 1.25
    for look in (density.at, density.gradient_at):
        with pytest.raises(FeaturizationError, match=r"'part\.map' ends 1\.25 Å inside the region.*box_width"):
            look(point)


def test_a_box_that_leaves_the_map_is_refused():
    density = GriddedDensity(noise(), np.zeros(3), np.eye(3), False, "part.map")
    assert voxelize(density, VoxelGrid([4, 4, 3], 4, 0.5)).shape == (8, 8, 8, 1)
    with pytest.raises(FeaturizationError, match=r"ends 0\.75 Å inside"):
        voxelize(density, VoxelGrid([4, 4, 3], 8, 0.5))


@pytest.mark.parametrize("periodic", [True, False])
def test_a_hole_matters_only_where_it_is_looked_at(periodic):
    values = noise()
    values[4, 6, 3] = np.nan
    density = GriddedDensity(values, np.zeros(3), np.eye(3), periodic, "holed.map")
    assert density.at(torch.tensor([[1.5, 2.5, 3.5], [6.1, 8.0, 5.0]])).isfinite().all()
    for look in (density.at, density.gradient_at):
        with pytest.raises(FeaturizationError, match=r"'holed\.map' has a hole"):
            look(torch.tensor([[3.5, 6.5, 2.5]]))


def masked(level: float = 0.1, shape: tuple[int, int, int] = (40, 36, 44)) -> np.ndarray:
    """The same value everywhere but in a region in the middle."""
    values = np.full(shape, level, dtype=np.float32)
    middle = tuple(slice(n // 2 - 3, n // 2 + 3) for n in shape)
    values[middle] = noise(4, (6, 6, 6))
    return values


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("look", [lambda density: density, GradientMagnitude], ids=["values", "gradient"])
@pytest.mark.parametrize("oversampling", [1, 3])
def test_a_box_in_which_a_map_is_flat_is_refused_and_one_that_is_flat_in_part_is_not(periodic, look, oversampling):
    """With 3 sub-points the large box is looked at in 17 slabs, of which the outer ones are flat."""
    density = GriddedDensity(masked(), np.zeros(3), np.diag([0.5, 0.6, 0.4]), periodic, "masked.map")
    seen = look(density)
    turned = random_rotation(np.random.default_rng(6))
    for rotation in (np.eye(3), turned):
        with pytest.raises(FeaturizationError, match=r"'masked\.map' has the same value everywhere in the box"):
            voxelize(seen, VoxelGrid([5, 5, 5], 4, 0.5, rotation), oversampling)
        within = voxelize(seen, VoxelGrid(np.array([10, 10.8, 8.8]), 10, 0.2, rotation), oversampling, torch.float64)
        assert float(within.std()) > 0.01
        assert float(within[0].std()) < 1e-12
        beside = voxelize(seen, VoxelGrid(np.array([10, 10.8, 4.5]), 6, 0.5, rotation), oversampling, torch.float64)
        assert float(beside.std()) > 0


def test_one_node_is_enough_for_a_box(density):
    values = np.zeros(SHAPE)
    values[4, 6, 3] = 1
    spike = GriddedDensity(values, density.origin, density.steps, density.periodic)
    at = density.origin + density.steps @ [4, 6, 3]
    near, far = (torch.tensor([x], dtype=torch.float64) for x in (0.0, 2.5))
    assert float(spike.in_frame(at, np.eye(3)).on_axes(near, near, near)) == pytest.approx(1)
    if density.periodic:
        with pytest.raises(FeaturizationError, match="the same value everywhere"):
            spike.in_frame(at, np.eye(3)).on_axes(far, far, far)


def test_axes_that_lead_out_of_a_flat_cube_are_not_refused():
    """The cube of the longest of these axes is flat, what lies on them is not."""
    density = GriddedDensity(masked(), np.zeros(3), np.diag([0.5, 0.6, 0.4]), True).in_frame([10, 10.8, 3], np.eye(3))
    x, y, z = torch.linspace(-1, 1, 5), torch.zeros(1), torch.tensor([5.8])
    assert float(density.on_axes(x, y, z).std()) > 0.01
    with pytest.raises(FeaturizationError, match="the same value everywhere"):
        density.on_axes(x, y, y)


def test_points_where_a_map_is_flat_have_its_value():
    """Unlike those of a box: there may be few, in the solvent of a map that was flattened."""
    density = GriddedDensity(masked(), np.zeros(3), np.eye(3), True)
    points = torch.tensor([[2.0, 3.5, 2.2], [30.0, 2.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(density.at(points)[:, 0], torch.full((2,), 0.1, dtype=torch.float64), rtol=1e-6, atol=0)
    assert float(density.gradient_at(points).abs().max()) < 1e-15


def test_no_axis_has_no_values(density):
    none = torch.empty(0)
    assert density.on_axes(none, none, none).shape == (0, 0, 0, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_points_that_are_nowhere_are_refused(density, bad):
    with pytest.raises(FeaturizationError, match="not finite"):
        density.at(torch.tensor([[0.0, bad, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("shape", "origin", "steps", "periodic", "message"),
    [
        ((4, 4), np.zeros(3), np.eye(3), True, r"shape \(4, 4\)"),
        ((4, 2, 4), np.zeros(3), np.eye(3), False, "at least 3 nodes"),
        ((4, 0, 4), np.zeros(3), np.eye(3), True, "at least 1 nodes"),
        ((4, 4, 4), np.zeros(2), np.eye(3), True, "origin"),
        ((4, 4, 4), np.zeros(3), np.ones((3, 3)), True, "span a volume"),
        ((4, 4, 4), np.zeros(3), np.diag([1, np.nan, 1]), True, "finite"),
    ],
)
def test_a_map_that_is_none_is_refused(shape, origin, steps, periodic, message):
    with pytest.raises(FeaturizationError, match=message):
        GriddedDensity(np.zeros(shape), origin, steps, periodic)
