from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.data import prepare
from deepchem_density.curves.held_out import MASKS, HeldOut, predict_held_out
from deepchem_density.curves.learning_curve import run_curve
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.prediction_inputs import Input

QUICK = CurveConfig(
    rep="atom",
    n_train=30,
    n_valid=8,
    n_test=12,
    fractions=(1.0,),
    seeds=(0,),
    steps=3,
    voxel_width=1.2,
    oversampling=1,
    widths=(4, 8),
    dropout=0.3,
    baseline="composition",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("held out")
    (cell,) = run_curve(QUICK, out)
    return out, cell, prepare(QUICK, out)


def test_it_is_what_the_stored_network_predicts_of_test_and_validation_set(finished):
    _, cell, data = finished
    found = HeldOut.read(cell.model_dir.parent)
    places = np.concatenate([data.test, data.valid])
    np.testing.assert_array_equal(found.ids, data.table.ids[places])
    np.testing.assert_array_equal(found.ids[:12], cell.ids)
    np.testing.assert_array_equal(found.truth, data.table.subset(places).columns(QUICK.targets))
    inputs = [Input("", "", one) for one in data.table.subset(places).datapoints()]
    table = Predictor.from_folder(cell.model_dir).predict(inputs, masks=1000)
    np.testing.assert_allclose(found.predicted[:, 0], table["gap"], rtol=1e-5)
    assert found.masks == MASKS
    # over 50 masks a deviation has a relative error of 1/sqrt(100); five of them
    np.testing.assert_allclose(found.deviation[:, 0], table["gap_std"], rtol=0.5)


@pytest.mark.parametrize("changed", [{"patience": 5}, {"split": "lists"}])
def test_what_stopped_a_network_or_is_unlike_the_test_set_is_left_out(finished, changed):
    _, cell, data = finished
    config = dataclasses.replace(QUICK, dropout=0.0, **changed)
    found = predict_held_out(config, data, None, cell.predicted, np.zeros((len(data.table), 1)))
    np.testing.assert_array_equal(found.ids, cell.ids)
    np.testing.assert_array_equal(found.predicted, cell.predicted)
    assert (found.deviation, found.masks) == (None, 0)


def test_a_cell_of_an_earlier_release_has_none(tmp_path):
    assert HeldOut.read(tmp_path) is None
