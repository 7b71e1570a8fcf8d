"""Small complexes written as files: a peptide as the protein, and a ligand some ångströms away from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

DISTANCE = 7.0


def embedded(mol: Chem.Mol, shift: float = 0.0) -> Chem.Mol:
    """Return the molecule with hydrogens and a conformer, its mean position on the x axis."""
    full = Chem.AddHs(mol, addResidueInfo=mol.GetAtomWithIdx(0).GetPDBResidueInfo() is not None)
    assert AllChem.EmbedMolecule(full, randomSeed=1, useRandomCoords=True) == 0
    positions = full.GetConformer().GetPositions()
    full.GetConformer().SetPositions(positions - positions.mean(axis=0) + [shift, 0, 0])
    return full


def write_complex(folder: Path, code: str, smiles: str = "CCO", sequence: str = "GS") -> tuple[str, str]:
    """Write <folder>/<code>/<code>_ligand.sdf and _pocket.pdb and return their paths."""
    place = folder / code
    place.mkdir(parents=True, exist_ok=True)
    ligand, pocket = place / f"{code}_ligand.sdf", place / f"{code}_pocket.pdb"
    mol = embedded(Chem.MolFromSmiles(smiles))
    mol.SetProp("_Name", code)
    with Chem.SDWriter(str(ligand)) as writer:
        writer.write(mol)
    Chem.MolToPDBFile(embedded(Chem.MolFromSequence(sequence), DISTANCE), str(pocket))
    return str(ligand), str(pocket)


def heavy_atoms(smiles: str) -> int:
    return Chem.MolFromSmiles(smiles).GetNumAtoms()


def center(ligand: str) -> np.ndarray:
    return next(iter(Chem.SDMolSupplier(ligand, removeHs=False))).GetConformer().GetPositions().mean(axis=0)
