from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deepchem_density.reports.power_laws import data_ratio, fit_floored_power_law, fit_power_law

SIZES = np.array([100, 200, 400, 800, 1600])


@given(st.floats(0.01, 100), st.floats(-0.5, 2))
def test_an_exact_power_law_is_found(factor, exponent):
    law = fit_power_law(SIZES, np.tile(factor * SIZES**-exponent, (3, 1)))
    assert (law.factor, law.exponent) == pytest.approx((factor, exponent), rel=1e-9, abs=1e-9)
    assert (law.low, law.high) == pytest.approx((exponent, exponent), abs=1e-9)
    np.testing.assert_allclose(law(SIZES), factor * SIZES**-exponent)


def test_the_exponent_is_that_of_scipy_for_each_seed_and_for_all():
    errors = 3 * SIZES**-0.4 * np.exp(np.random.default_rng(0).normal(0, 0.1, (4, len(SIZES))))
    law = fit_power_law(SIZES, errors)
    slopes = [-stats.linregress(np.log(SIZES), np.log(row)).slope for row in errors]
    together = stats.linregress(np.tile(np.log(SIZES), 4), np.log(errors).ravel())
    interval = stats.ttest_1samp(slopes, 0).confidence_interval(0.95)
    assert law.exponent == pytest.approx(-together.slope, rel=1e-12)
    assert law.factor == pytest.approx(np.exp(together.intercept), rel=1e-12)
    assert (law.low, law.high) == pytest.approx((interval.low, interval.high), rel=1e-12)


def test_the_interval_holds_the_exponent_as_often_as_promised_though_sets_are_nested():
    rng, inside = np.random.default_rng(2), 0
    for _ in range(500):
        nested = np.cumsum(
            rng.normal(0, 0.05, (3, len(SIZES))), axis=1
        )  # what luck has a small set, a larger one keeps
        law = fit_power_law(SIZES, SIZES**-0.3 * np.exp(nested))
        inside += law.low <= 0.3 <= law.high
    assert inside / 500 == pytest.approx(0.95, abs=0.03)


def test_one_seed_has_an_exponent_without_interval():
    law = fit_power_law(SIZES, (SIZES**-0.5)[None])
    assert law.exponent == pytest.approx(0.5)
    assert np.isnan([law.low, law.high]).all()


@pytest.mark.parametrize("errors", [[[1.0]], [[1.0, 0.0]]])
def test_what_has_no_slope_has_no_law(errors):
    assert fit_power_law(SIZES[: len(errors[0])], errors) is None


def test_a_floor_is_found():
    law = fit_floored_power_law(SIZES, np.tile(2 * SIZES**-0.7 + 0.02, (2, 1)))
    assert (law.factor, law.exponent, law.floor) == pytest.approx((2, 0.7, 0.02), rel=1e-4)


def test_the_interval_of_the_exponent_above_a_floor_holds_it():
    rng, inside, fitted = np.random.default_rng(4), 0, 0
    for _ in range(100):
        noise = np.exp(rng.normal(0, 0.02, (3, len(SIZES))))
        law = fit_floored_power_law(SIZES, (2 * SIZES**-0.7 + 0.02) * noise)
        fitted += law is not None
        inside += law is not None and law.exponent_low <= 0.7 <= law.exponent_high
    assert fitted > 90
    assert 0.85 < inside / fitted <= 1


def test_three_sizes_are_too_few_for_a_floor():
    assert fit_floored_power_law(SIZES[:3], np.ones((2, 3))) is None


def test_a_curve_needs_the_factor_by_which_it_is_shifted():
    reference = np.tile(SIZES**-0.5, (3, 1))
    ratio = data_ratio(SIZES, reference, np.full(3, (4 * 150) ** -0.5), 150)
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((4, 4, 4))
    assert ratio.bound == ""


def test_a_curve_needs_as_much_data_as_itself():
    reference = SIZES**-0.5 * np.exp(np.random.default_rng(0).normal(0, 0.05, (3, len(SIZES))))
    for place, n in enumerate(SIZES):
        ratio = data_ratio(SIZES, reference, reference[:, place], n)
        assert ratio.value == pytest.approx(1)
        if np.isfinite(ratio.low):
            assert ratio.low - 1e-9 <= 1 <= ratio.high + 1e-9


@pytest.mark.parametrize(("error", "bound", "limit"), [(1e-3, ">", 8.0), (1.0, "<", 0.5)])
def test_beyond_the_sizes_measured_there_is_only_a_bound(error, bound, limit):
    ratio = data_ratio(SIZES, np.tile(SIZES**-0.5, (2, 1)), np.full(2, error), 200)
    assert np.isnan([ratio.value, ratio.low, ratio.high]).all()
    assert (ratio.bound, ratio.limit) == (bound, limit)


def test_a_seed_outside_the_range_takes_the_interval_away():
    ratio = data_ratio(SIZES, np.tile(SIZES**-0.5, (2, 1)), np.array([0.05, 0.02]), 200)
    assert np.isfinite(ratio.value)
    assert np.isnan([ratio.low, ratio.high]).all()


def test_a_curve_that_rises_again_is_read_where_it_first_comes_down():
    reference = np.array([[0.4, 0.1, 0.3, 0.1, 0.05]])
    ratio = data_ratio(SIZES, reference, np.array([0.2]), 100)
    assert ratio.value == pytest.approx(2**0.5)
