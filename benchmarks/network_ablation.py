"""What learns fastest: networks, grids and orientations on equal time, judged on validation molecules of QM9 alone.

    deepchem-density featurize qm9 --out qm9
    python benchmarks/network_ablation.py qm9 --split-by <folder of ATOM3D's lists> --save

Every way gets the same seconds of one core, so that what is dear gets fewer steps, and each its whole one-cycle schedule. How
many steps they are worth is measured before, and so are the voxels of fixed orientation made: once, which a long training
spreads over its epochs (looking_s). Molecules come from the lists for training and validation; those of the test list are
never looked at.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from _results import report

from deepchem_density import LookedDataset, VoxelCNNModel, open_featurized
from deepchem_density.models import prepare_process
from deepchem_density.tables.id_lists import published_lists, qm9_number

BOX_WIDTH = 12.0
SHORT, LONG = 10, 100
"""Steps of two runs whose times differ by nothing but steps."""

Lists = dict[str, list[str]]
"""Numbers of QM9's molecules for training, validation and testing."""


@dataclass(frozen=True)
class Way:
    """A network and how it looks: what differs from the first way. What is fixed, the model turns by one of 24 turns."""

    grid: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    orientation: str = "fixed"


WAYS = {
    "density, 0.5 Å, means of 2³, 16-32-64-128, 8 bins, 24 turns": Way(),
    "centres in place of means": Way(grid={"oversampling": 1}),
    "random orientations, means": Way(orientation="random"),
    "random orientations, centres": Way(grid={"oversampling": 1}, orientation="random"),
    "square root in place of bins": Way(grid={"transform": "sqrt"}, network={"n_bins": 0}),
    "logarithm in place of bins": Way(grid={"transform": "log"}, network={"n_bins": 0}),
    "neither bins nor transform": Way(network={"n_bins": 0}),
    "12 bins": Way(network={"n_bins": 12}),
    "16 bins": Way(network={"n_bins": 16}),
    "two convolutions a stage": Way(network={"depth": 2}),
    "a pointwise layer behind the bins": Way(network={"stem_widths": (16,)}),
    "24-48-96-192": Way(network={"widths": (24, 48, 96, 192)}),
    "16-32-64-128-256": Way(network={"widths": (16, 32, 64, 128, 256)}),
    "0.375 Å, centres": Way(grid={"voxel_width": 0.375, "oversampling": 1}),
    "0.4 Å, means": Way(grid={"voxel_width": 0.4}),
    "0.6 Å, means": Way(grid={"voxel_width": 0.6}),
    "0.75 Å, means": Way(grid={"voxel_width": 0.75}),
    "atom types": Way(grid={"representation": "atom"}),
    "atom types, 0.6 Å": Way(grid={"representation": "atom", "voxel_width": 0.6}),
    "atom types, 0.75 Å": Way(grid={"representation": "atom", "voxel_width": 0.75}),
    "gradient": Way(grid={"representation": "gradient"}),
    "gradient, 0.6 Å": Way(grid={"representation": "gradient", "voxel_width": 0.6}),
    "occupancy": Way(grid={"representation": "occupancy"}),
    "occupancy, 0.6 Å": Way(grid={"representation": "occupancy", "voxel_width": 0.6}),
}


def looked_at(given: argparse.Namespace, way: Way, lists: Lists) -> tuple[LookedDataset, LookedDataset]:
    """Return the training molecules as a way shows them, and those for validation, which are never turned."""
    grid = {"representation": "density", "voxel_width": 0.5, "oversampling": 2, "dtype": "float16"} | way.grid

    def opened(orientation: str) -> LookedDataset:
        return open_featurized(given.folder, [given.task], orientation, box_width=BOX_WIDTH, **grid)

    def drawn(whole: LookedDataset, role: str, n: int) -> LookedDataset:
        listed = np.flatnonzero(np.isin(whole.ids, lists[role]))
        return whole.select(np.random.default_rng(0).permutation(listed)[:n])

    fixed = opened("fixed")
    shown = fixed if way.orientation == "fixed" else opened(way.orientation)
    return drawn(shown, "train", given.n_train), drawn(fixed, "valid", given.n_valid)


def tried(name: str, given: argparse.Namespace, lists: Lists) -> dict[str, Any]:
    """Train one way for the time that each has, and return what came of it."""
    way = WAYS[name]
    train, valid = looked_at(given, way, lists)

    def new() -> VoxelCNNModel:
        turned = way.orientation == "fixed"
        return VoxelCNNModel(1, train.recipe.n_channels, seed=given.seed, augment=turned, **way.network)

    def fit(model: VoxelCNNModel, steps: int) -> float:
        started = time.perf_counter()
        model.fit(train, nb_epoch=None, max_steps=steps, checkpoint_interval=0, progress=False)
        return time.perf_counter() - started

    begun = time.perf_counter()
    if way.orientation == "fixed":
        for _ in train.iterbatches(deterministic=True):
            pass
    looking = time.perf_counter() - begun
    trial = new()
    fit(trial, SHORT)  # compiles
    short, long = fit(trial, SHORT), fit(trial, LONG)
    steps = round(given.seconds * (LONG - SHORT) / (long - short))
    if steps < LONG:
        raise SystemExit(f"{given.seconds:g} s arrived, which is {steps} steps of '{name}'; give more.")
    model = new()
    seconds = fit(model, steps)
    errors = [
        np.abs(model.predict(part).ravel() - part.y.ravel()).mean() for part in (valid, train.select(range(len(valid))))
    ]
    weights = sum(one.numel() for one in model.model.parameters())
    row = {
        "way": name,
        "steps": steps,
        "seconds": seconds,
        "looking_s": looking,
        "samples_per_s": steps * model.batch_size / seconds,
    }
    return row | {"parameters": weights, "valid_mae": float(errors[0]), "train_mae": float(errors[1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what `deepchem-density featurize qm9` wrote")
    parser.add_argument("--split-by", required=True, help="lists of ids for training and validation, as for `curve`")
    parser.add_argument("--seconds", type=float, default=200.0, help="for each way")
    parser.add_argument("--ways", type=int, nargs="*", help="places in the list of ways, from 0; all by default")
    parser.add_argument("--task", default="gap")
    parser.add_argument("--n-train", type=int, default=10_000)
    parser.add_argument("--n-valid", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    prepare_process(1)
    names = list(WAYS) if given.ways is None else [list(WAYS)[place] for place in given.ways]
    lists = {role: [qm9_number(one) for one in ids] for role, ids in published_lists(given.split_by).items()}
    rows = []
    for name in names:
        rows.append(tried(name, given, lists))
        print(rows[-1], flush=True)
    notes = {"molecules": f"{given.n_train} for training, {given.n_valid} for validation", "task": given.task}
    notes |= {
        "box_width": BOX_WIDTH,
        "seconds for each way": given.seconds,
        "seed": given.seed,
        "errors": "in the unit of the label",
    }
    report("network_ablation", pd.DataFrame(rows), notes, ("deepchem-density", "deepchem", "torch"), given.save)


if __name__ == "__main__":
    main()
