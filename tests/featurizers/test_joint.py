from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from complex_files import write_complex

from deepchem_density.featurizers import AtomVoxel, DensityVoxel, GradientVoxel, JointVoxel, OccupancyVoxel
from deepchem_density.fields import gaussian_orbitals
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.voxels import subject
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.representations import REPRESENTATIONS, canonical

BOX = {"box_width": 12.0, "voxel_width": 1.0}
CLASSES = {"atom": AtomVoxel, "density": DensityVoxel, "gradient": GradientVoxel, "occupancy": OccupancyVoxel}

OTHERS = ("P", "S", "Cl", "Br", "I", "other")


def side_by_side(datapoints, **settings):
    return np.concatenate([one(**settings).featurize(datapoints) for one in CLASSES.values()], axis=-1)


def test_channels_are_those_of_each_representation_in_one_order():
    expected = side_by_side(["CCO", "O"], **BOX)
    for names in list(permutations(CLASSES))[::5]:
        featurizer = JointVoxel(names, **BOX)
        assert featurizer.channels == ("H", "C", "N", "O", "F", *OTHERS, "density", "gradient", "occupancy")
        np.testing.assert_allclose(featurizer.featurize(["CCO", "O"]), expected, atol=1e-6)


def test_parts_of_complexes_stand_one_after_the_other(tmp_path):
    rows = [write_complex(tmp_path, "1abc")]
    box = {"box_width": 24.0, "voxel_width": 1.0, "part": "separate", "elements": ("C", "O"), "other": True}
    joint = JointVoxel(("density", "atom"), **box)
    assert joint.channels[:4] == ("ligand C", "ligand O", "ligand other", "ligand density")
    shared = {name: value for name, value in box.items() if name not in ("elements", "other")}
    atom, density = AtomVoxel(**box).featurize(rows), DensityVoxel(**shared).featurize(rows)
    expected = np.concatenate([atom[..., :3], density[..., :1], atom[..., 3:], density[..., 1:]], axis=-1)
    np.testing.assert_allclose(joint.featurize(rows), expected, atol=1e-6)


def test_a_molecule_is_solved_once(monkeypatch):
    solved = []

    def counted(structure, *settings):
        solved.append(structure.formula)
        return xtb_density(structure, *settings)

    monkeypatch.setattr(subject, "xtb_density", counted)
    JointVoxel(("density", "gradient", "occupancy"), shape="density", **BOX).featurize(["O", "C"])
    assert solved == ["H2O", "CH4"]


def test_density_and_gradient_take_one_pass_over_the_orbitals(monkeypatch):
    passes = []
    for kernel in ("add_densities", "add_gradients"):
        compiled = getattr(gaussian_orbitals, kernel)

        def counted(*arguments, kernel=kernel, compiled=compiled):
            passes.append(kernel)
            return compiled(*arguments)

        monkeypatch.setattr(gaussian_orbitals, kernel, counted)
    JointVoxel(("density", "gradient", "occupancy"), **BOX).featurize(["O", "C"])
    assert passes == ["add_gradients"] * 2


def test_a_transform_acts_on_density_and_gradient_alone():
    plain = JointVoxel(tuple(CLASSES), **BOX).featurize(["CCO"])
    rooted = JointVoxel(tuple(CLASSES), transform="sqrt", **BOX).featurize(["CCO"])
    np.testing.assert_array_equal(rooted[..., [0, 1, 2, 3, 4, 7]], plain[..., [0, 1, 2, 3, 4, 7]])
    np.testing.assert_allclose(rooted[..., 5:7], np.sqrt(plain[..., 5:7]), rtol=1e-6)


def test_a_list_is_converted_and_one_name_will_do():
    featurizer = JointVoxel(["occupancy", "density"], **BOX)
    assert featurizer.representations == ("occupancy", "density")
    assert featurizer.representation == "density+occupancy"
    assert JointVoxel("gradient", **BOX).channels == ("gradient",)
    assert str(featurizer).startswith("JointVoxel_representations_occupancy-density_")


@pytest.mark.parametrize("names", [("density", "density"), ("density", "potential"), (), "density,gradient"])
def test_what_is_no_set_of_representations_is_refused(names):
    with pytest.raises(
        ValueError, match=r"or several of them, each once, joined as in 'density.gradient', are accepted"
    ):
        JointVoxel(names)


def test_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="dtype='uint8' arrived, which holds only 0 and 1"):
        JointVoxel(("density", "occupancy"), dtype="uint8")
    assert JointVoxel(("occupancy",), dtype="uint8", **BOX).featurize(["C"]).dtype == np.uint8


def test_a_recipe_of_several_knows_their_channels():
    recipe = Recipe("occupancy+atom", elements=("C",), other=False, **BOX)
    assert recipe.representation == "atom+occupancy" == canonical(("occupancy", "atom"))
    assert (recipe.channels, recipe.binned, recipe.n_channels) == (("C", "occupancy"), (False, True), 2)
    assert [record.name for record in recipe.records] == ["atom", "occupancy"]
    assert list(REPRESENTATIONS) == list(CLASSES)
    with pytest.raises(ValueError, match="which is several fields"):
        recipe.field(None)
