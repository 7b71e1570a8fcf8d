"""What the names of residues mean that are no polymers: waters and ions, in the PDB and in programs of simulation.

Names are those of the PDB's chemical component dictionary (https://www.wwpdb.org/data/ccd) and of the force fields of CHARMM,
AMBER, GROMOS, OPLS and GROMACS; of names of four and five letters PDB files may hold the first three.
"""

from __future__ import annotations

from functools import cache

import gemmi

from deepchem_density.structures.structure import atomic_number

__all__ = ["EXTRA_SITES", "holds_ions", "ion_number", "is_monatomic_ion", "is_water", "water_element"]

_WATERS = (
    *("HOH", "DOD", "WAT", "H2O", "SOL", "SPC", "SPCE", "SPE", "TIP", "TIP2", "TIP3", "TIP4", "TIP5", "TIP6", "TIPS"),
    *(
        "TIP3P",
        "TIP4P",
        "TIP5P",
        "TP3",
        "TP4",
        "TP5",
        "TP3M",
        "TP4E",
        "T3P",
        "T4P",
        "T4E",
        "T5P",
        "T3H",
        "T7P",
        "TIP7P",
    ),
    *("OPC", "OPC3", "SWM", "SWM4", "SWM6"),
)

EXTRA_SITES = (
    *("M", "MW", "MW1", "MW2", "MP", "M1", "OM", "EP", "EPW", "EP1", "EP2", "EPW1", "EPW2"),
    *("LP", "LP1", "LP2", "LPA", "LPB", "LPX", "IW", "DUM", "DOH2", "DOW", "DRUD"),
)
"""Names of what models of water hold besides atoms: massless charges, lone pairs, Drude particles."""

_IONS = {
    "LI": "LI LIT",
    "NA": "NA SOD CIO CIP IP",
    "K": "K POT",
    "RB": "RB RUB",
    "CS": "CS CES",
    "BE": "BE",
    "MG": "MG",
    "CA": "CA CAL C0",
    "SR": "SR STR",
    "BA": "BA BAR",
    "AL": "AL",
    "MN": "MN",
    "FE": "FE",
    "CO": "CO 3CO",
    "NI": "NI 3NI",
    "CU": "CU",
    "ZN": "ZN ZIN",
    "CD": "CD CAD",
    "HG": "HG",
    "AG": "AG",
    "AU": "AU",
    "PT": "PT",
    "PD": "PD",
    "PB": "PB",
    "TL": "TL",
    "GA": "GA",
    "IN": "IN",
    "CR": "CR",
    "YB": "YB",
    "SM": "SM",
    "EU": "EU",
    "GD": "GD",
    "TB": "TB",
    "HO": "HO",
    "LA": "LA",
    "CE": "CE",
    "F": "F FLU",
    "CL": "CL CLA CHL CIM IM",
    "BR": "BR BRO",
    "I": "I IOD",
}
_BY_NAME = {name: element for element, names in _IONS.items() for name in names.split()}
_ANY_ION = ("ION", "IONS")
"""Names of residues in which the name of the atom alone tells which ion it is."""

_HALOGENS = ("F", "Cl", "Br", "I")
_HYDROGEN_LETTERS = ("H", "D")


@cache
def is_water(residue_name: str) -> bool:
    """Tell whether a residue is water."""
    return residue_name in _WATERS or gemmi.find_tabulated_residue(residue_name).is_water()


@cache
def water_element(atom_name: str) -> int:
    """Return the atomic number of an atom of water by its name, 0 for one that is neither oxygen nor hydrogen."""
    letter = atom_name.lstrip("0123456789").upper()[:1]
    return 8 if letter == "O" else 1 if letter in _HYDROGEN_LETTERS else 0


@cache
def holds_ions(residue_name: str) -> bool:
    """Tell whether a residue of one atom may be an ion by its name."""
    return residue_name.upper() in _ANY_ION or _named(residue_name) is not None


@cache
def ion_number(residue_name: str, atom_name: str) -> int:
    """Return the atomic number of the ion that is the only atom of a residue; 0 where the names do not agree on one.

    Examples
    --------
    >>> ion_number("SOD", "SOD"), ion_number("Cl-", "CL"), ion_number("ION", "K+"), ion_number("GLY", "CA")
    (11, 17, 19, 0)
    """
    by_atom = _named(atom_name)
    by_residue = by_atom if residue_name.upper() in _ANY_ION else _named(residue_name)
    if by_atom is None or by_atom != by_residue:
        return 0
    return atomic_number(by_atom.capitalize())


@cache
def is_monatomic_ion(number: int) -> bool:
    """Tell whether an element forms ions of one atom: metals and halogens."""
    element = gemmi.Element(number)
    return element.is_metal or element.name in _HALOGENS


def _named(name: str) -> str | None:
    """Return the symbol, in capitals, of the ion with a name, whose charge may be written behind it: ``Na+``, ``CA2+``."""
    capitals = name.strip().upper()
    return _BY_NAME.get(capitals) or _BY_NAME.get(capitals.rstrip("+-0123456789"))
