"""Labels that are classes: 1 for yes, 0 for no, NaN where it is not known."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

__all__ = ["check_both_tested", "check_classes"]

logger = logging.getLogger(__name__)


def check_classes(targets: Sequence[str], labels: np.ndarray, ids: np.ndarray) -> None:
    """Refuse labels (n, n_targets) that are no classes, and columns that hold one class alone.

    Raises
    ------
    ValueError
        Naming the column, and the first molecule whose label is neither 0 nor 1.
    """
    for target, column in zip(targets, labels.T, strict=True):
        strange = np.isfinite(column) & ~np.isin(column, (0.0, 1.0))
        if strange.any():
            first = int(strange.argmax())
            raise ValueError(
                f"{target} is {column[first]:g} for '{ids[first]}' and {np.count_nonzero(strange) - 1} more; with "
                "task=classification 0, 1 and empty cells are accepted: write classes so, or take task=regression."
            )
        found = sorted(set(column[np.isfinite(column)].tolist()))
        if len(found) < 2:
            held = f"nothing but {found[0]:g}" if found else "no label"
            raise ValueError(
                f"{target} holds {held} in all {len(column)} rows; with task=classification 0 and 1 are needed."
            )


def check_both_tested(targets: Sequence[str], labels: np.ndarray) -> None:
    """Refuse a test set (n, n_targets) without a label of some target, or in which none has both classes; warn of one alone.

    Raises
    ------
    ValueError
        Naming the targets.
    """
    unknown = [name for name, column in zip(targets, labels.T, strict=True) if not np.isfinite(column).any()]
    if unknown:
        raise ValueError(
            f"No label of {', '.join(unknown)} is among the {len(labels)} molecules of the test set; take a larger n_test, or "
            "another split_seed, or leave that target out."
        )
    alone = [name for name, column in zip(targets, labels.T, strict=True) if not {0.0, 1.0} <= set(column.tolist())]
    if len(alone) == len(targets):
        raise ValueError(
            f"No two classes of {', '.join(alone)} are among the {len(labels)} molecules of the test set, which can tell nothing "
            "then; both are needed: take a larger n_test, or another split_seed."
        )
    if alone:
        logger.warning(
            "The test set holds one class alone of %s, whose areas under curves are not defined.", ", ".join(alone)
        )
