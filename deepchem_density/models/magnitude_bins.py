"""MagnitudeBins: a field's magnitude spread over learned soft bins, the entrance of the network for fields of one channel."""

from __future__ import annotations

import math
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

    Notes
    -----
    The derivatives are written out, which leaves one pass over the bins each way: twice as fast as automatic ones. They can
    be taken once, not twice. Under autocast the bins are bfloat16, as the convolution behind them wants.
    """

    def __init__(self, n_channels: int, n_bins: int) -> None:
        super().__init__()
        centers = torch.linspace(0, math.asinh(LARGEST_MAGNITUDE), n_bins)
        self.centers = nn.Parameter(centers.repeat(n_channels))
        self.sharpness = nn.Parameter(torch.full((n_channels * n_bins,), (n_bins - 1) / float(centers[-1])))
        self.n_bins = n_bins

    def forward(self, scaled: torch.Tensor) -> torch.Tensor:
        """Return (batch, channel, x, y, z) scaled fields as (batch, channel * n_bins, x, y, z), channels last in memory."""
        device = scaled.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else scaled.dtype
        cells = scaled.movedim(1, -1)
        shape = (-1, self.n_bins)
        bins = _Bins.apply(cells, self.centers.view(shape), self.sharpness.view(shape), dtype)
        return bins.flatten(start_dim=-2).movedim(-1, 1)


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
