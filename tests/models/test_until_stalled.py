from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from blobs import dataset, error_with_own_statistics, model, same, state

from deepchem_density.models import until_stalled
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.until_stalled import UntilStalled, held_state, round_length


def course(patience=3, cap=10_000, epoch=100):
    torch.manual_seed(0)
    network = torch.nn.Linear(2, 1)
    return UntilStalled(network, torch.optim.SGD(network.parameters(), lr=0.5), epoch, patience, cap)


def run(course, losses):
    """Let a course run to its end with given validation losses, and return the rate of each step."""
    rates = []
    losses = iter(losses)
    while (steps := course.steps_to_go) > 0:
        for _ in range(steps):
            rates.append(course.optimizer.param_groups[0]["lr"])
            course.after_step()
        course.judge(lambda network: next(losses))
    return np.array(rates)


def test_rounds_are_epochs_within_bounds():
    assert [round_length(n) for n in (1, 100, 321, 500, 4000)] == [100, 100, 321, 500, 500]


def test_rate_is_held_until_the_loss_stalls_and_then_goes_down_on_a_line():
    made = course()
    rates = run(made, [8.0, 4.0, 2.0, 1.0, *[0.999] * 20])
    stalled_at = (4 + 3) * 100  # three rounds after the last that fell by 1 %
    assert made.cooling_from == stalled_at
    assert not made.capped
    assert len(rates) == made.step == stalled_at * 1.25
    assert rates[: until_stalled.WARMING] == pytest.approx(0.5 * np.arange(1, 201) / 200)
    assert rates[200:stalled_at] == pytest.approx(0.5)
    assert rates[stalled_at:] == pytest.approx(0.5 * np.arange(175, 0, -1) / 176)


def test_a_loss_that_creeps_is_stalled_and_one_that_falls_by_a_percent_is_not():
    creeping = course()
    run(creeping, 0.998 ** np.arange(100))
    assert creeping.cooling_from == 400
    falling = course(cap=5000)
    run(falling, 0.99 ** np.arange(100))
    assert falling.capped
    assert falling.cooling_from == 4000
    assert falling.step == 5000


@pytest.mark.parametrize("cap", [1, 2, 7, 101, 333])
def test_the_cap_is_the_number_of_steps_at_most(cap):
    made = course(cap=cap)
    rates = run(made, 0.5 ** np.arange(100))
    assert len(rates) == cap
    assert made.capped
    assert (rates > 0).all()


def test_averaged_weights_are_the_exponential_average_of_the_steps():
    made = course()
    expected = None
    for _ in range(30):
        made.network.weight.data += torch.rand(1, 2)
        made.after_step()
        now = made.network.weight.detach().clone()
        expected = now if expected is None else 0.995 * expected + 0.005 * now
    torch.testing.assert_close(made.average.module.weight.detach(), expected)


def test_the_better_of_annealed_and_averaged_weights_is_kept():
    made = course()
    run(made, [1.0, 0.5, *[0.6] * 20])
    annealed, best = made.network.state_dict()["weight"].clone(), made.best["weight"].clone()
    made.network.weight.data += 1.0  # the annealed weights have gone astray

    def loss(network):
        return float((network.weight.detach() - best).abs().sum())

    made.history = [0.0]
    assert made.finish(loss, lambda: None).validation_loss == 0.0
    torch.testing.assert_close(made.network.weight.detach(), best)
    made.history = [math.inf]
    made.network.weight.data = annealed.clone()
    made.finish(loss, lambda: None)
    torch.testing.assert_close(made.network.weight.detach(), annealed)


def test_averaged_weights_are_looked_at_with_statistics_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 10)
    train, validation, kept = dataset(24), dataset(8, seed=1), tmp_path / "state.pt"
    losses = []
    trained = model(batch_size=24)

    def look(number, metrics):
        average = torch.load(kept, weights_only=True)["average"]
        weights = {name[len("module.") :]: value for name, value in average.items() if "." in name}
        expected = error_with_own_statistics(weights, train, validation)
        losses.append((metrics["validation_loss"], expected / train.y.std()))

    trained.fit(train, None, max_steps=40, validation=validation, patience=2, state=kept, on_epoch=look)
    assert len(losses) >= 4
    for loss, expected in losses:
        assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("patience", "cap"), [(0, 10), (3, 0)])
def test_no_patience_and_no_steps_are_refused(patience, cap):
    with pytest.raises(ValueError, match="arrived; 1 or more of each are accepted"):
        course(patience=patience, cap=cap)


def fitted(folder, steps, kept=None, seed=0, kill_after=math.inf):
    """Train on blobs, and stop as if killed after so many rounds."""
    trained = model(seed=seed, dropout=0.2, augment=True, model_dir=folder / "model")

    def watch(number, metrics):
        if number >= kill_after:
            raise KeyboardInterrupt

    trained.fit(
        dataset(24), None, max_steps=steps, validation=dataset(8, seed=1), patience=2, state=kept, on_epoch=watch
    )
    return trained


def test_a_killed_training_goes_on_to_the_same_end(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 10)
    whole = fitted(tmp_path / "whole", 60)
    kept = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "killed", 60, kept, kill_after=3)
    assert kept.is_file()
    resumed = fitted(tmp_path / "killed", 60, kept)
    assert same(state(whole), state(resumed))
    assert resumed.trained_.steps == whole.trained_.steps
    assert same(state(VoxelCNNModel.from_dir(tmp_path / "killed" / "model")), state(whole))


def test_a_state_that_is_damaged_or_of_another_network_begins_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 10)
    kept = tmp_path / "state.pt"
    kept.write_bytes(b"PK\x03\x04 cut off")
    fresh = fitted(tmp_path / "fresh", 20)
    assert same(state(fitted(tmp_path / "again", 20, kept)), state(fresh))
    assert "begins anew" in caplog.text
    torch.save({"plain": json.dumps({"step": 3})}, kept)
    assert same(state(fitted(tmp_path / "third", 20, kept)), state(fresh))


def test_patience_needs_a_validation_set_and_a_number_as_rate():
    with pytest.raises(ValueError, match="patience=2 arrived with validation=None"):
        model().fit(dataset(), patience=2)


def test_a_training_that_its_cap_ended_goes_on_under_a_larger_one_to_the_same_end(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 10)
    monkeypatch.setattr(until_stalled, "WARMING", 2)
    monkeypatch.setattr(until_stalled, "PROGRESS", -9.0)  # never stalls
    whole = fitted(tmp_path / "whole", 130)
    kept = tmp_path / "state.pt"
    first = fitted(tmp_path / "first", 45, kept)
    assert first.trained_.capped
    held = torch.load(held_state(kept), weights_only=True)
    assert (held["plain"]["step"], held["plain"]["cooling_from"]) == (30, None)  # the last whole round of the 36 held
    held_state(kept).replace(kept)
    longer = fitted(tmp_path / "longer", 130, kept)
    assert longer.trained_.steps == whole.trained_.steps == 130
    assert same(state(longer), state(whole))
    assert 0 < longer.trained_.seconds_before == held["plain"]["seconds"]


def test_a_training_that_is_killed_as_its_cap_begins_to_bind_goes_on_to_the_same_end(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 10)
    monkeypatch.setattr(until_stalled, "PROGRESS", -9.0)  # never stalls
    whole = fitted(tmp_path / "whole", 45)
    write, kept = UntilStalled.write, tmp_path / "state.pt"

    def killed(course, path):
        if course.capped:
            raise KeyboardInterrupt
        write(course, path)

    with monkeypatch.context() as patch:
        patch.setattr(UntilStalled, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            fitted(tmp_path / "killed", 45, kept)
    resumed = fitted(tmp_path / "killed", 45, kept)
    assert resumed.trained_.seconds_before > 0
    assert same(state(resumed), state(whole))


def test_a_training_that_stalled_keeps_no_state_to_go_on_from(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 10)
    monkeypatch.setattr(until_stalled, "PROGRESS", 0.99)
    assert not fitted(tmp_path / "stalled", 200, tmp_path / "state.pt").trained_.capped
    assert [path.name for path in tmp_path.glob("*.pt")] == ["state.pt"]
