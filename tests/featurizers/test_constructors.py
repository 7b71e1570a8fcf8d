"""What the constructors of all featurizers share: the order of arguments, and refusing at once what no call could satisfy."""

from __future__ import annotations

import inspect

import pytest

from deepchem_density.featurizers import AtomVoxel, DensityVoxel, GradientVoxel, JointVoxel, OccupancyVoxel

COMMON = (
    *("box_width", "voxel_width", "oversampling", "center", "rotation_seed", "charge", "unpaired", "conformer_seed"),
    *("optimize", "part", "hydrogens", "waters", "ions", "dtype", "n_jobs", "timeout"),
)
SOURCES = ("source", "engine", "method", "pocket_radius", "max_atoms", "b_iso", "d_min", "blur", "ionic")
MAPS = ("map_pattern", "map_coefficients", "map_values", "map_periodic")
ARGUMENTS = {
    AtomVoxel: (*COMMON, "elements", "other", "sigma"),
    DensityVoxel: (*COMMON, "transform", *SOURCES, *MAPS),
    GradientVoxel: (*COMMON, "transform", *SOURCES, *MAPS),
    OccupancyVoxel: (*COMMON, "shape", "threshold", *SOURCES, *MAPS),
}


@pytest.mark.parametrize("featurizer_class", ARGUMENTS)
def test_arguments_stand_in_the_order_of_the_first_release(featurizer_class):
    assert tuple(inspect.signature(featurizer_class).parameters) == ARGUMENTS[featurizer_class]


@pytest.mark.parametrize("featurizer_class", [*ARGUMENTS, JointVoxel])
def test_the_docstring_explains_every_argument(featurizer_class):
    for name in inspect.signature(featurizer_class).parameters:
        assert f"\n    {name} : " in featurizer_class.__doc__
    assert "{settings}" not in featurizer_class.__doc__


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"box_width": -1}, "box_width=-1 arrived; a positive number in Å is accepted"),
        ({"box_width": "a"}, "box_width='a' arrived; a positive number in Å is accepted"),
        ({"box_width": float("nan")}, "box_width=nan arrived; a positive number"),
        ({"box_width": 10.0, "voxel_width": 0.9}, "box_width=10 is 11.11 voxels of 0.9 Å; a whole number is needed"),
        ({"oversampling": 0}, "oversampling=0 arrived; a whole number from 1 up is accepted"),
        ({"part": "pocket"}, "part='pocket' arrived; 'complex', 'ligand', 'protein', 'separate' are accepted"),
        ({"waters": 1}, "waters=1 arrived; True or False is accepted"),
        ({"n_jobs": 0}, "n_jobs=0 arrived; 1, 2, ... processes or -1 for one a core are accepted"),
        ({"n_jobs": -2}, "n_jobs=-2 arrived"),
        ({"timeout": -1}, "timeout=-1 arrived; a positive number or None is accepted"),
    ],
    ids=str,
)
@pytest.mark.parametrize("featurizer_class", [*ARGUMENTS, JointVoxel])
def test_what_no_call_could_satisfy_is_refused_at_once(featurizer_class, settings, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        featurizer_class(**settings)


def test_words_of_one_class_are_checked_too():
    with pytest.raises(
        ValueError, match="source='dft' arrived; 'auto', 'xtb', 'independent_atoms', 'map' are accepted"
    ):
        DensityVoxel(source="dft")
    with pytest.raises(ValueError, match=r"elements=.*at least one symbol, each once"):
        AtomVoxel(elements=("C", "C"))
    with pytest.raises(ValueError, match="threshold=0 arrived"):
        OccupancyVoxel(shape="density", threshold=0)


def test_a_call_checks_again_since_attributes_can_be_changed():
    featurizer = AtomVoxel(box_width=8.0)
    featurizer.voxel_width = 0.3
    with pytest.raises(ValueError, match=r"voxels of 0.3 Å"):
        featurizer.featurize(["C"])
