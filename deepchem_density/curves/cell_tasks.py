"""Cells as tasks: what whoever does one gets and sends back, and how it is kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.curves.cells import TRAINING_STATE, Cell, read_cell, run_cell
from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import CurveData, LatestData
from deepchem_density.engine.tasks import Engine, Post
from deepchem_density.files import copy_file, replacing
from deepchem_density.tables.splits import nested_fractions
from deepchem_density.voxels.store import SolvedDatapoints, SolvedStore

__all__ = ["CellJob", "cell_files", "keep_cell", "latest", "solved_by", "train_cell", "training_places"]

RESULT = "result.json"
latest = LatestData()
"""What the cells of a curve have in common, in each process that trains some."""


@dataclass(frozen=True)
class CellJob:
    """What a cell is made from.

    Parameters
    ----------
    config : CurveConfig
        Of its curve.
    out : path
        Folder with the solved molecules, absolute.
    without : tuple of str
        Molecules that fail in other curves.
    identity : str
        Of the data that it must be.
    sizes : tuple of int
        Of the nested training sets.
    size, seed : int
        Of this one.
    goes_on_from : path, optional
        State of a training under a smaller cap.
    """

    config: CurveConfig
    out: Path
    without: tuple[str, ...]
    identity: str
    sizes: tuple[int, ...]
    size: int
    seed: int
    goes_on_from: Path | None = None


def solved_by(engine: Engine, n_jobs: int | None, store: SolvedStore, datapoints: Sequence[Any]) -> SolvedDatapoints:
    """Return datapoints solved by so many processes of this machine, or by an engine's workers where it is None."""
    if n_jobs is None:
        return store.solve(datapoints, mapping=engine.map_in_order)
    return store.solve(datapoints, n_jobs)


def train_cell(post: Post, job: CellJob, folder: Path) -> dict[str, bytes]:
    """Train and test a network below the folder of its cell, and return the files of the finished cell.

    Parameters
    ----------
    post : Post
        Told ``[epoch, metrics]`` of each epoch.
    job : CellJob
        What to train.
    folder : path
        From `cell_folder`, absolute.

    Raises
    ------
    ValueError
        The data are others than those that the cell is named after.
    """

    def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
        post.tell([epoch, {name: float(value) for name, value in metrics.items()}])

    work = folder / "training"
    if read_cell(work) is None:
        data = latest.get(job.config, job.out, SolvedStore.stored, job.without)
        if data.identity != job.identity:
            raise ValueError(
                f"The molecules of '{job.config.label}' have changed meanwhile; run the same command again."
            )
        if job.goes_on_from is not None and job.goes_on_from.is_file() and not (work / TRAINING_STATE).exists():
            copy_file(job.goes_on_from, work / TRAINING_STATE)
        run_cell(job.config, data, training_places(job, data), job.seed, work, on_epoch)
    return cell_files(work)


def cell_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a finished cell, by their paths in its folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def training_places(job: CellJob, data: CurveData) -> np.ndarray:
    """Return the places of the molecules to train on."""
    return nested_fractions(data.pool, list(job.sizes), job.seed)[job.sizes.index(job.size)]


def keep_cell(folder: Path, files: dict[str, bytes]) -> Cell:
    """Write the files of a finished cell, its result last: it is finished when that is there."""
    shutil.rmtree(folder / "model", ignore_errors=True)
    for name in sorted(files, key=lambda name: (name == RESULT, name)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(files[name])
    shutil.rmtree(folder / "training", ignore_errors=True)
    cell = read_cell(folder)
    if cell is None:
        raise ValueError(f"'{folder}' holds no finished cell; delete it and run the same command again.")
    return cell
