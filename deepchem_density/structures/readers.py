"""Reads molecules with RDKit: SMILES, SDF, mol, mol2 and xyz files; hands macromolecules' files on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.macromolecule import MACROMOLECULE_SUFFIXES, read_macromolecule
from deepchem_density.structures.mol2 import mol_from_mol2
from deepchem_density.structures.sdf import mol_of_record, sdf_records
from deepchem_density.structures.structure import Structure
from deepchem_density.structures.text_files import format_suffix, read_text

__all__ = ["MOLECULE_SUFFIXES", "structure_from"]

HYDROGENS = ("keep", "drop", "add")

_STRETCHED = 0.05
"""Drawings have bonds that are longer or shorter than those of molecules, by this much at least."""


def structure_from(
    datapoint: Any,
    charge: int | str = 0,
    unpaired: int = 0,
    conformer_seed: int = 0,
    optimize: bool = True,
    hydrogens: str = "keep",
    waters: bool = True,
    ions: bool = True,
) -> Structure:
    """Read one datapoint: a Structure, an RDKit Mol, a SMILES, or the path of a file.

    Files are .sdf, .sd, .mol, .mol2 and .xyz with one molecule, and those of `read_macromolecule`; each may also be
    gzipped (.gz). A Mol with a conformer and a file are taken as they come, hydrogens and positions, sanitized where RDKit
    can. A Mol without a conformer and a SMILES get hydrogens and a seeded ETKDGv3 conformer (from random coordinates where
    the usual start finds none), relaxed with MMFF94.

    Parameters
    ----------
    charge : int or "formal"
        Total charge; "formal" takes the sum of the formal charges, which is wrong for molecules whose bonds were guessed
        from positions (as in QM9). A Structure keeps its own.
    unpaired : int
        Number of unpaired electrons.
    conformer_seed : int
        Seed of the embedding.
    optimize : bool
        Relax the embedded conformer.
    hydrogens : {"keep", "drop", "add"}
        Keep the hydrogens that come with positions; drop them, then counted as implicit ones; or add those that are
        implied, where RDKit places them.
    waters, ions : bool
        Keep those of a macromolecule's file.

    Returns
    -------
    Structure
        ``formal_charges`` are those of the bonds (SDF, SMILES, mol2) or of the file (PDB, mmCIF), None where all are 0.

    Raises
    ------
    FeaturizationError
        With the reason and the remedy.
    ValueError
        No such setting of ``hydrogens``.
    """
    if hydrogens not in HYDROGENS:
        raise ValueError(f"hydrogens={hydrogens!r} arrived; 'keep', 'drop' and 'add' are accepted.")
    if isinstance(datapoint, (str, Path)) and format_suffix(datapoint) in MACROMOLECULE_SUFFIXES:
        structure = read_macromolecule(datapoint, waters=waters, ions=ions)
        formal = 0 if structure.formal_charges is None else int(structure.formal_charges.sum())
        structure = replace(structure, charge=formal if charge == "formal" else int(charge), unpaired=unpaired)
    elif isinstance(datapoint, Structure):
        structure = datapoint
    else:
        mol, name = _mol_from(datapoint)
        if mol.GetNumAtoms() == 0:
            raise FeaturizationError("A molecule without atoms arrived; at least one atom is needed.")
        if mol.GetNumConformers() == 0:
            mol = _embedded(mol, name, conformer_seed, optimize)
        elif hydrogens == "add":
            mol = _with_hydrogens(mol, name)
        structure = _from_conformer(mol, name, charge, unpaired)
        return structure.without_hydrogens() if hydrogens == "drop" else structure
    if hydrogens == "add":
        raise FeaturizationError(
            f"{structure.label} has no bonds to which hydrogens='add' could add; it is for SMILES, RDKit Mols, SDF and mol2 "
            "files. Pass hydrogens='keep', and protonate proteins with a program such as PDB2PQR or Reduce before."
        )
    return structure.without_hydrogens() if hydrogens == "drop" else structure


def _mol_from(datapoint: Any) -> tuple[Chem.Mol, str]:
    """Return a molecule, with a conformer if the source has one, and what error messages call it."""
    if isinstance(datapoint, Chem.Mol):
        return datapoint, datapoint.GetProp("_Name") if datapoint.HasProp("_Name") else ""
    if isinstance(datapoint, Path) or (isinstance(datapoint, str) and format_suffix(datapoint) in _READERS):
        return _read_file(Path(datapoint)), Path(datapoint).name
    if isinstance(datapoint, str):
        return _read_smiles(datapoint), datapoint
    raise FeaturizationError(
        f"A datapoint of type {type(datapoint).__name__} arrived; an RDKit Mol, a SMILES, the path of a file that ends in "
        f"{_ENDINGS}, or a Structure is accepted."
    )


def _from_conformer(mol: Chem.Mol, name: str, charge: int | str, unpaired: int) -> Structure:
    """Return the atoms of the first conformer."""
    atoms = list(mol.GetAtoms())
    charges = np.array([atom.GetFormalCharge() for atom in atoms])
    total = _formal_charge(mol, name, charges) if charge == "formal" else int(charge)
    conformer = mol.GetConformer()
    structure = Structure(
        np.array([atom.GetAtomicNum() for atom in atoms], dtype=np.int64),
        conformer.GetPositions(),
        total,
        unpaired,
        name,
        sum(atom.GetTotalNumHs() for atom in atoms if not atom.NeedsUpdatePropertyCache()),
        formal_charges=charges if charges.any() else None,
    )
    if not conformer.Is3D() and not structure.positions[:, 2].any() and _cannot_be_flat(mol, structure):
        raise FeaturizationError(
            f"{structure.label} is a flat drawing (all z = 0 around a tetrahedral atom, or bonds that are too long); generate "
            "a conformer with rdkit.Chem.AllChem.EmbedMolecule, or pass the SMILES."
        )
    return structure


def _formal_charge(mol: Chem.Mol, name: str, charges: np.ndarray) -> int:
    """Return the sum of formal charges where the source tells them."""
    if len(charges) > 1 and mol.GetNumBonds() == 0 and not charges.any():
        raise FeaturizationError(
            f"'{name or 'A molecule'}' has no bonds, which formal charges need; pass its total charge as a number, charge=0 for "
            "instance."
        )
    # RDKit infers the charges of mol2 files from bonds and types, and leaves electrons over where these do not go together
    if any(atom.GetNumRadicalElectrons() and atom.HasProp("_TriposAtomType") for atom in mol.GetAtoms()):
        raise FeaturizationError(
            f"The bonds and types of '{name}' leave an electron over, so its formal charges are not known; pass its total "
            "charge as a number, or an SDF file."
        )
    return int(charges.sum())


def _cannot_be_flat(mol: Chem.Mol, structure: Structure) -> bool:
    atoms = list(mol.GetAtoms())
    if any(atom.GetDegree() + atom.GetNumExplicitHs() >= 4 for atom in atoms):
        return True
    if structure.implicit_hydrogens == 0 or len(atoms) <= 3:
        return False
    if any(atom.GetTotalDegree() >= 4 and atom.GetDegree() >= 2 for atom in atoms):
        return True
    try:
        whole = Chem.Mol(mol)
        Chem.SanitizeMol(whole)
    except ValueError:  # RDKit's MolSanitizeException is one
        return True
    # lower bounds below the diagonal, upper ones above it
    bounds = rdDistGeom.GetMoleculeBoundsMatrix(whole)
    first, second = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]).T
    expected = (bounds[first, second] + bounds[second, first]) / 2
    lengths = np.linalg.norm(structure.positions[first] - structure.positions[second], axis=1)
    return bool(np.abs(lengths / expected - 1).mean() > _STRETCHED)


def _with_hydrogens(mol: Chem.Mol, name: str) -> Chem.Mol:
    """Return the molecule with the hydrogens that its bonds imply, placed by RDKit."""
    whole = Chem.Mol(mol)
    try:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(whole)
        reason = "it has no bonds" if whole.GetNumAtoms() > 1 and whole.GetNumBonds() == 0 else ""
    except ValueError as error:  # RDKit's MolSanitizeException is one
        reason = str(error).strip().rstrip(".")
    if reason:
        raise FeaturizationError(
            f"Hydrogens cannot be added to '{name or 'a molecule'}' ({reason}); correct its bonds and charges, or pass "
            "hydrogens='keep'."
        )
    return Chem.AddHs(whole, addCoords=True)


def _embedded(mol: Chem.Mol, name: str, seed: int, optimize: bool) -> Chem.Mol:
    """Return the molecule with hydrogens and a conformer."""
    shown = name or Chem.MolToSmiles(mol)
    full = Chem.AddHs(mol)
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed  # type: ignore[assignment]
    with rdBase.BlockLogs():
        found = rdDistGeom.EmbedMolecule(full, parameters)
        if found != 0:  # as RDKit advises for cages and other crowded molecules
            parameters.useRandomCoords = True  # type: ignore[assignment]
            found = rdDistGeom.EmbedMolecule(full, parameters)
        if found != 0:
            raise FeaturizationError(
                f"RDKit's ETKDGv3 found no conformer for '{shown}' with seed {seed}; pass another conformer_seed, or a Mol "
                "with a conformer of your own."
            )
        if optimize:
            if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(full):
                raise FeaturizationError(
                    f"MMFF94 has no parameters for '{shown}'; pass optimize=False to take the ETKDGv3 conformer as it is, or "
                    "a Mol with a conformer of your own."
                )
            rdForceFieldHelpers.MMFFOptimizeMolecule(full, maxIters=1000)
    return full


def _read_smiles(smiles: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise FeaturizationError(
            f"RDKit cannot read '{smiles}' as SMILES; correct it, or pass a path that ends in {_ENDINGS}."
        )
    return mol


def _read_file(path: Path) -> Chem.Mol:
    reader = _READERS.get(format_suffix(path))
    if reader is None:
        raise FeaturizationError(f"'{path.name}' ends in '{path.suffix}'; files that end in {_ENDINGS} are read.")
    return reader(read_text(path), path.name)


def _read_sdf(text: str, name: str) -> Chem.Mol:
    """Return the only record, sanitized where RDKit can, as it is otherwise."""
    records = [record for record in sdf_records(text) if record.strip()]
    if len(records) != 1:
        raise FeaturizationError(
            f"'{name}' holds {len(records)} molecules; a file with one is accepted. Read it with rdkit.Chem.SDMolSupplier or "
            "deepchem's SDFLoader and pass the molecules."
        )
    mol = mol_of_record(records[0])
    if mol is None:
        raise FeaturizationError(
            f"RDKit cannot read '{name}' as an SDF or mol file; its counts, atoms or bonds are broken."
        )
    return mol


def _read_xyz(text: str, name: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        mol = Chem.MolFromXYZBlock(text)
    if mol is None:
        raise FeaturizationError(
            f"RDKit cannot read '{name}' as xyz; a line with the number of atoms, a comment, then 'symbol x y z' in Å for each "
            "atom is accepted."
        )
    return mol


_READERS = {".mol": _read_sdf, ".mol2": mol_from_mol2, ".sd": _read_sdf, ".sdf": _read_sdf, ".xyz": _read_xyz}
_ENDINGS = ", ".join(sorted((*_READERS, *MACROMOLECULE_SUFFIXES)))
MOLECULE_SUFFIXES = tuple(_READERS)
"""Endings of the files of small molecules, each also with .gz."""
