from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from deepchem_density.learning_curve import Cell
from deepchem_density.report import curve_table, learning_curve_figure, markdown, parity_figure, save_figure


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


def test_means_and_spreads_over_seeds():
    table = curve_table(ROWS)
    one = table[(table.model == "density") & (table.n_train == 400)].iloc[0]
    assert one.mae == pytest.approx(0.011)
    assert one.mae_std == pytest.approx(0.002 / 2**0.5)
    assert one.seeds == 2


def test_baselines_stand_once_and_last():
    table = curve_table(ROWS)
    assert list(dict.fromkeys(table.model)) == ["atom", "density", "linear in element counts", "constant"]
    assert (table[table.model == "constant"].seeds == 2).all()


def test_the_markdown_has_a_line_per_model_and_a_column_per_size():
    lines = markdown(curve_table(ROWS)).splitlines()
    assert lines[0] == "gap: mean absolute error on the test set, hartree"
    assert lines[2] == "| model | 100 molecules | 400 molecules |"
    assert lines[5] == "| density | 0.021 ± 0.0014 | 0.011 ± 0.0014 |"


def test_a_single_seed_has_no_spread():
    table = curve_table([r for r in ROWS if r["seed"] == 0])
    assert table.mae_std.isna().all()
    assert "±" not in markdown(table)


def test_figures_show_every_model(tmp_path):
    figure = learning_curve_figure(curve_table(ROWS), "a title")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["atom", "density", "linear in element counts", "constant"]
    path = save_figure(figure, tmp_path / "curve.png")
    assert imread(path).shape[0] > 300
    assert [p.name for p in tmp_path.iterdir()] == ["curve.png"]


def test_parity_shows_the_test_set(tmp_path):
    truth = np.linspace(0, 1, 20)[:, None]
    cell = Cell(ROWS[:3], np.arange(20), truth, truth + 0.1, Path())
    figure = parity_figure(cell, ["gap"])
    offsets = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(offsets, np.hstack([truth, truth + 0.1]))
