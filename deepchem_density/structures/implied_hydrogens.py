"""Hydrogens that bonds imply and positions lack: added where they are, taken back where bonds were guessed wrongly."""

from __future__ import annotations

import numpy as np
from rdkit import Chem, rdBase

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.missing_hydrogens import carbons_with_room

__all__ = ["with_hydrogens", "without_phantoms"]

_H, _C = 1, 6


def without_phantoms(mol: Chem.Mol) -> Chem.Mol:
    """Take back the hydrogens that RDKit implies on carbons without room for them, where other carbons have theirs.

    Programs that guess bonds from positions miss double bonds; in QM9's SDF four records of a thousand seem to lack one
    hydrogen for that. What stands for it is a radical electron.
    """
    atoms = list(mol.GetAtoms())
    implied = [a.GetIdx() for a in atoms if _is_carbon(a) and not a.NeedsUpdatePropertyCache() and a.GetTotalNumHs()]
    if not implied or not any(_H in {near.GetAtomicNum() for near in a.GetNeighbors()} for a in atoms if _is_carbon(a)):
        return mol
    phantoms = set(implied).difference(_with_room(mol))
    if not phantoms:
        return mol
    whole = Chem.Mol(mol)
    for atom in map(whole.GetAtomWithIdx, phantoms):
        atom.SetNumRadicalElectrons(atom.GetNumRadicalElectrons() + atom.GetTotalNumHs())
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(True)
        atom.UpdatePropertyCache(strict=False)
    return whole


def with_hydrogens(mol: Chem.Mol, name: str) -> Chem.Mol:
    """Return a molecule with a conformer with the hydrogens that its bonds imply, placed by RDKit.

    Raises
    ------
    FeaturizationError
        Bonds that RDKit cannot make sense of, or none; or a carbon of a mol2 file that may or may not lack one.
    """
    whole = Chem.Mol(mol)
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(whole)
        reason = "it has no bonds" if whole.GetNumAtoms() > 1 and whole.GetNumBonds() == 0 else ""
        if _leaves_room(whole):
            reason = "a carbon is an ion or a radical, or lacks a hydrogen, which its bonds do not tell"
    except ValueError as error:  # RDKit's MolSanitizeException is one
        reason = str(error).strip().rstrip(".")
    if reason:
        raise FeaturizationError(
            f"Hydrogens cannot be added to '{name or 'a molecule'}' ({reason}); correct its bonds and charges, or pass "
            "hydrogens='keep'."
        )
    return Chem.AddHs(whole, addCoords=True)


def _leaves_room(mol: Chem.Mol) -> bool:
    """Return whether a mol2 file, which is to hold all hydrogens, leaves a carbon with an electron over and room for one."""
    odd = [a.GetIdx() for a in mol.GetAtoms() if a.GetNumRadicalElectrons() and a.HasProp("_TriposAtomType")]
    if not odd:
        return False
    return bool(np.isin(odd, _with_room(mol)).any())


def _is_carbon(atom: Chem.Atom) -> bool:
    return atom.GetAtomicNum() == _C


def _with_room(mol: Chem.Mol) -> list[int]:
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    return carbons_with_room(numbers, mol.GetConformer().GetPositions()).tolist()
