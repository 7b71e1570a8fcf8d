"""VoxelCNN: a 3-D convolutional network from voxels, channels last, to one output per task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from deepchem_density.models.magnitude_bins import MagnitudeBins
from deepchem_density.settings import one_of, require_counts

__all__ = ["FieldScale", "VoxelCNN"]

_SMALLEST_EDGE = 4
_SMALLEST_BFLOAT16_EDGE = 3
"""torch 2.13 now and then returns NaN for the weight gradient of a bfloat16 convolution over 2³ cells on a CPU."""
USUAL_BINS = 8
_CONSTANT = 1e-12
"""Variance of a channel in units of its squared mean up to which it is constant but for rounding."""


class FieldScale(nn.Module):
    """Centre each channel and divide it by its spread, as seen over all training batches so far.

    The spread is the standard deviation of the channel that varies most. Others are brought to the height of its peaks, however
    rare theirs are: an atom of fluorine in one molecule of a hundred counts as much as one of carbon in all of them. A standard
    deviation of its own would make it ten times larger, and predictions for it as wild. A channel that training never saw
    is zero.

    Parameters
    ----------
    n_channels : int
        Length of the last axis.

    Notes
    -----
    Heights are compared by the ratio of the variance to the mean absolute deviation, a mean that weighs each value by itself:
    more empty cells do not change it. Neither does the unit of a channel change what comes out. Unlike in batch normalization,
    training divides by the same accumulated statistics as prediction does: a sample's input does not depend on which rare
    elements share its batch.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_channels))
        self.register_buffer("variance", torch.ones(n_channels))
        self.register_buffer("deviation", torch.ones(n_channels))
        self.register_buffer("batches", torch.zeros(()))
        self.mean: torch.Tensor
        self.variance: torch.Tensor
        self.deviation: torch.Tensor
        self.batches: torch.Tensor

    @torch.no_grad()
    def _accumulate(self, voxels: torch.Tensor) -> None:
        cells = voxels.detach().reshape(-1, voxels.shape[-1])
        mean = cells.mean(dim=0)
        self.batches += 1
        share = 1 / self.batches
        # At the first batch the share is 1: the initial zeros and ones leave no trace.
        shift = mean - self.mean
        centred = cells - mean
        self.deviation += share * (centred.abs().mean(dim=0) - self.deviation)
        variance = centred.square_().mean(dim=0)
        self.variance.copy_((1 - share) * (self.variance + share * shift**2) + share * variance)
        self.mean += share * shift

    @property
    def _factors(self) -> torch.Tensor:
        """What each centred channel is multiplied by."""
        seen = self.variance > _CONSTANT * self.mean**2
        heights = torch.where(seen, self.variance / self.deviation, 1.0)
        widest = self.variance.argmax()
        return torch.where(seen, heights[widest] / heights * torch.rsqrt(self.variance[widest]), 0.0)

    def forward(self, voxels: torch.Tensor) -> torch.Tensor:
        """Scale (batch, x, y, z, channel) float32 voxels."""
        if self.training:
            self._accumulate(voxels)
        return (voxels - self.mean) * self._factors


class _Stage(nn.Sequential):
    """`depth` 3x3x3 convolutions, each with normalization and SiLU; the last one pools first where it may."""

    def __init__(self, incoming: int, width: int, depth: int) -> None:
        super().__init__()
        for layer in range(depth):
            self.add_module(f"convolution{layer}", nn.Conv3d(incoming, width, 3, padding=1, bias=False))
            self.add_module(f"normalization{layer}", nn.BatchNorm3d(width))
            incoming = width

    def forward(self, field: torch.Tensor, pool: bool = False) -> torch.Tensor:
        layers = list(self.children())
        for convolution, normalization in zip(layers[::2], layers[1::2], strict=True):
            field = convolution(field)
            # Pooling before normalization and SiLU leaves them an eighth of the cells: 1.3 to 2.5 times the speed.
            if pool and normalization is layers[-1]:
                # The largest of some numbers is one of them: autocast would widen all of them first.
                with torch.autocast(field.device.type, enabled=False):
                    field = nn.functional.max_pool3d(field, 2, ceil_mode=True)
                field = field.float()
            field = nn.functional.silu(normalization(field))
        return field


def _perceptron(incoming: int, width: int, outputs: int, dropout: float) -> nn.Sequential:
    """Return one hidden layer, with an output that starts at zero."""
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(incoming, width), nn.SiLU(), nn.Dropout(dropout), last)


class VoxelCNN(nn.Module):
    """A 3-D convolutional network over voxels, for any grid of at least 4³ cells.

    Scale the field, `stem_widths` pointwise layers, one stage of 3x3x3 convolutions per entry of `widths` with
    max-pooling by 2 between stages (left out once fewer than 4 cells per edge remain), pooling over all cells, and a
    perceptron.

    Parameters
    ----------
    n_tasks, n_channels : int
        Number of targets; length of the input's last axis.
    widths : sequence of int
        Output channels of each stage.
    depth : int
        Convolutions per stage.
    stem_widths : sequence of int
        Output channels of pointwise (1x1x1) layers in front, which can learn to bin a field's magnitude. They
        work at full resolution, and so does the wider first stage behind them.
    n_bins : int, optional
        Spread each channel's magnitude over so many soft bins before the first convolution (see `MagnitudeBins`), 2 or
        more; 0 takes the field as it is. By default 8 for a single channel, where all there is to see is magnitude, and
        for `binned_channels`, and 0 for several.
    head_width : int
        Hidden units of the perceptron.
    dropout : float
        Probability of dropping a unit in the perceptron, 0 to less than 1.
    pooling : {"mean", "sum"}
        How the last stage's cells become one vector; an extensive target on boxes of unequal size wants the sum.
    mode : {"regression", "classification"}
        What the outputs are.
    n_classes : int
        Classes per task in classification.
    autocast : bool
        Run the convolutions of training in bfloat16, but for stages of less than 3 cells per edge. Prediction is float32
        always.
    binned_channels : sequence of int, optional
        The channels that are binned, of several of which some are all magnitude; None bins all of them.

    Raises
    ------
    ValueError
        If an argument is out of range, or `forward` gets voxels of the wrong shape.

    Notes
    -----
    Buffers `label_mean` and `label_std`, (n_tasks,), are 0 and 1 until someone sets them; predictions are
    ``standardized * label_std + label_mean``. The last layer starts at zero: an untrained network predicts the mean.

    Examples
    --------
    >>> prediction, standardized = VoxelCNN(n_tasks=2, n_channels=5)(torch.rand(3, 8, 8, 8, 5))
    >>> prediction.shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        n_tasks: int,
        n_channels: int,
        widths: Sequence[int] = (16, 32, 64, 128),
        depth: int = 1,
        stem_widths: Sequence[int] = (),
        n_bins: int | None = None,
        head_width: int = 128,
        dropout: float = 0.0,
        pooling: str = "mean",
        mode: str = "regression",
        n_classes: int = 2,
        autocast: bool = False,
        binned_channels: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if n_bins is None:
            n_bins = USUAL_BINS if n_channels == 1 or binned_channels else 0
        require_counts(n_tasks=n_tasks, n_channels=n_channels, depth=depth, head_width=head_width, stages=len(widths))
        counts = {f"widths[{i}]": width for i, width in enumerate(widths)}
        counts |= {f"stem_widths[{i}]": width for i, width in enumerate(stem_widths)}
        counts |= {"n_classes - 1": n_classes - 1} | ({"n_bins - 1": n_bins - 1} if n_bins else {})
        require_counts(**counts)
        one_of("pooling", pooling, ("mean", "sum"))
        one_of("mode", mode, ("regression", "classification"))
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout={dropout} arrived; 0 to less than 1 is accepted.")
        self.n_tasks, self.n_channels, self.n_classes = n_tasks, n_channels, n_classes
        self.mode, self.pooling, self.autocast = mode, pooling, autocast

        self.scale = FieldScale(n_channels)
        # No normalization in the stem: it would move every unit's threshold to the same place, the field's mean.
        self.stem = nn.Sequential()
        incoming = n_channels
        if n_bins:
            bins = MagnitudeBins(n_channels, n_bins, binned_channels)
            self.stem.append(bins)
            incoming = bins.n_outputs
        for width in stem_widths:
            self.stem.extend([nn.Conv3d(incoming, width, 1), nn.SiLU()])
            incoming = width
        self.stages = nn.ModuleList()
        for width in widths:
            self.stages.append(_Stage(incoming, width, depth))
            incoming = width
        outputs = n_tasks * (n_classes if mode == "classification" else 1)
        self.head = _perceptron(incoming, head_width, outputs, dropout)
        self.register_buffer("label_mean", torch.zeros(n_tasks))
        self.register_buffer("label_std", torch.ones(n_tasks))
        self.register_buffer("labels_seen", torch.zeros((), dtype=torch.bool))
        self.label_mean: torch.Tensor
        self.label_std: torch.Tensor
        self.labels_seen: torch.Tensor
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    @torch.no_grad()
    def set_label_scale(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Fix the (n_tasks,) mean and standard deviation of the labels, in their units."""
        self.label_mean.copy_(torch.as_tensor(mean, dtype=torch.float32))
        self.label_std.copy_(torch.as_tensor(std, dtype=torch.float32))
        self.labels_seen.fill_(True)

    def features(self, voxels: torch.Tensor) -> torch.Tensor:
        """Everything up to the perceptron: (batch, x, y, z, n_channels) voxels to (batch, widths[-1]) float32."""
        if voxels.ndim != 5 or voxels.shape[-1] != self.n_channels or min(voxels.shape[1:4]) < _SMALLEST_EDGE:
            raise ValueError(
                f"Voxels of shape {tuple(voxels.shape)} arrived; (batch, x, y, z, {self.n_channels}) with at least "
                f"{_SMALLEST_EDGE} cells per edge is accepted. Set n_channels to the last axis, or move the channels there."
            )
        # Moving the channels by view alone yields torch's channels_last_3d layout, the fast one.
        field = self.scale(voxels).permute(0, 4, 1, 2, 3)
        low_precision = self.autocast and self.training
        with torch.autocast(voxels.device.type, torch.bfloat16, enabled=low_precision):
            field = self.stem(field)
        for number, stage in enumerate(self.stages, start=1):
            edge = min(field.shape[2:])
            low_precision = low_precision and edge >= _SMALLEST_BFLOAT16_EDGE
            with torch.autocast(voxels.device.type, torch.bfloat16, enabled=low_precision):
                field = field if low_precision else field.float()
                field = stage(field, pool=number < len(self.stages) and edge >= _SMALLEST_EDGE)
        cells = field.float().flatten(start_dim=2)
        return cells.mean(dim=2) if self.pooling == "mean" else cells.sum(dim=2)

    def outputs(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Apply the perceptron alone: (batch, widths[-1]) features to what `forward` returns."""
        out = self.head(features)
        if self.mode == "regression":
            return out * self.label_std + self.label_mean, out
        logits = out.reshape(-1, self.n_tasks, self.n_classes)
        return logits.softmax(dim=-1), logits

    def draw(self, voxels: torch.Tensor, masks: int) -> torch.Tensor:
        """Predict `masks` times, each with random dropout: (masks, batch, n_tasks[, n_classes]).

        Only the perceptron drops units, so the convolutions are computed once for all masks. The network must be in
        evaluation mode.
        """
        features = self.features(voxels)
        self.head.train()
        drawn = torch.stack([self.outputs(features)[0] for _ in range(masks)])
        self.head.eval()
        return drawn

    def forward(self, voxels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Predict from voxels.

        Parameters
        ----------
        voxels : torch.Tensor
            (batch, x, y, z, n_channels) float32.

        Returns
        -------
        prediction : torch.Tensor
            (batch, n_tasks) in the units of the labels, or (batch, n_tasks, n_classes) probabilities.
        for_loss : torch.Tensor
            The same in standard deviations from the mean label, or as logits: what a loss compares.
        """
        return self.outputs(self.features(voxels))
