"""The 24 exact turns of a cube, for finished voxels.

A field sampled on a cubic grid can be turned without interpolation only by the rotations that map the cube onto itself.
Any other angle belongs before voxelization, in the grid.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import torch

__all__ = ["CUBE_TURNS", "turn_voxels"]


def _cube_turns() -> np.ndarray:
    signed = [
        np.diag(signs) @ np.eye(3, dtype=np.int64)[list(axes)]
        for axes in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
    turns = np.stack([matrix for matrix in signed if round(np.linalg.det(matrix)) == 1])
    turns.setflags(write=False)
    return turns


CUBE_TURNS = _cube_turns()
"""(24, 3, 3) int64: every rotation that maps a cube onto itself, the identity first. Read-only."""


def turn_voxels(voxels: torch.Tensor, turn: int | np.ndarray, channels_last: bool = True) -> torch.Tensor:
    """Turn finished voxels exactly, as if the field had been turned before it was voxelized.

    With R the rotation matrix, the turned array at the cell centre c holds what the given array holds at R⁻¹ c: the
    field moves with the molecule whose positions become ``positions @ R.T`` about the centre of the box.

    Parameters
    ----------
    voxels : torch.Tensor
        (..., x, y, z, channel), or (..., x, y, z) with `channels_last=False`. Any type of number.
    turn : int or numpy.ndarray
        Index into `CUBE_TURNS`, or a (3, 3) matrix that is one of them.
    channels_last : bool
        Whether the last axis holds channels.

    Returns
    -------
    torch.Tensor
        The same numbers in the turned places, on the same device; axes that trade places trade lengths.

    Raises
    ------
    ValueError
        If the matrix is no turn of a cube, or the array has too few axes.

    Examples
    --------
    A quarter turn about z carries the x axis into the y axis:

    >>> line = torch.zeros(3, 3, 3); line[2, 1, 1] = 1
    >>> turned = turn_voxels(line, np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), channels_last=False)
    >>> turned[1, 2, 1].item()
    1.0
    """
    matrix = CUBE_TURNS[turn] if isinstance(turn, (int, np.integer)) else np.asarray(turn)
    if matrix.shape != (3, 3) or not (matrix == CUBE_TURNS).all(axis=(1, 2)).any():
        raise ValueError(
            f"turn={matrix.tolist()} arrived, no rotation of a cube onto itself; the 24 matrices of CUBE_TURNS or their indices "
            "are accepted. Rotate the grid before voxelizing for any other angle."
        )
    first = voxels.ndim - (4 if channels_last else 3)
    if first < 0:
        raise ValueError(
            f"Voxels of shape {tuple(voxels.shape)} arrived; (..., x, y, z"
            f"{', channel' if channels_last else ''}) is accepted. Set channels_last to {not channels_last} if "
            "that is the layout."
        )
    source = np.abs(matrix).argmax(axis=1)
    order = [*range(first), *(first + int(axis) for axis in source), *range(first + 3, voxels.ndim)]
    backwards = [first + axis for axis in range(3) if matrix[axis, source[axis]] < 0]
    return voxels.permute(order).flip(backwards)
