"""A test set that never changes, and training sets that grow by adding molecules only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["fixed_split", "nested_fractions"]


def fixed_split(n: int, n_test: int, n_valid: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split `n` molecules at random into a pool for training, a validation set and a test set.

    Parameters
    ----------
    n, n_test, n_valid : int
        Number of molecules in all, in the test set and in the validation set (may be 0).
    seed : int
        Keep it the same in a whole study, whatever the seeds of the single runs, so that all share one test set.

    Returns
    -------
    train_pool, valid, test : np.ndarray
        int64 indices in rising order, disjoint, together all of ``range(n)``. The test set does not depend on
        `n_valid`.

    Raises
    ------
    ValueError
        If nothing is left to train on, or a number is negative.
    """
    if n_test < 1 or n_valid < 0 or n_test + n_valid >= n:
        raise ValueError(
            f"{n} molecules cannot be split into {n_test} for testing, {n_valid} for validation and at least one for "
            "training; testing needs at least one"
        )
    order = np.random.default_rng(seed).permutation(n)
    test, valid, train_pool = np.split(order, [n_test, n_test + n_valid])
    return np.sort(train_pool), np.sort(valid), np.sort(test)


def nested_fractions(train_pool: np.ndarray, sizes: Sequence[int] | Sequence[float], seed: int = 0) -> list[np.ndarray]:
    """Training sets of growing size, each holding all smaller ones: prefixes of one permutation of the pool.

    Parameters
    ----------
    train_pool : np.ndarray
        (n,) indices, as `fixed_split` gives them.
    sizes : sequence of int or of float
        Either numbers of molecules (integers), or fractions of the pool (floats above 0, up to 1.0).
    seed : int
        Another seed draws other molecules from the same pool, so the spread over seeds shows what the choice of
        training molecules does.

    Returns
    -------
    list of np.ndarray
        One array of indices for each of `sizes`, in the order of the permutation.

    Raises
    ------
    ValueError
        If a size is not between one molecule and the whole pool, or integers and floats are mixed.
    """
    train_pool = np.asarray(train_pool)
    n = len(train_pool)
    counts = [_count(size, n) for size in sizes]
    if len({isinstance(size, (int, np.integer)) for size in sizes}) > 1:
        raise ValueError(
            f"sizes must be all integers (molecules) or all floats (fractions), not a mixture: {list(sizes)}"
        )
    order = np.random.default_rng(seed).permutation(n)
    return [train_pool[order[:count]] for count in counts]


def _count(size: float, n: int) -> int:
    is_fraction = not isinstance(size, (int, np.integer))
    count = round(size * n) if is_fraction and 0 < size <= 1 else size
    if not 1 <= count <= n or (is_fraction and size > 1):
        raise ValueError(
            f"a training set of size {size} cannot be drawn from a pool of {n} molecules; give an integer from 1 to "
            f"{n} or a fraction as a float up to 1.0 that comes to at least one molecule"
        )
    return int(count)
