"""The units that labels are shown in: those of chemists, where a source has others; files keep those of their source."""

from __future__ import annotations

__all__ = ["shown_factor", "shown_unit"]

EV_PER_HARTREE = 27.211386245988
"""CODATA 2018."""

_SHOWN = {"hartree": ("eV", EV_PER_HARTREE)}


def shown_unit(unit: str) -> str:
    """Return the unit in which labels with a unit are shown in tables and figures."""
    return _SHOWN.get(unit, (unit, 1.0))[0]


def shown_factor(unit: str) -> float:
    """Return what labels with a unit are multiplied with to be shown."""
    return _SHOWN.get(unit, (unit, 1.0))[1]
