from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cut_off import cut_off
from made_up_cells import CELLS, ROWS, SIZES, curve
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from deepchem_density.curves.cells import Cell
from deepchem_density.reports.figures import error_by_size_figure, learning_curve_figure, parity_figure, save_figure
from deepchem_density.reports.results import curve_table, rows_of, size_table

EV = 27.211386245988
LONG = "density+gradient+occupancy (source=independent_atoms, d_min=2.0, transform=sqrt, voxel_width=0.375)"


def labels_of(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_figures_show_every_model(tmp_path):
    figure = learning_curve_figure(curve_table(ROWS), "a title")
    assert labels_of(figure) == ["atom types", "electron density", "linear in element counts", "constant"]
    (axis,) = figure.axes
    assert figure.get_suptitle() == "a title"
    assert (axis.get_title(), axis.get_ylabel()) == ("gap (eV)", "mean absolute error (eV)")
    path = save_figure(figure, tmp_path / "curve.png")
    assert imread(path).shape[0] > 300
    assert [p.name for p in tmp_path.iterdir()] == ["curve.png"]


def test_several_targets_stand_in_rows_of_two():
    table = curve_table(ROWS)
    several = pd.concat([table.assign(target=name) for name in "abcde"])
    figure = learning_curve_figure(several)
    columns = {round(axis.get_position().x0, 3) for axis in figure.axes}
    assert (len(figure.axes), len(columns)) == (5, 2)


def test_both_axes_are_logarithmic_and_sizes_are_named():
    (axis,) = learning_curve_figure(curve_table(rows_of(CELLS)), spread="interval").axes
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in axis.get_xticklabels()] == [str(size) for size in SIZES]


def test_bars_are_intervals_or_deviations():
    table = curve_table(rows_of(CELLS))
    first = table[(table.model == "atom")].iloc[0]
    for spread, low, high in (
        ("interval", first.mae_low, first.mae_high),
        ("deviation", first.mae - first.mae_std, first.mae + first.mae_std),
    ):
        (axis,) = learning_curve_figure(table, spread=spread).axes
        bar = axis.containers[0].lines[2][0].get_segments()[0]
        assert bar[:, 1] == pytest.approx([EV * low, EV * high])


def test_an_interval_that_reaches_below_zero_leaves_the_means_in_sight():
    rows = [dict(row, mae=row["mae"] * (1 + 2 * row["seed"])) for row in ROWS if row["model"] == "network"]
    table = curve_table(rows)
    assert (table.mae_low < 0).all()
    (axis,) = learning_curve_figure(table, spread="interval").axes
    low, high = axis.get_ylim()
    assert 0.3 * table.mae.min() < low / EV < table.mae.min()
    assert table.mae.max() < high / EV < 3 * table.mae.max()


def test_variants_of_a_representation_have_colours_of_their_own():
    labels = ["density", "density (transform=sqrt)", "density (transform=log)", "atom"]
    rows = [dict(row, label=label, rep=label.split(" ")[0]) for label in labels for row in ROWS]
    (axis,) = learning_curve_figure(curve_table(rows)).axes
    colours = [container.lines[0].get_color() for container in axis.containers[:4]]
    assert len(set(colours)) == 4


def test_parity_shows_the_test_set_of_each_cell():
    truth = np.linspace(0, 1, 20)[:, None]
    cells = [Cell(ROWS[:3], np.arange(20), np.full(20, 9), truth, truth + shift, Path()) for shift in (0.1, 0.2)]
    figure = parity_figure(cells, ["gap"])
    for axis, shift in zip(figure.axes, (0.1, 0.2), strict=True):
        np.testing.assert_allclose(axis.collections[0].get_offsets(), EV * np.hstack([truth, truth + shift]))
        assert axis.get_title() == "gap (eV)\nelectron density, 100 molecules, seed 0"
        assert axis.get_xlim() == axis.get_ylim()


def test_parity_of_several_targets_stands_in_rows_of_three():
    cells = curve("atom", targets=("gap", "homo", "lumo", "mu"))[:2]
    figure = parity_figure(cells, ["gap", "homo", "lumo", "mu"])
    assert [axis.get_title().split(" ")[0] for axis in figure.axes] == 2 * ["gap", "homo", "lumo", "mu"]
    FigureCanvasAgg(figure).draw()
    beside = {round(axis.get_position().x0, 2) for axis in figure.axes}
    below = {round(axis.get_position().y0, 2) for axis in figure.axes}
    assert (len(beside), len(below)) == (3, 4)


def test_errors_by_size_stand_over_their_classes():
    table = size_table(CELLS, "mae")
    figure = error_by_size_figure(table, "mae")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["7-8", "9"]
    assert labels_of(figure) == ["atom types", "electron density (d_min=2)"]
    drawn = axis.containers[0].lines[0].get_ydata()
    assert list(drawn) == pytest.approx(list(EV * table[table.model == "atom"].error))


@pytest.mark.parametrize("label", ["density", LONG])
@pytest.mark.parametrize("targets", [1, 2, 6])
@pytest.mark.parametrize("made", ["learning curve", "parity", "by size"])
def test_no_title_and_no_name_is_cut_off_however_long(made, targets, label):
    names = ["internal energy at 0 K, of atomization", "gap", *"abcd"][:targets]
    cells = curve(label, targets=names)
    if made == "learning curve":
        figure = learning_curve_figure(curve_table(rows_of(cells)), "a title", spread="interval")
    elif made == "parity":
        figure = parity_figure(cells[-1:], names)
    else:
        figure = error_by_size_figure(size_table(cells, "mae"), "mae")
    assert not cut_off(figure)
