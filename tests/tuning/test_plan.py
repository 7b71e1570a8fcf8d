from __future__ import annotations

import dataclasses

import pytest

from deepchem_density.settings import settings_of
from deepchem_density.tuning.plan import SearchPlan, SearchSettings


def test_a_plan_can_run_as_it_is_and_at_its_bounds():
    SearchPlan().check()
    SearchPlan(n_trials=1, fraction=1.0, valid_share=0.9, inner_seeds=(0, 2**31 - 1), seed=0).check()
    for pruner in ("median", "hyperband", "none"):
        SearchPlan(pruner=pruner).check()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_trials": 0}, "n_trials=0 arrived; a whole number from 1 up is accepted"),
        ({"n_trials": 2.5}, r"n_trials=2\.5 arrived; a whole number from 1 up is accepted"),
        ({"fraction": 0.0}, r"fraction=0\.0 arrived; a positive number at most 1 is accepted"),
        ({"fraction": 1.1}, r"fraction=1\.1 arrived"),
        ({"valid_share": 0.95}, r"valid_share=0\.95 arrived; a positive number at most 0\.9 is accepted"),
        ({"inner_seeds": ()}, r"inner_seeds=\(\) arrived; different whole numbers are accepted"),
        ({"inner_seeds": (1, 1)}, r"inner_seeds=\(1, 1\) arrived; different whole numbers are accepted"),
        ({"inner_seeds": (-1,)}, r"inner_seeds=\(-1,\) arrived"),
        ({"seed": -1}, "seed=-1 arrived; a whole number from 0 to 2147483647 is accepted"),
        ({"pruner": "successive"}, "pruner='successive' arrived; 'median', 'hyperband', 'none' are accepted"),
        ({"storage": None}, "storage=None arrived; a str is accepted"),
    ],
)
def test_what_cannot_run_is_refused_with_the_setting_named(changed, message):
    with pytest.raises(ValueError, match=message):
        SearchPlan(**changed).check()


def test_a_plan_does_not_change_and_equals_its_like():
    plan = SearchPlan(seed=3, fixed=("depth",))
    assert plan == SearchPlan(seed=3, fixed=("depth",)) != SearchPlan(seed=3)
    assert hash(plan) == hash(SearchPlan(seed=3, fixed=("depth",)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.seed = 4
    with pytest.raises(dataclasses.FrozenInstanceError):
        del plan.seed


def test_what_is_fixed_is_no_setting_since_the_command_line_tells_it_by_what_is_given():
    assert [*settings_of(SearchSettings)] == [*settings_of(SearchPlan)]
    assert {field.name for field in dataclasses.fields(SearchPlan)} - set(settings_of(SearchPlan)) == {"fixed"}
