from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.curves.config import COMPLEX_DEFAULTS
from deepchem_density.curves.settings import CurveSettings, NetworkSettings
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.settings import check_settings, class_defaults
from deepchem_density.voxels.settings import VoxelSettings

OF_CURVES = {
    **{"box_width": 12.0, "voxel_width": 0.75, "oversampling": 2, "engine": "auto"},
    **{"elements": ("H", "C", "N", "O", "F"), "other": False},
}
OF_FEATURIZERS = {
    **{"box_width": 16.0, "voxel_width": 0.5, "oversampling": 1, "engine": "xtb"},
    **{"elements": ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I"), "other": True},
}

OF_COMPLEXES = {
    **{"targets": ("pK",), "n_valid": 0, "n_test": 0, "split": "cluster", "steps": 600},
    **{"box_width": 24.0, "voxel_width": 1.0, "hydrogens": "drop", "charge": "formal", "b_iso": 20.0},
    **{"elements": ("C", "N", "O", "S", "P", "F", "Cl", "Br", "I"), "other": True, "sigma": 0.7},
}
"""Of the first release: curves that were trained with them shall be found again."""


def test_curves_have_a_grid_and_an_engine_of_their_own_and_featurizers_keep_theirs():
    curves, featurizers = class_defaults(CurveSettings), class_defaults(VoxelSettings)
    assert {name: curves[name] for name in OF_CURVES} == OF_CURVES
    assert {name: featurizers[name] for name in OF_CURVES} == OF_FEATURIZERS
    assert {name: curves[name] for name in featurizers} == featurizers | OF_CURVES


def test_complexes_have_the_defaults_that_they_always_had():
    assert COMPLEX_DEFAULTS == OF_COMPLEXES


def test_an_instance_has_the_defaults_of_its_class_and_they_can_run():
    settings = CurveSettings()
    assert {name: getattr(settings, name) for name in class_defaults(CurveSettings)} == class_defaults(CurveSettings)
    check_settings(settings)
    check_settings(CurveSettings(**COMPLEX_DEFAULTS))


def test_the_network_takes_every_setting_of_the_network(tmp_path):
    VoxelCNNModel(n_tasks=1, n_channels=1, model_dir=str(tmp_path), **class_defaults(NetworkSettings))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fractions": (0.5, 0.0)}, r"fractions=\(0\.5, 0\.0\) arrived; a tuple of float is accepted"),
        ({"fractions": (1.5,)}, r"fractions=\(1\.5,\) arrived"),
        ({"fractions": 0.5}, r"fractions=0\.5 arrived; a tuple of float is accepted"),
        ({"seeds": (0, -1)}, r"seeds=\(0, -1\) arrived"),
        ({"seeds": (0.5,)}, r"seeds=\(0\.5,\) arrived; a tuple of int is accepted"),
        ({"steps": -1}, "steps=-1 arrived; a whole number from 0 up is accepted"),
        ({"epochs": 1.5}, r"epochs=1\.5 arrived; a whole number from 0 up is accepted"),
        ({"batch_size": 0}, "batch_size=0 arrived; a whole number from 1 up is accepted"),
        ({"learning_rate": 0.0}, r"learning_rate=0\.0 arrived; a positive number is accepted"),
        ({"learning_rate": np.nan}, "learning_rate=nan arrived; a positive number is accepted"),
        ({"learning_rate": np.inf}, "learning_rate=inf arrived; a positive number is accepted"),
        ({"widths": (8, 0)}, r"widths=\(8, 0\) arrived"),
        ({"depth": 0}, "depth=0 arrived; a whole number from 1 up is accepted"),
        ({"n_bins": -1}, "n_bins=-1 arrived; a whole number from 0 up or None is accepted"),
        ({"dropout": 1.0}, r"dropout=1\.0 arrived; a finite number from 0 up and at most 0\.99 is accepted"),
        ({"pooling": "max"}, "pooling='max' arrived; 'mean', 'sum' are accepted"),
        ({"remove_composition": 1}, "remove_composition=1 arrived; True or False is accepted"),
    ],
)
def test_what_no_curve_could_satisfy_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        check_settings(CurveSettings(**changed))
