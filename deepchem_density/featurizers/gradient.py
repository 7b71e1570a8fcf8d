"""GradientVoxel: the length of the density's gradient."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.featurizers.density import DensityVoxel
from deepchem_density.settings import documented

__all__ = ["GradientVoxel"]


@documented
@dataclass(eq=False, repr=False)
class GradientVoxel(DensityVoxel):
    """Length of the gradient of the electron density, in e/Å⁴, or σ/Å of a map.

    Parameters
    ----------
    {settings}
    """

    representation = "gradient"
