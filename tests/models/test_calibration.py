from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from deepchem_density.models.calibration import (
    LEVELS,
    Calibration,
    Coverage,
    bounds_from_others,
    coverage,
    fit_calibration,
    joint_spread,
)

DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Laplace": lambda rng, n: rng.laplace(size=n),
    "Student, 3 degrees": lambda rng, n: rng.standard_t(3, size=n),
}


def made_up(n, draw="Student, 3 degrees", seed=0, floor=0.5, slope=2.0):
    """Errors whose scale is known: sqrt(floor² + (slope · spread)²), of spreads over two decades."""
    rng = np.random.default_rng([seed, len(draw)])
    spread = np.exp(rng.normal(size=n))
    return np.sqrt(floor**2 + (slope * spread) ** 2) * DRAWS[draw](rng, n), spread


@pytest.mark.parametrize("draw", DRAWS)
def test_as_many_errors_of_new_molecules_lie_within_as_the_level_says(draw):
    calibration = fit_calibration(*made_up(2000, draw))
    errors, spread = made_up(20000, draw, seed=1)
    for one, level in zip(coverage(errors, calibration.bounds(spread)), LEVELS.values(), strict=True):
        # new molecules scatter by sqrt(p (1 - p) / 20000), the factor by what 2000 molecules leave open; four of both
        four = 4 * math.sqrt(level * (1 - level) * (1 / 20000 + 1 / 2000))
        assert abs(one.share - level) < four, (one, level)


@pytest.mark.parametrize("third", [0, 1, 2])
def test_the_level_holds_where_networks_agree_and_where_they_do_not(third):
    calibration = fit_calibration(*made_up(2000))
    errors, spread = made_up(30000, seed=1)
    some = np.array_split(np.argsort(spread), 3)[third]
    for one, level in zip(coverage(errors[some], calibration.bounds(spread[some])), LEVELS.values(), strict=True):
        assert abs(one.share - level) < 4 * math.sqrt(level * (1 - level) * (1 / 10000 + 3 / 2000))
    constant = fit_calibration(made_up(2000)[0], np.zeros(2000))
    (narrow, _) = coverage(errors[some], constant.bounds(np.zeros(len(some))))
    if third != 1:  # without the spread, the same bounds are too wide for some and too narrow for others
        assert abs(narrow.share - LEVELS["68"]) > 0.1


def test_the_scale_is_the_one_that_errors_were_drawn_with():
    calibration = fit_calibration(*made_up(50000, "Laplace"))
    spread = np.array([0.1, 1.0, 10.0])
    expected = np.sqrt(0.5**2 + (2.0 * spread) ** 2)
    bounds = calibration.bounds(spread)
    # quantiles of a Laplace distribution of scale 1: -ln(1 - p); neighbours on the grid of weights differ by 6 % in the floor
    np.testing.assert_allclose(bounds[:, 0], -math.log(1 - LEVELS["68"]) * expected, rtol=0.1)
    np.testing.assert_allclose(bounds[:, 1], -math.log(1 - LEVELS["95"]) * expected, rtol=0.1)


def test_a_spread_that_tells_nothing_is_left_out():
    rng = np.random.default_rng(0)
    calibration = fit_calibration(rng.laplace(size=5000), np.exp(rng.normal(size=5000)))
    bounds = calibration.bounds(np.array([0.1, 1.0, 5.0]))
    assert bounds[:, 0].max() / bounds[:, 0].min() < 1.1


def test_units_drop_out():
    errors, spread = made_up(300)
    here, there = fit_calibration(errors, spread), fit_calibration(27.2 * errors, 27.2 * spread)
    np.testing.assert_allclose(there.bounds(27.2 * spread), 27.2 * here.bounds(spread), rtol=1e-12)


def test_few_molecules_still_give_at_least_what_the_level_says():
    """The mean over 1,000 calibrations on 25 molecules: the guarantee holds on average over them."""
    shares = []
    for seed in range(1000):
        calibration = fit_calibration(made_up(25, seed=seed)[0], np.zeros(25))
        errors, _ = made_up(50, seed=seed + 10**6)
        shares.append([one.share for one in coverage(errors, calibration.bounds(np.zeros(50)))])
    mean, error = np.mean(shares, axis=0), np.std(shares, axis=0) / math.sqrt(1000)
    # with k the place of the quantile it is k / (n + 1): 18 / 26 and 25 / 26
    np.testing.assert_array_less(np.abs(mean - [18 / 26, 25 / 26]), 4 * error)


def test_bounds_of_a_molecule_know_nothing_of_its_own_error():
    errors, spread = made_up(60)
    bounds = bounds_from_others(errors, spread)
    changed = errors.copy()
    changed[7] *= 1e6
    again = bounds_from_others(changed, spread)
    np.testing.assert_array_equal(again[7], bounds[7])
    assert (again != bounds).any()
    assert np.isfinite(bounds).all()


def test_too_few_for_95_have_bounds_of_68_alone():
    calibration = fit_calibration(*made_up(20))
    assert math.isnan(calibration.factors[1])
    errors, spread = made_up(100, seed=1)
    assert [one.level for one in coverage(errors, calibration.bounds(spread))] == ["68"]
    assert not math.isnan(fit_calibration(*made_up(21)).factors[1])


def test_spreads_over_members_and_masks_add_in_squares():
    rng = np.random.default_rng(0)
    predicted, deviation = rng.normal(size=(3, 5, 2)), rng.random((3, 5, 2))
    np.testing.assert_allclose(joint_spread(predicted), predicted.std(axis=0, ddof=1))
    both = joint_spread(predicted, deviation)
    np.testing.assert_allclose(both**2, joint_spread(predicted) ** 2 + (deviation**2).mean(axis=0))
    np.testing.assert_allclose(joint_spread(predicted[:1], deviation[:1]), deviation[0])
    assert not joint_spread(predicted[:1]).any()


def test_the_interval_is_that_of_clopper_and_pearson():
    low, high = Coverage("68", 68, 100).interval
    # their definition: so many or more, so few or fewer, have a probability of 2.5 %
    assert stats.binom.sf(67, 100, low) == pytest.approx(0.025, rel=1e-6)
    assert stats.binom.cdf(68, 100, high) == pytest.approx(0.025, rel=1e-6)
    assert Coverage("68", 68, 100).holds
    assert not Coverage("68", 7, 100).holds


@pytest.mark.parametrize(
    ("errors", "spread", "message"),
    [
        (np.ones(9), np.ones(9), r"shape \(9,\).*n from 10 up"),
        (np.ones(20), np.ones(19), r"shape \(20,\) and spreads of shape \(19,\)"),
        (np.full(20, np.nan), np.ones(20), "not finite"),
        (np.ones(20), -np.ones(20), "below 0"),
    ],
)
def test_what_cannot_calibrate_is_refused(errors, spread, message):
    with pytest.raises(ValueError, match=message):
        fit_calibration(errors, spread)


@pytest.mark.parametrize("arguments", [(-1.0, 0.0, (1.0, 2.0)), (1.0, math.inf, (1.0, 2.0)), (1.0, 0.0, (1.0,))])
def test_numbers_that_are_no_calibration_are_refused(arguments):
    with pytest.raises(ValueError, match="2 factors are accepted"):
        Calibration(*arguments)
