from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cut_off import cut_off
from made_up_cells import cell

from deepchem_density.curves.metrics import classification_metrics
from deepchem_density.reports.roc_figure import roc_figure


def test_the_area_below_the_line_is_that_of_the_table_and_one_class_alone_is_said():
    rng = np.random.default_rng(0)
    truth = np.stack([rng.integers(0, 2, 50), np.ones(50)], axis=1).astype(float)
    truth[:5, 0] = np.nan
    probability = np.clip(0.3 * truth + 0.5 * rng.random((50, 2)), 0, 1)
    probability[:5] = 0.5
    made = cell("atom", 100, 0, targets=("x", "y"), n_test=1000)
    rows = [
        {**made.rows[t], "target": name} | classification_metrics(truth[:, t], probability[:, t])
        for t, name in enumerate("xy")
    ]
    figure = roc_figure([dataclasses.replace(made, rows=rows, truth=truth, predicted=probability)], ["x", "y"])
    first, second = figure.axes
    false, true = first.lines[1].get_data()
    assert np.trapezoid(true, false) == pytest.approx(rows[0]["roc_auc"])
    assert f"{int(np.nansum(truth[:, 0]))} of 45 are 1" in first.get_title()
    assert [text.get_text() for text in second.texts] == ["one class alone in the test set"]


@pytest.mark.parametrize("targets", [1, 2, 6])
def test_no_title_is_cut_off(targets):
    names = list("abcdef")[:targets]
    made = cell("atom", 100, 0, targets=names)
    truth = (made.truth > 0).astype(float)
    rows = [{**made.rows[t], "roc_auc": np.nan, "target": name} for t, name in enumerate(names)]
    figure = roc_figure([dataclasses.replace(made, rows=rows, truth=truth)], names)
    assert not cut_off(figure)
