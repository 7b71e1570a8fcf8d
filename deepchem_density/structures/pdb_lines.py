"""The atom lines of PDB files, checked and set right before they are parsed.

A parser by columns takes whatever it finds there: gemmi 0.7 reads ``********`` as 0.0, a blank occupancy as 0 and a blank
B factor as 0 or 20. What is well-formed passes through one regular expression; only other lines are looked at further.
"""

from __future__ import annotations

import math
import re

from deepchem_density.errors import FeaturizationError

__all__ = ["checked_pdb"]

_WELL_FORMED = re.compile(
    r"(?:ATOM  |HETATM).{24}"
    r"(?:(?:   \d|  -\d|  \d\d| -\d\d| \d{3}|-\d{3}|\d{4})\.\d{3}){3}"  # x, y, z
    r"(?:(?:  \d| -\d| \d\d|-\d\d|\d{3})\.\d\d){2}.{10}"  # occupancy, B
    r"(?: [A-Z]|[A-Z][A-Za-z])(?:  |\d[+-])?\s*"  # element, charge
)
_CHARGE = re.compile(r"  |0 | 0|\d[+-]|[+-]\d")
_ID_CODE = re.compile(r"\d[A-Z0-9]{3}[ \d]{3}\d")
_POINTS_SHIFTED = (33, 41, 49, 56)
_HYBRID_36 = 100_000


def checked_pdb(text: str, name: str) -> str:
    r"""Return a PDB file whose atom lines can be parsed by their columns.

    Set right are: lines one column too far left after the residue name (the waters of PDBbind's pockets, whose
    coordinates and B factors would lose a digit), blank occupancies (1), blank or overflown (``******``) B factors (NaN,
    which stands for not known), identification codes in columns 73-80 (files from before 1996), which would be taken for
    elements and charges. Serial numbers count the lines, from 0: gemmi puts atoms with the same chain and residue number
    together, wherever they are, and two chains without a name would become one; by these numbers they can be put back.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    name : str
        What error messages call it.

    Raises
    ------
    FeaturizationError
        Coordinates, an occupancy, a B factor or a charge that is none, a line that holds tabs or is cut.
    """
    lines = text.split("\n")
    atoms = [i for i, line in enumerate(lines) if line.startswith(("ATOM", "HETATM"))]
    odd = [i for i in atoms if not _WELL_FORMED.fullmatch(lines[i])]
    if odd and odd[-1] == len(lines) - 1 and len(lines[-1].rstrip()) < min(66, len(lines[atoms[0]].rstrip())):
        raise FeaturizationError(f"'{name}' ends within line {len(lines)}, an atom's; the file is cut: get it again.")
    old = bool(odd) and all(_ID_CODE.fullmatch(lines[i][72:80]) for i in odd)
    for i in odd:
        lines[i] = _set_right(lines[i], f"Line {i + 1} of '{name}'", old)
    for serial, i in enumerate(atoms):
        line = lines[i]
        number = f"{serial:5d}" if serial < _HYBRID_36 else _hybrid_36(serial)
        lines[i] = f"{'ATOM  ' if line[0] == 'A' else 'HETATM'}{number}{line[11:]}"
    return "\n".join(lines)


def _hybrid_36(number: int) -> str:
    """Return a number from 100000 to 43770015 in five characters, the first one a letter, as in PDB files."""
    rest, digits = number - _HYBRID_36 + 10 * 36**4, ""
    for _ in range(5):
        rest, digit = divmod(rest, 36)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + digits
    return digits


def _set_right(line: str, where: str, old: bool) -> str:
    if "\t" in line:
        raise FeaturizationError(f"{where} holds tabs; a PDB file has fixed columns: write it as PDB again.")
    if all(line[i : i + 1] == "." for i in _POINTS_SHIFTED):
        line = f"{line[:20]} {line[20:]}"
    line = line.ljust(80)
    for first in (30, 38, 46):
        _check_number(line[first : first + 8], f"coordinate in columns {first + 1}-{first + 8}", where)
    occupancy, b_iso = line[54:60], line[60:66]
    if occupancy.strip():
        _check_number(occupancy, "occupancy in columns 55-60", where)
    else:
        occupancy = "  1.00"
    if b_iso.strip(" *"):
        _check_number(b_iso, "B factor in columns 61-66", where)
    else:
        b_iso = "   nan"
    end = " " * 8 if old else line[72:]
    if not _CHARGE.fullmatch(end[6:8]):
        raise FeaturizationError(
            f"{where} has the charge '{end[6:8]}' in columns 79-80; a digit and a sign, such as '2+', or blanks are accepted."
        )
    return f"{line[:54]}{occupancy}{b_iso}{line[66:72]}{end}"


def _check_number(field: str, what: str, where: str) -> None:
    try:
        finite = math.isfinite(float(field))
    except ValueError:
        finite = False
    if not finite:
        raise FeaturizationError(f"{where} has '{field}' as its {what}; a finite number is accepted: correct it.")
