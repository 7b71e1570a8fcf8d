from __future__ import annotations

import numpy as np
import pytest
import torch

from deepchem_density.fields.derived import Above, DensityAndGradient, GradientMagnitude
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.slater_basis import slater_basis

ROTATION = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
CENTER = np.array([0.3, -0.4, 0.2])
TURNED = torch.as_tensor(ROTATION.T)


@pytest.fixture(scope="module")
def density() -> OrbitalDensity:
    basis = slater_basis(("P", "C", "H"), np.array([[0.1, -0.3, 0.2], [2.9, 1.1, -0.8], [-1.4, 2.0, 1.6]]), "GFN2-xTB")
    return OrbitalDensity(basis, np.random.default_rng(0).normal(size=(basis.n_orbitals, 3)))


@pytest.fixture
def points() -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(1).uniform(-3, 3, (300, 3)))


@pytest.fixture
def axes() -> list[torch.Tensor]:
    return [torch.linspace(low, high, n, dtype=torch.float64) for low, high, n in ((-2, 3, 7), (-3, 2, 11), (-1, 4, 9))]


def test_gradient_magnitude_is_the_norm_of_the_gradient(density, points, axes):
    field = GradientMagnitude(density)
    torch.testing.assert_close(field.at(points)[:, 0], torch.linalg.norm(density.gradient_at(points), dim=1))
    crossings = torch.cartesian_prod(*axes)
    torch.testing.assert_close(field.on_axes(*axes).reshape(-1, 1), field.at(crossings), rtol=1e-9, atol=1e-12)
    assert field.on_axes(*axes).shape == (7, 11, 9, 1)


def test_gradient_magnitude_is_the_slope_uphill(density, points):
    """Along its own direction the density rises by |∇ρ| per Å."""
    gradient = density.gradient_at(points)
    uphill = torch.nn.functional.normalize(gradient, dim=1) * 1e-4
    slope = (density.at(points + uphill) - density.at(points - uphill)) / 2e-4
    torch.testing.assert_close(GradientMagnitude(density).at(points), slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_density_and_gradient_are_both_side_by_side(dtype, density, points, axes):
    both, slope = DensityAndGradient(density), GradientMagnitude(density)
    assert both.n_channels == 2
    axis = torch.linspace(-2, 3, 14, dtype=dtype).reshape(7, 2)
    for found, *expected in (
        (both.at(points), density.at(points), slope.at(points)),
        (both.on_axes(*axes), density.on_axes(*axes), slope.on_axes(*axes)),
        (both.cell_means(axis), density.cell_means(axis), slope.cell_means(axis)),
    ):
        torch.testing.assert_close(found, torch.cat(expected, dim=-1))
    out = torch.full((7, 7, 7, 2), torch.nan, dtype=dtype)
    assert both.cell_means(axis, out) is out
    assert torch.equal(out, both.cell_means(axis))


def test_above_is_one_where_the_density_is(density, points, axes):
    threshold = float(density.at(points).median())
    field = Above(density, threshold)
    assert float(field.at(points).mean()) == pytest.approx(0.5, abs=0.01)
    assert torch.equal(field.at(points), (density.at(points) > threshold).double())
    crossings = torch.cartesian_prod(*axes)
    assert torch.equal(field.on_axes(*axes).reshape(-1, 1), field.at(crossings))
    assert torch.equal(field.on_axes(*axes), (density.on_axes(*axes) > threshold).double())


def test_above_is_strict_and_defaults_to_two_thousandths_of_an_electron_per_bohr3():
    assert Above.__init__.__defaults__ == (0.0135,)
    assert pytest.approx(0.0135, rel=1e-3) == 0.002 / 0.529177210903**3


@pytest.mark.parametrize("wrap", [GradientMagnitude, DensityAndGradient, lambda density: Above(density, 0.5)])
def test_a_turned_frame_sees_the_same_field(wrap, density, points):
    there = torch.as_tensor(CENTER) + points @ TURNED
    torch.testing.assert_close(wrap(density).in_frame(CENTER, ROTATION).at(points), wrap(density).at(there))


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_threshold_must_be_positive(threshold, density):
    with pytest.raises(ValueError, match=f"threshold={threshold} arrived; a positive density"):
        Above(density, threshold)
