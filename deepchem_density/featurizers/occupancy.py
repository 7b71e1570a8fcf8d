"""OccupancyVoxel: inside or outside."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.featurizers.voxel_featurizer import VoxelFeaturizer
from deepchem_density.settings import documented
from deepchem_density.voxels.settings import DensitySettings, MapSettings, SurfaceSettings

__all__ = ["OccupancyVoxel"]


@documented
@dataclass(eq=False, repr=False)
class OccupancyVoxel(MapSettings, DensitySettings, SurfaceSettings, VoxelFeaturizer):
    """1 inside the molecule and 0 outside: shape and nothing else.

    Examples
    --------
    >>> from deepchem_density import OccupancyVoxel
    >>> voxels = OccupancyVoxel(dtype="uint8").featurize(["C"])
    >>> voxels.shape, sorted(set(voxels.ravel().tolist()))
    ((1, 32, 32, 32, 1), [0, 1])

    Parameters
    ----------
    {settings}

    Notes
    -----
    With ``oversampling`` above 1 a voxel is the part of its cell that is inside. Sources of density matter for
    ``shape="density"`` alone.
    """

    representation = "occupancy"
