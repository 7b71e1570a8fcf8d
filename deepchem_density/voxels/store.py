"""Voxels of many datapoints, written to disk shard by shard so that a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from deepchem_density.errors import FeaturizationError, reason_of
from deepchem_density.files import load_npz, save_npz
from deepchem_density.voxels.datapoints import located
from deepchem_density.voxels.fingerprints import fingerprint
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe
from deepchem_density.workers import map_in_order

__all__ = ["VoxelStore"]

logger = logging.getLogger(__name__)
SHARD_SIZE = 512


class VoxelStore:
    """Voxels of datapoints in one recipe, kept in a folder.

    Parameters
    ----------
    folder : path
        Each recipe has a folder of its own inside; shards are told apart by the molecules and the content of the
        files that they hold.
    recipe : Recipe
        What the voxels are.
    """

    def __init__(self, folder: str | os.PathLike[str], recipe: Recipe) -> None:
        recipe.check()
        settings = json.dumps([FEATURE_VERSION, dataclasses.asdict(recipe)], sort_keys=True)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        self.folder = Path(folder) / f"{recipe.representation}-{digest}"
        self.recipe = recipe

    def voxels(self, datapoints: Sequence[Any], n_jobs: int = 1) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Return the voxels of all datapoints, computing those that are not stored.

        Returns
        -------
        voxels : np.ndarray
            (n, x, y, z, channel) of the recipe's dtype; rows of failures are zero and must not be used.
        failures : list of (int, str)
            Index and reason of each datapoint that could not be featurized.

        Raises
        ------
        FeaturizationError
            Every datapoint failed.
        """
        self.recipe.check_alike(datapoints)
        datapoints = [located(datapoint, self.recipe.reading) for datapoint in datapoints]
        self.folder.mkdir(parents=True, exist_ok=True)
        voxels = np.zeros((len(datapoints), *self.recipe.voxel_shape), dtype=self.recipe.dtype)
        failures: list[tuple[int, str]] = []
        missing: list[int] = []
        shards = [
            range(first, min(first + SHARD_SIZE, len(datapoints))) for first in range(0, len(datapoints), SHARD_SIZE)
        ]
        paths = [self._path([datapoints[i] for i in shard]) for shard in shards]
        for shard, path in zip(shards, paths, strict=True):
            stored = _read(path)
            if stored is None:
                missing.extend(shard)
            else:
                voxels[shard.start : shard.stop] = stored[0]
                failures.extend((shard.start + i, reason) for i, reason in stored[1])
        failures.extend(self._compute(datapoints, missing, voxels, dict(zip(shards, paths, strict=True)), n_jobs))
        failures.sort()
        if failures:
            index, reason = failures[0]
            if len(failures) == len(datapoints):
                raise FeaturizationError(
                    f"None of {len(datapoints)} datapoints could be featurized; the first: {reason}"
                )
            logger.warning(
                "%d of %d datapoints could not be featurized; %d: %s", len(failures), len(datapoints), index, reason
            )
        return voxels, failures

    def _compute(
        self,
        datapoints: Sequence[Any],
        missing: list[int],
        voxels: np.ndarray,
        paths: dict[range, Path],
        n_jobs: int,
    ) -> list[tuple[int, str]]:
        """Fill the missing rows in order, writing each shard as soon as it is complete."""
        failures: list[tuple[int, str]] = []
        lost = False
        ends = {shard.stop - 1: shard for shard in paths}
        results = map_in_order(self.recipe.voxels, [datapoints[i] for i in missing], n_jobs)
        bar = tqdm(
            total=len(datapoints), initial=len(datapoints) - len(missing), desc=self.recipe.representation, disable=None
        )
        with bar:
            for index, result in zip(missing, results, strict=True):
                if isinstance(result, Exception):
                    failures.append((index, reason_of(result)))
                    lost |= not isinstance(result, FeaturizationError)
                else:
                    voxels[index] = result
                if index in ends:
                    shard = ends[index]
                    failed = [(i - shard.start, reason) for i, reason in failures if i in shard]
                    part = voxels[shard.start : shard.stop]
                    if not lost:  # a worker that died, a full disk: the next run tries again
                        save_npz(paths[shard], {"voxels": part, "failures": np.array(json.dumps(failed))})
                    lost = False
                bar.update()
        return failures

    def _path(self, datapoints: Sequence[Any]) -> Path:
        content = hashlib.sha256()
        for datapoint in datapoints:
            content.update(fingerprint(datapoint))
        return self.folder / f"{content.hexdigest()[:16]}.npz"


def _read(path: Path) -> tuple[np.ndarray, list[Any]] | None:
    """Return a stored shard, or None where there is none that can be read."""
    try:
        stored = load_npz(path)
        return stored["voxels"], json.loads(str(stored["failures"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        logger.warning("A shard of voxels is computed again: %s", error)
        return None
