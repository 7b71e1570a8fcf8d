"""Voxels that were made once, in temporary files that nobody else sees."""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
import threading
from collections.abc import Callable

import numpy as np

__all__ = ["KeptVoxels"]

logger = logging.getLogger(__name__)
PIECE = 2**28
"""Bytes that are reserved at once."""


class KeptVoxels:
    """Voxels of datapoints, made when they are first asked for, and kept as long as there is room.

    Room is taken piece by piece, each reserved before it is written to: a disk that others fill ends the keeping and nothing
    else. Half of what is free when the first piece is taken stays free. Threads may ask at the same time.

    Parameters
    ----------
    shape : tuple of int
        Of the voxels of a datapoint.
    dtype : str
        Theirs.
    n : int
        Datapoints.
    limit : int, optional
        Bytes to keep at most.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str, n: int, limit: int | None = None) -> None:
        self.row_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        self._shape, self._dtype = shape, dtype
        self._at_most = n if limit is None else min(n, limit // self.row_bytes)
        self._slots = np.full(n, -1)
        self._used = 0
        self._pieces: list[np.ndarray] = []
        self._piece_rows = max(1, PIECE // self.row_bytes)
        self._left_to_others: float | None = None
        self._lock = threading.Lock()

    def row(self, place: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the voxels of the datapoint at a place: those that are kept, or what `make` returns."""
        if self._slots[place] < 0:
            voxels = make()
            with self._lock:
                if self._slots[place] >= 0 or not self._take_room():
                    return voxels
                self._kept(self._used)[...] = voxels
                self._slots[place] = self._used
                self._used += 1
        return self._kept(self._slots[place])

    def _kept(self, slot: int) -> np.ndarray:
        return self._pieces[slot // self._piece_rows][slot % self._piece_rows]

    def _take_room(self) -> bool:
        """Return whether there is room for one more, which a new piece may give."""
        if self._used >= self._at_most:
            return False
        if self._used == len(self._pieces) * self._piece_rows:
            try:
                self._pieces.append(self._piece(min(self._piece_rows, self._at_most - self._used)))
            except OSError as error:
                self._at_most = self._used
                logger.warning(
                    "Voxels of %d of %d datapoints are made anew whenever they are asked for: there is no room for them in '%s' "
                    "(%s). Make room there, or let TMPDIR name another folder.",
                    len(self._slots) - self._used,
                    len(self._slots),
                    tempfile.gettempdir(),
                    error,
                )
                return False
        return True

    def _piece(self, rows: int) -> np.ndarray:
        """Return room for so many rows, or raise an OSError."""
        size = rows * self.row_bytes
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if self._left_to_others is None:
            self._left_to_others = free / 2
        if free - size < self._left_to_others:
            raise OSError(f"{free / 1e9:.1f} GB are free, of which {self._left_to_others / 1e9:.1f} are left to others")
        with tempfile.TemporaryFile() as file:  # the mapping keeps it; it goes with the last reference
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS
                file.truncate(size)
            return np.memmap(file, dtype=self._dtype, mode="r+", shape=(rows, *self._shape))
