from __future__ import annotations

import dataclasses
import itertools
import math

import pytest

from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.tuning.space import Choice, Range, describe, first_point, search_space, settings_at
from deepchem_density.voxels.representations import REPRESENTATIONS

MOLECULES = CurveConfig()
COMPLEXES = CurveConfig(**COMPLEX_DEFAULTS, dataset="complexes", data_dir="x.csv")


def configs(rep):
    return [dataclasses.replace(one, rep=rep) for one in (MOLECULES, COMPLEXES)]


def size(knobs):
    """Number of combinations of choices, and the ranges beside them."""
    choices = math.prod(len(knob.options) for knob in knobs if isinstance(knob, Choice))
    return choices, [knob for knob in knobs if isinstance(knob, Range)]


def test_every_representation_can_be_tuned_in_a_space_of_the_same_size():
    for kind in (0, 1):
        spaces = [search_space(configs(rep)[kind]) for rep in REPRESENTATIONS]
        assert len(spaces) == 4
        assert all(size(knobs) == size(spaces[0]) for knobs in spaces)
        shared = [[(knob.name, describe([knob])) for knob in knobs[:-1]] for knobs in spaces]
        assert all(one == shared[0] for one in shared)
        own = {knobs[-1].fields for knobs in spaces}
        assert own == {("sigma",), ("transform",), ("shape", "threshold")}


@pytest.mark.parametrize("rep", REPRESENTATIONS)
def test_the_search_begins_with_the_defaults(rep):
    for config in configs(rep):
        knobs = search_space(config)
        first = settings_at(knobs, first_point(knobs, config))
        assert dataclasses.replace(config, **first) == config


@pytest.mark.parametrize("rep", REPRESENTATIONS)
def test_every_point_can_run(rep):
    for config in configs(rep):
        knobs = search_space(config)
        ends = [(k.low, k.high) if isinstance(k, Range) else tuple(k.options) for k in knobs]
        reps = [knob.name for knob in knobs]
        recipes = [place for place, name in enumerate(reps) if name in ("box_width", "voxel_width", reps[-1])]
        base = first_point(knobs, config)
        for values in itertools.product(*(ends[place] for place in recipes)):
            point = base | {reps[place]: value for place, value in zip(recipes, values, strict=True)}
            dataclasses.replace(config, **settings_at(knobs, point)).check()
        for name, values in zip(reps, ends, strict=True):
            for value in values:
                dataclasses.replace(config, **settings_at(knobs, base | {name: value})).check()


def test_what_is_fixed_is_not_tuned():
    names = [knob.name for knob in search_space(MOLECULES, ["widths", "voxel_width"])]
    assert not {"widths", "voxel_width"} & set(names)
    assert len(names) == len(search_space(MOLECULES)) - 2
    occupancy = dataclasses.replace(MOLECULES, rep="occupancy")
    assert "surface" not in [knob.name for knob in search_space(occupancy, ["threshold"])]
    everything = [name for knob in search_space(MOLECULES) for name in knob.fields]
    with pytest.raises(ValueError, match="fixed; leave at least one"):
        search_space(MOLECULES, everything)


def test_a_start_outside_the_space_is_refused():
    with pytest.raises(ValueError, match=r"widths=\(4, 8\) arrived as first point; 8,16,32,64, 16,32,64,128"):
        first_point(search_space(MOLECULES), dataclasses.replace(MOLECULES, widths=(4, 8)))
    with pytest.raises(ValueError, match=r"learning_rate=1\.0 arrived"):
        first_point(search_space(MOLECULES), dataclasses.replace(MOLECULES, learning_rate=1.0))


def test_a_representation_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="='orbital' arrived"):
        search_space(dataclasses.replace(MOLECULES, rep="orbital"))


def test_a_joint_input_has_the_knobs_of_all_its_representations():
    names = [knob.name for knob in search_space(dataclasses.replace(MOLECULES, rep="atom+density+occupancy"))]
    assert names[-3:] == ["sigma", "transform", "surface"]
    assert len(names) == len(set(names))
