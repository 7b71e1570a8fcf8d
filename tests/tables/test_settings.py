from __future__ import annotations

import re

import numpy as np
import pytest

from deepchem_density.settings import check_settings, settings_of, special_defaults
from deepchem_density.tables.settings import MOLECULES, DataSettings


@pytest.mark.parametrize(
    ("dataset", "of_complexes"),
    [
        *(("sample", False), ("qm9", False), ("sdf", False), ("csv", False)),
        *(("complexes", True), ("pdbbind", True), ("openfe", True)),
    ],
)
def test_datasets_are_of_molecules_or_of_complexes(dataset, of_complexes):
    settings = DataSettings(dataset=dataset)
    check_settings(settings)
    assert settings.of_complexes == of_complexes == (dataset not in MOLECULES)


def test_what_may_be_chosen_is_explained():
    for about in settings_of(DataSettings).values():
        for choice in about.choices:
            assert re.search(rf"\b{choice}\b", about.help), choice


def test_complexes_are_split_by_clusters_without_a_fixed_number():
    special = special_defaults(DataSettings, "complexes")
    assert special == {"targets": ("pK",), "n_valid": 0, "n_test": 0, "split": "cluster"}
    check_settings(DataSettings(**special, dataset="pdbbind", data_dir="somewhere"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"dataset": "qm7"},
            "dataset='qm7' arrived; 'sample', 'qm9', 'sdf', 'csv', 'complexes', 'pdbbind', 'openfe' are accepted",
        ),
        (
            {"split": "butina"},
            "split='butina' arrived; 'random', 'scaffold', 'group', 'cluster', 'core', 'cleansplit', 'lists', ",
        ),
        ({"task": "ranking"}, "task='ranking' arrived; 'regression', 'classification' are accepted"),
        ({"n_train": -1}, "n_train=-1 arrived; a whole number from 0 up is accepted"),
        ({"n_valid": 1.5}, r"n_valid=1\.5 arrived; a whole number from 0 up or None is accepted"),
        ({"n_test": True}, "n_test=True arrived; a whole number from 0 up is accepted"),
        ({"n_test": np.nan}, "n_test=nan arrived; a whole number from 0 up is accepted"),
        ({"split_seed": -1}, "split_seed=-1 arrived; a whole number from 0 to 2147483647 is accepted"),
        ({"split_seed": 2**31}, "split_seed=2147483648 arrived; a whole number from 0 to 2147483647 is accepted"),
        ({"targets": "gap"}, "targets='gap' arrived; a tuple of str is accepted"),
        ({"targets": (1,)}, r"targets=\(1,\) arrived; a tuple of str is accepted"),
        ({"split_by": 2015}, "split_by=2015 arrived; a str is accepted"),
    ],
)
def test_what_no_data_could_satisfy_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        check_settings(DataSettings(**changed))
