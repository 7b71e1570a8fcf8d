from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.models.saliency import Saliency
from deepchem_density.views.panels import LOWERS, OTHER_COLOR, element_color, panel_of, saliency_panel
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.grid import VoxelGrid
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.subject import Subject

GRID = VoxelGrid(box_width=8.0, voxel_width=1.0)


def made(structure, representation, **settings):
    recipe = Recipe(representation, box_width=8.0, voxel_width=1.0, **settings)
    return panel_of(recipe.records[0], Subject(recipe, structure, Complex(structure)), GRID)


@pytest.mark.parametrize(
    ("representation", "settings", "words", "quantity", "scale"),
    [
        ("density", {}, "valence electrons, GFN2-xTB", "electron density (e/Å³)", "log"),
        ("density", {"source": "independent_atoms"}, "all electrons of independent", "electron density (e/Å³)", "log"),
        ("gradient", {"method": "GFN1-xTB"}, "GFN1-xTB", "gradient of the density (e/Å⁴)", "log"),
        ("occupancy", {}, "inside van der Waals spheres", "occupancy", "linear"),
        ("occupancy", {"shape": "density"}, "above a threshold; valence", "occupancy", "linear"),
        ("atom", {"sigma": 0.7}, "a Gaussian of width 0.7 Å", "atom types (atoms/Å³)", "linear"),
    ],
)
def test_it_says_what_it_is_where_it_comes_from_and_in_which_unit(
    molecules, representation, settings, words, quantity, scale
):
    panel = made(molecules["water"], representation, **settings)
    assert words in panel.words
    assert (panel.quantity, panel.scale) == (quantity, scale)
    assert panel.levels[0] <= panel.start


def test_elements_have_their_colours_and_all_others_one(molecules):
    panel = made(molecules["iron carbonyl"], "atom")
    assert {channel.name: channel.color for channel in panel.channels} == {
        "C": element_color(6),
        "O": element_color(8),
        "other": OTHER_COLOR,
    }


def test_contributions_keep_their_signs_and_their_place():
    voxels, gradient = np.ones((8, 8, 8, 2)), np.zeros((8, 8, 8, 2))
    gradient[1, 2, 3, 0], gradient[4, 5, 6, 1] = 2.0, -0.5
    panel = saliency_panel(Saliency("gap", "eV", 6.54321, voxels, gradient, GRID))
    assert panel.title == "Contributions to gap"
    assert panel.words.startswith("predicted 6.543 eV")
    assert (panel.scale, panel.unit, panel.levels) == ("signed", "eV", (0.5,))
    assert panel.voxels.values[1, 2, 3, 0] == 2.0
    assert panel.voxels.values[4, 5, 6, 0] == -0.5
    assert panel.channels[0].color != LOWERS


@pytest.mark.parametrize("towering", [1.0, 100.0])
def test_surfaces_of_contributions_hold_half_of_them_where_the_slider_starts(towering):
    """Of both signs together, whether one voxel towers above the others or not."""
    gradient = np.random.default_rng(0).normal(size=(8, 8, 8, 1))
    gradient[4, 4, 4] *= towering
    panel = saliency_panel(Saliency("gap", "eV", 6.5, np.ones((8, 8, 8, 1)), gradient, GRID))
    sizes = np.abs(gradient)
    assert sizes[sizes >= panel.start].sum() >= 0.5 * sizes.sum()
    assert panel.start <= 0.25 * sizes.max()
