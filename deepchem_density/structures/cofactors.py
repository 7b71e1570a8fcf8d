"""Puts cofactors that stand in an SDF file of their own into the PDB file of their protein."""

from __future__ import annotations

import string
from collections.abc import Iterator

from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.sdf import sdf_records

__all__ = ["with_cofactors"]

RESIDUE = "UNL"
"""The wwPDB's name of a ligand that it does not know."""

_ATOMS = ("ATOM  ", "HETATM")
_CHAIN = 21
_LARGEST = 9_999
_SERIALS = 100_000


def with_cofactors(protein: str, cofactors: str, source: str = "cofactors.sdf") -> str:
    r"""Return the text of a PDB file with the molecules of an SDF file behind its atoms.

    Parameters
    ----------
    protein : str
        A PDB file with one model, lines ended by ``\n``.
    cofactors : str
        An SDF file with positions in the same frame.
    source : str
        What messages call it.

    Returns
    -------
    str
        The lines of the protein as they were, and each molecule as a residue UNL in a chain of its own: elements, positions to
        0.001 Å, formal charges, no bonds.

    Raises
    ------
    FeaturizationError
        A cofactor that RDKit cannot read, without positions or outside of what PDB columns hold; no letter left for a chain.
    """
    lines = protein.rstrip("\n").split("\n")
    places = [i for i, line in enumerate(lines) if line.startswith(_ATOMS)]
    last = places[-1] + 1 if places else 0
    if last < len(lines) and lines[last].startswith("TER"):
        last += 1
    chain = _free_chain({lines[i][_CHAIN : _CHAIN + 1] for i in places})
    molecules = [record.mol(source, sanitize=False) for record in sdf_records(cofactors) if record.text.strip()]
    added = list(_atom_lines(molecules, len(places), chain, source))
    return "\n".join([*lines[:last], *added, *lines[last:]]) + "\n"


def _free_chain(used: set[str]) -> str:
    for letter in string.ascii_uppercase + string.ascii_lowercase + string.digits:
        if letter not in used:
            return letter
    raise FeaturizationError(f"All {len(used)} letters of chains are used; a cofactor needs one of its own.")


def _atom_lines(molecules: list[Chem.Mol], n_before: int, chain: str, source: str) -> Iterator[str]:
    serial = n_before
    for residue, molecule in enumerate(molecules, start=1):
        if molecule.GetNumConformers() == 0:
            raise FeaturizationError(f"Record {residue} of '{source}' has no positions; a cofactor needs them.")
        for number, atom in enumerate(molecule.GetAtoms(), start=1):
            serial += 1
            x, y, z = molecule.GetConformer().GetAtomPosition(atom.GetIdx())
            if not -1_000 < min(x, y, z) <= max(x, y, z) < _LARGEST:
                raise FeaturizationError(
                    f"Record {residue} of '{source}' has an atom at {x:g}, {y:g}, {z:g} Å; from -999 to {_LARGEST - 1} is what "
                    "the columns of a PDB file hold."
                )
            symbol = atom.GetSymbol()
            name = f"{symbol}{number}"
            name = f" {name}" if len(symbol) == 1 and len(name) < 4 else name
            yield (
                f"HETATM{serial % _SERIALS:5d} {name[:4]:<4s} {RESIDUE} {chain}{residue:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
                f"{1.0:6.2f}{0.0:6.2f}          {symbol.upper():>2s}{_charge(atom.GetFormalCharge())}"
            )


def _charge(charge: int) -> str:
    return f"{abs(charge)}{'+' if charge > 0 else '-'}" if charge else "  "
