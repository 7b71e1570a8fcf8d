from __future__ import annotations

import numpy as np
import pytest
from html_reader import Reader
from scipy.interpolate import RegularGridInterpolator
from views_of import page_data, points_of, values_of

from deepchem_density import VoxelCNNModel, view
from deepchem_density.files import WriteError
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.models.saliency import saliency_of
from deepchem_density.quiet import deepchem as dc
from deepchem_density.voxels.recipe import Recipe

SETTINGS = {"box_width": 10.0, "voxel_width": 1.0}
SMILES = ["CCO", "C1CC1", "CC=O", "CCN"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    recipe = Recipe("atom", **SETTINGS)
    folder = tmp_path_factory.mktemp("model")
    network = VoxelCNNModel(1, recipe.n_channels, widths=(4, 8), seed=1, model_dir=folder)
    network.fit(dc.data.NumpyDataset(np.stack([recipe.voxels(one) for one in SMILES]), np.arange(4.0)), nb_epoch=10)
    ModelRecipe(recipe, ("gap",), {"gap": "eV"}).write(folder)
    return folder


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(molecules):
    seen = view(molecules["water"], "occupancy", **SETTINGS)
    frame = Reader(seen._repr_html_())
    ((tag, attributes),) = frame.tags
    assert tag == "iframe"
    assert attributes["srcdoc"] == seen.html
    assert "src" not in attributes


def test_it_is_saved_as_what_its_name_says(molecules, tmp_path, monkeypatch):
    monkeypatch.setattr("deepchem_density.views.picture.PIXELS", 40)
    seen = view(molecules["water"], "occupancy", **SETTINGS)
    png, html = seen.save(tmp_path / "both")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert html.read_text(encoding="utf-8") == seen.html
    assert seen.save(tmp_path / "one.html") == (tmp_path / "one.html",)
    with pytest.raises(ValueError, match=r"'a\.gif' arrived to be written; a name that ends in \.png or \.html"):
        seen.save("a.gif")
    with pytest.raises(WriteError):
        seen.save(png / "inside.html")


def test_a_model_shows_which_voxels_drove_its_prediction(stored):
    scene = view("CCO", model=stored).scene
    assert [panel.title for panel in scene.panels] == ["Atom types", "Contributions to gap"]
    found = saliency_of([Predictor.from_folder(stored)], "CCO")
    panel = scene.panels[1]
    assert panel.words.startswith(f"predicted {found.prediction:.4g} eV")
    np.testing.assert_allclose(panel.voxels.values[..., 0], found.contributions, rtol=1e-6)
    shown = page_data(view("CCO", model=stored).html)["panels"][1]
    assert shown["signed"]
    axes = [np.unique(axis.round(9)) for axis in found.grid.points().reshape(-1, 3).T]
    between = RegularGridInterpolator(axes, found.contributions, bounds_error=False, fill_value=0.0)
    points = points_of(shown)
    inside = np.all([(points[..., k] > axes[k][0]) & (points[..., k] < axes[k][-1]) for k in range(3)], axis=0)
    assert inside.sum() > 1000
    peak = np.abs(found.contributions).max()
    np.testing.assert_allclose(values_of(shown)[inside], between(points[inside]), atol=2e-3 * peak)


def test_settings_beside_a_model_and_targets_that_it_does_not_have_are_refused(stored):
    with pytest.raises(ValueError, match="voxel_width arrived with a model"):
        view("CCO", model=stored, voxel_width=0.5)
    with pytest.raises(ValueError, match="target='mu' arrived; 'gap' is accepted"):
        view("CCO", model=stored, target="mu")
