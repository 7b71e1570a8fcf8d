"""AtomVoxel: smoothed atoms in a channel per element."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.featurizers.voxel_featurizer import VoxelFeaturizer
from deepchem_density.settings import documented
from deepchem_density.voxels.settings import AtomSettings

__all__ = ["AtomVoxel"]


@documented
@dataclass(eq=False, repr=False)
class AtomVoxel(AtomSettings, VoxelFeaturizer):
    """Smoothed number density of the atoms, one channel per element, in atoms/Å³.

    Examples
    --------
    >>> from deepchem_density import AtomVoxel
    >>> AtomVoxel(box_width=8.0).featurize(["CCO"]).shape
    (1, 16, 16, 16, 11)

    Parameters
    ----------
    {settings}
    """

    representation = "atom"
