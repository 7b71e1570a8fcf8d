"""The one reader of numbers in text: all of a word is the number, as programs of any language write them, or it is refused.

Python's own ``float`` takes ``12_560`` for 12560, digits of other scripts and words such as ``nan``; the readers of libraries
take ``1,16`` for 1. Neither happens here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from deepchem_density.errors import FeaturizationError

__all__ = ["LARGEST_COORDINATE", "column_real", "coordinates", "is_real", "parted", "real", "reals", "whole", "wholes"]

LARGEST_COORDINATE = 1e6
"""Å, 0.1 mm; what lies farther out is a damaged file, and its distances lose digits."""

_PLAIN = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_COLUMN = re.compile(_PLAIN)
_REAL = re.compile(rf"{_PLAIN}(?:[eEdD][+-]?[0-9]+)?")
_WITHOUT_LETTER = re.compile(r"([+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+))([+-][0-9]{1,3})")
_USUAL = re.compile(r"[-+.0-9eE]*")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_USUAL_WHOLES = re.compile(r"-?[0-9]{1,18}(?: -?[0-9]{1,18})*")
_WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eEdD]?[+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_SIGN_BETWEEN = re.compile(r"(?<=[0-9.])(?=[-+][0-9]*\.)")
_EXPONENT_ALONE = re.compile(r"(\.[0-9]*)([+-][0-9]{1,3})(?=\s|$)")
_SHOWN = 40


def real(text: str, where: str, what: str = "number") -> float:
    """Return the finite number that a word is.

    Accepted are ``1``, ``-.5``, ``1.2e-05`` and what Fortran writes: ``1.2D-05``, and ``0.36124-109`` for exponents that leave
    no room for the letter (only behind a decimal point).

    Parameters
    ----------
    text : str
        The word; blanks around it do not matter.
    where : str
        How an error message begins: "Line 3 of 'a.xyz'".
    what : str
        What the message calls the number: "x".

    Raises
    ------
    FeaturizationError
        The word is something else, not finite, or larger than any float64.
    """
    word = text.strip(" \t")
    if _REAL.fullmatch(word):
        value = float(word.replace("D", "E").replace("d", "e"))
    elif parts := _WITHOUT_LETTER.fullmatch(word):
        value = float(f"{parts[1]}E{parts[2]}")
    else:
        raise _refused(text, where, what)
    if math.isinf(value):
        raise _refused(text, where, what)
    return value


def reals(words: Sequence[str], where: str, what: str = "number", finite: bool = True) -> np.ndarray:
    """Return many numbers (n,), each as `real` reads it.

    Parameters
    ----------
    words : sequence of str
        The words, without blanks.
    where, what : str
        As in `real`.
    finite : bool
        Refuse ``nan`` and ``inf``; otherwise they are what they say.

    Raises
    ------
    FeaturizationError
        A word is no number; the first one is named.
    """
    if _USUAL.fullmatch("".join(words)):
        try:
            values = np.fromiter(map(float, words), dtype=np.float64, count=len(words))
        except ValueError:
            pass
        else:
            if np.isfinite(values).all():
                return values
    return np.array(
        [float(word) if not finite and _NOT_FINITE.fullmatch(word) else real(word, where, what) for word in words],
        dtype=np.float64,
    )


def column_real(text: str, where: str, what: str = "number") -> float:
    """Return the finite number in a field of fixed columns: sign, digits and a point, no exponent.

    Where columns have slipped, a part of one number and of the next, ``1.104-13``, must not become an exponent.

    Raises
    ------
    FeaturizationError
        The field holds something else.
    """
    word = text.strip(" ")
    if not _COLUMN.fullmatch(word):
        raise _refused(text, where, what)
    return float(word)


def coordinates(words: Sequence[str], where: str) -> np.ndarray:
    """Return x, y, z (3,) in Å, finite and nearer to the origin than ``LARGEST_COORDINATE``.

    Raises
    ------
    FeaturizationError
        Not three words, a word that is no number, or a place too far out.
    """
    if len(words) != 3:
        raise FeaturizationError(f"{where} has {len(words)} coordinates; x, y and z in Å are accepted.")
    values = [real(word, where, what) for word, what in zip(words, "xyz", strict=True)]
    for word, value, what in zip(words, values, "xyz", strict=True):
        if abs(value) > LARGEST_COORDINATE:
            raise FeaturizationError(
                f"{where} has {_shown(word)} as its {what}; at most {LARGEST_COORDINATE:,.0f} Å is accepted: correct it."
            )
    return np.array(values)


def whole(text: str, where: str, what: str = "number") -> int:
    """Return the whole number of at most 18 digits that a word is.

    Raises
    ------
    FeaturizationError
        The word is something else.
    """
    word = text.strip(" \t")
    if not _WHOLE.fullmatch(word):
        raise FeaturizationError(
            f"{where} has {_shown(text)} as its {what}; a whole number of at most 18 digits is accepted: correct it."
        )
    return int(word)


def wholes(words: Sequence[str], row: Callable[[int], str], what: str = "number") -> np.ndarray:
    """Return many whole numbers (n,), each as `whole` reads it; ``row`` gives how a message about a word begins."""
    if _USUAL_WHOLES.fullmatch(" ".join(words)):
        return np.fromiter(map(int, words), dtype=np.int64, count=len(words))
    return np.array([whole(word, row(i), what) for i, word in enumerate(words)], dtype=np.int64)


def is_real(text: str) -> bool:
    """Tell whether `real` would read a word."""
    try:
        real(text, "")
    except FeaturizationError:
        return False
    return True


def parted(text: str) -> str:
    """Return Fortran's numbers with blanks between them and E before every exponent.

    In narrow columns a sign alone parts two numbers, and exponents of three digits have no letter.
    """
    with_letters = _SIGN_BETWEEN.sub(" ", text).replace("D", "E").replace("d", "e")
    return _EXPONENT_ALONE.sub(r"\1E\2", with_letters)


def _refused(text: str, where: str, what: str) -> FeaturizationError:
    word = text.strip()
    if _WITH_COMMA.fullmatch(word):
        return FeaturizationError(
            f"{where} has {_shown(text)} as its {what}, with a decimal comma; decimal points are accepted: write the file in "
            "the locale C, or replace the commas."
        )
    return FeaturizationError(
        f"{where} has {_shown(text)} as its {what}; a finite number with nothing behind it, such as '-1.25', is accepted: "
        "correct it."
    )


def _shown(text: str) -> str:
    return f"'{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}'".replace("\0", "\\0")
