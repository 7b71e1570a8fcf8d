"""A transformer that leaves out the complexes that could not be featurized."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from deepchem_density.featurizers.voxel_featurizer import failed_value
from deepchem_density.quiet import deepchem as dc

__all__ = ["DropFailed"]

logger = logging.getLogger(__name__)


class DropFailed(dc.trans.Transformer):
    """Leaves out the rows of complexes that a featurizer marked as failed, together with labels, weights and ids.

    Examples
    --------
    >>> import numpy as np
    >>> import deepchem as dc
    >>> from deepchem_density import DropFailed
    >>> X = np.zeros((3, 2, 2, 2, 1), dtype=np.float32)
    >>> X[1] = np.nan
    >>> DropFailed().transform(dc.data.NumpyDataset(X, y=[5.0, 6.0, 7.0])).y.tolist()
    [5.0, 7.0]

    Parameters
    ----------
    dataset
        Not used; MolNet's ``TransformerGenerator`` passes it.
    """

    def __init__(self, dataset: Any = None, **kwargs: Any) -> None:
        super().__init__(
            transform_ids=True, dataset=dataset
        )  # DeepChem asks for one, and needs none of the others undone

    def transform(self, dataset: Any, parallel: bool = False, out_dir: str | None = None, **kwargs: Any) -> Any:
        """Return the dataset without the rows that failed.

        Raises
        ------
        ValueError
            All rows failed.
        """
        kept = [i for i, (row, *_) in enumerate(dataset.itersamples()) if not _failed(row)]
        if len(kept) == len(dataset):
            return dataset
        if not kept:
            raise ValueError(f"All {len(dataset)} rows failed to featurize; the featurizer's failures_ says why.")
        logger.warning("DropFailed leaves out %d of %d rows.", len(dataset) - len(kept), len(dataset))
        return dataset.select(kept, out_dir)

    def transform_array(
        self,
        X: np.ndarray,  # noqa: N803
        y: np.ndarray,
        w: np.ndarray,
        ids: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the arrays without the rows that failed."""
        kept = np.array([not _failed(row) for row in X], dtype=bool)
        return X[kept], y[kept], w[kept], ids[kept]

    def untransform(self, transformed: np.ndarray) -> np.ndarray:
        """Return what it is given: rows that were left out do not come back."""
        return transformed


def _failed(row: Any) -> bool:
    row = np.asarray(row)
    value = failed_value(row.dtype)
    return bool((np.isnan(row) if np.isnan(value) else row == value).all())
