"""How the learning rate runs: one cycle, constant, or a schedule of DeepChem; set where TorchModel looks for it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.optim.lr_scheduler import LambdaLR

from deepchem_density.quiet import deepchem as dc

__all__ = ["follows_deepchem_schedule", "one_cycle", "start_rate", "start_schedule"]


def one_cycle(total_steps: int) -> Callable[[int], float]:
    """Give the 1cycle policy as a factor of the peak learning rate.

    Parameters
    ----------
    total_steps : int
        Steps in the run.

    Returns
    -------
    callable
        Step number, from 0, to factor: a half cosine from 1/25 up to 1 over the first 30 % of the steps, another
        one down to 4e-6; 1 again once the run is over.

    Notes
    -----
    The numbers of torch's OneCycleLR [1]_, which however cannot run one or two steps, and whose state in a checkpoint
    breaks a resumed run of another length.

    References
    ----------
    .. [1] L. N. Smith, N. Topin, Super-convergence, arXiv:1708.07120 (2017).
    """
    peak = max(0.0, 0.3 * total_steps - 1)

    def factor(step: int) -> float:
        if step >= total_steps:
            return 1.0
        if step < peak:
            begin, end, part = 1 / 25, 1.0, step / peak
        else:
            begin, end, part = 1.0, 1 / 25e4, (step - peak) / max(1, total_steps - 1 - peak)
        return end + (begin - end) * (1 + math.cos(math.pi * part)) / 2

    return factor


def start_rate(
    optimizer: torch.optim.Optimizer, peak: float, schedule: str, total_steps: int = 0
) -> torch.optim.lr_scheduler.LRScheduler | None:
    """Set the learning rate for a run.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Whatever an earlier run left in it as learning rate is forgotten.
    peak : float
        The rate, or the largest one.
    schedule : {"onecycle", "constant"}
        How it changes.
    total_steps : int
        Steps in the run.

    Returns
    -------
    torch.optim.lr_scheduler.LRScheduler or None
        To be stepped after each step; None for a constant rate.
    """
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = peak
    return LambdaLR(optimizer, one_cycle(total_steps)) if schedule == "onecycle" else None


def follows_deepchem_schedule(model: dc.models.TorchModel) -> bool:
    """Whether a model was given a schedule of DeepChem in place of a number."""
    return isinstance(model.optimizer.learning_rate, dc.models.optimizers.LearningRateSchedule)


def start_schedule(
    model: dc.models.TorchModel, variables: list[torch.nn.Parameter] | None, total_steps: int, policy: str
) -> torch.optim.Optimizer:
    """Set a model's learning rate for a run of TorchModel.fit_generator, and return the optimizer of that run.

    Parameters
    ----------
    model : dc.models.TorchModel
        Built. A DeepChem schedule that it was given goes on as it is.
    variables : list of torch.nn.Parameter, optional
        Those that are trained; all by default.
    total_steps, policy
        `total_steps` and `schedule` of `start_rate`.
    """
    optimizer, schedule = model._pytorch_optimizer, model._lr_schedule
    if variables is not None:
        optimizer, schedule = model._optimizer_for_vars.get(tuple(variables), (None, None))
        optimizer = optimizer or model.optimizer._create_pytorch_optimizer(variables)
    if not follows_deepchem_schedule(model):
        schedule = start_rate(optimizer, model.optimizer.learning_rate, policy, total_steps)
    elif schedule is None:
        schedule = model.optimizer.learning_rate._create_pytorch_schedule(optimizer)
    if variables is None:
        model._lr_schedule = schedule
    else:
        model._optimizer_for_vars[tuple(variables)] = (optimizer, schedule)
    return optimizer
