from __future__ import annotations

import numpy as np
import pytest
import torch
from blobs import dataset, error_with_own_statistics, model, state

from deepchem_density.models.settled_statistics import SETTLED, SETTLED_TO_LOOK, Settler, settle_statistics
from deepchem_density.quiet import deepchem as dc


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.BatchNorm3d(2), torch.nn.Dropout(0.5))


def batches(n=3):
    return list(torch.randn(n, 4, 2, 3, 3, 3, generator=torch.Generator().manual_seed(1)) * 3 + 5)


def test_statistics_are_means_over_batches():
    settled = network().train()
    settle_statistics(settled, batches())
    norm, seen = settled[0], torch.stack(batches()).transpose(1, 2).flatten(2)  # batch, channel, values
    torch.testing.assert_close(norm.running_mean, seen.mean(dim=2).mean(dim=0))
    torch.testing.assert_close(norm.running_var, seen.var(dim=2).mean(dim=0))
    assert norm.momentum == 0.1
    assert norm.training
    assert settled.training


def test_without_batches_nothing_changes_and_an_error_leaves_the_momentum():
    settled = network().eval()
    before = settled[0].running_mean.clone()
    settle_statistics(settled, [])
    assert torch.equal(settled[0].running_mean, before)
    with pytest.raises(ValueError, match="expected 5D"):
        settle_statistics(settled, [torch.zeros(3)])
    assert settled[0].momentum == 0.1
    assert not settled[0].training


def test_a_network_is_settled_once_a_step():
    asked = []

    def inputs(samples):
        asked.append(samples)
        return batches()

    settler, one, other = Settler(inputs), network(), network()
    for settled, step in [(one, 1), (one, 1), (other, 1), (other, 2), (one, 2)]:
        settler.settle_to_look(settled, step)
    settler.settle(one)
    assert asked == [SETTLED_TO_LOOK] * 4 + [SETTLED]


def test_who_predicts_while_it_trains_sees_settled_statistics():
    train, validation = dataset(24), dataset(8, seed=1)
    trained = model(batch_size=24, learning_rate=0.03)
    seen, expected, losses = [], [], []

    def watch(fitted, step):
        if step % 3 == 0:
            seen.append(fitted.evaluate(validation, [dc.metrics.Metric(dc.metrics.mae_score)])["mae_score"])
            expected.append(error_with_own_statistics(state(fitted), train, validation))

    def look(epoch, metrics):
        expected = error_with_own_statistics(state(trained), train, validation)
        losses.append((metrics["validation_loss"], expected / train.y.std()))

    trained.fit(train, nb_epoch=12, validation=validation, callbacks=[watch], on_epoch=look)
    assert len(seen) == 4
    np.testing.assert_allclose(seen, expected, rtol=1e-4)
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=1e-4)
