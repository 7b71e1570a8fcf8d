from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchem_density.splits import fixed_split, nested_fractions


@given(st.integers(3, 400), st.data())
def test_a_split_is_disjoint_and_complete(n: int, data) -> None:
    n_test = data.draw(st.integers(1, n - 1))
    n_valid = data.draw(st.integers(0, n - n_test - 1))
    pool, valid, test = fixed_split(n, n_test, n_valid, seed=data.draw(st.integers(0, 5)))
    assert (len(valid), len(test)) == (n_valid, n_test)
    assert sorted([*pool, *valid, *test]) == list(range(n))


def test_the_same_seed_gives_the_same_test_set_whatever_else_changes() -> None:
    _, _, test = fixed_split(1000, 100, 50, seed=3)
    for n_valid in (0, 50, 200):
        np.testing.assert_array_equal(fixed_split(1000, 100, n_valid, seed=3)[2], test)
    assert set(fixed_split(1000, 100, 50, seed=4)[2]) != set(test)


def test_the_split_of_seed_0_is_the_one_of_earlier_releases() -> None:
    """Published curves rest on these numbers: a change of numpy's stream must not pass unseen."""
    _, valid, test = fixed_split(2000, 3, 2)
    assert (test.tolist(), valid.tolist()) == ([1236, 1380, 1946], [1633, 1949])


@pytest.mark.parametrize("sizes", [[10, 40, 400, 850], [0.01, 0.1, 0.5, 1.0], [400, 10]])
def test_training_sets_are_nested_and_never_meet_the_test_set(sizes) -> None:
    pool, valid, test = fixed_split(1000, 100, 50)
    held_out = {*valid, *test}
    for seed in range(3):
        parts = nested_fractions(pool, sizes, seed=seed)
        expected = [size if isinstance(size, int) else round(size * 850) for size in sizes]
        assert [len(part) for part in parts] == expected
        assert all(len(set(part)) == len(part) for part in parts)
        by_size = sorted(parts, key=len)
        for smaller, larger in itertools.pairwise(by_size):
            np.testing.assert_array_equal(larger[: len(smaller)], smaller)
        assert not held_out & set(by_size[-1])
        assert set(by_size[-1]) <= set(pool)


def test_another_seed_draws_other_training_molecules() -> None:
    pool, _, _ = fixed_split(1000, 100, 50)
    first, second = (nested_fractions(pool, [100], seed=seed)[0] for seed in (0, 1))
    assert 0 < len(set(first) & set(second)) < 40  # 100 of 850 twice share 12 on average
    np.testing.assert_array_equal(nested_fractions(pool, [100], seed=0)[0], first)


def test_the_pool_can_hold_any_indices() -> None:
    pool = np.array([7, 70, 700])
    assert sorted(nested_fractions(pool, [3])[0]) == [7, 70, 700]
    assert sorted(nested_fractions(pool, [1.0])[0]) == [7, 70, 700]


@pytest.mark.parametrize(("n", "n_test", "n_valid"), [(10, 0, 1), (10, 5, 5), (10, 4, -1), (0, 1, 0)])
def test_impossible_splits_are_refused(n: int, n_test: int, n_valid: int) -> None:
    with pytest.raises(ValueError, match=f"{n} molecules cannot be split"):
        fixed_split(n, n_test, n_valid)


@pytest.mark.parametrize("size", [0, 11, -1, 0.0, 1.1, 0.001, float("nan")])
def test_impossible_sizes_are_refused(size: float) -> None:
    with pytest.raises(ValueError, match=f"size {size} cannot be drawn from a pool of 10"):
        nested_fractions(np.arange(10), [size])


def test_a_mixture_of_numbers_and_fractions_is_refused() -> None:
    with pytest.raises(ValueError, match="mixture"):
        nested_fractions(np.arange(10), [1, 0.5])
