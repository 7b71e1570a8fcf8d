from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.voxels.cube_turns import CUBE_TURNS, turn_voxels

TURNS = st.integers(0, 23)


def blobs(positions: np.ndarray, n: int = 8, width: float = 0.7) -> torch.Tensor:
    """Unequal Gaussians at the positions on an (n, n, n, 1) grid of cells centred on the origin."""
    axis = (np.arange(n) + 0.5) * width - n * width / 2
    cells = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    squares = ((cells[..., None, :] - positions) ** 2).sum(axis=-1)
    return torch.as_tensor((np.arange(1, len(positions) + 1) * np.exp(-squares)).sum(axis=-1))[..., None]


def test_the_turns_are_the_rotation_group_of_the_cube():
    assert CUBE_TURNS.shape == (24, 3, 3)
    assert CUBE_TURNS.dtype == np.int64
    assert not CUBE_TURNS.flags.writeable
    np.testing.assert_array_equal(CUBE_TURNS[0], np.eye(3))
    members = {turn.tobytes() for turn in CUBE_TURNS}
    assert len(members) == 24
    for left in CUBE_TURNS:
        assert np.linalg.det(left) == pytest.approx(1)
        assert left.T.copy().tobytes() in members
        assert {(left @ right).tobytes() for right in CUBE_TURNS} == members


@pytest.mark.parametrize("turn", range(24))
def test_turning_voxels_equals_voxelizing_the_turned_positions(turn):
    positions = np.random.default_rng(0).uniform(-2, 2, (5, 3))
    turned = turn_voxels(blobs(positions), turn)
    torch.testing.assert_close(turned, blobs(positions @ CUBE_TURNS[turn].T), rtol=1e-12, atol=1e-12)
    if turn:
        assert not torch.allclose(turned, blobs(positions))


def test_every_value_lands_on_its_turned_cell():
    values = torch.arange(5**3, dtype=torch.uint8).reshape(5, 5, 5)
    index = np.indices((5, 5, 5)).reshape(3, -1)
    for turn in CUBE_TURNS:
        x, y, z = turn @ (index - 2) + 2
        assert torch.equal(turn_voxels(values, turn, channels_last=False)[x, y, z], values.flatten())


@given(TURNS, TURNS)
def test_two_turns_are_one(first, second):
    voxels = torch.randn(2, 4, 4, 4, 3, generator=torch.Generator().manual_seed(1))
    both = turn_voxels(turn_voxels(voxels, first), second)
    assert torch.equal(both, turn_voxels(voxels, CUBE_TURNS[second] @ CUBE_TURNS[first]))


@given(TURNS)
def test_layouts_and_batches_agree(turn):
    voxels = torch.randn(3, 4, 4, 4, 2, generator=torch.Generator().manual_seed(2))
    turned = turn_voxels(voxels, turn)
    assert torch.equal(turned, torch.stack([turn_voxels(one, turn) for one in voxels]))
    assert torch.equal(turned[..., 1], turn_voxels(voxels[..., 1], turn, channels_last=False))


def test_unequal_edges_trade_places():
    quarter_about_z = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert turn_voxels(torch.zeros(2, 3, 4, 1), quarter_about_z).shape == (3, 2, 4, 1)


@pytest.mark.parametrize("turn", [np.diag([1, 1, -1]), 0.5 * np.eye(3), np.eye(2)])
def test_what_is_no_turn_is_refused(turn):
    with pytest.raises(ValueError, match="no rotation of a cube"):
        turn_voxels(torch.zeros(2, 2, 2, 1), turn)


def test_too_few_axes_are_refused():
    with pytest.raises(ValueError, match=r"is accepted. Set channels_last"):
        turn_voxels(torch.zeros(2, 2, 2), 3)
