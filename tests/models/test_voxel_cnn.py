from __future__ import annotations

import numpy as np
import pytest
import torch

from deepchem_density.models.voxel_cnn import FieldScale, VoxelCNN


def voxels(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_field_scale_accumulates_the_statistics_of_all_batches():
    scale = FieldScale(3)
    batches = [10**index * voxels(2, 4, 4, 4, 3, seed=index) for index in range(5)]
    for batch in batches:
        scale(batch)
    cells = torch.cat(batches).reshape(-1, 3)
    torch.testing.assert_close(scale.mean, cells.mean(dim=0))
    torch.testing.assert_close(scale.variance, cells.var(dim=0, correction=0))
    scaled = scale.eval()(torch.cat(batches)).reshape(-1, 3)
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    widest = scale.variance.argmax()
    torch.testing.assert_close(scaled[:, widest].std(), torch.tensor(1.0), atol=1e-3, rtol=0)


def test_peaks_are_equally_high_however_rare_and_in_whatever_unit():
    """One atom in a molecule of a thousand cells, and in each of them; the second channel in a unit a thousand times smaller."""
    scale, batch = FieldScale(2), torch.zeros(50, 10, 10, 10, 2)
    batch[:, 5, 5, 5, 0] = 1.0
    batch[7, 3, 3, 3, 1] = 1000.0
    scaled = scale(batch)
    assert scaled[..., 1].max().item() == pytest.approx(scaled[..., 0].max().item(), rel=0.01)
    # a standard deviation of its own would make the rare peak seven times as high
    own = batch.reshape(-1, 2).std(dim=0)
    assert 1000 / own[1] > 7 * 1 / own[0]


def test_a_channel_that_training_never_saw_is_zero():
    scale, batch = FieldScale(2), voxels(2, 4, 4, 4, 2)
    batch[..., 1] = 0
    scale(batch)
    unseen = torch.ones(1, 1, 1, 1, 2)
    assert scale.eval()(unseen)[..., 1].item() == 0
    assert scale(unseen)[..., 0].item() != 0


def test_a_constant_channel_is_zero_though_its_mean_is_rounded():
    scale = FieldScale(2)
    for seed in range(5):
        batch = voxels(3, 4, 4, 4, 2, seed=seed)
        batch[..., 1] = 0.1
        assert scale(batch)[..., 1].abs().max() == 0


def test_an_empty_field_stays_finite():
    scale = FieldScale(1)
    assert torch.equal(scale(torch.zeros(2, 4, 4, 4, 1)), torch.zeros(2, 4, 4, 4, 1))


def test_one_bin_is_no_spread():
    with pytest.raises(ValueError, match="n_bins"):
        VoxelCNN(1, 1, n_bins=1)


def trained_once(**options: object) -> VoxelCNN:
    torch.manual_seed(0)
    network = VoxelCNN(1, 2, widths=(4, 8), **options)
    torch.nn.init.normal_(network.head[-1].weight)
    network.train()(voxels(4, 8, 8, 8, 2))
    return network.eval()


@pytest.mark.parametrize("front", [{"stem_widths": (3,)}, {"n_bins": 8}])
def test_batched_equals_one_at_a_time(front):
    network, batch = trained_once(**front, depth=2), voxels(4, 8, 8, 8, 2)
    batch *= torch.tensor([0.0, 1, 2, 4]).reshape(-1, 1, 1, 1, 1)
    together, _ = network(batch)
    torch.testing.assert_close(together, torch.cat([network(one[None])[0] for one in batch]), rtol=1e-4, atol=1e-5)
    assert together.std() > 1e-3


def test_sum_pooling_adds_what_mean_pooling_averages():
    batch = voxels(2, 12, 12, 12, 2)
    summed, averaged = (trained_once(pooling=pooling).features(batch) for pooling in ("sum", "mean"))
    torch.testing.assert_close(summed, averaged * 6**3, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("edge", "expected"), [(4, 2), (6, 3), (8, 2), (24, 3), (48, 6), (64, 8)])
def test_pooling_stops_at_small_grids(edge, expected):
    network = VoxelCNN(1, 1, widths=(2, 2, 2, 2)).eval()
    shapes = []
    network.stages[-1].register_forward_hook(lambda module, given, out: shapes.append(out.shape[2:]))
    network(voxels(1, edge, edge, edge, 1))
    assert shapes == [torch.Size([expected] * 3)]


def test_pooling_leaves_no_cell_out_of_an_odd_edge():
    network = trained_once()
    field = torch.zeros(1, 9, 9, 9, 2)
    field[0, 8, 8, 8, 0] = 1
    assert (network.features(field) - network.features(torch.zeros_like(field))).abs().max() > 1e-4


def test_the_input_reaches_the_convolutions_in_the_fast_layout():
    network = VoxelCNN(1, 5).eval()
    layouts = []
    network.stages[0].register_forward_pre_hook(
        lambda module, given: layouts.append(given[0].is_contiguous(memory_format=torch.channels_last_3d))
    )
    network(voxels(2, 8, 8, 8, 5))
    assert layouts == [True]


def test_label_scale_and_shapes():
    network = VoxelCNN(3, 1).eval()
    network.set_label_scale(np.array([1.0, 2, 3]), np.array([2.0, 2, 2]))
    prediction, standardized = network(voxels(2, 8, 8, 8, 1))
    torch.testing.assert_close(prediction, standardized * 2 + torch.tensor([1.0, 2, 3]))
    probabilities, logits = VoxelCNN(3, 1, mode="classification", n_classes=4)(voxels(2, 8, 8, 8, 1))
    assert probabilities.shape == logits.shape == (2, 3, 4)
    assert VoxelCNN(1, 1)(voxels(2, 5, 6, 9, 1))[0].shape == (2, 1)


def test_pooling_before_widening_changes_nothing():
    """The largest of eight bfloat16 numbers is one of them: the same values and gradients, to the bit."""
    stage = VoxelCNN(1, 2, widths=(4, 4)).train().stages[0]
    seen, results = [], []

    def widened(field: torch.Tensor) -> torch.Tensor:
        pooled = torch.nn.functional.max_pool3d(stage.convolution0(field).float(), 2, ceil_mode=True)
        return torch.nn.functional.silu(stage.normalization0(pooled))

    stage.convolution0.register_forward_hook(lambda *arrived: seen.append(arrived[2].dtype))
    for look in (lambda field: stage(field, pool=True), widened):
        stage.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            out = look(voxels(3, 2, 7, 7, 7))
        out.square().sum().backward()
        results.append((out.detach(), stage.convolution0.weight.grad.clone()))
    assert seen == [torch.bfloat16] * 2
    assert results[0][0].dtype == torch.float32
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_stages_of_two_cells_are_not_trained_in_bfloat16():
    network = VoxelCNN(1, 1, widths=(4, 4, 4, 4), autocast=True).train()
    seen = []
    for stage in network.stages:
        stage.convolution0.register_forward_hook(lambda module, given, out: seen.append((out.shape[-1], out.dtype)))
    network(voxels(2, 16, 16, 16, 1))
    assert seen == [(16, torch.bfloat16), (8, torch.bfloat16), (4, torch.bfloat16), (2, torch.float32)]
