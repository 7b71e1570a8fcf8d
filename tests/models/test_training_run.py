from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from blobs import dataset, model, same, state

from deepchem_density.quiet import deepchem as dc


def test_five_samples_in_a_batch_of_64_weigh_as_five():
    data = dataset(5)
    trained = model(batch_size=64, clip_norm=None)
    trained.model.head[-1].weight.data.normal_(generator=torch.Generator().manual_seed(0))
    before = state(trained)
    trained.fit(data, nb_epoch=1)
    found = [parameter.grad.clone() for parameter in trained.model.parameters()]

    trained.model.load_state_dict(before)
    trained.model.set_label_scale(data.y.mean(axis=0), data.y.std(axis=0))
    trained.model.train()
    trained.model.zero_grad()
    _, standardized = trained.model(torch.as_tensor(data.X))
    target = (torch.as_tensor(data.y) - data.y.mean()) / data.y.std()
    (standardized - target).abs().mean().backward()
    for gradient, parameter in zip(found, trained.model.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad, rtol=1e-3, atol=1e-5)


def test_batches_of_an_epoch_are_nearly_equal_and_complete():
    trained = model(batch_size=8)
    sizes = [len(inputs[0]) for inputs, _, _ in trained.default_generator(dataset(17), epochs=2)]
    assert sizes == [6, 6, 5] * 2
    sizes = [len(inputs[0]) for inputs, _, _ in trained.default_generator(dataset(17), mode="predict")]
    assert sizes == [8, 8, 1]


def test_clipping_bounds_the_gradient():
    data = dataset(scale=1.0)
    norms = []

    def watch(fitted, step):
        norms.append(torch.stack([p.grad.norm() for p in fitted.model.parameters()]).norm().item())

    model(clip_norm=1e-3).fit(data, nb_epoch=2, callbacks=watch)
    assert max(norms) == pytest.approx(1e-3, rel=1e-3)
    model(clip_norm=None).fit(data, nb_epoch=2, callbacks=[watch])
    assert max(norms) > 1e-2


def test_same_seed_same_weights_and_the_users_generators_untouched():
    data = dataset(11)
    finals = []
    for seed in (5, 5, 6):
        np.random.seed(len(finals))  # noqa: NPY002
        torch.manual_seed(len(finals))
        outside = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
        trained = model(seed=seed, dropout=0.3, augment=True)
        trained.fit(data, nb_epoch=2)
        trained.fit(data, nb_epoch=1)
        assert np.array_equal(np.random.get_state()[1], outside[0])  # noqa: NPY002
        assert torch.equal(torch.get_rng_state(), outside[1])
        finals.append(state(trained))
    assert same(finals[0], finals[1])
    assert not same(finals[0], finals[2])


def test_without_seed_numpys_own_seed_decides():
    firsts = []
    for seed in (1, 1, 2):
        np.random.seed(seed)  # noqa: NPY002
        firsts.append(state(model(seed=None)))
    assert same(firsts[0], firsts[1])
    assert not same(firsts[0], firsts[2])


def test_predicting_in_a_callback_leaves_training_alone():
    data = dataset()
    modes = []
    watcher = dc.models.ValidationCallback(
        data, 1, [dc.metrics.Metric(dc.metrics.mae_score)], output_file=io.StringIO()
    )

    def look(fitted, step):
        modes.append((fitted.model.training, fitted.model.head.training))

    finals = []
    for callbacks in ([look], [watcher, look]):
        trained = model(dropout=0.3)
        trained.fit(data, nb_epoch=2, callbacks=callbacks)
        finals.append(state(trained))
        assert not trained.model.training
    assert modes == [(True, True)] * 8
    assert same(*finals)


def test_validation_loss_is_the_loss_of_predictions():
    train, validation = dataset(12), dataset(7, seed=1)
    found = []
    trained = model(batch_size=4)

    def compare(epoch, metrics):
        apart = np.abs(trained.predict(validation) - validation.y).mean() / train.y.std()
        found.append((metrics["validation_loss"], apart))

    trained.fit(train, nb_epoch=1, validation=validation, on_epoch=compare)
    assert found[0][0] == pytest.approx(found[0][1], rel=1e-4)


def test_fit_returns_what_deepchem_returns():
    losses, epochs = [], []
    trained = model(log_frequency=3)
    last = trained.fit(
        dataset(), nb_epoch=5, all_losses=losses, on_epoch=lambda epoch, metrics: epochs.append(metrics["train_loss"])
    )
    assert len(losses) == 4
    assert last == losses[-1]
    assert 3 * sum(losses[:3]) + losses[3] == pytest.approx(2 * sum(epochs), rel=1e-5)


def test_only_the_named_variables_are_trained():
    trained = model()
    before = state(trained)
    trained.fit(dataset(), nb_epoch=2, variables=list(trained.model.head.parameters()))
    for name, parameter in trained.model.named_parameters():
        assert torch.equal(parameter, before[name]) != name.startswith("head")
