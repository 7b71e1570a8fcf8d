"""What a model of QM9's molecules must beat: errors of the baselines that stand in every table.

    python benchmarks/baselines.py --save

Of all of QM9 (from qm9pack), in an order drawn by seed 0, the last of 1,500 molecules are the test set of 500, and the first 100,
300 and 1,000 are trained on. Each is solved once by GFN2-xTB. Mean absolute errors, in eV, debye and bohr³.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial

import numpy as np
import pandas as pd
from _results import report

from deepchem_density import load_qm9
from deepchem_density.tables import morgan_fingerprints, predict_constant, predict_linear, predict_trees
from deepchem_density.voxels import Recipe, SolvedStore
from deepchem_density.voxels.solver_line import SolverLine, free_atom_energy, number_columns

EV = 27.211386245988
UNITS = {"gap": EV, "homo": EV, "lumo": EV, "mu": 1.0, "u0_atom": EV, "alpha": 1.0}
N_TEST, SIZES = 500, (100, 300, 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="tblite")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    whole = load_qm9()
    table = whole.subset(np.random.default_rng(0).permutation(len(whole))[: max(SIZES) + N_TEST])
    with tempfile.TemporaryDirectory() as folder:
        solved = SolvedStore(folder, Recipe("density", engine=options.engine)).solve(table.datapoints(), options.n_jobs)
        numbers = number_columns(solved.numbers())
    fingerprints, _ = morgan_fingerprints(table.mols())
    counts, y = table.element_counts(table.elements), table.columns(list(UNITS)) * np.array(list(UNITS.values()))
    atom_energy = partial(free_atom_energy, engine=options.engine, method="GFN2-xTB")
    test = np.arange(max(SIZES), len(table))
    rows = []
    for size in SIZES:
        train = np.arange(size)
        line = SolverLine.fitted(table.elements, counts[train], numbers[train], y[train], atom_energy)
        started = time.perf_counter()
        trees = predict_trees(fingerprints, counts, y, train, test)
        seconds = time.perf_counter() - started
        found = {
            "constant": predict_constant(y[train], len(test)),
            "linear in element counts": predict_linear(counts[train], y[train], counts[test]),
            "ECFP with gradient boosting": trees,
            "xTB numbers and element counts": line.values(counts[test], numbers[test]),
        }
        for name, predicted in found.items():
            errors = np.abs(predicted - y[test]).mean(axis=0)
            rows.append(
                {"training molecules": size, "baseline": name, **dict(zip(UNITS, errors.round(4), strict=True))}
            )
        print(f"{size} molecules: trees of {len(UNITS)} labels took {seconds:.1f} s", flush=True)
    packages = ("deepchem-density", "qm9pack", "rdkit", "scikit-learn", "numpy", options.engine)
    notes = {"test molecules": N_TEST, "engine": options.engine}
    report("baselines", pd.DataFrame(rows), notes, packages, options.save)


if __name__ == "__main__":
    main()
