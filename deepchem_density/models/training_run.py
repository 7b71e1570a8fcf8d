"""Parts of a training run that know nothing of DeepChem: length, epochs, losses, seeds, precision, clipping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from deepchem_density.progress import progress_of

__all__ = [
    "ClippedOptimizer",
    "EpochMonitor",
    "bfloat16_is_fast",
    "evaluating",
    "mean_loss",
    "run_length",
    "torch_stream",
]


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware (CPU: AVX512-BF16 or AMX; CUDA: Ampere or newer)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        # Private in torch and absent from older releases; absence means float32, which is always right.
        asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return any(ask() for ask in asked if ask is not None)
    return False


def run_length(n_samples: int, batch_size: int, nb_epoch: int | None, max_steps: int | None) -> tuple[int, int]:
    """Count the steps of an epoch and of a run that ends after `nb_epoch` or `max_steps`, whichever comes first.

    Raises
    ------
    ValueError
        If neither is given, or one is negative.
    """
    epoch = math.ceil(n_samples / batch_size)
    ends = [] if nb_epoch is None else [nb_epoch * epoch]
    ends += [] if max_steps is None else [max_steps]
    if not ends or min(ends) < 0:
        raise ValueError(
            f"nb_epoch={nb_epoch} and max_steps={max_steps} arrived, a run without an end; counts, and None for one of them, are "
            "accepted."
        )
    return epoch, min(ends)


def mean_loss(network: torch.nn.Module, batches: Iterable[Any], loss: Callable[..., torch.Tensor]) -> float:
    """Average a loss over samples without training on them.

    Parameters
    ----------
    network : torch.nn.Module
        Its second output goes into the loss.
    batches : iterable
        ``([voxels], [labels], [weights])`` tensors; drawn while the network evaluates.
    loss : callable
        ``(outputs, labels, weights) -> scalar``.
    """
    total = samples = 0.0
    with evaluating(network):
        for (voxels,), labels, weights in batches:
            total += float(loss([network(voxels)[1]], labels, weights)) * len(voxels)
            samples += len(voxels)
    return total / samples


@contextmanager
def evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Evaluate without gradients, and put the network back into the mode it was in."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        network.train(training)


@contextmanager
def torch_stream(seed: int, device: torch.device) -> Iterator[None]:
    """Let torch draw from a private stream on the CPU and `device`; the user's global generators are put back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.random.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


class ClippedOptimizer:
    """A DeepChem optimizer whose every step first clips the norm of the gradient.

    Parameters
    ----------
    inner : dc.models.optimizers.Optimizer
        The optimizer.
    clip_norm : float or None
        Largest norm over all parameters together; None clips nothing.
    """

    def __init__(self, inner: Any, clip_norm: float | None) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise ValueError(f"clip_norm={clip_norm!r} arrived; a number above 0, or None, is accepted.")
        self.inner, self.clip_norm = inner, clip_norm
        self.learning_rate = inner.learning_rate

    def _create_pytorch_optimizer(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = self.inner._create_pytorch_optimizer(parameters)
        if self.clip_norm is not None:
            optimizer.register_step_pre_hook(self._clip)
        return optimizer

    def _clip(self, optimizer: torch.optim.Optimizer, *unused: object) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, self.clip_norm or math.inf)


class EpochMonitor:
    """Counts epochs within a run of steps, and reports each.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        For the learning rate.
    loss : callable
        ``(outputs, labels, weights) -> scalar``; use the monitor's own `loss` in its place.
    steps_per_epoch, total_steps : int
        Length of an epoch and of the run.
    validate : callable, optional
        Returns the validation loss.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, metrics)`` with epochs from 1 and ``metrics`` a dict of train_loss, learning_rate
        and, with `validate`, validation_loss.
    progress : bool
        Show how far the training is; see `deepchem_density.progress`.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        loss: Callable[..., torch.Tensor],
        steps_per_epoch: int,
        total_steps: int,
        validate: Callable[[], float] | None = None,
        on_epoch: Callable[[int, dict[str, float]], object] | None = None,
        progress: bool = True,
    ) -> None:
        self._optimizer, self._loss = optimizer, loss
        self._steps_per_epoch, self.total_steps = steps_per_epoch, total_steps
        self._validate, self._on_epoch = validate, on_epoch
        self._progress = progress
        self._steps = self._epoch = self._batches = 0
        self._sum = torch.zeros(())
        self._rate = math.inf

    def __enter__(self) -> EpochMonitor:
        shown = self._progress and self.total_steps > 1
        self._bar = progress_of(total=self.total_steps, doing="training", unit="steps", leave=False, shown=shown)
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def loss(self, outputs: Any, labels: Any, weights: Any) -> torch.Tensor:
        """Compute the loss of a batch, remembered for the epoch's mean."""
        self._rate = float(self._optimizer.param_groups[0]["lr"])
        value = self._loss(outputs, labels, weights)
        self._sum = self._sum.to(value.device) + value.detach()
        self._batches += 1
        return value

    def until_over(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Pass batches on until the run is over."""
        iterator = iter(batches)
        while self._steps < self.total_steps:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            yield batch

    def __call__(self, model: object, step: int, iteration_loss: object = None, **unused: object) -> None:
        """DeepChem's callback after each step."""
        self._steps += 1
        self._bar.update()
        if self._steps % self._steps_per_epoch == 0 or self._steps == self.total_steps:
            self._end_epoch()

    def _end_epoch(self) -> None:
        self._epoch += 1
        metrics = {
            "train_loss": float(self._sum) / self._batches,
            "learning_rate": self._rate,
        }
        self._sum, self._batches = torch.zeros(()), 0
        if not math.isfinite(metrics["train_loss"]):
            raise FloatingPointError(
                f"The training loss is {metrics['train_loss']} in epoch {self._epoch}; a finite number is accepted. "
                "Lower the learning rate, or set clip_norm."
            )
        if self._validate is not None:
            metrics["validation_loss"] = self._validate()
        self._bar.set_postfix({name: f"{value:.3g}" for name, value in metrics.items()}, refresh=False)
        if self._on_epoch is not None:
            self._on_epoch(self._epoch, metrics)
