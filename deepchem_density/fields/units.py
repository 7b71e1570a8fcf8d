"""The only unit conversions: positions are in Å and densities in e/Å³ everywhere outside the quantum-chemistry files."""

from __future__ import annotations

__all__ = ["ANGSTROM_PER_BOHR", "ATOMIC_UNITS", "BOHR_PER_ANGSTROM", "E_PER_ANGSTROM3", "E_PER_ANGSTROM4"]

ANGSTROM_PER_BOHR = 0.529177210903
"""Bohr radius in Å, CODATA 2018."""

BOHR_PER_ANGSTROM = 1.0 / ANGSTROM_PER_BOHR
"""One Å in bohr."""


E_PER_ANGSTROM3 = BOHR_PER_ANGSTROM**3
"""One e/bohr³ in e/Å³: 6.748334."""

E_PER_ANGSTROM4 = BOHR_PER_ANGSTROM**4
"""One e/bohr⁴ in e/Å⁴: 12.752504, the unit of density gradients."""

ATOMIC_UNITS = {
    "e/Å³": ("e/bohr^3", 1 / E_PER_ANGSTROM3),
    "e/Å⁴": ("e/bohr^4", 1 / E_PER_ANGSTROM4),
    "atoms/Å³": ("atoms/bohr^3", 1 / E_PER_ANGSTROM3),
    "1": ("1", 1.0),
    "σ": ("sigma", 1.0),
    "σ/Å": ("sigma/bohr", ANGSTROM_PER_BOHR),
}
"""Unit of a field's values -> its atomic unit as files write it, and one of the former in the latter."""
