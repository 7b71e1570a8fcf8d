from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields import xtb
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.first_look import FirstLook
from deepchem_density.voxels.recipe import Recipe

CHAIN = Structure([6, 9, 1], [[0, 0, 0], [3.1, 0, 0], [0, 1.5, 0]], name="chain")


@pytest.fixture(autouse=True)
def nothing_is_solved(monkeypatch):
    monkeypatch.setattr(xtb, "solve_xtb", lambda *_: pytest.fail("it was solved"))


def test_elements_and_the_least_box_are_told():
    seen = FirstLook(Recipe("atom", box_width=8.0))(CHAIN)
    assert (seen.elements, seen.n_atoms, seen.failure) == ({1: 1, 6: 1, 9: 1}, 3, "")
    reach = np.abs(CHAIN.positions - CHAIN.positions.mean(axis=0)).max()
    assert seen.box_width == pytest.approx(2 * reach, abs=0.5)
    assert FirstLook(Recipe("atom", box_width=seen.box_width))(CHAIN).failure == ""
    assert "does not fit the box" in FirstLook(Recipe("atom", box_width=seen.box_width - 0.5))(CHAIN).failure


def test_a_box_for_every_orientation_is_larger_and_just_enough():
    diagonal = Structure([6, 6], [[0, 0, 0], [2.0, 2.0, 2.0]], name="diagonal")
    recipe = Recipe("atom", box_width=8.0)
    assert FirstLook(recipe)(diagonal).box_width == 2.0
    wide = FirstLook(recipe, any_orientation=True)(diagonal).box_width
    assert wide == 3.5  # 2 √3, in whole voxels
    assert FirstLook(Recipe("atom", box_width=wide), True)(diagonal).failure == ""
    assert "every orientation" in FirstLook(Recipe("atom", box_width=wide - 0.5), True)(diagonal).failure


@pytest.mark.parametrize(
    ("structure", "recipe", "reason"),
    [
        (CHAIN, Recipe("atom", elements=("H", "C"), other=False), "holds F, for which there is no channel"),
        (Structure([92, 1], [[0, 0, 0], [2, 0, 0]], name="uranium"), Recipe("density"), "knows H to Rn"),
        (Structure([8, 1], [[0, 0, 0], [1, 0, 0]], name="radical"), Recipe("gradient"), "does not go with 0 unpaired"),
        (CHAIN, Recipe("density", max_atoms=2), "more than max_atoms=2"),
        (CHAIN, Recipe("density", source="map"), "comes without a map"),
    ],
)
def test_what_only_a_look_at_atoms_takes_is_refused_unsolved_for_the_same_reason(
    structure, recipe, reason, monkeypatch
):
    said = FirstLook(recipe)(structure).failure
    assert reason in said
    monkeypatch.undo()
    with pytest.raises(FeaturizationError) as refused:
        recipe.refuse(structure)
    assert str(refused.value) == said


def test_what_cannot_be_read_has_a_reason_and_no_elements():
    seen = FirstLook(Recipe("atom"))("C1CC")
    assert (seen.elements, seen.n_atoms) == ({}, 0)
    assert "C1CC" in seen.failure
