"""MagnitudeBins: a field's magnitude spread over soft bins, the entrance of the network for fields of one channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["MagnitudeBins"]

LARGEST_MAGNITUDE = 40.0
"""Of a field in units of its spread: a density next to a nucleus, where most of the box is empty."""
CHUNK = 2**14
"""Cells that a CPU works on at once, so that intermediate values stay in its cache."""


class MagnitudeBins(nn.Module):
    """Spread the magnitude of each channel over soft bins: channel c becomes exp(-w_cb² (asinh x_c - m_cb)² / 2), b = 1 ... n.

    A network that gets a density as one number a voxel has to learn first that 2 and 4 e/Å³ mean carbon and oxygen; a
    convolution over bins reads it off. Centres m are evenly spaced up to asinh 40, and neighbours cross at exp(-1/8).

    Parameters
    ----------
    n_channels, n_bins : int
        Channels of the input, and bins of each.
    binned : sequence of int, optional
        The channels that are binned; the others follow as they are. None bins all.

    Notes
    -----
    Centres and sharpness are fixed. To learn them cost a quarter of the samples a second, and in equal time the error was
    larger (see docs/ablation.md). Under autocast the bins are bfloat16, as the convolution behind them wants.
    """

    def __init__(self, n_channels: int, n_bins: int, binned: Sequence[int] | None = None) -> None:
        super().__init__()
        self.binned = list(range(n_channels)) if binned is None else list(binned)
        self.others = [channel for channel in range(n_channels) if channel not in self.binned]
        if not (self.binned and len(set(self.binned)) == len(self.binned) == n_channels - len(self.others)):
            raise ValueError(f"binned={binned} arrived; different channels from 0 to {n_channels - 1} are accepted.")
        centers = torch.linspace(0, math.asinh(LARGEST_MAGNITUDE), n_bins)
        # Parameters, not buffers: the optimizers of stored models, which learned them, know them as such.
        sharpness = torch.full((len(self.binned) * n_bins,), (n_bins - 1) / float(centers[-1]))
        self.centers = nn.Parameter(centers.repeat(len(self.binned)), requires_grad=False)
        self.sharpness = nn.Parameter(sharpness, requires_grad=False)
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
        bins = _bins(magnitudes, self.centers.view(shape), self.sharpness.view(shape), dtype).flatten(start_dim=-2)
        if self.others:
            bins = torch.cat([bins, cells[..., self.others].to(dtype)], dim=-1)
        return bins.movedim(-1, 1)


def _bins(cells: torch.Tensor, centers: torch.Tensor, sharpness: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(..., channel) cells to (..., channel, bin)."""
    scale = sharpness * math.sqrt(0.5)
    offset = -centers * scale
    if cells.requires_grad:  # somebody asks what the voxels do
        return torch.addcmul(offset, torch.asinh(cells)[..., None], scale).square().neg().exp().to(dtype)
    magnitudes = _asinh(cells.reshape(-1, cells.shape[-1], 1))
    bins = torch.empty(*magnitudes.shape[:2], centers.shape[1], dtype=dtype, device=cells.device)
    for part in _parts(magnitudes):
        bins[part] = torch.addcmul(offset, magnitudes[part], scale).square_().neg_().exp_()
    return bins.view(*cells.shape, -1)


def _asinh(values: torch.Tensor) -> torch.Tensor:
    """Return the inverse hyperbolic sine, in steps that are vectorized where torch.asinh is not: a fifth of the time."""
    size = values.abs()
    square = size * size
    return size.add_(square.div_(square.add(1).sqrt_().add_(1))).log1p_().copysign_(values)


def _parts(cells: torch.Tensor) -> list[slice]:
    step = CHUNK if cells.device.type == "cpu" else max(1, len(cells))
    return [slice(start, start + step) for start in range(0, len(cells), step)]
