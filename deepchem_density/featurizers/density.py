"""DensityVoxel: electron density."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.featurizers.voxel_featurizer import VoxelFeaturizer
from deepchem_density.settings import documented
from deepchem_density.voxels.settings import DensitySettings, MapSettings, TransformSettings

__all__ = ["DensityVoxel"]


@documented
@dataclass(eq=False, repr=False)
class DensityVoxel(MapSettings, DensitySettings, TransformSettings, VoxelFeaturizer):
    """Electron density in e/Å³: of valence electrons from xTB, of independent atoms, or of an experimental map (or σ of it).

    Examples
    --------
    >>> from deepchem_density import DensityVoxel
    >>> voxels = DensityVoxel(oversampling=2).featurize(["O"])
    >>> round(float(voxels.sum()) * 0.5**3, 1)  # water has eight valence electrons
    8.0

    Parameters
    ----------
    {settings}

    Notes
    -----
    Datapoints of different kinds in one call are refused with ``source="auto"``: their densities mean different things. See
    `xtb_density`, `independent_atoms` and `read_map` for the three sources, `cut_pocket` for what xTB solves of a protein, and
    `inverse_transform` for the way back from transformed voxels.
    """

    representation = "density"
