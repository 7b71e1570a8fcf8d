from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepchem_density.curves.config import CurveConfig
from deepchem_density.curves.learning_curve import run_curve
from deepchem_density.models import until_stalled
from deepchem_density.models.prediction import Predictor
from deepchem_density.reports.results import collect_cells

PATIENT = CurveConfig(
    **{"rep": "atom", "n_train": 30, "n_valid": 10, "n_test": 10, "steps": 110, "patience": 2, "seeds": (0,)},
    **{"fractions": (1.0,), "voxel_width": 1.2, "oversampling": 1, "widths": (4, 8)},
)


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch):
    monkeypatch.setattr(until_stalled, "SHORTEST_ROUND", 20)
    monkeypatch.setattr(until_stalled, "WARMING", 5)


def under(cap, out, **changed):
    """Return the cell under a cap, and the numbers of the rounds that it was trained for."""
    rounds = []
    config = dataclasses.replace(PATIENT, steps=cap, **changed)
    (cell,) = run_curve(config, out, on_epoch=lambda n_train, seed, number, metrics: rounds.append(number))
    return cell, rounds


def test_what_its_cap_ended_goes_on_under_a_larger_cap_as_if_trained_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "PROGRESS", -9.0)  # never stalls
    whole, _ = under(300, tmp_path / "whole")
    for cap in (110, 60):  # the longest one is taken
        assert under(cap, tmp_path / "twice")[0].rows[0]["capped"]
    longer, rounds = under(300, tmp_path / "twice")
    assert rounds[0] == 5  # four rounds of 20 steps are within the 88 that a cap of 110 holds
    np.testing.assert_array_equal(longer.predicted, whole.predicted)
    assert longer.rows[0]["steps"] == longer.rows[0]["cap"] == 300
    assert longer.rows[0]["seconds"] > 0
    again, rounds = under(300, tmp_path / "twice")
    assert not rounds
    np.testing.assert_array_equal(again.predicted, whole.predicted)


def test_what_stalled_under_a_smaller_cap_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(until_stalled, "PROGRESS", 0.99)
    first, rounds = under(200, tmp_path)
    assert rounds
    assert not first.rows[0]["capped"]
    longer, rounds = under(300, tmp_path)
    assert not rounds
    assert longer.model_dir != first.model_dir
    assert Predictor.from_folder(longer.model_dir.parent).about.targets == PATIENT.targets
    np.testing.assert_array_equal(longer.predicted, first.predicted)
    study = dataclasses.replace(PATIENT, steps=300).study
    assert {(row["study"], row.get("cap", 300)) for row in longer.rows} == {(study, 300)}
    assert longer.rows[0]["steps"] == first.rows[0]["steps"]
    assert len(collect_cells(tmp_path / "cells" / study)) == 1  # so that reports of the study have it


@pytest.mark.parametrize("changed", [{"patience": 3}, {"learning_rate": 0.001}, {"seeds": (1,)}, {"steps": 90}])
def test_other_trainings_and_smaller_caps_begin_anew(tmp_path, monkeypatch, changed):
    monkeypatch.setattr(until_stalled, "PROGRESS", -9.0)
    under(110, tmp_path)
    cap = changed.pop("steps", 300)
    assert under(cap, tmp_path, **changed)[1][0] == 1
