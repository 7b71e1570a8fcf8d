from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deepchem_density.reports.significance import holm, mean_interval, paired_difference


def crossed(rng, n_seeds, n_molecules, seed_sd, molecule_sd, noise_sd):
    seeds = rng.normal(0, seed_sd, (n_seeds, 1))
    molecules = rng.normal(0, molecule_sd, (1, n_molecules))
    return seeds + molecules + rng.normal(0, noise_sd, (n_seeds, n_molecules))


def test_the_interval_of_a_mean_is_that_of_scipy():
    values = [0.31, 0.28, 0.35, 0.30]
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(0.31)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_one_value_has_no_interval():
    mean, low, high = mean_interval([2.0])
    assert mean == 2
    assert np.isnan([low, high]).all()


@given(st.integers(2, 40), st.integers(0, 100))
def test_with_one_seed_it_is_the_paired_t_test_over_molecules(n, seed):
    first, second = np.random.default_rng(seed).gamma(2, size=(2, 1, n))
    found = paired_difference(first, second)
    expected = stats.ttest_rel(first[0], second[0])
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_without_differences_between_molecules_it_is_the_paired_t_test_over_seeds():
    of_seeds = np.array([0.3, 0.5, 0.1])
    first = np.broadcast_to(of_seeds[:, None], (3, 50))
    found = paired_difference(first, np.zeros((3, 50)))
    assert found.p == pytest.approx(stats.ttest_1samp(of_seeds, 0).pvalue, rel=1e-9)
    assert found.seed_share == 1


def test_without_differences_between_seeds_it_is_the_paired_t_test_over_molecules():
    of_molecules = np.random.default_rng(0).normal(0.1, 1, 30)
    found = paired_difference(np.broadcast_to(of_molecules, (3, 30)), np.zeros((3, 30)))
    assert found.p == pytest.approx(stats.ttest_1samp(of_molecules, 0).pvalue, rel=1e-9)


def test_the_variance_is_that_of_the_components_of_an_analysis_of_variance():
    d = crossed(np.random.default_rng(3), 4, 6, 0.8, 1.1, 0.5) + 0.2
    seeds, molecules = d.shape
    grand = d.mean()
    ms_seed = molecules * ((d.mean(1) - grand) ** 2).sum() / (seeds - 1)
    ms_molecule = seeds * ((d.mean(0) - grand) ** 2).sum() / (molecules - 1)
    ss_rest = ((d - grand) ** 2).sum() - (seeds - 1) * ms_seed - (molecules - 1) * ms_molecule
    ms_rest = ss_rest / ((seeds - 1) * (molecules - 1))
    quasi_f = d.size * grand**2 / (ms_seed + ms_molecule - ms_rest)
    found = paired_difference(d, np.zeros_like(d))
    share = ms_seed / (ms_seed + ms_molecule)

    def quantile(level):
        return share * stats.t.isf(level / 2, seeds - 1) + (1 - share) * stats.t.isf(level / 2, molecules - 1)

    assert found.seed_share == pytest.approx(share, rel=1e-9)
    assert quantile(found.p) == pytest.approx(quasi_f**0.5, rel=1e-9)
    assert found.high - found.low == pytest.approx(2 * quantile(0.05) * abs(grand) / quasi_f**0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("seed_sd", "molecule_sd", "noise_sd"), [(0.0, 1.0, 1.0), (0.3, 1.0, 1.0), (1.0, 0.3, 0.3), (0.0, 0.0, 1.0)]
)
def test_false_findings_are_as_rare_as_promised(seed_sd, molecule_sd, noise_sd):
    rng = np.random.default_rng(7)
    repeats = 1000
    draws = [crossed(rng, 3, 100, seed_sd, molecule_sd, noise_sd) for _ in range(repeats)]
    found = [paired_difference(d, np.zeros_like(d)) for d in draws]
    false = np.mean([one.p < 0.05 for one in found])
    assert false < 0.05 + 3 * (0.05 * 0.95 / repeats) ** 0.5
    assert [one.low <= 0 <= one.high for one in found] == [one.p >= 0.05 for one in found]


def test_a_test_over_molecules_alone_would_find_too_much():
    rng = np.random.default_rng(7)
    draws = [crossed(rng, 3, 400, 0.3, 1.0, 1.0) for _ in range(500)]
    assert np.mean([stats.ttest_1samp(d.mean(axis=0), 0).pvalue < 0.05 for d in draws]) > 0.3
    assert np.mean([paired_difference(d, np.zeros_like(d)).p < 0.05 for d in draws]) < 0.07


def test_a_real_difference_is_found_with_three_seeds():
    rng = np.random.default_rng(1)
    found = paired_difference(crossed(rng, 3, 1000, 0.02, 1.0, 0.5) - 0.3, np.zeros((3, 1000)))
    assert found.p < 1e-3
    assert found.high < 0


def test_who_is_compared_with_whom_changes_the_sign_only():
    first, second = np.random.default_rng(5).gamma(2, size=(2, 3, 20))
    one, other = paired_difference(first, second), paired_difference(second, first)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.p == pytest.approx(other.p)


def test_equal_losses_differ_by_nothing():
    losses = np.random.default_rng(5).gamma(2, size=(3, 20))
    found = paired_difference(losses, losses)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_one_molecule_has_no_test():
    assert np.isnan(paired_difference(np.ones((3, 1)), np.zeros((3, 1))).p)


@pytest.mark.parametrize("shapes", [((3, 5), (3, 4)), ((5,), (5,)), ((0, 5), (0, 5))])
def test_tables_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match="n_seeds, n_molecules"):
        paired_difference(*(np.zeros(shape) for shape in shapes))


def test_adjusted_p_values_are_those_of_holm():
    # worked example: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 raised to the one before
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, 0.8]), [1, 1])
    assert len(holm([])) == 0


def test_a_test_that_was_not_made_does_not_count():
    np.testing.assert_allclose(holm([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04])
