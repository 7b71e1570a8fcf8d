"""Training on datasets that look when asked, against training on finished voxels in memory: samples a second, and their ratio.

    python benchmarks/looking_vs_stored.py --save

Molecules of the sample are solved once. Each way trains the same network for the same epochs after one that warms it up: on
finished voxels (with the 24 turns of the cube), on voxels kept in the scratch file after the first epoch (the same turns), and on
voxels that are made in a fresh random orientation each epoch. One thread trains; the voxels of the next batch are made in
another, which shares the core where there is no second one.
"""

from __future__ import annotations

import argparse
import tempfile
import time

import numpy as np
import pandas as pd
import torch
from _results import report

from deepchem_density import LookedDataset, Recipe, VoxelCNNModel, load_sample
from deepchem_density.models import prepare_process
from deepchem_density.quiet import deepchem as dc
from deepchem_density.voxels import SolvedStore

WAYS = ("finished voxels", "scratch file, 24 turns", "random orientations")


def samples_per_second(dataset: dc.data.Dataset, n_channels: int, augment: bool, epochs: int) -> float:
    model = VoxelCNNModel(1, n_channels, seed=0, augment=augment)
    model.fit(dataset, nb_epoch=1, checkpoint_interval=0)
    started = time.perf_counter()
    model.fit(dataset, nb_epoch=epochs, checkpoint_interval=0)
    return epochs * len(dataset) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=512, help="molecules")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--reps", default="density,atom")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    prepare_process(1)
    torch.set_num_threads(1)
    sample = load_sample()
    rows, ratios = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for rep in given.reps.split(","):
            for oversampling in (1, 2):
                recipe = Recipe(
                    rep, box_width=12.0, voxel_width=0.5, oversampling=oversampling, engine="auto", dtype="float16"
                )
                solved = SolvedStore(folder, recipe).solve(sample.datapoints())
                failed = [place for place, _ in solved.refused(recipe, any_orientation=True)]
                places = np.setdiff1d(np.arange(len(solved)), failed)[: given.n]
                y = sample.columns(["gap"])
                fixed = LookedDataset(solved, recipe, y).select(places)
                turned = LookedDataset(solved, recipe, y, orientation="random").select(places)
                finished = dc.data.NumpyDataset(fixed.X, y[places])
                found: dict[str, list[float]] = {way: [] for way in WAYS}
                for _ in range(given.repeats):
                    for way, dataset in zip(WAYS, (finished, fixed, turned), strict=True):
                        speed = samples_per_second(dataset, recipe.n_channels, dataset is not turned, given.epochs)
                        found[way].append(speed)
                row = {"rep": rep, "points of a voxel": oversampling**3}
                rows.append(row | {way: float(np.median(speeds)) for way, speeds in found.items()})
                name = f"{rep}, {'centres' if oversampling == 1 else 'means of 2^3'}"
                for way in WAYS[1:]:
                    pairs = np.array(found[WAYS[0]]) / np.array(found[way])
                    ratios[f"{way} vs finished voxels, {name}"] = float(np.median(pairs))
                print(rows[-1], flush=True)
    notes = {"grid": "24^3 voxels of 0.5 Å", "molecules": given.n, "network": "16-32-64-128, batches of 32"}
    packages = ("deepchem-density", "deepchem", "torch")
    report("looking_vs_stored", pd.DataFrame(rows), notes, packages, given.save, ratios)


if __name__ == "__main__":
    main()
