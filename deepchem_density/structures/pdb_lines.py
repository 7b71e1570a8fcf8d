"""The atom lines of PDB files, checked and set right before they are parsed.

A parser by columns takes whatever it finds there: gemmi 0.7 reads ``********`` as 0.0, ``1,16`` as 1, a blank occupancy as 0
and a blank B factor as 0 or 20. What is usual passes through a few comparisons of columns, all lines at once; other lines are
held against a regular expression, and what is not well-formed is looked at further.
"""

from __future__ import annotations

import re
from itertools import product

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.numbers import column_real
from deepchem_density.structures.pdb_encoding import ascii_lines
from deepchem_density.structures.residue_names import holds_ions, is_water

__all__ = ["checked_pdb"]

_WELL_FORMED = re.compile(
    r"(?:ATOM  |HETATM).{16}"
    r"(?:   \d|  \d\d| \d{3}|\d{4}).   "  # number of the residue, insertion code
    r"(?:(?:   \d|  -\d|  \d\d| -\d\d| \d{3}|-\d{3}|\d{4})\.\d{3}){3}"  # x, y, z
    r"(?:(?:  \d| -\d| \d\d|-\d\d|\d{3})\.\d\d){2}.{10}"  # occupancy, B
    r"(?: [A-Z]|[A-Z][A-Za-z])(?:  |\d[+-])?\s*"  # element, charge
)
_CHARGE = re.compile(r"  |0 | 0|\d[+-]|[+-]\d")
_ID_CODE = re.compile(r"\d[A-Z0-9]{3}[ \d]{3}\d")
_ATOMS = {"".join(c) for word in ("atom", "heta") for c in product(*((x, x.upper()) for x in word))}
"""What atoms' lines begin with; parsers look at four letters, of either case."""

_RESIDUE_NUMBER = re.compile(r" *-?\d+ *| {4}|[A-Z][A-Z\d]{3}|[a-z][a-z\d]{3}")
_LETTER_AND_DIGIT = re.compile(r"[A-Za-z]\d|\d[A-Za-z]")
_HALOGEN_OR_CARBON = re.compile(r" (?:CL|BR)\d* *", re.IGNORECASE)
_POINTS_SHIFTED = (33, 41, 49, 56)
_HYBRID_36 = 100_000

_LENGTH = 80
_BLANK, _DIGIT, _MINUS, _OTHER = range(4)
_KINDS = bytes(
    {" ": _BLANK, "-": _MINUS}.get(letter, _DIGIT if letter in "0123456789" else _OTHER)
    for letter in map(chr, range(256))
)
_WHOLE_PARTS = ((22, 26), (30, 34), (38, 42), (46, 50), (54, 57), (60, 63))
_POINTS = [34, 42, 50, 57, 63]
_DECIMALS = [35, 36, 37, 43, 44, 45, 51, 52, 53, 58, 59, 64, 65]
_BLANKS = [27, 28, 29, 76, 78, 79]
_NUMBERS = np.zeros(4**4, dtype=bool)
"""Whether the kinds of the letters of a whole part, in base 4, are blanks, at most one minus and digits, in this order."""
for _word in (" " * b + "-" * m + "0" * (w - b - m) for w in (3, 4) for b in range(w) for m in range(min(2, w - b))):
    _NUMBERS[int("".join(str(_KINDS[ord(_letter)]) for _letter in _word), 4)] = True


def checked_pdb(text: str, name: str) -> str:
    r"""Return a PDB file whose atom lines can be parsed by their columns.

    Set right are: lines one column too far left after the residue's name or number (the waters of PDBbind's pockets, whose
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
        Coordinates, an occupancy, a B factor, a residue's number or a charge that is none, a line that holds tabs or is cut,
        letters outside of ASCII that move columns or stand in names; chlorine or bromine that may be carbon or boron.
    """
    if not text.isascii():
        text = ascii_lines(text, name)
    lines = text.split("\n")
    atoms = [i for i, line in enumerate(lines) if line[:4] in _ATOMS]
    odd = [i for i in _unusual(lines, atoms) if not _WELL_FORMED.fullmatch(lines[i])]
    if odd and odd[-1] == len(lines) - 1 and len(lines[-1].rstrip()) < min(66, len(lines[atoms[0]].rstrip())):
        raise FeaturizationError(f"'{name}' ends within line {len(lines)}, an atom's; the file is cut: get it again.")
    old = bool(odd) and all(_ID_CODE.fullmatch(lines[i][72:80]) for i in odd)
    for i in odd:
        lines[i] = _set_right(lines[i], f"Line {i + 1} of '{name}'", old)
    for serial, i in enumerate(atoms):
        line = lines[i]
        number = "%5d" % serial if serial < _HYBRID_36 else _hybrid_36(serial)  # noqa: UP031 (twice as fast)
        lines[i] = ("ATOM  " if line[0] in "Aa" else "HETATM") + number + line[11:]
    return "\n".join(lines)


def _unusual(lines: list[str], atoms: list[int]) -> list[int]:
    """Return those of some lines of which comparing columns does not tell that they are well-formed.

    Usual lines have 80 characters and no charge. Digits, blanks and signs of a column's whole part are counted in base 4, so
    that one look into a table tells whether they are a number to the right.
    """
    of_length = [i for i in atoms if len(lines[i]) == _LENGTH]
    if not of_length:
        return atoms
    text = "".join([lines[i] for i in of_length]).encode("ascii")
    letters = np.frombuffer(text, dtype=np.uint8).reshape(-1, _LENGTH).T
    kinds = np.frombuffer(text.translate(_KINDS), dtype=np.uint8).reshape(-1, _LENGTH).T
    records = np.ascontiguousarray(letters[:6].T).view("S6").ravel()
    usual = (records == b"ATOM  ") | (records == b"HETATM")
    for first, end in _WHOLE_PARTS:
        usual &= _NUMBERS[sum(kinds[c].astype(np.intp) << 2 * (end - 1 - c) for c in range(first, end))]
    usual &= kinds[22:26].max(axis=0) < _MINUS
    usual &= (letters[_POINTS] == ord(".")).all(axis=0) & (kinds[_DECIMALS] == _DIGIT).all(axis=0)
    usual &= (letters[_BLANKS] == ord(" ")).all(axis=0) & (letters[77] >= ord("A")) & (letters[77] <= ord("Z"))
    kept = set(np.array(of_length)[usual].tolist())
    return [i for i in atoms if i not in kept]


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
        line = _moved(line)
        if _WELL_FORMED.fullmatch(line):
            return line
    line = line.ljust(80)
    _check_columns(line, where)
    occupancy, b_iso = line[54:60], line[60:66]
    if occupancy.strip(" "):
        column_real(occupancy, where, "occupancy in columns 55-60")
    else:
        occupancy = "  1.00"
    if b_iso.strip(" *"):
        column_real(b_iso, where, "B factor in columns 61-66")
    else:
        b_iso = "   nan"
    end = " " * 8 if old else line[72:]
    _check_end(line[12:16], line[17:21].strip(), end, where, old)
    return f"{line[:54]}{occupancy}{b_iso}{line[66:72]}{end}"


def _moved(line: str) -> str:
    """Return a line with the blank that it lacks behind the residue's name, or else behind its number."""
    moved = f"{line[:20]} {line[20:]}"
    return moved if _RESIDUE_NUMBER.fullmatch(moved[22:26]) else f"{line[:27]} {line[27:]}"


def _check_columns(line: str, where: str) -> None:
    """Refuse a residue's number or coordinates that are none."""
    if not _RESIDUE_NUMBER.fullmatch(line[22:26]):
        raise FeaturizationError(
            f"{where} has '{line[22:26]}' as the number of its residue in columns 23-26; a whole number is accepted: correct it."
        )
    if line[27:30].strip(" "):
        raise FeaturizationError(
            f"{where} has '{line[27:30]}' in columns 28-30, which are blank in a PDB file; what stands there may belong to the "
            "coordinate behind it: correct it."
        )
    for first in (30, 38, 46):
        column_real(line[first : first + 8], where, f"coordinate in columns {first + 1}-{first + 8}")


def _check_end(name: str, residue: str, end: str, where: str, old: bool) -> None:
    """Refuse a charge or an element that is none, and a letter at the end of a longer word that is not the name's."""
    if not _CHARGE.fullmatch(end[6:8]):
        raise FeaturizationError(
            f"{where} has the charge '{end[6:8]}' in columns 79-80; a digit and a sign, such as '2+', or blanks are accepted."
        )
    element = end[4:6]
    to_the_left = element[1] == " " and end[3] != " " and element[0] not in (" ", name.strip(" 0123456789")[:1])
    if to_the_left or _LETTER_AND_DIGIT.fullmatch(element):
        raise FeaturizationError(
            f"{where} has '{end[3:6].strip()}' in columns 76-78; the symbol of an element in columns 77-78 is accepted, to the "
            "right: correct it."
        )
    if not (old or element.strip()):
        _check_name(name, residue, where)


def _check_name(name: str, residue: str, where: str) -> None:
    """Refuse a name without an element that programs write for chlorine, and the format means carbon by."""
    if not _HALOGEN_OR_CARBON.fullmatch(name) or holds_ions(residue) or is_water(residue):
        return
    if not gemmi.find_tabulated_residue(residue[:3]).is_standard():
        raise FeaturizationError(
            f"{where} has the name '{name.strip()}' from column 14 on and no element, so it may be {name[1:3].capitalize()} or "
            f"{name[1]}; write the element's symbol into columns 77-78."
        )
