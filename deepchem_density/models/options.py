"""What VoxelCNNModel accepts beside the settings of its network."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from deepchem_density.quiet import deepchem as dc
from deepchem_density.settings import one_of, require_counts

__all__ = ["make_loss", "require_options"]

_losses = dc.models.losses
_LOSSES = {
    "regression": {"l1": _losses.L1Loss, "l2": _losses.L2Loss, "huber": _losses.HuberLoss},
    "classification": {"cross_entropy": _losses.SparseSoftmaxCrossEntropy},
}
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
    unknown = ", ".join(sorted(set(others) - set(_FOR_TORCH_MODEL)))
    if unknown:
        raise TypeError(f"Unknown argument {unknown}: accepted beside those listed are {', '.join(_FOR_TORCH_MODEL)}.")
