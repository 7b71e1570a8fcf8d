from __future__ import annotations

import json

import numpy as np
import pytest
from made_up_cells import CELLS, N_TEST, ROWS, SEEDS, SIZES, cell, curve
from scipy import stats

from deepchem_density.reports.results import (
    collect_cells,
    comparison_table,
    cost_table,
    curve_table,
    efficiency_table,
    power_law_table,
    rows_of,
    size_table,
)
from deepchem_density.reports.significance import holm, paired_difference


def test_means_spreads_and_intervals_over_seeds():
    table = curve_table(ROWS)
    one = table[(table.model == "density") & (table.n_train == 400)].iloc[0]
    assert one.mae == pytest.approx(0.011)
    assert one.mae_std == pytest.approx(0.002 / 2**0.5)
    expected = stats.ttest_1samp([0.010, 0.012], 0).confidence_interval(0.95)
    assert (one.mae_low, one.mae_high) == pytest.approx((expected.low, expected.high))
    assert one.seeds == 2


def test_baselines_stand_once_and_last():
    table = curve_table(ROWS)
    assert list(dict.fromkeys(table.model)) == ["atom", "density", "linear in element counts", "constant"]
    assert (table[table.model == "constant"].seeds == 2).all()


def test_a_single_seed_has_no_spread():
    table = curve_table([r for r in ROWS if r["seed"] == 0])
    assert table[["mae_std", "mae_low", "mae_high"]].isna().all(axis=None)


def test_representations_are_tested_at_each_size_on_the_same_seeds_and_molecules():
    table = comparison_table(CELLS, "mae")
    assert list(table.n_train) == list(SIZES)
    assert set(zip(table["first"], table["second"], strict=True)) == {("atom", "density (d_min=2)")}
    one = table.iloc[1]
    losses = [
        np.array([np.abs(c.predicted - c.truth)[:, 0] for c in curve(*settings) if c.rows[0]["n_train"] == 200])
        for settings in (("atom",),)
    ]
    losses.append(np.array([np.abs(c.predicted - c.truth)[:, 0] for c in CELLS[12:] if c.rows[0]["n_train"] == 200]))
    expected = paired_difference(*losses)
    assert (one.difference, one.low, one.high, one.p) == pytest.approx(
        (expected.mean, expected.low, expected.high, expected.p)
    )
    assert one.relative == pytest.approx(losses[0].mean() / losses[1].mean() - 1)
    assert one.difference == pytest.approx(
        np.mean([c.rows[0]["mae"] for c in CELLS[3:6]]) - np.mean([c.rows[0]["mae"] for c in CELLS[15:18]])
    )
    np.testing.assert_allclose(table.p_holm, holm(table.p))
    assert (table.p_holm < 0.05).all()


def test_the_difference_in_squared_errors_is_tested_where_rmse_counts():
    one = comparison_table(CELLS, "rmse").iloc[0]
    mean = [np.mean([c.rows[0]["rmse"] ** 2 for c in part]) for part in (CELLS[:3], CELLS[12:15])]
    assert one.difference == pytest.approx(mean[0] - mean[1])


def test_each_target_is_a_family_of_tests_of_its_own():
    cells = [c for label in ("atom", "density", "gradient") for c in curve(label, targets=("mu", "gap"))]
    table = comparison_table(cells, "mae")
    assert len(table) == 2 * 3 * len(SIZES)
    for target in ("mu", "gap"):
        part = table[table.target == target]
        np.testing.assert_allclose(part.p_holm, holm(part.p))


def test_seeds_that_one_curve_lacks_are_not_compared():
    table = comparison_table([c for c in CELLS if (c.rows[0]["label"], c.rows[0]["seed"]) != ("atom", 2)], "mae")
    assert set(table.seeds) == {2}


def test_other_test_molecules_cannot_be_compared():
    other = cell("density", 100, 0, n_test=900)
    with pytest.raises(ValueError, match="different molecules"):
        comparison_table([CELLS[0], other], "mae")


def test_one_representation_has_no_tests():
    assert comparison_table(curve("atom"), "mae").empty


def test_exponents_are_those_of_the_curves():
    table = power_law_table(CELLS, "mae")
    assert list(table.model) == ["atom", "density (d_min=2)"]
    assert (table[["sizes", "seeds"]] == [4, 3]).all(axis=None)
    assert (table.exponent_low < 0.5).all()
    assert (table.exponent_high > 0.5).all()
    assert table.exponent.to_numpy() == pytest.approx([0.5, 0.5], abs=0.06)
    assert table.factor.iloc[0] / table.factor.iloc[1] == pytest.approx(2, rel=0.4)


def test_a_floor_is_in_the_table_where_it_can_be_seen():
    cells = [cell("atom", n, seed, exponent=0.8) for n in (*SIZES, 1600, 3200) for seed in SEEDS]
    for one in cells:
        one.rows[0]["mae"] = 10 * one.rows[0]["n_train"] ** -0.8 + 0.05 + 1e-4 * one.rows[0]["seed"]
    (line,) = power_law_table(cells, "mae").itertuples()
    assert line.floor == pytest.approx(0.05, abs=2e-3)
    assert line.floored_exponent == pytest.approx(0.8, abs=0.02)
    for one in cells:
        one.rows[0]["mae"] = 10 * one.rows[0]["n_train"] ** -0.8
    assert power_law_table(cells, "mae").floor.isna().all()


def test_half_the_error_at_a_square_root_law_is_worth_four_times_the_data():
    table = efficiency_table(CELLS, "mae", "atom")
    assert list(table.n_train) == list(SIZES)
    assert table.ratio[0] == pytest.approx(4, rel=0.15)
    assert table.low[0] < 4 < table.high[0]
    assert table.ratio[2:].isna().all()
    assert list(table.bound[2:]) == [">", ">"]
    assert list(table.limit[2:]) == [2, 1]


def test_errors_by_size_are_means_over_molecules_and_seeds():
    table = size_table(CELLS, "mae")
    assert list(table.heavy_atoms) == ["7-8", "9"] * 2
    assert list(table.molecules) == [400, 600] * 2
    losses = np.mean([np.abs(c.predicted - c.truth)[:, 0] for c in CELLS[9:12]], axis=0)
    expected = stats.ttest_1samp(losses[400:], 0).confidence_interval(0.95)
    assert tuple(table.iloc[1][["error", "low", "high"]]) == pytest.approx(
        (losses[400:].mean(), expected.low, expected.high)
    )
    squared = size_table(CELLS, "rmse").iloc[1]
    losses = np.mean([(c.predicted - c.truth)[:, 0] ** 2 for c in CELLS[9:12]], axis=0)
    assert squared.error == pytest.approx(losses[400:].mean() ** 0.5)


def test_many_sizes_are_joined_to_classes_of_enough_molecules():
    cells = [c for c in CELLS if c.rows[0]["n_train"] == 800]
    for one in cells:
        object.__setattr__(one, "heavy_atoms", np.arange(N_TEST) % 50)
    try:
        table = size_table(cells, "mae")
    finally:
        for one in cells:
            object.__setattr__(one, "heavy_atoms", CELLS[0].heavy_atoms)
    part = table[table.model == "atom"]
    assert part.molecules.sum() == N_TEST
    assert part.molecules.min() >= N_TEST / 8
    assert len(part) <= 8
    assert part.heavy_atoms.iloc[0] == "0-6"


def test_costs_are_those_of_the_largest_cells():
    table = cost_table(CELLS, {"atom": 0.002})
    assert list(table.model) == ["atom", "density (d_min=2)"]
    first = table.iloc[0]
    assert (first.n_train, first.training_s, first.step_ms, first.voxel_ms) == pytest.approx((800, 8, 800, 2))
    assert first.total_h == pytest.approx(3 * 0.01 * sum(SIZES) / 3600)
    assert np.isnan(table.voxel_ms[1])


def test_rows_are_collected_from_finished_cells_of_this_release_only(tmp_path):
    for name, content in (("done", CELLS[0]), ("old", None), ("cut", None), ("begun", None)):
        (tmp_path / name).mkdir()
        if content is not None:
            arrays = {k: getattr(content, k).tolist() for k in ("ids", "heavy_atoms", "truth", "predicted")}
            (tmp_path / name / "result.json").write_text(json.dumps({"rows": content.rows, **arrays}))
    (tmp_path / "old" / "result.json").write_text(json.dumps({"rows": CELLS[0].rows}))
    (tmp_path / "cut" / "result.json").write_text("{")
    assert json.dumps(rows_of(collect_cells(tmp_path))) == json.dumps(rows_of(CELLS[:1]))
