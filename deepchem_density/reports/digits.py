"""Numbers with as many digits as they deserve: an uncertainty has one or two, and its value ends at the same place.

Of an uncertainty two digits are kept where they are below 35, and one above, as the Particle Data Group does it
(Prog. Theor. Exp. Phys. 2022, 083C01, section 5.3 of its introduction).
"""

from __future__ import annotations

import math

__all__ = ["UNKNOWN", "p_value", "ratio", "significant", "with_deviation", "with_interval"]

UNKNOWN = "–"
TWO_DIGITS_BELOW = 3.5
NOTHING = 1e-9
"""A spread below this part of its value is one of rounding errors: there is none to tell."""
SMALLEST_P = 1e-4
LARGEST_EXPONENT, SMALLEST_EXPONENT = 6, -5


def with_deviation(value: float, deviation: float) -> str:
    """Return a value and its deviation; "–" for a value that is not known, and no deviation where there is none."""
    if math.isnan(value) or not _tells(value, deviation):
        return significant(value)
    place = _place(deviation)
    return f"{_to_place(value, place)} ± {_to_place(deviation, place)}"


def with_interval(value: float, low: float, high: float) -> str:
    """Return a value with the ends of its interval behind it, all to the place that half of its length allows."""
    half = (high - low) / 2
    if math.isnan(value) or not _tells(value, half):
        return significant(value)
    place = _place(half)
    return f"{_to_place(value, place)} ({_to_place(low, place)} to {_to_place(high, place)})"


def ratio(value: float, low: float = float("nan"), high: float = float("nan")) -> str:
    """Return a ratio with its interval, which is one of its logarithm: two digits for each."""
    if math.isnan(value) or math.isnan(low):
        return significant(value, 2)
    return f"{significant(value, 2)} ({significant(low, 2)} to {significant(high, 2)})"


def p_value(p: float) -> str:
    """Return a p value with two digits, and a bound where it is so small that no data could tell it from others."""
    return f"< {SMALLEST_P:.4f}" if p < SMALLEST_P else significant(p, 2)


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many digits, without exponent where it can be read without one; "–" for NaN."""
    if math.isnan(value):
        return UNKNOWN
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    return _to_place(value, _exponent(value, digits) - digits + 1)


def _tells(value: float, spread: float) -> bool:
    return math.isfinite(spread) and spread > NOTHING * abs(value) and spread > 0


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of the first digit, after rounding to so many."""
    return int(f"{abs(value):.{digits - 1}e}".partition("e")[2])


def _place(spread: float) -> int:
    exponent = _exponent(spread, 2)
    return exponent - 1 if round(spread / 10**exponent, 1) < TWO_DIGITS_BELOW else exponent


def _to_place(value: float, place: int) -> str:
    """Return a number that ends at a power of ten."""
    rounded = round(value, -place)
    if rounded == 0:
        return f"{0:.{max(0, -place)}f}" if place > SMALLEST_EXPONENT else "0"
    first = _exponent(rounded, 15)
    if SMALLEST_EXPONENT < first < LARGEST_EXPONENT:
        return f"{rounded:.{max(0, -place)}f}"
    return f"{rounded:.{max(0, first - place)}e}"
