"""Can the element of an atom be read from the density around it? A linear classifier on the voxels next to each heavy atom.

    python benchmarks/element_probe.py --save

The cells nearest to each C, N, O and F atom of 400 sample molecules (280 to train, 120 to test) go into a logistic
regression. If it succeeds, a single convolution could tell the elements apart, and what a network lacks is not information.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from _results import report
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepchem_density import VoxelGrid, load_sample, voxelize, xtb_density

N_MOLECULES, N_TRAIN = 400, 280
TRANSFORMS = {"none": lambda v: v, "sqrt": np.sqrt, "log": lambda v: np.log1p(v / 1e-3)}


def patches(solved, voxel_width: float, oversampling: int, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the (2 reach + 1)³ voxels around each heavy atom, its atomic number, and its molecule."""
    found, numbers, molecules = [], [], []
    edge = 2 * round(7.2 / voxel_width)
    for molecule, (structure, density) in enumerate(solved):
        grid = VoxelGrid(structure.positions.mean(axis=0), edge * voxel_width, voxel_width)
        voxels = np.pad(voxelize(density, grid, oversampling).numpy()[..., 0], reach)
        cells = np.floor(grid.to_local(structure.positions) / voxel_width + edge / 2).astype(int)
        for number, (i, j, k) in zip(structure.numbers, cells, strict=True):
            if number > 1:
                block = voxels[i : i + 2 * reach + 1, j : j + 2 * reach + 1, k : k + 2 * reach + 1]
                found.append(block.ravel())
                numbers.append(number)
                molecules.append(molecule)
    return np.array(found), np.array(numbers), np.array(molecules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="xtb")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    table = load_sample()
    structures = [table.structure(i) for i in np.random.default_rng(0).permutation(len(table))[:N_MOLECULES]]
    solved = [(structure, xtb_density(structure, options.engine)) for structure in structures]
    rows = []
    for voxel_width in (0.6, 0.5, 0.4):
        for oversampling in (1, 2):
            for reach in (0, 1):
                x, y, molecule = patches(solved, voxel_width, oversampling, reach)
                train = molecule < N_TRAIN
                row = {"voxel_width": voxel_width, "oversampling": oversampling, "patch": 2 * reach + 1}
                for name, transform in TRANSFORMS.items():
                    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000))
                    classifier.fit(transform(x[train]), y[train])
                    row[name] = round(classifier.score(transform(x[~train]), y[~train]), 4)
                row["most common element"] = round(float((y[~train] == 6).mean()), 4)
                rows.append(row)
                print(row, flush=True)
    packages = ("deepchem-density", "scikit-learn", "torch", "numpy", options.engine)
    notes = {"molecules": N_MOLECULES, "of which to train": N_TRAIN, "engine": options.engine}
    report("element_probe", pd.DataFrame(rows), notes, packages, options.save)


if __name__ == "__main__":
    main()
