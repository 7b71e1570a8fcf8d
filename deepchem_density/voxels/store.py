"""Solved datapoints on disk, shard by shard, so that a killed run goes on where it was and nothing is solved twice."""

from __future__ import annotations

import json
import logging
import os
import shutil
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.errors import FeaturizationError, reason_of
from deepchem_density.files import digest, write_text
from deepchem_density.progress import progress_of
from deepchem_density.settings import described
from deepchem_density.voxels.datapoints import Reading, located
from deepchem_density.voxels.fingerprints import fingerprint
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe
from deepchem_density.voxels.representations.record import names_in
from deepchem_density.voxels.shards import Shard, write_shard
from deepchem_density.voxels.solved import SOLVER_SETTINGS, Solved, Solver
from deepchem_density.voxels.subject import needs_density
from deepchem_density.workers import map_in_order

__all__ = ["SelectedDatapoints", "SolvedDatapoints", "SolvedStore"]

logger = logging.getLogger(__name__)
SHARD_SIZE = 1024


class SolvedDatapoints(Sequence[Solved]):
    """Datapoints in a store, in the order they were asked for.

    Parameters
    ----------
    shards : sequence of Shard
        One after the other.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards
        self._starts = [0, *accumulate(len(shard) for shard in shards)]

    @property
    def failures(self) -> list[tuple[int, str]]:
        """Place and reason of each datapoint that could not be read or solved."""
        return [
            (start + place, reason)
            for start, shard in zip(self._starts, self.shards, strict=False)
            for place, reason in sorted(shard.failures.items())
        ]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = range(len(self))[place]
        shard = bisect_right(self._starts, place) - 1
        return self.shards[shard][place - self._starts[shard]]

    def refused(self, recipe: Recipe, any_orientation: bool = False) -> list[tuple[int, str]]:
        """Return place and reason of each datapoint that has no voxels of a recipe, those that failed before among them.

        What was found is kept beside the datapoints, since finding it takes a look at each.

        Parameters
        ----------
        recipe : Recipe
            How they will be looked at.
        any_orientation : bool
            Whether molecules shall fit the box however they are turned.
        """
        return sorted(
            (start + place, reason)
            for start, shard in zip(self._starts, self.shards, strict=False)
            for place, reason in (shard.failures | _refused(shard, recipe, any_orientation)).items()
        )

    def numbers(self) -> dict[str, np.ndarray]:
        """Return the solver's own numbers, see `Shard.numbers`."""
        parts = [shard.numbers() for shard in self.shards]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class SelectedDatapoints(Sequence[Solved]):
    """Some datapoints of a sequence, by their places (n,)."""

    def __init__(self, datapoints: Sequence[Solved], places: np.ndarray) -> None:
        self.datapoints, self.places = datapoints, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return SelectedDatapoints(self.datapoints, self.places[place])
        return self.datapoints[int(self.places[place])]


class SolvedStore:
    """Solved datapoints in a folder.

    Parameters
    ----------
    folder : path
        Datapoints that are read and solved in another way have a folder of their own inside; shards are told apart by the
        molecules and the content of the files that they hold.
    recipe : Recipe
        How they are read, and whether and how they are solved; its grid and what else is cheap do not matter.
    """

    def __init__(self, folder: str | os.PathLike[str], recipe: Recipe) -> None:
        recipe.check()
        self.root = Path(folder)
        self.recipe = recipe
        self.solver = Solver(recipe.representation, recipe)

    @property
    def claim(self) -> Path:
        """A name for the work on such datapoints, whatever they are: nobody else who is told it does the same at once."""
        names = {name: getattr(self.recipe, name) for name in (*names_in(Reading), "part", "source", *SOLVER_SETTINGS)}
        return self.root / digest([names, needs_density(self.recipe.representation, self.recipe)])

    def folder(self, datapoints: Sequence[Any]) -> Path:
        """Return where such datapoints are kept."""
        settings = self.solver.settings(datapoints)
        return self.root / f"{'xtb' if settings['xtb'] else 'atoms'}-{digest([FEATURE_VERSION, settings])}"

    def solve(self, datapoints: Sequence[Any], n_jobs: int = 1) -> SolvedDatapoints:
        """Read and solve all datapoints that are not stored yet, and return them.

        Parameters
        ----------
        datapoints : sequence
            Alike: their densities mean the same.
        n_jobs : int
            Processes.

        Raises
        ------
        FeaturizationError
            Every datapoint failed.
        """
        self.recipe.check_alike(datapoints)
        datapoints = [located(datapoint, self.recipe.reading) for datapoint in datapoints]
        folder = self.folder(datapoints)
        parts = [datapoints[first : first + SHARD_SIZE] for first in range(0, len(datapoints), SHARD_SIZE)]
        shards: list[Shard] = []
        doing = "solving" if folder.name.startswith("xtb") else "reading"
        with progress_of(total=len(datapoints), doing=doing, unit="datapoints") as bar:
            for part in parts:
                path = folder / digest([fingerprint(datapoint).hex() for datapoint in part])
                shard = _read(path)
                shards.append(self._written(path, part, n_jobs, bar) if shard is None else shard)
                bar.n = sum(map(len, shards))
                bar.set_postfix_str(_failed(shards), refresh=False)
        solved = SolvedDatapoints(shards)
        _report(solved.failures, len(datapoints))
        return solved

    def _written(self, path: Path, datapoints: Sequence[Any], n_jobs: int, bar: Any) -> Shard:
        """Solve the datapoints of a shard and write it; one whose workers were lost is not kept for the next run."""
        solved: list[Solved | None] = []
        failures: dict[int, str] = {}
        lost = False
        for place, result in enumerate(map_in_order(self.solver, datapoints, n_jobs)):
            failed = isinstance(result, Exception)
            solved.append(None if failed else result)
            if failed:
                failures[place] = reason_of(result)
                lost |= not isinstance(result, FeaturizationError)
            bar.update()
        write_shard(path, solved, failures)
        shard = Shard(path)
        if lost:  # a worker that died, a full disk: the next run tries again
            (path / "about.json").unlink()
        return shard


def _failed(shards: Sequence[Shard]) -> str:
    count = sum(len(shard.failures) for shard in shards)
    return f"{count} failed" if count else ""


def _refused(shard: Shard, recipe: Recipe, any_orientation: bool) -> dict[int, str]:
    """Return place -> reason for the datapoints of a shard that were solved and have no voxels of a recipe."""
    path = shard.folder / f"refused-{digest([FEATURE_VERSION, described(recipe), any_orientation])}.json"
    try:
        return {int(place): str(reason) for place, reason in json.loads(path.read_text(encoding="utf-8")).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        pass
    found: dict[int, str] = {}
    for place in range(len(shard)):
        if place not in shard.failures:
            try:
                recipe.refuse(shard[place], any_orientation)
            except FeaturizationError as error:
                found[place] = reason_of(error)
    write_text(path, json.dumps(found))
    return found


def _read(path: Path) -> Shard | None:
    """Return a stored shard, or None where there is none that can be read."""
    try:
        return Shard(path)
    except FileNotFoundError:
        shutil.rmtree(path, ignore_errors=True)
    except ValueError as error:
        logger.warning("A shard is solved again: %s", error)
        shutil.rmtree(path, ignore_errors=True)
    return None


def _report(failures: list[tuple[int, str]], n: int) -> None:
    if not failures:
        return
    index, reason = failures[0]
    if len(failures) == n:
        raise FeaturizationError(f"None of {n} datapoints could be featurized; the first: {reason}")
    logger.warning("%d of %d datapoints could not be featurized; %d: %s", len(failures), n, index, reason)
