"""What torch gives on any device, and what compiled code gives on a CPU, are the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepchem_density.fields import orbital_tables
from deepchem_density.fields.gaussian_basis import GaussianBasis, GaussianShell
from deepchem_density.fields.gaussian_orbitals import OrbitalDensity
from deepchem_density.fields.orbital_tables import OrbitalTables

MOMENTA = (0, 1, 2, 0, 2, 1)


def orbitals(seed: int = 0) -> OrbitalDensity:
    rng = np.random.default_rng(seed)
    shells = [GaussianShell(m, rng.uniform(0.2, 2.0, 3), rng.normal(size=3)) for m in MOMENTA]
    basis = GaussianBasis.from_shells(shells, rng.uniform(-3, 3, (len(MOMENTA), 3)))
    return OrbitalDensity(basis, rng.normal(size=(basis.n_orbitals, 5)))


def tables(density: OrbitalDensity, dtype: torch.dtype = torch.float64) -> OrbitalTables:
    weights = density.basis.primitives.contraction @ density.orbitals
    return OrbitalTables(density.basis, torch.as_tensor(weights, dtype=dtype))


def axes(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    return [torch.linspace(low, high, n, dtype=dtype) for low, high, n in ((-3, 3, 13), (-2, 4, 22), (-5, 2, 17))]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-6)], ids=str)
def test_compiled_code_gives_the_same(dtype, tolerance):
    density = orbitals()
    values, gradient = tables(density).on_axes(*axes()), tables(density).gradient_on_axes(*axes())
    for found, expected in (
        (density.on_axes(*axes(dtype)), values),
        (density.gradient_on_axes(*axes(dtype)), gradient),
    ):
        scale = float(expected.abs().max())
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("slab", [1, 3, 100])
def test_size_of_slabs_and_steps_does_not_matter(slab, monkeypatch):
    one = tables(orbitals())
    points = torch.cat([axis[:13, None] for axis in axes()], dim=1)
    whole = [one.on_axes(*axes()), one.gradient_on_axes(*axes()), one.at(points), one.gradient_at(points)]
    monkeypatch.setattr(orbital_tables, "PLANES_PER_SLAB", slab)
    monkeypatch.setattr(orbital_tables, "POINTS_PER_STEP", slab)
    parts = [one.on_axes(*axes()), one.gradient_on_axes(*axes()), one.at(points), one.gradient_at(points)]
    for left, right in zip(whole, parts, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-12)
