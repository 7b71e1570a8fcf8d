"""Test sets that never change and share nothing with training, and training sets that grow by adding only."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

__all__ = [
    "Split",
    "fixed_split",
    "joined_groups",
    "nested_fractions",
    "split_around",
    "split_by_groups",
    "split_by_ids",
    "split_by_lists",
    "split_by_year",
]

logger = logging.getLogger(__name__)

Split = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Pool for training, validation set and test set: int64 places in rising order, disjoint."""


def fixed_split(n: int, n_test: int, n_valid: int, seed: int = 0) -> Split:
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
    _check_sizes(n, n_test, n_valid)
    order = np.random.default_rng(seed).permutation(n)
    test, valid, train_pool = np.split(order, [n_test, n_test + n_valid])
    return np.sort(train_pool), np.sort(valid), np.sort(test)


def joined_groups(*columns: Sequence[object] | np.ndarray) -> np.ndarray:
    """Give one number to all complexes that share a value in any column, directly or through others.

    Parameters
    ----------
    columns : sequence
        (n,) each: PDB codes, targets, sequence clusters. A missing value (None, NaN, "" or "nan") is shared with nobody.

    Returns
    -------
    np.ndarray
        (n,) int64 from 0, in order of first appearance.

    Raises
    ------
    ValueError
        If no column arrives or their lengths differ.
    """
    if not columns or len({len(column) for column in columns}) > 1:
        raise ValueError(
            f"columns of lengths {[len(column) for column in columns]} arrived; one or more of equal length"
        )
    n = len(columns[0])
    numbers: dict[object, int] = {}
    edges = [
        (place, numbers.setdefault((number, value), n + len(numbers)))
        for number, column in enumerate(columns)
        for place, value in enumerate(_plain(column))
        if not _is_missing(value)
    ]
    size = n + len(numbers)
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(ends.shape[1], dtype=bool), (ends[0], ends[1])), shape=(size, size))
    groups = connected_components(graph, directed=False)[1][:n]
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)


def split_by_groups(groups: Sequence[object] | np.ndarray, n_test: int, n_valid: int, seed: int = 0) -> Split:
    """Split at random by whole groups: no group stands in two sets.

    Parameters
    ----------
    groups : sequence
        (n,) the group of each complex, such as a target, a sequence cluster, or several of them from `joined_groups`. A
        complex with a missing value (None, NaN, "") is a group of its own.
    n_test, n_valid : int
        Sizes to come as near to as the groups allow: groups are drawn in random order, and one is taken if it brings the
        size nearer to the wanted one.
    seed : int
        Of the draw.

    Returns
    -------
    train_pool, valid, test : np.ndarray
        As of `fixed_split`. The test set does not depend on `n_valid`.

    Raises
    ------
    ValueError
        If sizes are impossible, or the groups are too large to leave something for each set.
    """
    numbers = joined_groups(groups)
    n = len(numbers)
    _check_sizes(n, n_test, n_valid)
    test = _drawn(numbers, np.arange(n), n_test, np.random.default_rng(seed))
    if len(test) == 0:
        raise ValueError(
            f"no group is small enough for a test set of {n_test}; the smallest holds {np.bincount(numbers).min()} of {n}"
        )
    is_test = np.zeros(n, dtype=bool)
    is_test[test] = True
    return split_around(is_test, n_valid, groups=numbers, seed=seed)


def split_around(
    test: np.ndarray, n_valid: int, groups: Sequence[object] | np.ndarray | None = None, seed: int = 0
) -> Split:
    """Split what is not in a given test set into a pool and a validation set.

    Parameters
    ----------
    test : np.ndarray
        (n,) bool, the complexes to test on.
    n_valid : int
        Size of the validation set, drawn at random; by whole groups, and then about this size, where `groups` are given.
    groups : sequence, optional
        (n,) what must not stand in two sets, such as PDB codes. Complexes outside the test set that share a group with it
        are left out of every set, and their number is logged.
    seed : int
        Of the draw.

    Returns
    -------
    train_pool, valid, test : np.ndarray
        As of `fixed_split`, without what is left out.

    Raises
    ------
    ValueError
        If the test set is empty or nothing is left to train on.
    """
    test = np.asarray(test)
    if test.dtype != np.bool_ or test.ndim != 1 or not test.any() or n_valid < 0:
        raise ValueError(
            f"a mask of shape {test.shape} and type {test.dtype} with {np.count_nonzero(test)} marked and n_valid={n_valid} "
            "arrived; a boolean mask with at least one complex, and n_valid from 0, are accepted"
        )
    numbers = np.arange(len(test)) if groups is None else joined_groups(groups)
    if len(numbers) != len(test):
        raise ValueError(f"{len(numbers)} groups arrived for {len(test)} complexes; one for each is accepted")
    shared = ~test & np.isin(numbers, numbers[test])
    if shared.any():
        logger.info("%d complexes share a group with the test set and are left out", np.count_nonzero(shared))
    rest = np.flatnonzero(~test & ~shared)
    # the next stream, not the one that may have drawn the test set
    valid = _drawn(numbers, rest, n_valid, np.random.default_rng([seed, 1]))
    pool = np.setdiff1d(rest, valid)
    if len(pool) == 0 or (n_valid and len(valid) == 0):
        raise ValueError(
            f"{len(rest)} of {len(test)} complexes are left beside the test set; they cannot be split into {n_valid} for "
            "validation and at least one for training without parting a group"
        )
    return pool, valid, np.flatnonzero(test)


def split_by_ids(
    names: Sequence[str] | np.ndarray,
    test_ids: Iterable[str],
    n_valid: int,
    groups: Sequence[object] | np.ndarray | None = None,
    seed: int = 0,
) -> Split:
    """Test on listed complexes, such as an official core set, and split the others.

    Parameters
    ----------
    names : sequence of str
        (n,) PDB codes or ids; upper and lower case are the same.
    test_ids : iterable of str
        Those to test on, such as ``read_index("CoreSet.dat").index``; ids that no complex has are counted in a warning.
    n_valid, groups, seed
        As in `split_around`; without `groups`, complexes of one name stay together.

    Raises
    ------
    ValueError
        If none of the listed ids is there, or nothing is left to train on.
    """
    marked = _marked(names, test_ids, "test")
    return split_around(marked, n_valid, groups=_folded(names) if groups is None else groups, seed=seed)


def split_by_lists(
    names: Sequence[str] | np.ndarray,
    lists: Mapping[str, Iterable[str]],
    train: str = "train",
    valid: str = "valid",
    test: str = "test",
) -> Split:
    """Split as published lists say: ATOM3D's LBA 30 and 60, LP-PDBBind, CleanSplit, time splits.

    Parameters
    ----------
    names : sequence of str
        (n,) PDB codes or ids; upper and lower case are the same. What is in no list is left out, and counted in the log.
    lists : mapping of str to iterable of str
        Name of the set -> ids, as `deepchem_density.tables.id_lists.published_lists` or `read_id_lists` give them.
    train, valid, test : str
        Which lists to take; ``valid=""`` for no validation set.

    Raises
    ------
    ValueError
        If a list is missing, holds none of the complexes, or an id stands in two of them.
    """
    wanted = [train, valid, test] if valid else [train, test]
    missing = [name for name in wanted if name not in lists]
    if missing:
        raise ValueError(f"there is no list {', '.join(missing)}; there are {', '.join(lists)}")
    folded = {name: {str(code).strip().lower() for code in lists[name]} for name in wanted}
    for place, name in enumerate(wanted):
        for other in wanted[:place]:
            both = folded[name] & folded[other]
            if both:
                raise ValueError(
                    f"{len(both)} ids stand in both {other} and {name}, such as {sorted(both)[:3]}; part them"
                )
    masks = {name: _marked(names, folded[name], name) for name in wanted}
    outside = len(names) - sum(np.count_nonzero(mask) for mask in masks.values())
    if outside:
        logger.info("%d of %d datapoints stand in no list and are left out", outside, len(names))
    nothing = np.zeros(len(names), dtype=bool)
    pool, held, tested = (np.flatnonzero(masks.get(name, nothing)) for name in (train, valid, test))
    return pool, held, tested


def split_by_year(
    years: Sequence[float] | np.ndarray,
    last_train_year: int,
    n_valid: int,
    groups: Sequence[object] | np.ndarray | None = None,
    seed: int = 0,
) -> Split:
    """Train on what was released up to a year and test on what came later.

    Parameters
    ----------
    years : sequence of number or str
        (n,) year of release of each complex. Those of an unknown year (None, NaN, "" or "nan") are left out of every set,
        and their number is logged.
    last_train_year : int
        The last one to train on.
    n_valid, groups, seed
        As in `split_around`: the validation set is drawn from the years of training.

    Raises
    ------
    ValueError
        If a year is no number, none is known, or training or test would be empty.
    """
    numbers = np.array([_year(year) for year in _plain(years)], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(numbers))
    if len(known) < len(numbers):
        logger.info("%d of %d complexes have no known year and are left out", len(numbers) - len(known), len(numbers))
    if len(known) == 0:
        raise ValueError(f"none of the {len(numbers)} years is known; a number for each complex is accepted")
    later = numbers[known] > last_train_year
    if later.all() or not later.any():
        first, last = numbers[known].min(), numbers[known].max()
        raise ValueError(
            f"last_train_year={last_train_year} arrived; the years go from {first:.0f} to {last:.0f}, and each side needs a "
            "complex"
        )
    kept = None if groups is None else [_plain(groups)[place] for place in known]
    pool, valid, test = split_around(later, n_valid, groups=kept, seed=seed)
    return known[pool], known[valid], known[test]


def nested_fractions(train_pool: np.ndarray, sizes: Sequence[int] | Sequence[float], seed: int = 0) -> list[np.ndarray]:
    """Training sets of growing size, each holding all smaller ones: prefixes of one permutation of the pool.

    Parameters
    ----------
    train_pool : np.ndarray
        (n,) indices, as any of the splits here gives them.
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
            f"sizes={list(sizes)} arrived; all integers (molecules) or all floats (fractions) are accepted."
        )
    order = np.random.default_rng(seed).permutation(n)
    return [train_pool[order[:count]] for count in counts]


def _year(year: object) -> float:
    """Return the year as a number, NaN where it is not known."""
    if _is_missing(year):
        return math.nan
    try:
        number = float(str(year))
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"the year {year!r} arrived; a number, or nothing where it is not known, is accepted")
    return number


def _count(size: float, n: int) -> int:
    is_fraction = not isinstance(size, (int, np.integer))
    count = round(size * n) if is_fraction and 0 < size <= 1 else size
    if not 1 <= count <= n or (is_fraction and size > 1):
        raise ValueError(
            f"a training set of size {size} cannot be drawn from a pool of {n} molecules; give an integer from 1 to "
            f"{n} or a fraction as a float up to 1.0 that comes to at least one molecule"
        )
    return int(count)


def _check_sizes(n: int, n_test: int, n_valid: int) -> None:
    if n_test < 1 or n_valid < 0 or n_test + n_valid >= n:
        raise ValueError(
            f"{n} molecules cannot be split into {n_test} for testing, {n_valid} for validation and at least one for "
            "training; testing needs at least one"
        )


def _drawn(groups: np.ndarray, places: np.ndarray, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Return about `wanted` of `places` in whole groups, drawn in random order."""
    present, sizes = np.unique(groups[places], return_counts=True)
    order = rng.permutation(len(present))
    taken, size = [], 0
    for group, more in zip(present[order], sizes[order], strict=True):
        if abs(size + more - wanted) < abs(size - wanted):
            taken.append(group)
            size += more
    return places[np.isin(groups[places], taken)]


def _marked(names: Sequence[str] | np.ndarray, ids: Iterable[str], what: str) -> np.ndarray:
    wanted = {str(name).strip().lower() for name in ids}
    folded = _folded(names)
    mask = np.array([name in wanted for name in folded], dtype=bool)
    if not mask.any():
        raise ValueError(
            f"none of the {len(wanted)} ids for {what}, such as {sorted(wanted)[:3]}, is among the {len(folded)} datapoints, "
            f"such as {folded[:3]}"
        )
    absent = len(wanted - set(folded))
    if absent:
        logger.warning("%d of the %d ids listed for %s are not among the data", absent, len(wanted), what)
    return mask


def _folded(names: Sequence[str] | np.ndarray) -> list[str]:
    return [str(name).strip().lower() for name in names]


def _plain(column: Sequence[object] | np.ndarray) -> list[object]:
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _is_missing(value: object) -> bool:
    return value is None or value != value or value in ("", "nan")
