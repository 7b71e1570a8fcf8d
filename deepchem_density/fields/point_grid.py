"""A grid of points along three axes of any direction: where files of volumes have their values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from deepchem_density.fields.field import POINTS_PER_CHUNK, Field
from deepchem_density.settings import check_memory

__all__ = ["Gridded", "PointGrid", "look", "point_grid_of", "values_on"]

BYTES_PER_POINT = 32
"""A position, and a value, in double precision."""

STRAIGHT_TOLERANCE = 1e-6
"""Of directions, in units of a step."""


@dataclass(frozen=True, eq=False)
class PointGrid:
    """Points at regular steps along three axes.

    Point (i, j, k) lies at origin + steps @ (i, j, k).

    Parameters
    ----------
    origin : array-like
        Position of the first point, (3,) in Å.
    steps : array-like
        (3, 3) in Å; column a is the step along axis a. Axes may be turned, skewed, and of different steps.
    shape : tuple of int
        Number of points along each axis.

    Raises
    ------
    ValueError
        Numbers that are not finite, steps that span no volume, a shape that is none or takes more memory than there may be.
    """

    origin: np.ndarray
    steps: np.ndarray
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", np.asarray(self.origin, dtype=np.float64))
        object.__setattr__(self, "steps", np.asarray(self.steps, dtype=np.float64))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        finite = np.isfinite(self.origin).all() and np.isfinite(self.steps).all()
        if self.origin.shape != (3,) or self.steps.shape != (3, 3) or not finite or not np.linalg.det(self.steps):
            raise ValueError(
                f"origin={self.origin.tolist()} and steps={self.steps.tolist()} arrived; finite numbers in Å, (3,) and (3, 3), "
                "and steps that span a volume are accepted."
            )
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape={self.shape} arrived; three numbers of points from 1 up are accepted.")
        times = " x ".join(f"{n:,}" for n in self.shape)
        check_memory(f"A grid of {times} points", math.prod(float(n) for n in self.shape) * BYTES_PER_POINT)

    @classmethod
    def around(cls, positions: np.ndarray, margin: float, step: float) -> PointGrid:
        """Return the unturned grid that covers positions (n, 3) and a margin, its points at whole multiples of the step.

        Parameters
        ----------
        positions : array-like
            (n, 3) in Å.
        margin, step : float
            In Å.
        """
        first = np.floor((np.min(positions, axis=0) - margin) / step)
        last = np.ceil((np.max(positions, axis=0) + margin) / step)
        a, b, c = (last - first).astype(int) + 1
        return cls(first * step, step * np.eye(3), (a, b, c))

    @property
    def point_grid(self) -> PointGrid:
        """The grid itself."""
        return self

    @property
    def lengths(self) -> np.ndarray:
        """Length of each step, (3,) in Å."""
        return np.linalg.norm(self.steps, axis=0)

    @property
    def unturned(self) -> bool:
        """Whether the axes are those of space, x, y and z."""
        return bool(np.abs(self.steps / self.lengths - np.eye(3)).max() <= STRAIGHT_TOLERANCE)

    def corners(self) -> np.ndarray:
        """Return the positions of the eight outermost points, (8, 3) in Å."""
        ends = np.stack(np.meshgrid(*((0, n - 1) for n in self.shape), indexing="ij"), axis=-1).reshape(-1, 3)
        return self.origin + ends @ self.steps.T

    def positions(self) -> Iterator[np.ndarray]:
        """Yield the positions of all points (n, 3) in Å, some planes at a time, the last axis fastest."""
        plane = np.stack(np.meshgrid(*(np.arange(n) for n in self.shape[1:]), indexing="ij"), axis=-1).reshape(-1, 2)
        lines = self.origin + plane @ self.steps[:, 1:].T
        planes = max(1, POINTS_PER_CHUNK // len(lines))
        for first in range(0, self.shape[0], planes):
            along = np.arange(first, min(first + planes, self.shape[0]))[:, None] * self.steps[:, 0]
            yield (along[:, None] + lines).reshape(-1, 3)


class Gridded(Protocol):
    """What has a grid of points: a `PointGrid`, or a `VoxelGrid`, whose points are the centres of its voxels."""

    @property
    def point_grid(self) -> PointGrid:
        """Where the points are."""


def point_grid_of(grid: Gridded) -> PointGrid:
    """Return the grid of points of a grid.

    Raises
    ------
    ValueError
        It is none.
    """
    points = getattr(grid, "point_grid", None)
    if not isinstance(points, PointGrid):
        raise ValueError(f"grid of type {type(grid).__name__} arrived; a VoxelGrid or a PointGrid is accepted.")
    return points


def look(field: Field, grid: PointGrid, channels: slice = slice(None)) -> np.ndarray:
    """Return some channels of a field in the points of a grid, all by default, (n1, n2, n3, n_channels) float64."""
    with torch.no_grad():
        looked = [field.at(torch.from_numpy(points))[:, channels] for points in grid.positions()]
    return torch.cat(looked).double().cpu().numpy().reshape(*grid.shape, -1)


def values_on(what: Any, grid: PointGrid, channel: int | None = None) -> np.ndarray:
    """Return one channel of a field or of finished voxels on a grid, (n1, n2, n3) float64.

    Parameters
    ----------
    what : Field or array
        A field is looked at in each point; an array has the values in all of them, (n1, n2, n3) or (n1, n2, n3, channels).
    grid : PointGrid
        Where.
    channel : int, optional
        Which one, needed where there are several.

    Raises
    ------
    ValueError
        Values of another shape, not all finite, or of several channels none of which was chosen.
    """
    if isinstance(what, Field):
        place = _channel(channel, what.n_channels)
        values = look(what, grid, slice(place, place + 1))[..., 0]
    else:
        array = what.detach().cpu().numpy() if isinstance(what, torch.Tensor) else np.asarray(what)
        if array.ndim not in (3, 4) or array.shape[:3] != grid.shape or array.dtype.kind not in "biuf":
            raise ValueError(
                f"Values of shape {array.shape} and type {array.dtype} arrived for a grid of {grid.shape} points; real numbers "
                f"of shape {grid.shape}, or with one more axis of channels, are accepted."
            )
        array = array.reshape(*grid.shape, -1)
        values = array[..., _channel(channel, array.shape[3])].astype(np.float64)
    if not np.isfinite(values).all():
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"The value at point {bad} is {values[bad]}; finite numbers are accepted.")
    return values


def _channel(channel: int | None, n_channels: int) -> int:
    if channel is None and n_channels == 1:
        return 0
    if channel is None or isinstance(channel, bool) or not 0 <= channel < n_channels:
        raise ValueError(
            f"channel={channel} arrived for {n_channels} channels; a file holds one: a number from 0 to {n_channels - 1} is "
            "accepted."
        )
    return int(channel)
