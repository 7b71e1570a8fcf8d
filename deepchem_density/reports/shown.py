"""Labels, units and inputs as readers know them: eV for hartree, "electron density" for density. Files keep what they state."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from deepchem_density.reports.results import ERRORS
from deepchem_density.tables.shown_units import shown_factor, shown_unit
from deepchem_density.voxels.representations import REPRESENTATIONS

__all__ = ["in_words", "of_unit", "shown_table", "titled"]

_ENDS = ("", "_std", "_low", "_high")
_IN_UNITS = {
    "errors": tuple(f"{metric}{end}" for metric in ERRORS for end in _ENDS),
    "tests": ("difference", "low", "high"),
    "power_laws": ("factor", "floor", "floor_low", "floor_high"),
    "sizes": ("error", "low", "high"),
}
"""Columns of each table that have the unit of the label."""


def in_words(label: str) -> str:
    """Return the label of a curve with its inputs in words and settings under today's names, and any other text as it is."""
    rep, space, rest = label.partition(" (")
    names = rep.split("+")
    if not set(names) <= set(REPRESENTATIONS):
        return label
    rest = rest.replace("remove_composition=True", "baseline=composition")  # as stored cells are labelled
    return " + ".join(REPRESENTATIONS[name].words for name in names) + space + rest


def titled(target: str, unit: str) -> str:
    """Return a label with the unit that it is shown in."""
    return f"{target} ({shown_unit(unit)})" if unit else target


def of_unit(unit: str, squared: bool = False) -> str:
    """Return the unit that is shown, in parentheses behind a blank; nothing where there is none."""
    if not unit:
        return ""
    shown = shown_unit(unit)
    return f" (({shown})²)" if squared and not shown.isalpha() else f" ({shown}{'²' if squared else ''})"


def shown_table(table: pd.DataFrame, name: str, squared: bool = False) -> pd.DataFrame:
    """Return a table of errors, tests, power_laws or sizes with its numbers in the units that are shown.

    Parameters
    ----------
    table : pandas.DataFrame
        With a column unit; the copy keeps it, as what `shown_unit` is asked for.
    name : str
        Which of them it is.
    squared : bool
        Whether its numbers have the square of the unit.
    """
    if table.empty:
        return table
    factors = table["unit"].map(shown_factor) ** (2 if squared else 1)
    columns: Sequence[str] = [one for one in _IN_UNITS[name] if one in table]
    return table.assign(**{one: table[one] * factors for one in columns})
