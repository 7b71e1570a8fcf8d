"""What tables of molecules and of complexes have in common: rows with a name and labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["LabelledRows"]


class LabelledRows:
    """Rows with labels.

    Attributes
    ----------
    ids : np.ndarray
        (n,) unique names.
    labels : np.ndarray
        (n, n_tasks) float64; NaN stands for a label that is not known.
    tasks : tuple of str
        The name of each column of `labels`.
    """

    ids: np.ndarray
    labels: np.ndarray
    tasks: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, task: str) -> np.ndarray:
        """(n,) float64 labels of one task. Raises ValueError if the table has no such task."""
        return self.columns([task])[:, 0]

    def columns(self, tasks: Sequence[str]) -> np.ndarray:
        """(n, len(tasks)) float64 labels of `tasks`, in that order. Raises ValueError for an unknown task."""
        unknown = [task for task in tasks if task not in self.tasks]
        if unknown:
            raise ValueError(f"no labels for {', '.join(unknown)}; this table has {', '.join(self.tasks)}")
        return self.labels[:, [self.tasks.index(task) for task in tasks]]

    def _check_ids(self) -> None:
        ids, counts = np.unique(self.ids, return_counts=True)
        if (counts > 1).any():
            raise ValueError(f"The id '{ids[counts.argmax()]}' arrived {counts.max()} times; each may stand once.")

    def _check_labels(self) -> None:
        if np.isinf(self.labels).any():
            raise ValueError("labels hold infinite values; mark a label that is not known with NaN")
