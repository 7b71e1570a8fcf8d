"""One case: files, how they are read, and what is right."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EITHER, READ, REFUSED = "either", "read", "refused"
"""What is right to happen to the files: the right value or a refusal, the right value only, a refusal only."""

Verdict = Callable[[Any], "str | None"]
"""Of a value: "" where it is right, None where that is not known, and else what is wrong with it."""


def unknown(value: Any) -> None:
    """Tell nothing of a value."""


@dataclass(frozen=True)
class Case:
    """What is tried once.

    Parameters
    ----------
    reader : str
        What counts are kept for.
    mutation : str
        What was done to the seed; the same word in all cases of one kind.
    files : dict of str to bytes
        Written to an empty folder; the first one is read.
    read : callable
        From the path of the first file to a value.
    verdict : callable
        On the value.
    expected : str
        `EITHER`, `READ` or `REFUSED`.
    named : tuple of str
        What an error must name, one of them; by default a file.
    """

    reader: str
    mutation: str
    files: dict[str, bytes]
    read: Callable[[Path], Any]
    verdict: Verdict = unknown
    expected: str = EITHER
    named: tuple[str, ...] = ()


Maker = Callable[[random.Random], Case]


@dataclass(frozen=True)
class Reader:
    """Something that is fuzzed.

    Parameters
    ----------
    name : str
        As in `Case.reader`.
    weight : float
        Share of the cases, in proportion to the others.
    makers : tuple of callable
        Each makes a case of one kind from a source of random numbers.
    """

    name: str
    weight: float
    makers: tuple[Maker, ...]

    def case(self, rng: random.Random) -> Case:
        """Return a case of one of the kinds."""
        return rng.choice(self.makers)(rng)
