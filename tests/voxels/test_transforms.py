from __future__ import annotations

import numpy as np
import pytest
import torch

from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.transforms import TRANSFORMS, inverse_transform

SMALL = {"box_width": 6.0, "voxel_width": 1.0}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("representation", ["density", "gradient"])
def test_transforms_are_undone_by_their_inverse(representation, transform, molecules):
    settings = {**SMALL, "oversampling": 2, "dtype": "float64"}
    plain = Recipe(representation, **settings).voxels(molecules["water"])
    transformed = Recipe(representation, transform=transform, **settings).voxels(molecules["water"])
    np.testing.assert_allclose(inverse_transform(transformed, transform), plain, rtol=1e-9, atol=1e-14)
    assert np.array_equal(transformed, plain) == (transform == "none")


def test_transforms_are_their_formulas(molecules):
    """Of the finished voxel, not of the points within it."""
    settings = {**SMALL, "oversampling": 3, "dtype": "float64"}
    plain = Recipe("density", **settings).voxels(molecules["water"])
    for transform, expected in (("sqrt", plain**0.5), ("log", np.log(1 + plain / 1e-3))):
        np.testing.assert_allclose(
            Recipe("density", transform=transform, **settings).voxels(molecules["water"]),
            expected,
            rtol=1e-9,
            atol=1e-12,
        )


def test_unknown_transform_has_no_inverse():
    with pytest.raises(ValueError, match="transform='exp' arrived; 'none', 'sqrt', 'log' are accepted"):
        inverse_transform(np.ones(3), "exp")


@pytest.mark.parametrize("transform", ["sqrt", "log"])
def test_signs_are_kept(transform):
    values = np.array([-3.0, -0.001, 0.0, 0.002, 5.0])
    transformed = TRANSFORMS[transform][0](torch.from_numpy(values)).numpy()
    np.testing.assert_array_equal(np.sign(transformed), np.sign(values))
    np.testing.assert_allclose(inverse_transform(transformed, transform), values, rtol=1e-12)
