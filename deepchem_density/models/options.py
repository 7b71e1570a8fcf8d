"""What VoxelCNNModel accepts beside the settings of its network."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from deepchem_density.quiet import deepchem as dc
from deepchem_density.settings import one_of, require_counts

__all__ = ["make_loss", "require_known", "require_options", "require_size"]

_losses = dc.models.losses
_LOSSES = {
    "regression": {"l1": _losses.L1Loss, "l2": _losses.L2Loss, "huber": _losses.HuberLoss},
    "classification": {"cross_entropy": _losses.SparseSoftmaxCrossEntropy},
}
MOST_WEIGHTS = 250_000_000
"""1 GB of them; the widest networks of published voxel models have a hundredth."""
MOST_LAYERS, MOST_CHANNELS = 1000, 10_000

_FOR_TORCH_MODEL = ("device", "log_frequency", "regularization_loss", "tensorboard", "wandb", "wandb_logger")


def make_loss(mode: str, loss: str | None) -> Any:
    """Return DeepChem's loss of that name for a mode, the first one for None."""
    losses = _LOSSES[mode]
    return losses[loss or next(iter(losses))]()


def require_options(
    mode: str, loss: str | None, schedule: str, autocast: str | bool, batch_size: int, others: Collection[str]
) -> None:
    """Refuse options that cannot be meant.

    Raises
    ------
    ValueError
        A value that is none of those accepted.
    TypeError
        An argument in `others` that TorchModel does not take.
    """
    # an unknown mode is refused by the network
    one_of(f"loss of {mode}", loss, (None, *_LOSSES.get(mode, ())))
    one_of("schedule", schedule, ("onecycle", "constant"))
    one_of("autocast", autocast, ("auto", True, False))
    require_counts(batch_size=batch_size)
    require_known(others)


def require_known(others: Collection[str]) -> None:
    """Raise TypeError for an argument that TorchModel does not take."""
    unknown = ", ".join(sorted(set(others) - set(_FOR_TORCH_MODEL)))
    if unknown:
        raise TypeError(f"Unknown argument {unknown}: accepted beside those listed are {', '.join(_FOR_TORCH_MODEL)}.")


def require_size(
    n_tasks: Any,
    n_channels: Any,
    n_classes: Any,
    widths: tuple[Any, ...],
    depth: Any,
    stem_widths: tuple[Any, ...],
    n_bins: Any,
    head_width: Any,
) -> None:
    """Refuse a network that is too large, before memory is asked for; what is no number is left to the network's own checks.

    Raises
    ------
    ValueError
        With what it has, and what is accepted.
    """
    numbers = (n_tasks, n_channels, n_classes, *widths, depth, *stem_widths, n_bins or 0, head_width)
    if not all(isinstance(number, (int, np.integer)) for number in numbers):
        return
    layers = len(widths) * int(depth) + len(stem_widths)
    for name, value, most in (("layers", layers, MOST_LAYERS), ("channels", int(n_channels), MOST_CHANNELS)):
        if value > most:
            raise ValueError(f"A network of {value:,} {name} arrived; at most {most:,} are accepted.")
    incoming = int(n_channels) * (int(n_bins or 0) + 1)
    weights = 3 * incoming
    for width, cells, times in (*((w, 1, 1) for w in stem_widths), *((w, 27, int(depth)) for w in widths)):
        weights += int(width) * cells * (incoming + (times - 1) * int(width))
        incoming = int(width)
    weights += int(head_width) * (incoming + int(n_tasks) * int(n_classes)) + 2 * int(n_tasks)
    if weights > MOST_WEIGHTS:
        raise ValueError(
            f"A network of about {float(weights):,.0f} weights arrived, with widths={list(widths)}, depth={depth}, "
            f"head_width={head_width}, n_tasks={n_tasks} and n_channels={n_channels}; at most {MOST_WEIGHTS:,} are accepted."
        )
