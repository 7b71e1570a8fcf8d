"""Datapoints that were solved before, found one by one, whatever they were asked for with, and in whatever order."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.shards import Shard
from deepchem_density.voxels.solved import Solved

__all__ = ["SolvedBefore"]

OPEN_SHARDS = 4
"""Shards held open at a time: datapoints mostly come in the order in which they came before."""


class SolvedBefore:
    """All that a folder of shards holds.

    Parameters
    ----------
    folder : path
        With shards that `write_shard` wrote. Those without fingerprints, of an earlier release, are passed over, and so are
        damaged ones.
    """

    def __init__(self, folder: Path) -> None:
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._opened = lru_cache(OPEN_SHARDS)(_opened)
        for path in sorted(folder.glob("*/about.json")):
            shard = self._opened(path.parent)
            if shard is not None:
                rows = enumerate(shard.fingerprints)
                self._places |= {row.tobytes(): (path.parent, at) for at, row in rows if at not in shard.failures}

    def __len__(self) -> int:
        return len(self._places)

    def get(self, fingerprint: bytes, datapoint: Any) -> Solved | None:
        """Return a datapoint solved, under the name it has now; None where it was not, or in vain, or looks at a map.

        Parameters
        ----------
        fingerprint : bytes
            Of the datapoint.
        datapoint : object
            As it is asked for now.
        """
        if fingerprint not in self._places:
            return None
        path, place = self._places[fingerprint]
        shard = self._opened(path)
        if shard is None:
            return None
        solved = shard[place]
        if solved.map_path:  # the same map may lie elsewhere by now
            return None
        return solved.named(datapoint.name) if isinstance(datapoint, Structure) else solved


def _opened(folder: Path) -> Shard | None:
    try:
        return Shard(folder)
    except (FileNotFoundError, ValueError):
        return None
