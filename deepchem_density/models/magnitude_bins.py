"""MagnitudeBins: a field's magnitude spread over learned soft bins, the entrance of the network for fields of one channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

__all__ = ["MagnitudeBins"]

LARGEST_MAGNITUDE = 40.0
"""Of a field in units of its spread: a density next to a nucleus, where most of the box is empty."""
CHUNK = 2**14
"""Cells that a CPU works on at once, so that intermediate values stay in its cache."""


class MagnitudeBins(nn.Module):
    """Spread the magnitude of each channel over soft bins: channel c becomes exp(-w_cb² (asinh x_c - m_cb)² / 2), b = 1 ... n.

    A network that gets a density as one number a voxel has to learn first that 2 and 4 e/Å³ mean carbon and oxygen; a
    convolution over bins reads it off. Centres m and sharpness w are learned, from even spacing up to asinh 40.

    Parameters
    ----------
    n_channels, n_bins : int
        Channels of the input, and bins of each.
    binned : sequence of int, optional
        The channels that are binned; the others follow as they are. None bins all.

    Notes
    -----
    The derivatives are written out, which leaves one pass over the bins each way: twice as fast as automatic ones. They can
    be taken once, not twice. Under autocast the bins are bfloat16, as the convolution behind them wants.
    """

    def __init__(self, n_channels: int, n_bins: int, binned: Sequence[int] | None = None) -> None:
        super().__init__()
        self.binned = list(range(n_channels)) if binned is None else list(binned)
        self.others = [channel for channel in range(n_channels) if channel not in self.binned]
        if not (self.binned and len(set(self.binned)) == len(self.binned) == n_channels - len(self.others)):
            raise ValueError(f"binned={binned} arrived; different channels from 0 to {n_channels - 1} are accepted.")
        centers = torch.linspace(0, math.asinh(LARGEST_MAGNITUDE), n_bins)
        self.centers = nn.Parameter(centers.repeat(len(self.binned)))
        self.sharpness = nn.Parameter(torch.full((len(self.binned) * n_bins,), (n_bins - 1) / float(centers[-1])))
        self.n_bins = n_bins

    @property
    def n_outputs(self) -> int:
        """Number of channels that come out."""
        return len(self.binned) * self.n_bins + len(self.others)

    def forward(self, scaled: torch.Tensor) -> torch.Tensor:
        """Return (batch, channel, x, y, z) scaled fields as (batch, n_outputs, x, y, z), channels last in memory."""
        device = scaled.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else scaled.dtype
        cells = scaled.movedim(1, -1)
        shape = (-1, self.n_bins)
        magnitudes = cells[..., self.binned] if self.others else cells
        bins = _Bins.apply(magnitudes, self.centers.view(shape), self.sharpness.view(shape), dtype).flatten(
            start_dim=-2
        )
        if self.others:
            bins = torch.cat([bins, cells[..., self.others].to(dtype)], dim=-1)
        return bins.movedim(-1, 1)


class _Bins(torch.autograd.Function):
    """(..., channel) cells to (..., channel, bin)."""

    @staticmethod
    def forward(
        ctx: Any, cells: torch.Tensor, centers: torch.Tensor, sharpness: torch.Tensor, dtype: torch.dtype
    ) -> torch.Tensor:
        magnitudes = _asinh(cells.reshape(-1, cells.shape[-1], 1))
        bins = torch.empty(*magnitudes.shape[:2], centers.shape[1], dtype=dtype, device=cells.device)
        scale = sharpness * math.sqrt(0.5)
        offset = -centers * scale
        for part in _parts(magnitudes):
            bins[part] = torch.addcmul(offset, magnitudes[part], scale).square_().neg_().exp_()
        ctx.save_for_backward(cells, magnitudes, bins, centers, sharpness)
        return bins.view(*cells.shape, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        cells, magnitudes, bins, centers, sharpness = ctx.saved_tensors
        gradient = gradient.reshape(bins.shape)
        # with h the gradient times the bins, all that is needed of the cells are the sums of h, h u and h u²
        moments = torch.zeros(3, *centers.shape, dtype=magnitudes.dtype, device=cells.device)
        of_cells = torch.empty_like(magnitudes) if ctx.needs_input_grad[0] else None
        square = sharpness**2
        for part in _parts(magnitudes):
            h = gradient[part].to(magnitudes.dtype) * bins[part]
            u = magnitudes[part]
            powers = torch.cat([torch.ones_like(u), u, u * u], dim=2)
            moments += torch.einsum("ncb,nck->kcb", h, powers)
            if of_cells is not None:
                of_cells[part] = (h * (square * (centers - u))).sum(dim=2, keepdim=True)
        none, first, second = moments
        for_centers = square * (first - centers * none)
        for_sharpness = -sharpness * (second - 2 * centers * first + centers**2 * none)
        if of_cells is not None:
            of_cells = of_cells.view(cells.shape) * torch.rsqrt(1 + cells**2)
        return of_cells, for_centers, for_sharpness, None


def _asinh(values: torch.Tensor) -> torch.Tensor:
    """Return the inverse hyperbolic sine, in steps that are vectorized where torch.asinh is not: a fifth of the time."""
    size = values.abs()
    square = size * size
    return size.add_(square.div_(square.add(1).sqrt_().add_(1))).log1p_().copysign_(values)


def _parts(cells: torch.Tensor) -> list[slice]:
    step = CHUNK if cells.device.type == "cpu" else max(1, len(cells))
    return [slice(start, start + step) for start in range(0, len(cells), step)]
