"""JointVoxel: several representations side by side."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.featurizers.voxel_featurizer import VoxelFeaturizer
from deepchem_density.settings import documented, setting
from deepchem_density.voxels.representations import canonical
from deepchem_density.voxels.settings import VoxelSettings

__all__ = ["JointVoxel"]


@dataclass(eq=False, repr=False)
class _Names:
    """What is looked at, which stands first among the arguments."""

    representations: str | tuple[str, ...] = setting(
        ("density", "gradient", "occupancy"),
        "names of representations; their channels stand in one order, whatever is given",
    )


@documented
@dataclass(eq=False, repr=False)
class JointVoxel(VoxelFeaturizer, VoxelSettings, _Names):
    """Several representations in channels side by side; each molecule is read and solved once.

    Examples
    --------
    >>> from deepchem_density import JointVoxel
    >>> featurizer = JointVoxel(("density", "occupancy"), box_width=8.0)
    >>> featurizer.channels
    ('density', 'occupancy')
    >>> featurizer.featurize(["O"]).shape
    (1, 16, 16, 16, 2)

    Parameters
    ----------
    {settings}

    Notes
    -----
    ``transform`` acts on density and gradient alone.
    """

    def __post_init__(self) -> None:
        if isinstance(self.representations, list):  # a file name and a digest are made of it
            self.representations = tuple(self.representations)
        super().__post_init__()

    @property
    def representation(self) -> str:  # type: ignore[override]
        """The names joined, in the order of their channels."""
        return canonical(self.representations)
