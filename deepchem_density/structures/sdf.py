"""Records of SDF files, the one place where they are told apart, checked and handed to RDKit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rdkit import Chem, rdBase

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.charges import SINGLET
from deepchem_density.structures.numbers import column_real, coordinates, real, whole

__all__ = ["SdfRecord", "sdf_records"]

_END = re.compile(r"^\$\$\$\$.*\n?", re.MULTILINE)
_V30 = "M  V30 "
_V30_COLUMNS = 6
_V30_SETTING = re.compile(r"(CHG|RAD)=(\S+)")
_SINGLET = 1
_HEADER, _POSITION = 4, 30
_PAIRS, _COLUMN = 9, 4


@dataclass(frozen=True)
class SdfRecord:
    """One record, as text.

    Parameters
    ----------
    place : int
        Its place in the file, from 0; broken and empty records count.
    line : int
        The line of the file on which it begins, from 1.
    text : str
        Its lines, without ``$$$$``.
    """

    place: int
    line: int
    text: str

    @property
    def name(self) -> str:
        """The first line, its name; often empty."""
        return self.text.split("\n", 1)[0].strip()

    def mol(self, source: str, sanitize: bool = True) -> Chem.Mol:
        """Return the molecule with all its hydrogens.

        Parameters
        ----------
        source : str
            What error messages call the file.
        sanitize : bool
            Whether RDKit shall perceive valences and aromaticity; where it cannot, the molecule comes as it is in the file.

        Raises
        ------
        FeaturizationError
            Naming the line: a coordinate, charge or radical that is no number; or what RDKit cannot read.

        Notes
        -----
        RDKit itself takes ``1,16`` for 1 and any whole number for a charge. Radicals (``M  RAD``) count as unpaired
        electrons: none in singlets, two in triplets.
        """
        if "\0" in self.text:
            line = self.line + self.text[: self.text.index("\0")].count("\n")
            raise FeaturizationError(f"Line {line} of '{source}' holds the character NUL; text is accepted.")
        lines = self.text.split("\n")
        singlets = _check(lines, lambda i: f"Line {self.line + i} of '{source}'")
        with rdBase.BlockLogs():
            mol = Chem.MolFromMolBlock(self.text, removeHs=False) if sanitize else None
            mol = mol or Chem.MolFromMolBlock(self.text, sanitize=False, removeHs=False, strictParsing=sanitize)
        if mol is None:
            raise FeaturizationError(
                f"RDKit cannot read '{source}' as an SDF or mol file from line {self.line} on; its counts, atoms or bonds are "
                "broken."
            )
        for number in singlets:
            if 1 <= number <= mol.GetNumAtoms():
                mol.GetAtomWithIdx(number - 1).SetBoolProp(SINGLET, True)
        return mol


def sdf_records(text: str) -> list[SdfRecord]:
    r"""Return the records of an SDF file, also broken and empty ones, so that each keeps its place in the file.

    What follows the last line ``$$$$`` is a record where it holds anything: a file of one molecule may lack that line.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    """
    *records, rest = _END.split(text)
    records = [*records, rest] if rest.strip() else records
    found, line = [], 1
    for place, record in enumerate(records):
        found.append(SdfRecord(place, line, record))
        line += record.count("\n") + 1
    return found


def _check(lines: list[str], where: Callable[[int], str]) -> list[int]:
    """Refuse numbers that RDKit would read otherwise than they stand, and return the atoms, from 1, that are singlets."""
    if len(lines) < _HEADER:
        return []
    return _check_v3000(lines, where) if "V3000" in lines[_HEADER - 1] else _check_v2000(lines, where)


def _check_v2000(lines: list[str], where: Callable[[int], str]) -> list[int]:
    count = lines[_HEADER - 1][:3].strip()
    n_atoms = int(count) if count.isascii() and count.isdigit() else 0  # RDKit refuses the others
    for i, line in enumerate(lines[_HEADER : _HEADER + n_atoms], start=_HEADER):
        if len(line.rstrip()) <= _POSITION:  # a bond's, where the counts are wrong; RDKit refuses it
            break
        for what, field in zip("xyz", (line[:10], line[10:20], line[20:30]), strict=True):
            _as_rdkit_reads(field, where(i), what)
    singlets = []
    for i, line in enumerate(lines):
        if line.startswith(("M  CHG", "M  RAD")):
            columns = range(_PAIRS, len(line.rstrip()), 2 * _COLUMN)
            pairs = [(line[at : at + _COLUMN], line[at + _COLUMN : at + 2 * _COLUMN]) for at in columns]
            values = [(whole(atom, where(i), "atom"), whole(value, where(i), line[3:6])) for atom, value in pairs]
            singlets += [atom for atom, value in values if line[3:6] == "RAD" and value == _SINGLET]
        if line.startswith("M  END"):
            break
    return singlets


def _as_rdkit_reads(text: str, where: str, what: str) -> None:
    """Refuse a number that RDKit reads otherwise: it takes Fortran's ``1.5-822`` for -1.5; exponents with E do exist."""
    (real if "e" in text.lower() else column_real)(text, where, what)


def _check_v3000(lines: list[str], where: Callable[[int], str]) -> list[int]:
    singlets, in_atoms, n_atoms = [], False, 0
    for i, line in enumerate(lines):
        words = line.removeprefix(_V30).split()
        if words[:2] in (["BEGIN", "ATOM"], ["END", "ATOM"]):
            in_atoms = words[0] == "BEGIN"
        elif in_atoms and len(words) >= _V30_COLUMNS:
            n_atoms += 1
            if words[1].isalpha() and words[1] != "NOT":
                coordinates(words[2:5], where(i))
                for what, word in zip("xyz", words[2:5], strict=True):
                    _as_rdkit_reads(word, where(i), what)
            values = {setting: whole(value, where(i), setting) for setting, value in _V30_SETTING.findall(line)}
            singlets += [n_atoms] if values.get("RAD") == _SINGLET else []
    return singlets
