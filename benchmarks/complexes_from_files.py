"""Time `AtomVoxel()` on complexes as they lie on disk: ligand and pocket are read, and voxels made.

    python benchmarks/complexes_from_files.py /folder/of/pdbbind --save

The folder is in PDBbind's layout, <id>/<id>_pocket.pdb and <id>/<id>_ligand.sdf; complexes that `AtomVoxel` does not take are
left out before the clock starts, and counted. Settings are the defaults. One thread, files in the system's cache, every complex
by itself.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
import torch
from _results import report
from tqdm.auto import tqdm

from deepchem_density import AtomVoxel, Recipe
from deepchem_density.errors import FeaturizationError

torch.set_num_threads(1)

PACKAGES = ("deepchem-density", "gemmi", "rdkit", "numba", "torch", "numpy")
WHOLE, READ, PARSE = "AtomVoxel, from files", "ligand and pocket read", "gemmi's parse of the pocket alone"


def median_ms(way: Callable[[object], object], pairs: list[tuple[Path, Path]], repeats: int) -> float:
    """Return the median over repeats of the mean over complexes."""
    seconds = []
    for _ in tqdm(range(repeats + 1), desc="repeats", disable=None, leave=False):
        start = time.perf_counter()
        for pair in pairs:
            way(pair)
        seconds.append(time.perf_counter() - start)
    return float(1e3 * np.median(seconds[1:]) / len(pairs))


def accepted(folder: Path, recipe: Recipe) -> tuple[list[tuple[Path, Path]], int]:
    """Return the complexes that can be read and fit the box, and the number of others."""
    found, n_refused = [], 0
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        pair = place / f"{place.name}_ligand.sdf", place / f"{place.name}_pocket.pdb"
        if all(file.is_file() for file in pair):
            try:
                recipe.voxels(pair)
            except FeaturizationError:
                n_refused += 1
                continue
            found.append(pair)
    if not found:
        raise SystemExit(f"'{folder.name}' holds no complex in PDBbind's layout that AtomVoxel takes.")
    return found, n_refused


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path, help="folder in PDBbind's layout")
    parser.add_argument("--n", type=int, default=100, help="complexes, evenly over the names")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/complexes_from_files.*")
    given = parser.parse_args()

    recipe = AtomVoxel().recipe
    found, n_refused = accepted(given.data_dir, recipe)
    pairs = [found[i] for i in np.linspace(0, len(found) - 1, min(given.n, len(found))).round().astype(int)]
    ways = {
        WHOLE: recipe.voxels,
        READ: recipe.read,
        "pocket read": lambda pair: recipe.reading.protein(pair[1]),
        "ligand read": lambda pair: recipe.reading.ligand(pair[0]),
        PARSE: lambda pair: gemmi.read_structure(str(pair[1])),
    }
    table = pd.DataFrame({"way": list(ways)})
    table["median_ms_per_complex"] = [median_ms(way, pairs, given.repeats) for way in ways.values()]
    ms = table.set_index("way")["median_ms_per_complex"]
    ratios = {"AtomVoxel from files vs gemmi's parse alone": float(ms[PARSE] / ms[WHOLE])}
    notes = {
        "complexes": len(pairs),
        "refused before": n_refused,
        "box_width, Å": recipe.box_width,
        "channels": recipe.n_channels,
    }
    report("complexes_from_files", table, notes, PACKAGES, given.save, ratios)


if __name__ == "__main__":
    main()
