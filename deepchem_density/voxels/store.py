"""Solved datapoints on disk, shard by shard, so that a killed run goes on where it was and no datapoint is solved twice."""

from __future__ import annotations

import json
import logging
import os
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.errors import FeaturizationError, reason_of
from deepchem_density.files import digest, kept_json, write_text
from deepchem_density.progress import progress_of
from deepchem_density.settings import described
from deepchem_density.voxels.datapoints import located
from deepchem_density.voxels.fingerprints import fingerprint
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe
from deepchem_density.voxels.shards import Shard, write_shard
from deepchem_density.voxels.solved import Solved, Solver
from deepchem_density.voxels.solved_before import SolvedBefore
from deepchem_density.workers import map_in_order

__all__ = ["SelectedDatapoints", "Solve", "SolvedDatapoints", "SolvedStore"]

logger = logging.getLogger(__name__)
SHARD_SIZE = 1024
AGAIN = "again"
"""File in a shard with datapoints that failed for reasons of their own run."""
Mapping = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]


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
        molecules and the content of the files that they hold. What a shard needs that lies in another one is taken from there.
    recipe : Recipe
        How they are read, and whether and how they are solved; its grid and what else is cheap do not matter.
    """

    def __init__(self, folder: str | os.PathLike[str], recipe: Recipe) -> None:
        recipe.check()
        self.root = Path(folder)
        self.recipe = recipe
        self.solver = Solver(recipe.representation, recipe)

    def folder(self, datapoints: Sequence[Any]) -> Path:
        """Return where such datapoints are kept."""
        settings = self.solver.settings(datapoints)
        return self.root / f"{'xtb' if settings['xtb'] else 'atoms'}-{digest([FEATURE_VERSION, settings])}"

    def solve(self, datapoints: Sequence[Any], n_jobs: int = 1, mapping: Mapping | None = None) -> SolvedDatapoints:
        """Read and solve all datapoints that are not stored yet, and return them.

        Parameters
        ----------
        datapoints : sequence
            Alike: their densities mean the same.
        n_jobs : int
            Processes.
        mapping : callable, optional
            ``mapping(function, datapoints)`` takes the place of those processes; it yields what `map_in_order` yields.

        Raises
        ------
        FeaturizationError
            Every datapoint failed.
        """
        self.recipe.check_alike(datapoints)
        parts = self._parts(datapoints)
        doing = "solving" if self.folder(datapoints).name.startswith("xtb") else "reading"
        shards: list[Shard] = []
        before: SolvedBefore | None = None
        run = mapping or partial(map_in_order, n_jobs=n_jobs)
        with progress_of(total=len(datapoints), doing=doing, unit="datapoints") as bar:
            for part in parts:
                shard = _read(part.path)
                if shard is None:
                    if before is None:
                        before = SolvedBefore(part.path.parent)
                    shard = _written(part, _results(part, before, partial(run, self.solver)), bar)
                shards.append(shard)
                bar.n = sum(map(len, shards))
                bar.set_postfix_str(_failed(shards), refresh=False)
        solved = SolvedDatapoints(shards)
        _report(solved.failures, len(datapoints))
        return solved

    def stored(self, datapoints: Sequence[Any]) -> SolvedDatapoints:
        """Return datapoints that were solved before; nothing is written.

        Raises
        ------
        FileNotFoundError
            Some were not, or have changed since.
        """
        try:
            return SolvedDatapoints([Shard(part.path) for part in self._parts(datapoints)])
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"'{self.root}' lacks solved datapoints, or their files have changed; run the same command again."
            ) from error

    def _parts(self, datapoints: Sequence[Any]) -> list[_Part]:
        """Return the shards of datapoints: where they are kept, and what is in them."""
        found = [located(datapoint, self.recipe.reading) for datapoint in datapoints]
        folder = self.folder(found)
        return [_Part(folder, found[first : first + SHARD_SIZE]) for first in range(0, len(found), SHARD_SIZE)]


Solve = Callable[[SolvedStore, Sequence[Any]], SolvedDatapoints]
"""``solve(store, datapoints)`` returns them solved: `SolvedStore.solve`, `SolvedStore.stored`."""


class _Part:
    """Datapoints that are kept together.

    Parameters
    ----------
    folder : path
        Of all shards.
    datapoints : list
        As they are asked for.
    """

    def __init__(self, folder: Path, datapoints: list[Any]) -> None:
        self.datapoints = datapoints
        self.fingerprints = [fingerprint(datapoint) for datapoint in datapoints]
        self.path = folder / digest([one.hex() for one in self.fingerprints])


def _results(part: _Part, before: SolvedBefore, run: Callable[[list[Any]], Iterable[Any]]) -> Iterator[Any]:
    """Yield the datapoints of a part solved, or why not, in order: what was solved before is taken from there."""
    kept = [before.get(*one) for one in zip(part.fingerprints, part.datapoints, strict=True)]
    missing = [place for place, one in enumerate(kept) if one is None]
    done = 0
    for place, result in zip(missing, run([part.datapoints[place] for place in missing]), strict=True):
        yield from kept[done:place]
        yield result
        done = place + 1
    yield from kept[done:]


def _written(part: _Part, results: Iterable[Any], bar: Any) -> Shard:
    """Write a shard of results; one for which workers were lost is not kept for the next run."""
    solved: list[Solved | None] = []
    failures: dict[int, str] = {}
    lost = False
    for place, result in enumerate(results):
        failed = isinstance(result, Exception)
        solved.append(None if failed else result)
        if failed:
            failures[place] = reason_of(result)
            lost |= not isinstance(result, FeaturizationError)
        bar.update()
    write_shard(part.path, solved, failures, part.fingerprints)
    if lost:  # a worker that died, a full disk
        (part.path / AGAIN).touch()
    return Shard(part.path)


def _failed(shards: Sequence[Shard]) -> str:
    count = sum(len(shard.failures) for shard in shards)
    return f"{count} failed" if count else ""


def _refused(shard: Shard, recipe: Recipe, any_orientation: bool) -> dict[int, str]:
    """Return place -> reason for the datapoints of a shard that were solved and have no voxels of a recipe."""
    path = shard.folder / f"refused-{digest([FEATURE_VERSION, described(recipe), any_orientation])}.json"
    with suppress(AttributeError, ValueError):  # None, or no places
        return {int(place): str(reason) for place, reason in kept_json(path).items()}
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
    """Return a stored shard, or None where there is none that can be read, or one that another run should try again."""
    try:
        if not (path / AGAIN).exists():
            return Shard(path)
        shutil.rmtree(path)
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
