"""Numbers in text: what is written comes back, and what is not all number is refused."""

from __future__ import annotations

import re
import sys
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.numbers import column_real, coordinates, is_real, parted, real, reals, whole

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PIECES = st.sampled_from(
    [*"0123456789", ".", "-", "+", "e", "E", "d", "D", ",", "_", " ", "x", "nan", "inf", "\u0661", "\u00a0", "\0", "\n"]
)


def fortran(value: float) -> str:
    """As Fortran's format ES0.16 writes it: no letter before exponents of three digits."""
    mantissa, exponent = f"{value:.16E}".split("E")
    return f"{mantissa}{exponent}" if len(exponent) == 4 else f"{mantissa}D{exponent}"


@given(FINITE)
@example(0.36124e-109)
@example(5e-324)
@example(-sys.float_info.max)
def test_what_programs_write_comes_back(value):
    for text in (repr(value), f"{value:.17e}", f"{value:+.16E}", f"{value:.16e}".replace("e", "d"), fortran(value)):
        assert real(f" {text}\t", "Line 1") == value, text
    np.testing.assert_array_equal(reals([repr(value), fortran(value)], "Line 1"), [value, value])


@given(st.decimals(-9999, 9999, places=3))
def test_fixed_columns_hold_plain_decimals(value):
    assert column_real(f"{value:9.3f}", "Line 1") == float(value)


@given(st.integers(-(10**17), 10**17))
def test_whole_numbers_come_back(value):
    assert whole(f" {value} ", "Line 1") == value


def independent(text: str) -> float | None:
    """By `Decimal` on the ASCII letters of a number only, with the letter of the exponent put in."""
    word = text.strip(" \t").replace("d", "e").replace("D", "e").replace("E", "e")
    if re.search(r"[^0-9.e+-]", word) or not re.search("[0-9]", word):
        return None
    if "." in word and "e" not in word:
        word = re.sub(r"(?<=[0-9.])([+-][0-9]{1,3})$", r"e\1", word)
    try:
        value = float(Decimal(word))
    except (ArithmeticError, ValueError):
        return None
    return value if abs(value) != float("inf") else None


@given(
    FINITE.map(repr) | FINITE.map(fortran), st.lists(st.tuples(st.integers(0, 25), PIECES, st.booleans()), max_size=3)
)
@example("1.16", [(1, ",", True)])
@example("12560", [(2, "_", False)])
def test_a_spoiled_number_is_refused_or_all_of_it_is_the_number(text, changes):
    for place, piece, replace in changes:
        text = text[:place] + piece + text[place + replace :]
    expected = independent(text)
    if expected is None:
        with pytest.raises(FeaturizationError, match="Line 7 of 'a' has "):
            real(text, "Line 7 of 'a'")
        with pytest.raises(FeaturizationError, match="Line 7 of 'a' has "):
            reals(["1", text.strip(" \t")], "Line 7 of 'a'")
    else:
        assert real(text, "Line 7 of 'a'") == expected
        assert reals(["1", text.strip(" \t")], "Line 7 of 'a'")[1] == expected
    assert is_real(text) == (expected is not None)


@given(st.lists(FINITE, min_size=1, max_size=8), st.booleans())
def test_numbers_that_touch_are_parted(values, letters):
    text = "".join(f"{-abs(value):.8E}" if letters else fortran(-abs(value)) for value in values)
    expected = [float(f"{-abs(value):.8E}") if letters else -abs(value) for value in values]
    np.testing.assert_array_equal(reals(parted(text).split(), "Line 1"), expected)


@pytest.mark.parametrize("text", ["1,16", "-0,5", ",5", "1,0e-5", "0,1D+02"])
def test_decimal_commas_are_named(text):
    with pytest.raises(
        FeaturizationError, match=rf"Line 3 of 'a.xyz' has '{re.escape(text)}' as its x, with a decimal"
    ):
        real(text, "Line 3 of 'a.xyz'", "x")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            ".",
            "+",
            "e5",
            "1e",
            "1e+",
            "12_560",
            "1.0abc",
            "1,000.5",
            "0x1A",
            "\u0661\u0662",
            "1 2",
            "--1",
            "1.2.3",
        ),
        *("nan", "-inf", "Infinity", "1e400", "1.0+400", "1-5", "1.0-1234", "1.0\xa0", "1\0", "1.5f", "\uff11", "1\n"),
    ],
)
def test_what_is_not_all_number_is_refused(text):
    for read in (real, column_real):
        with pytest.raises(FeaturizationError, match="as its number"):
            read(text, "Line 3")
    with pytest.raises(FeaturizationError, match="as its number"):
        reals([text], "Line 3")


@pytest.mark.parametrize("text", ["1.104-13", "1e1", "1.25D+01", "12.56-"])
def test_fixed_columns_hold_no_exponents(text):
    with pytest.raises(FeaturizationError, match=r"has '.*' as its x; a finite number"):
        column_real(text, "Line 3", "x")


@pytest.mark.parametrize("text", ["", "1.0", "1_0", "\u0661", "1e3", "9" * 19, "9" * 5000])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(FeaturizationError, match=r"Line 3 has '.{0,44}' as its count; a whole number"):
        whole(text, "Line 3", "count")


def test_not_finite_values_pass_only_where_asked_for():
    np.testing.assert_array_equal(reals(["nan", "-Inf", "1.0D0"], "a", finite=False), [np.nan, -np.inf, 1])
    with pytest.raises(FeaturizationError, match="'1e400'"):
        reals(["nan", "1e400"], "a", finite=False)


def test_places_are_three_finite_numbers_within_bounds():
    np.testing.assert_array_equal(coordinates(["1", "-2.5", "1.0D+02"], "Line 3"), [1, -2.5, 100])
    for words, message in (
        (["1", "2"], "Line 3 has 2 coordinates; x, y and z"),
        (["1", "2", "1e7"], "Line 3 has '1e7' as its z; at most 1,000,000 Å"),
        (["1", "nan", "1e7"], "Line 3 has 'nan' as its y; a finite number"),
    ):
        with pytest.raises(FeaturizationError, match=message):
            coordinates(words, "Line 3")
