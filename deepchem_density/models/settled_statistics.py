"""Statistics of batch normalization that stand in a network when it is looked at, while it trains and at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from deepchem_density.models.training_run import evaluating

__all__ = ["SETTLED", "SETTLED_TO_LOOK", "Settler", "settle_statistics"]

SETTLED = 2048
"""Samples whose statistics stand in a trained network: their chance error is a fiftieth of the spread between samples."""
SETTLED_TO_LOOK = 512
"""Those of a network that still trains, at each of many looks."""


class Settler:
    """Settles networks on samples of the training set.

    Parameters
    ----------
    inputs : callable
        ``inputs(samples)`` yields batches of so many samples of the training set, or of all where there are fewer.
    """

    def __init__(self, inputs: Callable[[int], Iterable[torch.Tensor]]) -> None:
        self._inputs = inputs
        self._settled: tuple[torch.nn.Module, int] | None = None

    def settle(self, network: torch.nn.Module) -> None:
        """Settle a network that is trained."""
        settle_statistics(network, self._inputs(SETTLED))

    def settle_to_look(self, network: torch.nn.Module, step: int) -> None:
        """Settle a network that has trained for so many steps, unless it was settled at that step."""
        if self._settled != (network, step):
            settle_statistics(network, self._inputs(SETTLED_TO_LOOK))
            self._settled = (network, step)


def settle_statistics(network: torch.nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Replace the running statistics of batch normalization by their means over batches, as prediction will see them [1]_.

    What training leaves behind is a mean over its last ten batches or so, as earlier weights saw them: a few hundred molecules,
    whose chance deviations add up over layers to an error that all predictions share. What an average of weights inherits are
    the statistics of other weights. At a high rate a network on densities errs up to three times as much for it.

    Parameters
    ----------
    network : torch.nn.Module
        Everything but batch normalization evaluates meanwhile.
    batches : iterable of torch.Tensor
        Inputs. Without any, nothing changes.

    References
    ----------
    .. [1] Y. Wu, J. Johnson, Rethinking "Batch" in BatchNorm, arXiv:2105.07576 (2021).
    """
    layers = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm3d)]
    momenta = [layer.momentum for layer in layers]
    first = True
    try:
        with evaluating(network):
            for batch in batches:
                if first:
                    for layer in layers:
                        layer.reset_running_stats()
                        layer.momentum = None  # the mean over all batches
                        layer.train()
                    first = False
                network(batch)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
