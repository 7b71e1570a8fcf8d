"""Records of SDF files, the one place where they are told apart and handed to RDKit."""

from __future__ import annotations

import re

from rdkit import Chem, rdBase

__all__ = ["mol_of_record", "name_of_record", "sdf_records"]

_END = re.compile(r"^\$\$\$\$.*\n?", re.MULTILINE)


def sdf_records(text: str) -> list[str]:
    """Return the records of an SDF file as text, also broken and empty ones, so that each keeps its place in the file.

    What follows the last line ``$$$$`` is a record where it holds anything: a file of one molecule may lack that line.
    """
    *records, rest = _END.split(text)
    return [*records, rest] if rest.strip() else records


def name_of_record(record: str) -> str:
    """Return the first line of a record, its name; often empty."""
    return record.split("\n", 1)[0].strip()


def mol_of_record(record: str, sanitize: bool = True) -> Chem.Mol | None:
    """Return a record's molecule with all its hydrogens, None where RDKit cannot read it.

    Parameters
    ----------
    record : str
        From `sdf_records`.
    sanitize : bool
        Whether RDKit shall perceive valences and aromaticity; where it cannot, the molecule comes as it is in the file.
    """
    with rdBase.BlockLogs():
        mol = Chem.MolFromMolBlock(record, removeHs=False) if sanitize else None
        return mol or Chem.MolFromMolBlock(record, sanitize=False, removeHs=False, strictParsing=sanitize)
