"""A folder that ``deepchem-density featurize`` wrote: solved datapoints, their names and labels, and how they were read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.featurizers.looked_dataset import LookedDataset
from deepchem_density.files import load_npz, read_json, save_npz, write_text
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe
from deepchem_density.voxels.shards import Shard
from deepchem_density.voxels.store import SolvedDatapoints

__all__ = ["open_featurized", "write_index"]

INDEX, LABELS = "featurized.json", "labels.npz"
FORMAT = "deepchem_density featurized folder, version 1"


def write_index(
    folder: Path, recipe: Recipe, solved: SolvedDatapoints, ids: np.ndarray, labels: np.ndarray, tasks: Sequence[str]
) -> None:
    """Write what belongs to solved datapoints below a folder, so that they can be opened without their source."""
    save_npz(folder / LABELS, {"ids": ids.astype(str), "labels": labels})
    about = {
        "format": FORMAT,
        "feature_version": FEATURE_VERSION,
        "recipe": dataclasses.asdict(recipe),
        "shards": [shard.folder.relative_to(folder).as_posix() for shard in solved.shards],
        "tasks": list(tasks),
    }
    write_text(folder / INDEX, json.dumps(about, indent=1) + "\n")


def open_featurized(
    folder: str | Path, tasks: Sequence[str] | None = None, orientation: str = "fixed", seed: int = 0, **changed: Any
) -> LookedDataset:
    """Return the datapoints of a folder as a dataset that makes their voxels when it is asked.

    Parameters
    ----------
    folder : path
        What ``deepchem-density featurize SOURCE --out FOLDER`` wrote.
    tasks : sequence of str, optional
        Labels, in this order; all of them by default. A label that is not known is 0 with weight 0.
    orientation, seed
        As in `LookedDataset`.
    **changed
        Settings of the recipe to use instead of those of the command: representation, box_width, oversampling, dtype ...; what
        solving depends on cannot be changed.

    Raises
    ------
    FileNotFoundError, ValueError
        The folder holds no solved datapoints, or those of another release; a task or setting that there is not.

    Examples
    --------
    >>> dataset = open_featurized("qm9", ["gap"], representation="gradient", voxel_width=0.5)  # doctest: +SKIP
    """
    folder = Path(folder)
    try:
        about = read_json(folder / INDEX)
        if about["format"] != FORMAT or about["feature_version"] != FEATURE_VERSION:
            raise ValueError(f"{about['format']}, features of version {about['feature_version']}")
        Recipe.from_dict(about["recipe"]).check()
        recipe = Recipe.from_dict({**about["recipe"], **changed})
        known, shards = _texts(about["tasks"]), _texts(about["shards"])
    except FileNotFoundError:
        raise FileNotFoundError(
            f"'{folder}' has no {INDEX}; a folder that `deepchem-density featurize` finished is accepted."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"'{folder / INDEX}' cannot be used ({error}); featurize again with this release.") from error
    recipe.check()
    chosen = known if tasks is None else list(tasks)
    if not set(chosen) <= set(known):
        raise ValueError(f"tasks={chosen} arrived; {', '.join(known)} are accepted.")
    solved = SolvedDatapoints([Shard(folder / name) for name in shards])
    ids, labels = _ids_and_labels(folder / LABELS, len(solved), len(known))
    labels = labels[:, [known.index(task) for task in chosen]]
    failed = [place for place, _ in solved.refused(recipe, any_orientation=orientation == "random")]
    kept = np.setdiff1d(np.arange(len(solved)), failed)
    weights = np.isfinite(labels).astype(np.float32)
    whole = LookedDataset(solved, recipe, np.nan_to_num(labels), weights, ids, orientation, seed)
    return whole.select(kept)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{value!r} stands where a list of names should")
    return value


def _ids_and_labels(path: Path, n: int, n_tasks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return names (n,) and labels (n, n_tasks)."""
    stored = load_npz(path)
    ids, labels = stored.get("ids"), stored.get("labels")
    if ids is None or labels is None or (ids.shape, labels.shape) != ((n,), (n, n_tasks)) or labels.dtype.kind != "f":
        raise ValueError(f"'{path}' does not hold {n} names and {n_tasks} labels of each; featurize again.")
    return ids, labels
