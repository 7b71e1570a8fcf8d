from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.models.prediction import Predictor
from deepchem_density.models.recipe_file import ModelRecipe
from deepchem_density.models.saliency import saliency_of
from deepchem_density.quiet import deepchem as dc
from deepchem_density.voxels.recipe import Recipe

SMILES = ["CCO", "C1CC1", "CC=O", "CCN", "C", "CCC"]
RECIPE = Recipe("atom", box_width=12.0, voxel_width=1.5, elements=("H", "C", "N", "O"), other=False)


def trained(recipe=RECIPE, **options):
    voxels = np.stack([recipe.voxels(smiles) for smiles in SMILES])
    labels = np.array([[one.count("C"), 3.0 + i] for i, one in enumerate(SMILES)])
    if options.get("mode") == "classification":
        labels = labels > 2
    network = VoxelCNNModel(2, recipe.n_channels, seed=1, autocast=False, **{"widths": (4, 8), **options})
    network.fit(dc.data.NumpyDataset(voxels, labels), nb_epoch=20)
    task = options.get("mode", "regression")
    return Predictor(ModelRecipe(recipe, ("carbons", "place"), {"carbons": "1"}, task=task), network)


@pytest.fixture(scope="module")
def predictor():
    return trained()


def predicted(predictor, voxels, target=0):
    with torch.no_grad():
        predictor.network.model.eval()
        return predictor.network.model(torch.from_numpy(voxels[None]))[0][0, target]


def ends_of(predictor, found, direction, step, place):
    moved = [(found.voxels + sign * step * direction).astype(np.float32) for sign in (-1, 1)]
    return [float(predicted(predictor, voxels, place)) for voxels in moved]


@pytest.fixture(scope="module")
def smooth():
    """A network of a single stage, without the kinks of max-pooling."""
    return trained(widths=(8,))


@pytest.mark.parametrize(("target", "place"), [("carbons", 0), ("place", 1)])
def test_derivatives_are_those_of_finite_differences(smooth, target, place):
    found = saliency_of([smooth], "CCO", target)
    strongest = np.argsort(-np.abs(found.gradient), axis=None)[:20]
    step = 5e-3
    for voxel in strongest:
        direction = np.zeros(found.gradient.size)
        direction[voxel] = 1.0
        low, high = ends_of(smooth, found, direction.reshape(found.gradient.shape), step, place)
        # single precision leaves some 10⁻⁶ of a prediction of 3 over a difference of 10⁻²
        assert (high - low) / (2 * step) == pytest.approx(found.gradient.ravel()[voxel], rel=0.02, abs=5e-4)


def test_all_derivatives_together_are_the_slope_along_them(smooth):
    found = saliency_of([smooth], "CC=O")
    length = np.linalg.norm(found.gradient)
    low, high = ends_of(smooth, found, found.gradient / length, 5e-3, 0)
    assert (high - low) / 1e-2 == pytest.approx(length, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_with_pooling_contributions_add_up_to_what_a_change_of_the_filled_voxels_makes(predictor, seed):
    # cells of empty space are equal, where the largest of them has no derivative; a factor leaves them empty
    found = saliency_of([predictor], "CCO")
    factors = np.random.default_rng(seed).normal(1.0, 0.5, found.voxels.shape[:3])
    step = 0.01
    low, high = ends_of(predictor, found, found.voxels * factors[..., None], step, 0)
    slope = (found.contributions * factors).sum()
    assert (high - low) / (2 * step) == pytest.approx(slope, rel=0.02, abs=2e-3)


def test_the_prediction_is_that_of_predict_and_voxels_are_where_the_recipe_puts_them(predictor):
    found = saliency_of([predictor], "CCN")
    voxels = RECIPE.voxels("CCN")
    np.testing.assert_array_equal(found.voxels, voxels)
    expected = predictor.network.predict(dc.data.NumpyDataset(voxels[None]))[0]
    assert found.prediction == pytest.approx(expected[0], rel=1e-5)
    assert (found.target, found.unit) == ("carbons", "1")
    assert saliency_of([predictor], "CCN", "place").prediction == pytest.approx(expected[1], rel=1e-5)
    assert found.grid.voxels_per_edge == 8
    np.testing.assert_allclose(found.contributions, (found.gradient * voxels).sum(axis=-1), rtol=1e-6)
    assert np.abs(found.contributions).max() > 0


def test_of_a_classifier_the_probability_of_the_last_class_counts():
    classifier = trained(mode="classification")
    found = saliency_of([classifier], "CCO")
    assert found.unit == "probability"
    probability = classifier.network.predict(dc.data.NumpyDataset(RECIPE.voxels("CCO")[None]))[0, 0, 1]
    assert found.prediction == pytest.approx(probability, rel=1e-5)
    assert np.abs(found.gradient).max() > 0


def test_a_target_that_the_model_does_not_have_is_refused(predictor):
    with pytest.raises(ValueError, match="target='gap' arrived; 'carbons', 'place' are accepted"):
        saliency_of([predictor], "CCO", "gap")


def test_an_ensemble_has_the_mean_of_its_networks(predictor, smooth):
    alone = [saliency_of([one], "CCO", "place") for one in (predictor, smooth)]
    both = saliency_of([predictor, smooth], "CCO", "place")
    assert both.prediction == pytest.approx(np.mean([one.prediction for one in alone]))
    np.testing.assert_allclose(both.gradient, np.mean([one.gradient for one in alone], axis=0), rtol=1e-6, atol=1e-9)


def test_networks_of_other_voxels_have_no_gradient_together(predictor):
    other = Predictor(replace(predictor.about, recipe=replace(RECIPE, center="charge")), predictor.network)
    with pytest.raises(ValueError, match=r"different voxels arrived, .*pass one of its networks"):
        saliency_of([predictor, other], "CCO")
