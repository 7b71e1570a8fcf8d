from __future__ import annotations

import dataclasses

import pytest
from made_up_cells import curve

from deepchem_density.reports.figures import learning_curve_figure
from deepchem_density.reports.markup import markdown_section
from deepchem_density.reports.results import curve_table, rows_of
from deepchem_density.reports.training_table import training_section, training_table


def trained(cells, **about):
    """Return the cells as if their networks had been trained so."""
    return [dataclasses.replace(cell, rows=[{**row, **about} for row in cell.rows]) for cell in cells]


def test_what_ended_a_training_is_told_and_capped_lines_are_dashed():
    first, second = curve("density"), curve("atom")
    cells = [
        *trained(first, train_mae=0.01, steps=1000, capped=True),
        *trained(second, train_mae=0.02, steps=600, capped=False),
    ]
    table = training_table(cells).set_index("model")
    assert set(table.loc["density", "ended"]) == {"cap: still learning"}
    assert set(table.loc["atom", "ended"]) == {"validation error stalled"}
    assert set(table.loc["density", "steps"]) == {1000}
    text = markdown_section(training_section(table.reset_index(), "molecules"))
    assert text.count("cap: still learning") == len(table.loc[["density"]])
    figure = learning_curve_figure(curve_table(rows_of(cells)))
    labels = {box.get_label(): box.lines[0].get_linestyle() for box in figure.axes[0].containers}
    assert labels["electron density"] == "--"
    assert labels["atom types"] == "-"


def test_of_a_fixed_number_of_steps_nothing_is_claimed():
    cells = trained(curve("density"), train_mae=0.01, steps=240)
    assert set(training_table(cells)["ended"]) == {"fixed number of steps"}
    assert training_table(cells)["train_mae"].iloc[0] == pytest.approx(0.01)


def test_cells_of_before_do_not_know_their_training_error():
    assert training_table(curve("density")).empty


def test_classes_have_no_mean_absolute_error_and_no_table():
    cells = trained(curve("density"), train_mae=0.2)
    classes = [
        dataclasses.replace(
            cell, rows=[{name: value for name, value in row.items() if name != "mae"} for row in cell.rows]
        )
        for cell in cells
    ]
    assert training_table(classes).empty
    assert len(training_table(cells))
