"""Transforms of the finished voxels of a density or its gradient, and their inverses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

__all__ = ["TRANSFORMS", "inverse_transform"]

LOG_UNIT = 1e-3

# Values and their inverses; densities are in e/Å³ and gradients in e/Å⁴. Maps have negative values: the sign is kept.
TRANSFORMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[np.ndarray], np.ndarray]]] = {
    "none": (lambda v: v, lambda v: v),
    "sqrt": (lambda v: v.sign() * v.abs().sqrt(), lambda v: v * np.abs(v)),
    "log": (
        lambda v: v.sign() * torch.log1p(v.abs() / LOG_UNIT),
        lambda v: np.sign(v) * np.expm1(np.abs(v)) * LOG_UNIT,
    ),
}


def inverse_transform(voxels: np.ndarray, transform: str) -> np.ndarray:
    """Return the values before ``transform``: none, sqrt (``v |v|``) or log (``±10⁻³ (exp |v| - 1)`` with the sign of v)."""
    if transform not in TRANSFORMS:
        raise ValueError(f"transform={transform!r} arrived; {', '.join(map(repr, TRANSFORMS))} are accepted.")
    return TRANSFORMS[transform][1](voxels)
