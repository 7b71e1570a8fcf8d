"""Fields made for looking at: finished voxels as a function of position, and maps beyond whose faces there is nothing."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from deepchem_density.fields.field import Field
from deepchem_density.fields.point_grid import PointGrid

__all__ = ["VoxelField", "Within"]


class VoxelField(Field):
    """Finished voxels (n1, n2, n3, channels) as a function of position, 0 outside their grid.

    Parameters
    ----------
    values : np.ndarray
        At the points of the grid, the centres of voxels.
    grid : PointGrid
        Where they are.
    smooth : bool
        Whether values between the points are interpolated linearly, or those of the voxel that a point is in.
    """

    def __init__(self, values: np.ndarray, grid: PointGrid, smooth: bool = False) -> None:
        self.values, self.grid, self.smooth = np.asarray(values, dtype=np.float32), grid, smooth
        self.n_channels = values.shape[-1]

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the values (n, n_channels)."""
        places = np.linalg.solve(self.grid.steps, points.double().cpu().numpy().T - self.grid.origin[:, None])
        order = 1 if self.smooth else 0
        channels = np.moveaxis(self.values, -1, 0)
        values = [map_coordinates(one, places, order=order, mode="grid-constant", cval=0.0) for one in channels]
        return torch.from_numpy(np.stack(values, axis=-1)).to(points)

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> VoxelField:
        """Return the same voxels as seen from the frame."""
        return VoxelField(self.values, _in_frame(self.grid, center, rotation), self.smooth)


class Within(Field):
    """A field inside the box of a map, and 0 beyond its faces, where it is not known.

    Parameters
    ----------
    field : Field
        That raises where it is not known.
    grid : PointGrid
        The nodes of the map.
    """

    def __init__(self, field: Field, grid: PointGrid) -> None:
        self.field, self.grid, self.n_channels = field, grid, field.n_channels

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the values (n, n_channels)."""
        places = np.linalg.solve(self.grid.steps, points.double().cpu().numpy().T - self.grid.origin[:, None]).T
        inside = ((places >= 0) & (places <= np.array(self.grid.shape) - 1)).all(axis=1)
        values = torch.zeros(len(points), self.n_channels).to(points)
        mask = torch.from_numpy(inside)
        if inside.any():
            values[mask] = self.field.at(points[mask])
        return values

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> Within:
        """Return the same field as seen from the frame."""
        return Within(self.field.in_frame(center, rotation), _in_frame(self.grid, center, rotation))


def _in_frame(grid: PointGrid, center: np.ndarray, rotation: np.ndarray) -> PointGrid:
    return PointGrid((grid.origin - center) @ rotation, rotation.T @ grid.steps, grid.shape)
