"""A cubic grid of voxels anywhere in space, and the one function that looks at a field through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from deepchem_density.fields.field import Field
from deepchem_density.fields.point_grid import PointGrid
from deepchem_density.settings import check_memory

__all__ = ["VoxelGrid", "random_rotation", "voxelize", "voxels_per_edge"]

WHOLE_TOLERANCE = 1e-6
ORTHOGONALITY_TOLERANCE = 1e-6
BYTES_PER_VOXEL = 8
MOST_POINTS_PER_AXIS = 64

NO_ROTATION = np.eye(3)
NO_ROTATION.setflags(write=False)


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """A cube of cells.

    Voxel (i, j, k) is a cell of edge ``voxel_width``; its centre has the local coordinates
    u = ((i, j, k) + 1/2) voxel_width - box_width/2 and lies at center + rotation @ u.

    Parameters
    ----------
    center : array-like
        Centre of the box, (3,) in Å.
    box_width, voxel_width : float
        Edges of the box and of a voxel in Å; the quotient must be whole.
    rotation : array-like, optional
        Rotation matrix (3, 3) whose columns are the directions of the grid's axes.

    Raises
    ------
    ValueError
        Widths that are not positive or do not divide, a centre that is no point, a matrix that is no rotation.
    """

    center: np.ndarray = field(default_factory=lambda: np.zeros(3))
    box_width: float = 16.0
    voxel_width: float = 0.5
    rotation: np.ndarray = field(default_factory=lambda: NO_ROTATION)

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", np.asarray(self.center, dtype=np.float64))
        voxels_per_edge(self.box_width, self.voxel_width)
        if self.center.shape != (3,) or not np.isfinite(self.center).all():
            raise ValueError(f"center={self.center.tolist()} is no point; three finite numbers in Å are accepted.")
        if self.rotation is not NO_ROTATION:
            object.__setattr__(self, "rotation", np.asarray(self.rotation, dtype=np.float64))
            self._check_rotation()

    def _check_rotation(self) -> None:
        R = self.rotation  # noqa: N806
        # Written so that a NaN, which compares as false, is refused too.
        orthogonal = R.shape == (3, 3) and abs(R @ R.T - np.eye(3)).max() <= ORTHOGONALITY_TOLERANCE
        if not orthogonal or np.linalg.det(R) < 0:
            raise ValueError(
                "rotation is no proper rotation matrix; a (3, 3) orthogonal matrix of determinant 1 is accepted."
            )

    @property
    def voxels_per_edge(self) -> int:
        """Number of voxels along each edge."""
        return voxels_per_edge(self.box_width, self.voxel_width)

    def axis(self, oversampling: int = 1) -> np.ndarray:
        """Return local coordinates of the sub-points of each cell along one axis, (voxels_per_edge, oversampling) in Å."""
        return _axis(self.box_width, self.voxel_width, oversampling)

    def to_local(self, positions: np.ndarray) -> np.ndarray:
        """Return local coordinates (n, 3) of positions (n, 3)."""
        return (positions - self.center) @ self.rotation

    def points(self) -> np.ndarray:
        """Return the voxel centres in space, (n, n, n, 3) in Å."""
        axis = self.axis()[:, 0]
        local = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
        return self.center + local @ self.rotation.T

    @property
    def point_grid(self) -> PointGrid:
        """The centres of the voxels as a grid of points."""
        first = np.full(3, self.axis()[0, 0])
        n = self.voxels_per_edge
        return PointGrid(self.center + self.rotation @ first, self.voxel_width * self.rotation, (n, n, n))


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Draw a rotation uniformly from all rotations in space.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    numpy.ndarray
        (3, 3) float64 matrix R; ``positions @ R.T`` turns positions about the origin.

    Notes
    -----
    Four standard normal numbers, normalized, are a uniform unit quaternion [1]_.

    References
    ----------
    .. [1] G. Marsaglia, Ann. Math. Statist. 43, 645 (1972), doi:10.1214/aoms/1177692644.
    """
    return Rotation.from_quat(rng.standard_normal(4)).as_matrix()


@lru_cache
def voxels_per_edge(box_width: float, voxel_width: float) -> int:
    """Return box_width / voxel_width.

    Raises
    ------
    ValueError
        The quotient is not a positive whole number, or so many voxels take more memory than `LARGEST_MEMORY`.
    """
    if not (np.isfinite(box_width) and np.isfinite(voxel_width) and box_width > 0 and voxel_width > 0):
        raise ValueError(
            f"box_width={box_width} and voxel_width={voxel_width} arrived; positive lengths in Å are accepted."
        )
    quotient = box_width / voxel_width
    n = round(quotient)
    if n < 1 or abs(quotient - n) > WHOLE_TOLERANCE * quotient:
        near = max(n, 1)
        raise ValueError(
            f"box_width={box_width:g} is {quotient:.4g} voxels of {voxel_width:g} Å; a whole number is needed, for instance "
            f"box_width={near * voxel_width:g} or voxel_width={box_width / near:.6g}."
        )
    check_memory(
        f"A box of {n} x {n} x {n} voxels (box_width={box_width:g}, voxel_width={voxel_width:g})",
        BYTES_PER_VOXEL * float(n) ** 3,
    )
    return n


@lru_cache
def _axis(box_width: float, voxel_width: float, oversampling: int) -> np.ndarray:
    n = voxels_per_edge(box_width, voxel_width)
    points = (np.arange(n * oversampling) + 0.5) * (voxel_width / oversampling) - box_width / 2
    points.setflags(write=False)
    return points.reshape(n, oversampling)


@lru_cache
def _axis_tensor(
    box_width: float, voxel_width: float, oversampling: int, dtype: torch.dtype, device: torch.device | str
) -> torch.Tensor:
    """Return the axis as a tensor, which nobody may write to; making it anew costs as much as looking up a molecule."""
    return torch.tensor(_axis(box_width, voxel_width, oversampling), dtype=dtype, device=device)


def check_oversampling(oversampling: int) -> None:
    """Raise ValueError if this is no number of sub-points along an axis."""
    if not (1 <= oversampling <= MOST_POINTS_PER_AXIS and oversampling == int(oversampling)):
        raise ValueError(
            f"oversampling={oversampling} arrived; 1 (centres), 2, 3, ... {MOST_POINTS_PER_AXIS} points per cell and axis are "
            "accepted."
        )


def voxelize(
    source: Field,
    grid: VoxelGrid,
    oversampling: int = 1,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the values of a field in the cells of a grid, (n, n, n, channels).

    The value of a voxel is the mean of the field over ``oversampling ** 3`` points of its cell, evenly spaced; with 1 it is
    the value at the centre. A rotated grid looks at the same field from its own frame: nothing is interpolated.

    Parameters
    ----------
    source : Field
        What to look at.
    grid : VoxelGrid
        Where to look.
    oversampling : int
        Sub-points of a cell along each axis.
    dtype, device
        Of the computation and the result; coordinates are taken to the frame of the grid in double precision.
    out : torch.Tensor, optional
        Of that shape, dtype and device, to be overwritten and returned: new memory costs as much as atom types do.

    Raises
    ------
    ValueError
        ``oversampling`` is not a whole number from 1 to `MOST_POINTS_PER_AXIS`.
    """
    check_oversampling(oversampling)
    axis = _axis_tensor(grid.box_width, grid.voxel_width, int(oversampling), dtype, device)
    return source.in_frame(grid.center, grid.rotation).cell_means(axis, out)
