"""A DeepChem dataset that makes voxels when it is asked for them, so that no command holds all of them in memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from deepchem_density.featurizers.kept_voxels import KeptVoxels
from deepchem_density.quiet import deepchem as dc
from deepchem_density.settings import one_of
from deepchem_density.voxels.cube_turns import CUBE_TURNS, turn_voxels
from deepchem_density.voxels.grid import random_rotation
from deepchem_density.voxels.recipe import Recipe

__all__ = ["ORIENTATIONS", "LookedDataset"]

ORIENTATIONS = ("fixed", "turns", "random")
LARGEST_X = 8 * 2**30
"""Bytes of ``X``, which holds all voxels at once."""

Batch = tuple[Any, np.ndarray, np.ndarray, np.ndarray]


class LookedDataset(dc.data.Dataset):
    """Datapoints whose voxels are made for each batch.

    Parameters
    ----------
    datapoints : sequence
        (n,) of what a recipe takes; `SolvedDatapoints` for densities that shall not be solved again.
    recipe : Recipe
        How they are looked at.
    y, w, ids : array_like, optional
        As in ``NumpyDataset``: labels (n, n_tasks), weights, and names, which fix the random orientations.
    orientation : {"fixed", "turns", "random"}
        How each molecule is turned: as the recipe says; by one of the 24 turns of the cube, drawn anew each epoch; or by any
        rotation, drawn anew each epoch, exactly: the grid is turned, nothing is interpolated. A turn depends on seed, epoch
        and id alone.
    seed : int
        Of the orientations.
    epoch : int
        See `of_epoch`.
    scratch_bytes : int, optional
        Voxels of fixed orientation are made once and kept in temporary files, of at most this size, and of at most half of what
        is free in the folder of temporary files (TMPDIR); those that do not fit are made each time.

    Raises
    ------
    ValueError
        Lengths that differ, or an unknown orientation.

    Examples
    --------
    >>> from deepchem_density import LookedDataset, Recipe, load_sample
    >>> sample = load_sample()
    >>> dataset = LookedDataset(sample.datapoints()[:10], Recipe("atom"), sample.columns(["gap"])[:10], orientation="random")
    >>> [X.shape for X, y, w, ids in dataset.iterbatches(batch_size=5)]
    [(5, 32, 32, 32, 11), (5, 32, 32, 32, 11)]
    """

    def __init__(
        self,
        datapoints: Sequence[Any],
        recipe: Recipe,
        y: Any = None,
        w: Any = None,
        ids: Any = None,
        orientation: str = "fixed",
        seed: int = 0,
        epoch: int = 0,
        scratch_bytes: int | None = None,
    ) -> None:
        # DeepChem's own __init__ raises NotImplementedError
        one_of("orientation", orientation, ORIENTATIONS)
        n = len(datapoints)
        self._y = np.zeros((n, 0)) if y is None else np.asarray(y)
        self._w = np.ones((n, 1)[: self._y.ndim], dtype=np.float32) if w is None else np.asarray(w)
        self._ids = np.arange(n) if ids is None else np.asarray(ids)
        for name, values in (("y", self._y), ("w", self._w), ("ids", self._ids)):
            if len(values) != n:
                raise ValueError(
                    f"{name} of length {len(values)} arrived with {n} datapoints; one row for each is accepted."
                )
        self.recipe, self.orientation, self.seed, self.epoch = recipe, orientation, seed, epoch
        self.device = torch.device("cpu")
        self._datapoints = datapoints
        self._places = np.arange(n)
        self._kept = KeptVoxels(recipe.voxel_shape, recipe.dtype, n, 0 if orientation == "random" else scratch_bytes)

    def __len__(self) -> int:
        return len(self._places)

    def of_epoch(self, epoch: int) -> LookedDataset:
        """Return the same datapoints in the orientations of an epoch."""
        return self._like(epoch=epoch)

    def on(self, device: torch.device | str) -> LookedDataset:
        """Return the same datapoints with voxels that are made on a device, and stay there as tensors."""
        return self._like(device=torch.device(device))

    def select(self, indices: Sequence[int] | np.ndarray, select_dir: str | None = None) -> LookedDataset:
        """Return some of the datapoints, in the order given."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self._like(_places=self._places[chosen], _y=self._y[chosen], _w=self._w[chosen], _ids=self._ids[chosen])

    def transform(self, transformer: Any, **arguments: Any) -> LookedDataset:
        """Return the datapoints with transformed labels and weights.

        Raises
        ------
        ValueError
            The transformer changes X, which the recipe's ``transform`` does.
        """
        if transformer.transform_X:
            raise ValueError(
                f"{type(transformer).__name__} with transform_X=True arrived; transformers of y and w are accepted: voxels are "
                "made when asked, pass transform= to the recipe."
            )
        nothing = np.empty((len(self), 0))
        _, y, w, ids = transformer.transform_array(nothing, self._y, self._w, self._ids)
        return self._like(_y=y, _w=w, _ids=ids)

    def get_shape(self) -> Any:
        """Return the shapes of X, y, w and ids."""
        return (len(self), *self.recipe.voxel_shape), self._y.shape, self._w.shape, self._ids.shape

    def get_task_names(self) -> np.ndarray:
        """Return the places of the tasks."""
        return np.arange(self._y.shape[1]) if self._y.ndim > 1 else np.array([0])

    def get_statistics(self, X_stats: bool = True, y_stats: bool = True) -> tuple[float, ...]:  # noqa: N803
        """Return means and deviations of X and y, as DeepChem's normalization asks for them; X is looked at only if asked."""
        if X_stats:
            return super().get_statistics(X_stats, y_stats)
        return (self._y.mean(axis=0), self._y.std(axis=0)) if y_stats else ()

    @property
    def X(self) -> np.ndarray:  # noqa: N802
        """All voxels at once.

        Raises
        ------
        MemoryError
            They take more than 8 GB: iterate over batches.
        """
        size = len(self) * self._kept.row_bytes
        if size > LARGEST_X:
            raise MemoryError(
                f"X of {len(self)} datapoints takes {size / 1e9:.1f} GB; at most {LARGEST_X / 1e9:.1f} GB are accepted. Iterate "
                "over batches, with iterbatches, which models do."
            )
        return np.asarray(torch.as_tensor(self._voxels(np.arange(len(self)))).cpu())

    @property
    def y(self) -> np.ndarray:
        """Labels."""
        return self._y

    @property
    def w(self) -> np.ndarray:
        """Weights."""
        return self._w

    @property
    def ids(self) -> np.ndarray:
        """Names."""
        return self._ids

    def itersamples(self) -> Iterator[Batch]:
        """Yield voxels, labels, weights and name of each datapoint."""
        for place in range(len(self)):
            yield self._voxels(np.array([place]))[0], self._y[place], self._w[place], self._ids[place]

    def iterbatches(
        self,
        batch_size: int | None = None,
        epochs: int = 1,
        deterministic: bool = False,
        pad_batches: bool = False,
    ) -> Iterator[Batch]:
        """Yield batches of X, y, w and ids; the voxels of the next batch are made while the caller works with one.

        Parameters
        ----------
        batch_size : int, optional
            All datapoints where it is None.
        epochs : int
            Times that each datapoint is shown.
        deterministic : bool
            In order, not shuffled; NumPy's global generator shuffles, as in DeepChem's own datasets.
        pad_batches : bool
            Fill the last batch up.
        """
        size = batch_size or max(1, len(self))
        for epoch in range(epochs):
            seen = self.of_epoch(self.epoch + epoch)
            order = np.arange(len(self)) if deterministic else np.random.permutation(len(self))  # noqa: NPY002
            parts = [order[first : first + size] for first in range(0, len(self), size)]
            for part, voxels in zip(parts, _ahead(seen._voxels, parts), strict=True):
                batch = voxels, self._y[part], self._w[part], self._ids[part]
                yield dc.data.pad_batch(size, *batch) if pad_batches else batch

    def make_pytorch_dataset(
        self, epochs: int = 1, deterministic: bool = False, batch_size: int | None = None
    ) -> torch.utils.data.IterableDataset:
        """Return an iterable of samples, or of batches where a size is given."""
        return _Iterable(self, epochs, deterministic, batch_size)

    def _like(self, **changed: Any) -> LookedDataset:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changed)
        return other

    def _voxels(self, part: np.ndarray) -> Any:
        """Return the voxels of some places of this dataset: an array, or a tensor where the device is no CPU."""
        if self.device.type != "cpu":
            return torch.stack([self._made_on_device(place) for place in part])
        rows = [self._made(place) for place in part]
        return np.stack(rows) if rows else np.empty((0, *self.recipe.voxel_shape), self.recipe.dtype)

    def _made(self, place: int) -> np.ndarray:
        original = self._places[place]
        if self.orientation == "random":
            return self.recipe.voxels(self._datapoints[original], grid_of=self._rotated(place))
        voxels = self._kept.row(original, lambda: self.recipe.voxels(self._datapoints[original]))
        if self.orientation == "fixed":
            return voxels
        turn = int(self._rng(place).integers(len(CUBE_TURNS)))
        return turn_voxels(torch.as_tensor(np.array(voxels)), turn).numpy()

    def _made_on_device(self, place: int) -> torch.Tensor:
        grid_of = self._rotated(place) if self.orientation == "random" else None
        voxels = self.recipe.voxels_on(self.device, self._datapoints[self._places[place]], grid_of)
        if self.orientation != "turns":
            return voxels
        return turn_voxels(voxels, int(self._rng(place).integers(len(CUBE_TURNS))))

    def _rotated(self, place: int) -> Callable[..., Any]:
        rotation = random_rotation(self._rng(place))
        return lambda ligand: self.recipe.turned_grid(ligand, rotation)

    def _rng(self, place: int) -> np.random.Generator:
        name = zlib.crc32(str(self._ids[place]).encode())
        return np.random.default_rng([self.seed, self.epoch, name])


def _ahead(make: Callable[[np.ndarray], Any], parts: Iterable[np.ndarray]) -> Iterator[Any]:
    """Yield what is made of each part, one ahead in a thread: kernels leave the interpreter to others."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        waiting: Future | None = None
        for part in parts:
            upcoming = thread.submit(make, part)
            if waiting is not None:
                yield waiting.result()
            waiting = upcoming
        if waiting is not None:
            yield waiting.result()


class _Iterable(torch.utils.data.IterableDataset):
    """What PyTorch's loaders take."""

    def __init__(self, dataset: LookedDataset, epochs: int, deterministic: bool, batch_size: int | None) -> None:
        self.dataset, self.arguments = dataset, (batch_size or 1, epochs, deterministic)
        self.batched = batch_size is not None

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.dataset.iterbatches(*self.arguments):
            yield batch if self.batched else tuple(part[0] for part in batch)
