"""Reads molecules with RDKit: SMILES, SDF, mol, mol2 and xyz files; hands macromolecules' files on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem, rdBase

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.charges import Stated, charge_and_unpaired, settled
from deepchem_density.structures.conformers import check_parts_apart, embedded
from deepchem_density.structures.drawings import check_no_drawing
from deepchem_density.structures.implied_hydrogens import with_hydrogens, without_phantoms
from deepchem_density.structures.macromolecule import MACROMOLECULE_SUFFIXES, read_macromolecule
from deepchem_density.structures.mol2 import mol_from_mol2
from deepchem_density.structures.sdf import sdf_records
from deepchem_density.structures.structure import SHORTEST_IN_CRYSTALS, Structure, check_distances
from deepchem_density.structures.text_files import format_suffix, read_text
from deepchem_density.structures.xyz import mol_from_xyz

__all__ = ["MOLECULE_SUFFIXES", "mol_from", "structure_from"]

HYDROGENS = ("keep", "drop", "add")


def structure_from(
    datapoint: Any,
    charge: int | str | None = None,
    unpaired: int | None = None,
    conformer_seed: int = 0,
    optimize: bool = True,
    hydrogens: str = "keep",
    waters: bool = True,
    ions: bool = True,
) -> Structure:
    """Read one datapoint: a Structure, an RDKit Mol, a SMILES, or the path of a file.

    Files are .sdf, .sd, .mol, .mol2 and .xyz with one molecule, and those of `read_macromolecule`; each may also be
    gzipped (.gz). A Mol with a conformer and a file are taken as they come, hydrogens and positions, sanitized where RDKit
    can. A Mol without a conformer and a SMILES get hydrogens and a seeded, relaxed ETKDGv3 conformer, parts of salts side by
    side (`conformers.embedded` says how).

    Parameters
    ----------
    charge : int, "formal" or None
        Total charge. None follows the source: the formal charges of a SMILES, Mol, SDF, mol or PDB file, those of mol2 from its
        column where the charges are FORMAL_CHARGES and else from bonds (partial charges are never summed); 0 where the source
        has none, as in xyz files. A number is taken in any case, with a warning where it is another one. "formal" is None,
        and refuses what has no bonds. A Structure keeps its own.
    unpaired : int or None
        Number of unpaired electrons. None follows the source: its radical electrons, or none; for transition metals (Sc to Cu,
        Y to Ag, La to Au) it stays open, which those who solve a density refuse.
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
        No such setting of ``hydrogens``, or a charge or number of unpaired electrons that is no whole number.

    Warns
    -----
    UserWarning
        A charge or number of unpaired electrons that differs from what the source states.
    """
    if hydrogens not in HYDROGENS:
        raise ValueError(f"hydrogens={hydrogens!r} arrived; 'keep', 'drop' and 'add' are accepted.")
    if isinstance(datapoint, Structure):
        structure = datapoint
    elif isinstance(datapoint, (str, Path)) and format_suffix(datapoint) in MACROMOLECULE_SUFFIXES:
        structure = _macromolecule(datapoint, charge, unpaired, waters, ions)
    else:
        mol, name, is_smiles = _mol_from(datapoint)
        if mol.GetNumAtoms() == 0:
            called = f" in '{name}'" if name else ""
            raise FeaturizationError(f"A molecule without atoms arrived{called}; at least one atom is needed.")
        if mol.GetNumConformers() == 0:
            mol = embedded(mol, name, conformer_seed, optimize)
        else:
            check_no_drawing(mol, name)
            check_parts_apart(mol, name)
            mol = without_phantoms(mol)
            mol = with_hydrogens(mol, name) if hydrogens == "add" else mol
        structure = _from_conformer(mol, name, *charge_and_unpaired(mol, name, charge, unpaired, is_smiles))
        return structure.without_hydrogens() if hydrogens == "drop" else structure
    if hydrogens == "add":
        raise FeaturizationError(
            f"{structure.label} has no bonds to which hydrogens='add' could add; it is for SMILES, RDKit Mols, SDF and mol2 "
            "files. Pass hydrogens='keep', and protonate proteins with a program such as PDB2PQR or Reduce before."
        )
    return structure.without_hydrogens() if hydrogens == "drop" else structure


def mol_from(datapoint: Any) -> Chem.Mol:
    """Return the bonds of a molecule, from an RDKit Mol, a SMILES or a file, sanitized where RDKit can.

    Raises
    ------
    FeaturizationError
        With the reason and the remedy.
    """
    return _mol_from(datapoint)[0]


def _macromolecule(
    path: str | Path, charge: int | str | None, unpaired: int | None, waters: bool, ions: bool
) -> Structure:
    structure = read_macromolecule(path, waters=waters, ions=ions)
    check_distances(structure, SHORTEST_IN_CRYSTALS)
    formal = None if structure.formal_charges is None else int(structure.formal_charges.sum())
    total, electrons = settled(Stated(formal), structure.numbers.tolist(), structure.name, charge, unpaired)
    return replace(structure, charge=total, unpaired=electrons)


def _mol_from(datapoint: Any) -> tuple[Chem.Mol, str, bool]:
    """Return a molecule, with a conformer if the source has one, what messages call it, and whether a SMILES was given."""
    if isinstance(datapoint, Chem.Mol):
        return datapoint, datapoint.GetProp("_Name") if datapoint.HasProp("_Name") else "", False
    if isinstance(datapoint, (str, Path)) and "\0" in str(datapoint):
        raise FeaturizationError(f"{str(datapoint)!r} arrived; a SMILES or path without the character NUL is accepted.")
    if isinstance(datapoint, Path) or (isinstance(datapoint, str) and format_suffix(datapoint) in _READERS):
        return _read_file(Path(datapoint)), Path(datapoint).name, False
    if isinstance(datapoint, str):
        return _read_smiles(datapoint), datapoint, True
    raise FeaturizationError(
        f"A datapoint of type {type(datapoint).__name__} arrived; an RDKit Mol, a SMILES, the path of a file that ends in "
        f"{_ENDINGS}, or a Structure is accepted."
    )


def _from_conformer(mol: Chem.Mol, name: str, charge: int, unpaired: int) -> Structure:
    """Return the atoms of the first conformer."""
    atoms = list(mol.GetAtoms())
    charges = np.array([atom.GetFormalCharge() for atom in atoms])
    return Structure(
        np.array([atom.GetAtomicNum() for atom in atoms], dtype=np.int64),
        mol.GetConformer().GetPositions(),
        charge,
        unpaired,
        name,
        sum(atom.GetTotalNumHs() for atom in atoms if not atom.NeedsUpdatePropertyCache()),
        formal_charges=charges if charges.any() else None,
    )


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
    records = [record for record in sdf_records(text) if record.text.strip()]
    if len(records) != 1:
        raise FeaturizationError(
            f"'{name}' holds {len(records)} molecules; a file with one is accepted. Read it with rdkit.Chem.SDMolSupplier or "
            "deepchem's SDFLoader and pass the molecules."
        )
    return records[0].mol(name)


_READERS = {".mol": _read_sdf, ".mol2": mol_from_mol2, ".sd": _read_sdf, ".sdf": _read_sdf, ".xyz": mol_from_xyz}
_ENDINGS = ", ".join(sorted((*_READERS, *MACROMOLECULE_SUFFIXES)))
MOLECULE_SUFFIXES = tuple(_READERS)
"""Endings of the files of small molecules, each also with .gz."""
