"""Batches of molecules as compiled sums take them: atoms one after the other, and where each molecule begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

__all__ = ["Batch", "filled", "joined", "new_or_given", "offsets_of"]


class Batch(NamedTuple):
    """Atoms of all molecules: positions (n_atoms, 3), what each is (n_atoms,), and offsets (n_molecules + 1,)."""

    positions: np.ndarray
    kinds: np.ndarray
    offsets: np.ndarray


def joined(positions: Sequence[np.ndarray], kinds: Sequence[np.ndarray]) -> Batch:
    """Return molecules as one batch.

    Raises
    ------
    ValueError
        Positions and kinds of different lengths.
    """
    offsets = offsets_of(positions)
    if len(positions) == 1:  # nothing to copy
        atoms, of_atoms = np.ascontiguousarray(positions[0], dtype=np.float64), np.ascontiguousarray(kinds[0])
    else:
        atoms = np.concatenate([*positions, np.empty((0, 3))])
        of_atoms = np.concatenate(kinds) if len(kinds) else np.empty(0, dtype=np.int64)
    if len(positions) != len(kinds) or len(atoms) != len(of_atoms):
        raise ValueError(
            f"{len(positions)} molecules of {len(atoms)} atoms arrived with {len(kinds)} arrays of {len(of_atoms)} channels or "
            "radii; one for each atom is accepted."
        )
    return Batch(atoms, of_atoms, offsets)


def offsets_of(positions: Sequence[np.ndarray]) -> np.ndarray:
    """Return where each molecule begins in their concatenation, and its end, (n_molecules + 1,)."""
    if len(positions) == 1:  # a tenth of the time of a sum
        return np.array([0, len(positions[0])])
    return np.cumsum([0, *map(len, positions)])


def new_or_given(shape: tuple[int, ...], dtype: torch.dtype, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return new memory on the CPU, or what was given for it.

    Raises
    ------
    ValueError
        ``out`` has another shape or dtype, is not contiguous, or is not on the CPU.
    """
    if out is None:  # NumPy asks the system for large pages, which cost a seventh to be met for the first time
        return torch.from_numpy(np.empty(shape, dtype=str(dtype).removeprefix("torch.")))
    if out.shape != shape or out.dtype != dtype or out.device.type != "cpu" or not out.is_contiguous():
        raise ValueError(
            f"out of shape {tuple(out.shape)} and {out.dtype} on {out.device} arrived; shape {shape} and {dtype}, contiguous and "
            "on the CPU, is accepted."
        )
    return out


def filled(
    fill: Callable[[torch.Tensor], object], shape: tuple[int, ...], like: torch.Tensor, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return an array that compiled code fills, which needs contiguous memory on the CPU, where the caller wants it.

    Parameters
    ----------
    fill : callable
        Gets the array, not initialized, and sets all of it.
    shape : tuple of int
        Of the array.
    like : torch.Tensor
        Of its dtype, and on the device of the result.
    out : torch.Tensor, optional
        Of that shape, dtype and device, to be overwritten and returned.
    """
    in_place = out is not None and out.device.type == "cpu" and out.is_contiguous()
    values = new_or_given(shape, like.dtype, out if in_place else None)
    fill(values)
    if out is None:
        return values.to(like.device)
    return out if in_place else out.copy_(values)
