"""Cells and rows of learning curves whose errors are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepchem_density.curves.cells import Cell
from deepchem_density.curves.metrics import regression_metrics

SIZES, SEEDS, N_TEST = (100, 200, 400, 800), (0, 1, 2), 1000


def cell(label, n_train, seed, scale=1.0, exponent=0.5, targets=("gap",), n_test=N_TEST):
    """A network whose errors follow a power law, with some scatter."""
    rng = np.random.default_rng([n_train, seed, len(label)])
    truth = np.random.default_rng(0).normal(size=(n_test, len(targets)))
    predicted = truth + scale * n_train**-exponent * rng.normal(size=truth.shape)
    shared = {"study": "s", "rep": label.split(" ")[0], "label": label, "n_train": n_train, "seed": seed}
    shared |= {"n_test": n_test, "parameters": 1000, "device": "cpu", "seconds": 0.01 * n_train, "steps": 10}
    rows = [
        {**shared, "model": model, "target": target, "unit": "hartree"} | regression_metrics(truth[:, t], values[:, t])
        for model, values in (("network", predicted), ("constant", np.zeros_like(truth)))
        for t, target in enumerate(targets)
    ]
    heavy = np.repeat([7, 8, 9], [4, 396, n_test - 400])
    return Cell(rows, np.arange(n_test), heavy, truth, predicted, Path("cells") / f"{label}-{n_train}-{seed}" / "model")


def curve(label, **settings):
    return [cell(label, n, seed, **settings) for n in SIZES for seed in SEEDS]


CELLS = [*curve("atom"), *curve("density (d_min=2)", scale=0.5)]


def row(model, n_train, seed, mae, label="density"):
    about = {"rep": label.split(" ")[0], "label": label, "target": "gap", "unit": "hartree"}
    others = {"rmse": 2 * mae, "r2": 0.5, "pearson": 0.7, "spearman": 0.7}
    return {**about, "model": model, "n_train": n_train, "seed": seed, "mae": mae, **others}


ROWS = [
    row(model, n, seed, mae + 0.002 * seed, label)
    for label in ("density", "atom")
    for n, scale in ((100, 1.0), (400, 0.5))
    for seed in (0, 1)
    for model, mae in (("network", 0.02 * scale), ("linear in element counts", 0.03), ("constant", 0.04))
]
