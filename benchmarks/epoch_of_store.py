"""One epoch of training from a folder of solved molecules: time, samples a second and peak memory.

    deepchem-density featurize qm9 --out qm9
    python benchmarks/epoch_of_store.py qm9 --voxel-width 0.75 --save

Voxels are made for each batch, in the orientation of the input or in fresh random ones; nothing but the batch is in memory.
"""

from __future__ import annotations

import argparse
import resource
import time

import pandas as pd
from _results import report

from deepchem_density import VoxelCNNModel, open_featurized
from deepchem_density.models import prepare_process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="what `deepchem-density featurize` wrote")
    parser.add_argument("--rep", default="density")
    parser.add_argument("--box-width", type=float, default=12.0)
    parser.add_argument("--voxel-width", type=float, default=0.75)
    parser.add_argument("--orientation", default="random", choices=["fixed", "random"])
    parser.add_argument("--task", default="gap")
    parser.add_argument("--steps", type=int, help="so many steps in place of an epoch")
    parser.add_argument("--name", default="epoch_of_store", help="of the files in results")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    prepare_process(1)
    grid = {"box_width": given.box_width, "voxel_width": given.voxel_width, "oversampling": 1, "dtype": "float16"}
    started = time.perf_counter()
    dataset = open_featurized(given.folder, [given.task], given.orientation, representation=given.rep, **grid)
    opened = time.perf_counter() - started
    model = VoxelCNNModel(1, dataset.recipe.n_channels, seed=0, augment=given.orientation == "fixed")
    started = time.perf_counter()
    loss = model.fit(dataset, nb_epoch=1, max_steps=given.steps, checkpoint_interval=0, progress=False)
    seconds = time.perf_counter() - started
    shown = len(dataset) if given.steps is None else given.steps * model.batch_size
    row = {
        "rep": given.rep,
        "voxels": dataset.recipe.voxels_per_edge,
        "orientation": given.orientation,
        "molecules": len(dataset),
        "seconds_to_open": opened,
        "seconds_of_the_epoch": seconds,
        "samples_per_s": shown / seconds,
        "peak_memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "loss": float(loss),
    }
    packages = ("deepchem-density", "deepchem", "torch")
    report(given.name, pd.DataFrame([row]), {"shown": shown}, packages, given.save)


if __name__ == "__main__":
    main()
