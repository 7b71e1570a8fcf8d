"""What a batch of voxels, labels and weights must look like, and sentences for when it does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from deepchem_density.voxels.cube_turns import CUBE_TURNS, turn_voxels

__all__ = [
    "even_size",
    "label_arrays",
    "label_scale",
    "some_batches",
    "turn_each",
    "voxel_tensor",
    "with_numpy_stream",
]

# What every torch device can take as it is; the cast to float32 then happens after the copy, on the device.
_COPIED_AS_IS = ("bool", "uint8", "int8", "float16", "float32")


def voxel_tensor(voxels: Any, n_channels: int, device: torch.device) -> torch.Tensor:
    """Check voxels and copy them to a device in their own, narrow type.

    Parameters
    ----------
    voxels : array_like
        (batch, x, y, z, n_channels), any real number type.
    n_channels : int
        The expected length of the last axis.
    device : torch.device
        Where to.

    Returns
    -------
    torch.Tensor
        (batch, x, y, z, n_channels).

    Raises
    ------
    ValueError
        If the type is not numeric, the shape is wrong or a value is not finite.
    """
    if isinstance(voxels, torch.Tensor):  # made on the device already
        if voxels.ndim != 5 or voxels.shape[-1] != n_channels:
            raise ValueError(_wrong_shape(tuple(voxels.shape), n_channels))
        return voxels.to(device)
    array = np.asarray(voxels)
    if array.dtype.kind not in "buif":
        raise ValueError(_why_no_numbers(array))
    if array.ndim != 5 or array.shape[-1] != n_channels:
        raise ValueError(_wrong_shape(array.shape, n_channels))
    # One sum finds nearly every batch clean; only a suspicious one is searched row by row.
    if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
        broken = int((~np.isfinite(array).all(axis=(1, 2, 3, 4))).sum())
        if broken:
            raise ValueError(
                f"{broken} of {len(array)} samples of a batch arrived with NaN or infinity in their voxels; finite numbers are "
                "accepted. Take out the rows whose featurization failed with "
                "deepchem_density.DropFailed().transform(dataset)."
            )
    if array.dtype.name not in _COPIED_AS_IS:
        array = array.astype(np.float32)
    return torch.as_tensor(np.require(array, requirements=("C", "W")), device=device)


def _wrong_shape(shape: tuple[int, ...], n_channels: int) -> str:
    return (
        f"Voxels of shape {shape} arrived; (batch, x, y, z, {n_channels}), channels last, is accepted. Build the model with "
        "n_channels=featurizer.n_channels, or move the axes."
    )


def _why_no_numbers(array: np.ndarray) -> str:
    empty = sum(np.size(row) == 0 for row in array) if array.dtype == object and array.ndim else 0
    rows = f", {empty} of {len(array)} rows empty because their featurization failed" if empty else ""
    return (
        f"Voxels of dtype {array.dtype} arrived{rows}; one dense array of numbers (batch, x, y, z, channel) is accepted. "
        "Drop the failed rows with their labels and np.stack the rest."
    )


def turn_each(voxels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Give every sample its own random turn of the cube.

    Parameters
    ----------
    voxels : torch.Tensor
        (batch, n, n, n, channel).
    rng : numpy.random.Generator
        Where the turns come from.

    Returns
    -------
    torch.Tensor
        The same shape, on the same device.

    Raises
    ------
    ValueError
        If the grid is not cubic.
    """
    if len(set(voxels.shape[1:4])) != 1:
        raise ValueError(
            f"A grid with edges of {tuple(voxels.shape[1:4])} cells arrived to be turned; a cube is accepted. Set "
            "augment to False for a box with unequal edges."
        )
    turns = rng.integers(len(CUBE_TURNS), size=len(voxels))
    return torch.stack([turn_voxels(sample, turn) for sample, turn in zip(voxels, turns, strict=True)])


def label_arrays(
    labels: Any, weights: Any, n_tasks: int, n_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and weights and bring both to (samples, n_tasks).

    Parameters
    ----------
    labels : array_like
        (samples, n_tasks), or (samples,) for one task. NaN is accepted only where the weight is 0.
    weights : array_like or None
        (samples, n_tasks), (samples, 1) or (samples,), not negative; None means 1.
    n_tasks : int
        Number of tasks.
    n_classes : int, optional
        If given, labels are whole numbers from 0 to ``n_classes - 1``.

    Returns
    -------
    labels, weights : numpy.ndarray
        Two (samples, n_tasks) float64 arrays; labels of weight 0 are 0.

    Raises
    ------
    ValueError
        If labels are absent, not numbers, of the wrong shape, not finite or no class; if weights are negative.
    """
    values = _numbers("labels", labels)
    if values.shape == (len(values),) and n_tasks == 1:
        values = values[:, None]
    if values.shape != (len(values), n_tasks):
        raise ValueError(
            f"Labels of shape {values.shape} arrived; (samples, {n_tasks}) is accepted. Build the model "
            "with n_tasks equal to the number of label columns."
        )
    importance = _weights(weights, values.shape)
    counted = importance > 0
    missing = ~np.isfinite(values) & counted
    if missing.any():
        raise ValueError(
            f"{int(missing.sum())} of {missing.size} labels arrived NaN or infinite with a nonzero weight; finite numbers are "
            "accepted. Set the weight w of missing labels to 0."
        )
    values = np.where(counted, values, 0.0)
    if n_classes is not None and not np.isin(values, np.arange(n_classes)).all():
        strange = values[~np.isin(values, np.arange(n_classes))][0]
        raise ValueError(
            f"The label {strange} arrived; whole numbers from 0 to {n_classes - 1} are accepted as classes. Set n_classes, "
            "or mode='regression' for continuous labels."
        )
    return values, importance


def _numbers(what: str, given: Any) -> np.ndarray:
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Other {what} than numbers arrived, of dtype {np.asarray(given, dtype=object).dtype} ({error}); one dense array of "
            "numbers is accepted. Encode text as numbers and set the weight of missing entries to 0."
        ) from error
    if given is None or values.ndim == 0:
        raise ValueError(f"No {what} arrived ({given!r}); one row per sample is accepted. Give the dataset a y.")
    return values


def _weights(weights: Any, shape: tuple[int, ...]) -> np.ndarray:
    if weights is None:
        return np.ones(shape)
    importance = _numbers("weights", weights)
    if importance.ndim == 1:
        importance = importance[:, None]
    if importance.shape not in (shape, (shape[0], 1)):
        raise ValueError(
            f"Weights of shape {importance.shape} arrived for labels {shape}; one weight per label or one per sample is "
            "accepted. Rebuild w to match y."
        )
    if not (np.isfinite(importance) & (importance >= 0)).all():
        raise ValueError(
            "A negative weight, or one that is not finite, arrived; finite numbers from 0 up are accepted. Rebuild w."
        )
    return np.broadcast_to(importance, shape)


def label_scale(labels: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation of each task's labels.

    Parameters
    ----------
    labels, weights : numpy.ndarray
        (samples, n_tasks), from `label_arrays`.

    Returns
    -------
    mean, std : numpy.ndarray
        (n_tasks,); the deviation of labels that are all alike is given as 1, so that it may divide.

    Raises
    ------
    ValueError
        If a task has no label of nonzero weight.
    """
    total = weights.sum(axis=0)
    if not (total > 0).all():
        raise ValueError(
            f"Task {int(np.argmin(total))} arrived without a label of nonzero weight, which leaves nothing to learn from; at "
            "least one is accepted. Give the dataset labels y and weights w, or leave the task out."
        )
    mean = (weights * labels).sum(axis=0) / total
    std = np.sqrt((weights * (labels - mean) ** 2).sum(axis=0) / total)
    # A millionth of the mean is float32's rounding, not a spread.
    return mean, np.where(std > 1e-6 * np.abs(mean), std, 1.0)


def with_numpy_stream(batches: Iterable[Any], seed: int) -> Iterator[Any]:
    """Draw each batch while NumPy's global generator is a private one; the caller's own is put back in between.

    DeepChem's datasets shuffle with the global generator; this makes the order repeatable and leaves the user's alone.

    Parameters
    ----------
    batches : iterable
        What to iterate.
    seed : int
        Of the private stream.

    Yields
    ------
    object
        The items of `batches`.
    """
    private = np.random.RandomState(seed).get_state()
    iterator = iter(batches)
    while True:
        outside = np.random.get_state()  # noqa: NPY002
        np.random.set_state(private)  # noqa: NPY002
        try:
            batch = next(iterator)
        except StopIteration:
            return
        finally:
            private = np.random.get_state()  # noqa: NPY002
            np.random.set_state(outside)  # noqa: NPY002
        yield batch


def even_size(n_samples: int, batch_size: int) -> int:
    """Return the size of as many batches as `batch_size` gives, with the samples spread evenly over them."""
    return math.ceil(n_samples / math.ceil(n_samples / batch_size))


def some_batches(dataset: Any, batch_size: int, at_most: int) -> Iterator[Any]:
    """Yield the X of batches of a dataset in an order drawn once and for all, until `at_most` samples are reached."""
    size = even_size(len(dataset), batch_size)
    drawn = with_numpy_stream(dataset.iterbatches(batch_size=size, deterministic=False, pad_batches=False), seed=0)
    for voxels, *_ in itertools.islice(drawn, math.ceil(at_most / size)):
        yield voxels
