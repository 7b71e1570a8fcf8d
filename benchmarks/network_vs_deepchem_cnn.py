"""Train VoxelCNNModel and DeepChem's CNN(dims=3) on the same data for the same number of steps, and print one table.

Data: the embedded sample, featurized as atom types, target the gap. Both models see labels normalized by DeepChem's own
NormalizationTransformer and are judged in the labels' units on the same held-out fifth.

    python benchmarks/network_vs_deepchem_cnn.py --steps 500 --save
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
import torch
from _results import report

from deepchem_density import AtomVoxel, VoxelCNNModel, load_sample
from deepchem_density.quiet import deepchem as dc


def models(n_channels: int, batch_size: int, seed: int) -> dict[str, dc.models.TorchModel]:
    torch.manual_seed(seed)
    common = {"mode": "regression", "batch_size": batch_size}
    same_layers = {"layer_filters": [16, 32, 64, 128], "kernel_size": 3, "strides": [1, 2, 2, 2], "padding": 1}
    deepchem_cnn = dc.models.torch_models.CNN
    return {
        "VoxelCNNModel": VoxelCNNModel(1, n_channels, batch_size=batch_size, seed=seed),
        "VoxelCNNModel, float32, no turns": VoxelCNNModel(
            1, n_channels, batch_size=batch_size, seed=seed, augment=False, autocast=False
        ),
        "dc CNN as it comes": deepchem_cnn(1, n_channels, dims=3, **common),
        "dc CNN, our widths": deepchem_cnn(
            1, n_channels, dims=3, dropouts=0.0, weight_init_stddevs=0.05, bias_init_consts=0.0, **same_layers, **common
        ),
    }


def take_steps(model: dc.models.TorchModel, train: dc.data.Dataset, steps: int) -> float:
    """Train for exactly `steps` steps and return the seconds it took."""
    start = time.perf_counter()
    if isinstance(model, VoxelCNNModel):
        model.fit(train, nb_epoch=None, max_steps=steps, checkpoint_interval=0)
    else:
        np.random.seed(0)  # noqa: NPY002
        for done in range(0, steps, -(-len(train) // model.batch_size)):
            batches = model.default_generator(train, epochs=1, deterministic=False)
            left = (batch for batch, _ in zip(batches, range(steps - done), strict=False))
            model.fit_generator(left, checkpoint_interval=0)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    featurizer = AtomVoxel(
        elements=("H", "C", "N", "O", "F"), other=False, box_width=14.4, voxel_width=0.6, oversampling=2
    )
    sample = load_sample()
    data = dc.data.NumpyDataset(featurizer.featurize(sample.structures()), sample.columns(["gap"]), ids=sample.ids)
    order = np.random.default_rng(given.seed).permutation(len(data))
    held_out = len(data) // 5
    test, train = data.select(order[:held_out]), data.select(order[held_out:])
    normalizer = dc.trans.NormalizationTransformer(transform_y=True, dataset=train)
    scaled = normalizer.transform(train)

    rows = [{"model": "median label", "parameters": 1, "test_mae": np.abs(test.y - np.median(train.y)).mean()}]
    for name, model in models(data.X.shape[-1], given.batch_size, given.seed).items():
        seconds = take_steps(model, scaled, given.steps)
        error = np.abs(model.predict(test, [normalizer]).reshape(test.y.shape) - test.y).mean()
        built = [one for one in model.model.parameters() if not torch.nn.parameter.is_lazy(one)]
        size = sum(parameter.numel() for parameter in built)
        speed = given.steps * given.batch_size / seconds
        rows.append({"model": name, "parameters": size, "samples_per_s": speed, "test_mae": error})
        print(rows[-1], flush=True)
    notes = {
        "steps": given.steps,
        "training molecules": len(train),
        "test molecules": len(test),
        "label": "gap, hartree",
    }
    packages = ("deepchem-density", "deepchem", "torch")
    report("network_vs_deepchem_cnn", pd.DataFrame(rows), notes, packages, given.save)


if __name__ == "__main__":
    main()
