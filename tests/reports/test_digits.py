from __future__ import annotations

import pytest

from deepchem_density.reports.digits import p_value, ratio, significant, with_deviation, with_interval

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "deviation", "text"),
    [
        (0.0211234, 0.00141, "0.0211 ± 0.0014"),
        (0.0211234, 0.0041, "0.021 ± 0.004"),
        (12345.6, 678.9, "12300 ± 700"),
        (1234.56, 12.3, "1235 ± 12"),
        (0.098, 0.00996, "0.098 ± 0.010"),
        (1.0, 0.354, "1.0 ± 0.4"),
        (-2.9871, 0.0349, "-2.99 ± 0.03"),
        (-2.9871, 0.0341, "-2.987 ± 0.034"),
        (0.0418, 3.5e-18, "0.0418"),  # the same baseline for all seeds, but for rounding errors
        (0.0418, 0.0, "0.0418"),
        (0.0418, NAN, "0.0418"),
        (NAN, 0.1, "–"),
        (0.0, 0.02, "0.000 ± 0.020"),
    ],
)
def test_a_deviation_has_one_or_two_digits_and_its_value_ends_at_the_same_place(value, deviation, text):
    assert with_deviation(value, deviation) == text


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.0369, 0.035468, 0.038336, "0.0369 (0.0355 to 0.0383)"),
        (0.04019, 0.009918, 0.07045, "0.040 (0.010 to 0.070)"),
        (0.03252, 0.03252, 0.03252 + 1e-17, "0.0325"),
        (0.0325, NAN, NAN, "0.0325"),
        (-0.00342, -0.00984, 0.003, "-0.003 (-0.010 to 0.003)"),
        (7.51e-05, -0.0076, 0.00775, "0.000 (-0.008 to 0.008)"),
    ],
)
def test_an_interval_is_told_to_the_place_that_it_allows(value, low, high, text):
    assert with_interval(value, low, high) == text


def test_ratios_have_two_digits_at_each_end():
    assert ratio(1.513, 0.001602, 1427.0) == "1.5 (0.0016 to 1400)"
    assert ratio(0.105) == "0.10"
    assert ratio(NAN) == "–"


def test_small_p_values_are_bounds():
    assert [p_value(p) for p in (0.0, 3e-7, 0.00012, 0.0421, 1.0, NAN)] == [
        *("< 0.0001", "< 0.0001", "0.00012", "0.042", "1.0", "–")
    ]


def test_numbers_far_from_one_have_an_exponent():
    assert [significant(x) for x in (1.2345e-7, 123456.0, 1.2345e9, 0.0, -0.5)] == [
        *("1.23e-07", "123000", "1.23e+09", "0", "-0.500")
    ]
