from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deepchem_density.tables.splits import (
    fixed_split,
    joined_groups,
    nested_fractions,
    split_around,
    split_by_groups,
    split_by_ids,
    split_by_lists,
    split_by_year,
)


def assert_apart(split, groups) -> None:
    """No place and no group in two sets."""
    parts = [set(part) for part in split]
    named = [{groups[place] for place in part} for part in split]
    for first, second in itertools.combinations(range(3), 2):
        assert not parts[first] & parts[second]
        assert not named[first] & named[second]


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
    with pytest.raises(ValueError, match=r"sizes=\[1, 0\.5\] arrived"):
        nested_fractions(np.arange(10), [1, 0.5])


@given(st.lists(st.integers(0, 12), min_size=30, max_size=200), st.integers(0, 5))
def test_groups_are_never_parted(groups, seed: int) -> None:
    assume(len(set(groups)) > 6)
    split = split_by_groups(groups, len(groups) // 5, len(groups) // 10, seed)
    assert_apart(split, groups)
    assert sorted(np.concatenate(split)) == list(range(len(groups)))
    assert all(len(part) for part in split)


def test_sizes_are_as_asked_for_where_groups_are_small() -> None:
    groups = np.random.default_rng(0).integers(0, 300, 1000)
    for seed in range(5):
        pool, valid, test = split_by_groups(groups, 200, 100, seed)
        assert abs(len(test) - 200) <= 5
        assert abs(len(valid) - 100) <= 5
        assert_apart((pool, valid, test), groups)


def test_a_group_split_repeats_and_its_test_set_does_not_depend_on_validation() -> None:
    groups = np.random.default_rng(0).integers(0, 100, 500).astype(str)
    first = split_by_groups(groups, 100, 50, seed=2)
    for left, right in zip(first, split_by_groups(groups, 100, 50, seed=2), strict=True):
        np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(split_by_groups(groups, 100, 0, seed=2)[2], first[2])
    assert set(split_by_groups(groups, 100, 50, seed=3)[2]) != set(first[2])


def test_a_group_too_large_for_the_test_set_stays_in_training() -> None:
    groups = ["big"] * 80 + ["a"] * 6 + ["b"] * 7 + ["c"] * 7
    for seed in range(10):
        pool, valid, test = split_by_groups(groups, 10, 5, seed)
        assert set(range(80)) <= set(pool)
        assert len(test) in (6, 7, 13, 14)
        assert len(valid) in (6, 7)


def test_what_has_no_group_stands_alone() -> None:
    values = [None, float("nan"), "", "a", "a", "nan"]
    assert joined_groups(values).tolist() == [0, 1, 2, 3, 3, 4]
    assert joined_groups(np.array([np.nan, 545.0, np.nan, 545.0])).tolist() == [0, 1, 2, 1]


def test_groups_are_joined_through_any_column() -> None:
    clusters = ["k", "k", "p", "", "q"]
    codes = ["1abc", "2abc", "3abc", "3abc", "4abc"]
    targets = ["x", "y", "y", "z", "w"]
    assert joined_groups(clusters, codes).tolist() == [0, 0, 1, 1, 2]
    assert joined_groups(clusters, codes, targets).tolist() == [0, 0, 0, 0, 1]
    assert joined_groups(["1"], [1]).tolist() == [0]
    assert joined_groups([]).tolist() == []
    with pytest.raises(ValueError, match=r"lengths \[2, 1\]"):
        joined_groups([1, 2], [1])


def test_what_shares_a_group_with_the_test_set_is_left_out_and_counted(caplog) -> None:
    codes = ["1abc", "1abc", "2abc", "3abc", "4abc", "4abc"]
    test = np.array([True, False, False, False, False, False])
    with caplog.at_level(logging.INFO):
        pool, valid, tested = split_around(test, 1, groups=codes)
    assert "1 complexes share a group" in caplog.text
    assert tested.tolist() == [0]
    assert sorted([*pool, *valid]) == [2, 3, 4, 5]
    assert_apart((pool, valid, tested), codes)
    assert sorted(np.concatenate(split_around(test, 1))) == list(range(6))


def test_a_core_set_is_the_test_set() -> None:
    codes = np.array([f"{i}abc" for i in range(1, 10)] + ["3abc"])
    pool, valid, test = split_by_ids(codes, ["3ABC", "7abc", "9xyz"], n_valid=2, seed=1)
    assert test.tolist() == [2, 6, 9]
    assert (len(valid), len(pool)) == (2, 5)
    assert_apart((pool, valid, test), codes)
    clusters = ["a", "a", "a", "b", "b", "c", "c", "d", "e", "f"]
    pool, valid, test = split_by_ids(codes, ["3abc", "7abc"], n_valid=1, groups=clusters)
    assert test.tolist() == [2, 6, 9]
    assert sorted([*pool, *valid]) == [3, 4, 7, 8]
    with pytest.raises(ValueError, match="none of the 1 ids for test"):
        split_by_ids(codes, ["9zzz"], n_valid=0)


def test_published_lists_are_followed() -> None:
    codes = ["1ABC", "2abc", "3abc", "4abc", "2abc"]
    lists = {"train": ["1abc", "9abc"], "valid": ["3abc"], "test": ["2abc"], "other": ["1abc"]}
    pool, valid, test = split_by_lists(codes, lists)
    assert (pool.tolist(), valid.tolist(), test.tolist()) == ([0], [2], [1, 4])
    assert split_by_lists(codes, lists, valid="")[1].tolist() == []
    with pytest.raises(ValueError, match=r"1 ids stand in both train and other, such as \['1abc'\]"):
        split_by_lists(codes, lists, test="other")
    with pytest.raises(ValueError, match="no list casf2016; there are train"):
        split_by_lists(codes, lists, test="casf2016")
    with pytest.raises(ValueError, match="none of the 1 ids for test"):
        split_by_lists(codes, {**lists, "test": ["8abc"]})


def test_time_splits_test_on_later_years() -> None:
    years = np.array([1999, 2005, 2010, 2015, 2018, 2019])
    pool, valid, test = split_by_year(years, 2015, n_valid=1)
    assert test.tolist() == [4, 5]
    assert sorted([*pool, *valid]) == [0, 1, 2, 3]
    assert split_by_year(years.astype(str), 2015, 0)[2].tolist() == [4, 5]
    pool, _, _ = split_by_year(years, 2015, 0, groups=["a", "b", "c", "d", "d", "e"])
    assert pool.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="from 1999 to 2019"):
        split_by_year(years, 2019, 0)


def test_years_that_are_not_known_are_left_out_and_counted(caplog) -> None:
    years = ["2000", "", "2010", "nan", 2001, None, float("nan"), "2004.0"]
    with caplog.at_level(logging.INFO):
        pool, valid, test = split_by_year(years, 2003, 1, groups=list("aabbcdef"))
    assert "4 of 8 complexes have no known year" in caplog.text
    assert sorted([*pool, *valid]) == [0, 4]
    assert test.tolist() == [2, 7]
    with pytest.raises(ValueError, match="the year 'soon' arrived; a number, or nothing"):
        split_by_year(["2000", "soon"], 2003, 0)
    with pytest.raises(ValueError, match="none of the 2 years is known"):
        split_by_year(["", "nan"], 2003, 0)


def test_fractions_nest_inside_a_group_split() -> None:
    groups = np.random.default_rng(1).integers(0, 60, 400)
    pool, valid, test = split_by_groups(groups, 80, 40)
    small, large = nested_fractions(pool, [0.25, 1.0])
    np.testing.assert_array_equal(large[: len(small)], small)
    assert_apart((large, valid, test), groups)


def test_splits_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="no group is small enough for a test set of 2; the smallest holds 5 of 10"):
        split_by_groups(["a"] * 5 + ["b"] * 5, 2, 0)
    with pytest.raises(ValueError, match="10 molecules cannot be split into 8"):
        split_by_groups(list(range(10)), 8, 2)
    mask = np.array([True, False, False])
    with pytest.raises(ValueError, match="2 of 3 complexes are left"):
        split_around(mask, 2, groups=["a", "b", "b"])
    with pytest.raises(ValueError, match="0 of 3 complexes are left"):
        split_around(mask, 0, groups=["a", "a", "a"])
    with pytest.raises(ValueError, match="a boolean mask with at least one"):
        split_around(np.array([1, 0, 0]), 1)
    with pytest.raises(ValueError, match="a boolean mask with at least one"):
        split_around(np.array([False, False]), 1)
    with pytest.raises(ValueError, match="2 groups arrived for 3"):
        split_around(mask, 1, groups=["a", "b"])
