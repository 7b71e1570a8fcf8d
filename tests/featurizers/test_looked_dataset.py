from __future__ import annotations

import numpy as np
import pytest
import torch

from deepchem_density import load_sample
from deepchem_density.featurizers.looked_dataset import LookedDataset
from deepchem_density.fields.xtb import xtb_density
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.quiet import deepchem as dc
from deepchem_density.voxels.cube_turns import CUBE_TURNS, turn_voxels
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.settings import OF_QM9
from deepchem_density.voxels.store import SolvedStore

RECIPE = Recipe("atom", box_width=12.0, voxel_width=1.5, dtype="float16")
N = 12


@pytest.fixture(scope="module")
def table():
    return load_sample().subset(np.arange(100, 100 + N))


@pytest.fixture
def dataset(table):
    return LookedDataset(table.datapoints(), RECIPE, table.columns(["gap", "mu"]), ids=table.ids)


def turned(table, orientation="random", recipe=RECIPE, **settings):
    return LookedDataset(
        table.datapoints(), recipe, table.columns(["gap"]), ids=table.ids, orientation=orientation, **settings
    )


def test_it_is_what_a_dataset_of_finished_voxels_is(dataset, table):
    voxels = np.stack([RECIPE.voxels(datapoint) for datapoint in table.datapoints()])
    whole = dc.data.NumpyDataset(voxels, table.columns(["gap", "mu"]), ids=table.ids)
    assert dataset.get_shape() == whole.get_shape()
    assert dataset.get_task_names().tolist() == whole.get_task_names().tolist()
    for name in ("X", "y", "w", "ids"):
        np.testing.assert_array_equal(getattr(dataset, name), getattr(whole, name))
    for size, pad in ((5, False), (5, True), (None, False)):
        for found, expected in zip(
            dataset.iterbatches(size, deterministic=True, pad_batches=pad),
            whole.iterbatches(size, deterministic=True, pad_batches=pad),
            strict=True,
        ):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    for found, expected in zip(dataset.itersamples(), whole.itersamples(), strict=True):
        np.testing.assert_array_equal(found[0], expected[0])


def test_it_shuffles_as_deepchems_own_datasets_do(dataset, table):
    whole = dc.data.NumpyDataset(dataset.X, dataset.y, ids=table.ids)
    np.random.seed(3)  # noqa: NPY002
    found = [ids.tolist() for *_, ids in dataset.iterbatches(4, epochs=2)]
    np.random.seed(3)  # noqa: NPY002
    assert found == [ids.tolist() for *_, ids in whole.iterbatches(4, epochs=2)]


def test_splitters_transformers_and_models_take_it(dataset):
    train, test = dc.splits.RandomSplitter().train_test_split(dataset, frac_train=0.75, seed=0)
    assert (len(train), len(test)) == (9, 3)
    assert isinstance(train, LookedDataset)
    scaler = dc.trans.NormalizationTransformer(transform_y=True, dataset=train)
    scaled = scaler.transform(train)
    np.testing.assert_allclose(scaled.y.mean(axis=0), 0, atol=1e-6)
    model = VoxelCNNModel(2, RECIPE.n_channels, widths=(4, 8), seed=0)
    model.fit(scaled, nb_epoch=2)
    assert model.predict(test, [scaler]).shape == (3, 2)
    assert set(model.evaluate(test, [dc.metrics.Metric(dc.metrics.mae_score)], [scaler])) == {"mae_score"}


def test_training_on_it_is_training_on_finished_voxels(dataset, table):
    whole = dc.data.NumpyDataset(dataset.X, dataset.y, ids=table.ids)
    models = [VoxelCNNModel(2, RECIPE.n_channels, widths=(4, 8), seed=5, batch_size=4) for _ in range(2)]
    for model, data in zip(models, (dataset, whole), strict=True):
        model.fit(data, nb_epoch=2)
    np.testing.assert_array_equal(models[0].predict(whole), models[1].predict(whole))


def test_a_random_orientation_is_exact_and_depends_on_seed_epoch_and_name_alone(table):
    data = turned(table)
    first, again = data.X, turned(table).X
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, data.of_epoch(1).X)
    assert not np.array_equal(first, turned(table, seed=1).X)
    np.testing.assert_array_equal(data.select([5, 2]).X, first[[5, 2]])
    np.testing.assert_array_equal(data.of_epoch(0).X, first)
    epochs = [X for X, *_ in data.iterbatches(N, epochs=2, deterministic=True)]
    np.testing.assert_array_equal(epochs[1], data.of_epoch(1).X)


def test_the_number_of_atoms_stays_however_they_are_turned(table):
    recipe = Recipe("atom", elements=OF_QM9, other=False, box_width=18.0, voxel_width=0.75, oversampling=3)
    counts = table.element_counts([1, 6, 7, 8, 9])
    found = turned(table, "random", recipe).X.sum(axis=(1, 2, 3), dtype=float) * recipe.voxel_width**3
    np.testing.assert_allclose(found, counts, rtol=1e-3, atol=1e-3)


def test_turns_are_those_of_the_cube(table):
    recipe = Recipe("atom", box_width=12.0, voxel_width=1.5)
    fixed, shown = turned(table, "fixed", recipe).X, turned(table, "turns", recipe)
    for place, voxels in enumerate(shown.X):
        turns = [turn_voxels(torch.as_tensor(fixed[place]), turn).numpy() for turn in range(len(CUBE_TURNS))]
        assert sum(np.array_equal(voxels, one) for one in turns) >= 1
    assert not np.array_equal(shown.X, shown.of_epoch(1).X)


def test_voxels_that_fit_into_the_scratch_file_are_made_once(table, monkeypatch):
    made = []
    original = Recipe.voxels
    monkeypatch.setattr(
        Recipe, "voxels", lambda self, one, **others: made.append(one.name) or original(self, one, **others)
    )
    row = 8**3 * RECIPE.n_channels * 2
    data = turned(table, "fixed", scratch_bytes=7 * row + 1)
    for _ in range(3):
        list(data.iterbatches(5))
    assert len(made) == N + 2 * (N - 7)
    made.clear()
    random = turned(table)
    for _ in range(3):
        list(random.iterbatches(5))
    assert len(made) == 3 * N


def test_solved_molecules_are_not_solved_again(table, tmp_path, monkeypatch):
    recipe = Recipe("density", box_width=12.0, voxel_width=1.5, dtype="float16")
    solved = SolvedStore(tmp_path, recipe).solve(table.datapoints())
    monkeypatch.setattr("deepchem_density.voxels.subject.xtb_density", lambda *_: pytest.fail("it was solved again"))
    found = LookedDataset(solved, recipe).X
    monkeypatch.setattr("deepchem_density.voxels.subject.xtb_density", xtb_density)
    expected = np.stack([recipe.voxels(datapoint) for datapoint in table.datapoints()])
    np.testing.assert_allclose(found.astype(float), expected, rtol=2e-3, atol=1e-5)


def test_torch_gives_the_same_where_another_device_is_meant(table):
    recipe = Recipe("density+gradient+occupancy", box_width=12.0, voxel_width=1.5)
    datapoint = table.datapoints()[0]
    found = recipe.voxels_on(torch.device("cpu"), datapoint)
    np.testing.assert_array_equal(found.numpy(), recipe.voxels(datapoint))


def test_pytorchs_loaders_take_it(dataset):
    samples = list(torch.utils.data.DataLoader(dataset.make_pytorch_dataset(deterministic=True), batch_size=None))
    assert len(samples) == N
    batches = list(dataset.make_pytorch_dataset(batch_size=5))
    assert [len(X) for X, *_ in batches] == [5, 5, 2]


def test_what_cannot_be_is_refused(dataset, table, monkeypatch):
    with pytest.raises(ValueError, match="orientation='any' arrived; 'fixed', 'turns', 'random' are accepted"):
        turned(table, "any")
    with pytest.raises(ValueError, match="y of length 2 arrived with 12 datapoints"):
        LookedDataset(table.datapoints(), RECIPE, [1.0, 2.0])
    scaler = dc.trans.NormalizationTransformer(transform_X=True, dataset=dataset)
    with pytest.raises(ValueError, match="transformers of y and w are accepted"):
        scaler.transform(dataset)
    monkeypatch.setattr("deepchem_density.featurizers.looked_dataset.LARGEST_X", 1000)
    with pytest.raises(MemoryError, match=r"X of 12 datapoints takes .* Iterate over batches"):
        np.asarray(dataset.X)


def test_an_error_of_one_datapoint_reaches_the_caller(table):
    wrong = [*table.datapoints()[:3], "C("]
    with pytest.raises(ValueError, match="cannot read"):
        list(LookedDataset(wrong, RECIPE).iterbatches(2))
