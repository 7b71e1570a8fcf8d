"""From geometries to a trained and tested model: the time and the peak memory of each stage.

    python benchmarks/qm9_end_to_end.py                          # the 2,000 molecules of the package
    python benchmarks/qm9_end_to_end.py --dataset qm9 --epochs 10 --n-jobs 16 --save

Stages: load (labels and positions), solve (GFN2-xTB, once for each molecule), train (voxels are made for each batch, in a fresh
random orientation, on the device of the model), test. The share of voxels in a training step is measured on the side, with
the batches alone. With CUDA the same command uses it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _results import report

from deepchem_density import LookedDataset, Recipe, VoxelCNNModel
from deepchem_density.models import prepare_process
from deepchem_density.tables import load_qm9, load_sample
from deepchem_density.voxels import SolvedStore
from deepchem_density.voxels.store import SelectedDatapoints

TIMED_BATCHES = 20


class Stages:
    """Seconds and peak memory of what is done under a name."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    @contextmanager
    def stage(self, name: str, molecules: int) -> Iterator[None]:
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        self.rows.append({"stage": name, "molecules": molecules, "seconds": seconds, "peak_memory_MB": peak})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="sample", choices=["sample", "qm9"])
    parser.add_argument("--rep", default="density")
    parser.add_argument("--task", default="gap")
    parser.add_argument("--box-width", type=float, default=12.0)
    parser.add_argument("--voxel-width", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=-1, help="processes that solve")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of training")
    parser.add_argument(
        "--out", help="folder of solved molecules, which are not solved again; a temporary one by default"
    )
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    prepare_process(given.threads)
    with tempfile.TemporaryDirectory() as scratch:
        run(given, Path(given.out or scratch))


def run(given: argparse.Namespace, folder: Path) -> None:
    """Go through the stages and report them."""
    stages = Stages()
    with stages.stage("load", 0):
        table = load_sample() if given.dataset == "sample" else load_qm9()
    stages.rows[0]["molecules"] = len(table)
    recipe = Recipe(given.rep, dtype="float16", box_width=given.box_width, voxel_width=given.voxel_width, engine="auto")
    with stages.stage("solve", len(table)):
        solved = SolvedStore(folder, recipe).solve(table.datapoints(), given.n_jobs)
        refused = {place for place, _ in solved.refused(recipe, any_orientation=True)}
    order = np.random.default_rng(0).permutation([i for i in range(len(table)) if i not in refused])
    n_test = len(order) // 10
    labels = table.columns((given.task,))

    def dataset(places: np.ndarray, orientation: str) -> LookedDataset:
        chosen = SelectedDatapoints(solved, places)
        return LookedDataset(chosen, recipe, labels[places], ids=table.ids[places], orientation=orientation)

    train, test = dataset(order[n_test:], "random"), dataset(order[:n_test], "fixed")
    model = VoxelCNNModel(1, recipe.n_channels, seed=0, augment=False)
    with stages.stage("train", given.epochs * len(train)):
        model.fit(train, nb_epoch=given.epochs, checkpoint_interval=0)
    with stages.stage("test", len(test)):
        error = float(np.abs(model.predict(test).ravel() - test.y.ravel()).mean())
    share = _share_of_voxels(model, train)
    table_of_stages = pd.DataFrame(stages.rows)
    table_of_stages["molecules_per_s"] = table_of_stages["molecules"] / table_of_stages["seconds"]
    notes = {
        **{"device": str(model.device), "left out": len(table) - len(order), "voxels an edge": recipe.voxels_per_edge},
        **{f"MAE of {given.task} after {given.epochs} epochs": error},
        **{"MAE of the median": float(np.abs(test.y - np.median(train.y)).mean()), "share of voxels in a step": share},
    }
    packages = ("deepchem-density", "deepchem", "torch", "xtb", "tblite")
    report(f"qm9_end_to_end_{given.dataset}", table_of_stages, notes, packages, given.save)


def _share_of_voxels(model: VoxelCNNModel, train: LookedDataset) -> float:
    """Return the time of making batches over that of training with them, which does both at once."""
    seconds = []
    for work in ("make", "train"):
        started = time.perf_counter()
        if work == "train":
            model.fit(train, nb_epoch=None, max_steps=TIMED_BATCHES, checkpoint_interval=0, progress=False)
        else:
            batches = train.iterbatches(batch_size=model.batch_size)
            for _ in range(TIMED_BATCHES):
                next(batches)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return seconds[0] / seconds[1]


if __name__ == "__main__":
    main()
