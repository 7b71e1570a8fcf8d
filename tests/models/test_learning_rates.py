from __future__ import annotations

import pytest
import torch
from blobs import dataset, model

from deepchem_density.models.learning_rates import one_cycle
from deepchem_density.quiet import deepchem as dc


def test_one_cycle_warms_up_anneals_and_starts_afresh():
    trained = model(learning_rate=0.01)
    for _ in range(2):
        rates = []
        trained.fit(dataset(), nb_epoch=10, on_epoch=lambda epoch, metrics, rates=rates: rates.append(metrics))
        rates = [metrics["learning_rate"] for metrics in rates]
        assert rates[0] < 0.004
        assert max(rates) == pytest.approx(0.01, rel=0.05)
        assert rates[-1] == pytest.approx(0.01 / 25e4)
        assert trained._pytorch_optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_constant_and_deepchem_schedules():
    rates = []
    model(learning_rate=0.01, schedule="constant").fit(
        dataset(), nb_epoch=2, on_epoch=lambda epoch, metrics: rates.append(metrics["learning_rate"])
    )
    decay = dc.models.optimizers.ExponentialDecay(0.02, 0.5, 2)
    trained = model(learning_rate=decay)
    for _ in range(2):
        trained.fit(dataset(), nb_epoch=1, on_epoch=lambda epoch, metrics: rates.append(metrics["learning_rate"]))
    # The last step of each epoch; DeepChem's own schedule goes on from fit to fit.
    assert rates == pytest.approx([0.01, 0.01, 0.02, 0.01])


@pytest.mark.parametrize("total", [10, 100, 1000])
def test_one_cycle_is_torchs(total):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=total, pct_start=0.3)
    factor = one_cycle(total)
    for step in range(total - 1):
        assert factor(step) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert factor(total - 1) == pytest.approx(reference.get_last_lr()[0])
    assert max(map(factor, range(total))) == pytest.approx(1)
    assert [one_cycle(1)(0), factor(total), factor(total + 5)] == [1, 1, 1]
