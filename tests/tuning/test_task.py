from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from complex_files import write_complex

from deepchem_density.curves.config import COMPLEX_DEFAULTS, CurveConfig
from deepchem_density.curves.removed_line import solver_numbers
from deepchem_density.models.deepchem_model import VoxelCNNModel
from deepchem_density.quiet import deepchem as dc
from deepchem_density.tables.baselines import predict_constant, predict_linear
from deepchem_density.tables.choose_split import split
from deepchem_density.tables.load import load_table
from deepchem_density.tuning import task as tuning_task
from deepchem_density.tuning.task import DivergedError, TuningTask
from deepchem_density.voxels.store import SolvedStore

QUICK = CurveConfig(rep="atom", n_train=50, steps=8, voxel_width=1.2, oversampling=1, widths=(4, 8))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("voxels")


def prepared(store, config=QUICK, fraction=1.0, seeds=(0,), valid_share=0.2):
    return TuningTask.prepare(config, fraction, seeds, valid_share, store)


def ids(task, places=slice(None)):
    return set(task.table.ids[places].tolist())


@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_neither_test_nor_validation_molecules_of_a_curve_are_ever_at_hand(store, fraction):
    table = load_table(QUICK)
    pool, valid, test = split(QUICK, table)
    task = prepared(store, fraction=fraction, seeds=(0, 1, 2))
    assert len(task.table) == 50 * fraction
    assert ids(task) <= set(table.ids[pool].tolist())
    assert not ids(task) & set(table.ids[np.concatenate([valid, test])].tolist())


def test_no_voxels_are_made_of_any_other_molecule(store, featurized_names):
    TuningTask.prepare(QUICK, 1.0, (0,), 0.2, store, SolvedStore.solve).error({})
    table = load_table(QUICK)
    pool, *_ = split(QUICK, table)
    assert len(featurized_names) == 50
    assert set(featurized_names) <= {structure.name for structure in table.subset(pool).structures()}


def test_each_inner_seed_cuts_its_own_validation_set_and_always_the_same(store):
    task, again = prepared(store, seeds=(0, 1)), prepared(store, seeds=(0, 1))
    for (train, valid), (train_again, valid_again) in zip(task.cuts, again.cuts, strict=True):
        assert (len(train), len(valid)) == (40, 10)
        assert sorted([*train, *valid]) == list(range(50))
        np.testing.assert_array_equal(train, train_again)
        np.testing.assert_array_equal(valid, valid_again)
    assert set(task.cuts[0][1]) != set(task.cuts[1][1])


def test_molecules_are_the_same_for_every_representation_and_setting(store):
    tasks = [prepared(store, dataclasses.replace(QUICK, rep=rep)) for rep in ("atom", "density", "occupancy")]
    for task in tasks[1:]:
        assert task.table.ids.tolist() == tasks[0].table.ids.tolist()
        np.testing.assert_array_equal(task.cuts[0][1], tasks[0].cuts[0][1])


def test_the_error_is_that_of_the_network_over_that_of_the_median(store):
    task = prepared(store)
    ((train, valid),) = task.cuts
    voxels = np.stack([QUICK.recipe.voxels(datapoint) for datapoint in task.table.datapoints()])
    labels = task.table.columns(QUICK.targets)
    model = VoxelCNNModel(seed=0, **QUICK.network)
    model.fit(dc.data.NumpyDataset(voxels[train], labels[train]), nb_epoch=None, max_steps=8)
    predicted = model.predict(dc.data.NumpyDataset(voxels[valid]))
    constant = np.abs(labels[valid] - predict_constant(labels[train], len(valid))).mean()
    outcome = task.error({})
    assert outcome.errors["gap"] == pytest.approx(np.abs(predicted - labels[valid]).mean(), rel=1e-6)
    assert outcome.error == pytest.approx(np.abs(predicted - labels[valid]).mean() / constant, rel=1e-6)
    assert outcome.failed == 0


def test_reports_come_at_fixed_shares_of_the_steps_and_change_nothing(store):
    task, reports = prepared(store, seeds=(3, 4)), []
    watched = task.error({}, lambda step, error: reports.append((step, error)))
    assert [step for step, _ in reports] == [25, 50, 75, 125, 150, 175]
    assert all(error > 0 for _, error in reports)
    assert watched == task.error({})


def test_a_report_may_end_the_trial(store):
    def stop(step, error):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(store).error({}, stop)


def test_several_targets_and_inner_seeds_are_averaged(store):
    config = dataclasses.replace(QUICK, targets=("mu", "gap"))
    both = prepared(store, config, seeds=(0, 1)).error({})
    alone = [prepared(store, config, seeds=(seed,)).error({}) for seed in (0, 1)]
    assert both.error == pytest.approx(np.mean([one.error for one in alone]))
    assert both.errors["mu"] == pytest.approx(np.mean([one.errors["mu"] for one in alone]))


def test_a_molecule_that_fails_counts_as_the_median_and_stays_in_the_set(store, monkeypatch):
    task = prepared(store)
    ((train, valid),) = task.cuts
    lost = valid[:4].tolist()

    whole = task.error({})
    monkeypatch.setattr(tuning_task, "without_voxels", lambda *_: [(place, "it failed") for place in lost])
    part = task.error({})
    assert part.failed == 4
    labels = task.table.columns(QUICK.targets)[:, 0]
    missed = np.abs(labels[lost] - np.median(labels[train])).sum()
    kept = part.errors["gap"] * len(valid) - missed
    assert kept > 0
    assert part.error != whole.error
    lost[:] = valid.tolist()
    assert task.error({}).error == pytest.approx(1.0)


def test_a_box_too_small_for_some_gains_nothing(store):
    outcome = prepared(store).error({"box_width": 7.2})
    assert outcome.failed > 0
    assert np.isfinite(outcome.error)


def test_epochs_count_as_steps(store):
    config = dataclasses.replace(QUICK, steps=0, epochs=4)  # of 40 molecules in batches of 32: two steps each
    assert prepared(store, config).error({}) == prepared(store).error({})


def test_a_loss_that_is_not_finite_is_told_as_such(store, monkeypatch):
    with pytest.raises(DivergedError, match="finite"):
        prepared(store).error({"learning_rate": 1e18})
    monkeypatch.setattr(tuning_task._Run, "_predict", lambda *_: np.full((10, 1), np.nan))
    with pytest.raises(DivergedError, match="not finite"):
        prepared(store).error({})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"n_train": 10**6}, "n_train=1000000"), ({"n_train": 4}, "2 or more of each"), ({"n_train": 1}, "2 or more")],
)
def test_sizes_that_leave_nothing_are_refused(store, settings, reason):
    with pytest.raises(ValueError, match=reason):
        prepared(store, dataclasses.replace(QUICK, **settings))


def complexes(tmp_path, n=12):
    rows = [(f"{i}abc", *write_complex(tmp_path, f"{i}abc", "C" * (i + 1)), i, i // 2, 2000 + i) for i in range(n)]
    csv = tmp_path / "complexes.csv"
    columns = ["id", "ligand", "protein", "pK", "pdb", "year"]
    pd.DataFrame(rows, columns=columns).to_csv(csv, index=False)
    settings = {**COMPLEX_DEFAULTS, "n_test": 4, "steps": 2, "voxel_width": 3.0}
    return CurveConfig(**settings | {"widths": (4,), "rep": "atom", "dataset": "complexes", "data_dir": str(csv)})


@pytest.mark.parametrize(("kind", "by"), [("group", "pdb"), ("year", "2007")])
def test_complexes_that_belong_together_are_not_cut_apart(tmp_path, kind, by):
    config = dataclasses.replace(complexes(tmp_path), split=kind, split_by=by)
    task = TuningTask.prepare(config, 1.0, (0, 1), 0.3, tmp_path / "voxels")
    codes = task.table.group("pdb")
    for train, valid in task.cuts:
        assert len(valid) >= 2
        assert not set(codes[train]) & set(codes[valid])
    assert np.isfinite(task.error({}).error)


def test_the_line_of_the_solver_is_fitted_to_the_training_part_and_added_again(store):
    task = prepared(store, dataclasses.replace(QUICK, targets=("mu",), steps=2, baseline="xtb"))
    ((train, valid),) = task.cuts
    labels, counts = task.table.columns(["mu"]), task.table.element_counts(task.table.elements)
    columns = np.hstack([counts, solver_numbers(task.config, task.table.datapoints(), task.store)])
    line = np.abs(predict_linear(columns[train], labels[train], columns[valid]) - labels[valid]).mean()
    assert task.error({}).errors["mu"] == pytest.approx(line, rel=0.3)


def test_a_line_in_the_element_counts_is_fitted_to_the_training_part_and_added_again(store):
    energies = dataclasses.replace(QUICK, targets=("u0",), steps=2)
    plain = prepared(store, energies).error({})
    task = prepared(store, dataclasses.replace(energies, remove_composition=True))
    ((train, valid),) = task.cuts
    labels, counts = task.table.columns(["u0"]), task.table.element_counts(task.table.elements)
    line = np.abs(predict_linear(counts[train], labels[train], counts[valid]) - labels[valid]).mean()
    removed = task.error({}).errors["u0"]
    # two steps from zero weights leave the line nearly as it is
    assert removed == pytest.approx(line, rel=0.3)
    assert plain.errors["u0"] > 100 * removed
