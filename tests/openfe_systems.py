"""Made-up systems in the layout of OpenFE's benchmarks: a peptide, some ligands, their affinities, and perhaps a cofactor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from complex_files import DISTANCE, embedded
from rdkit import Chem

from deepchem_density.tables.openfe_files import COFACTORS, LABELS, LIGANDS, PROTEIN, UNIT

FIRST, SECOND = "one_set/alpha", "other_set/beta"


def write_system(
    folder: Path,
    system: str,
    ligands: Mapping[str, str],
    energies: Mapping[str, float],
    sequence: str = "GS",
    cofactor: str = "",
) -> Path:
    """Write ligands (name -> SMILES) and affinities (name -> kcal/mol); a cofactor lies beyond the peptide."""
    place = folder / system
    place.mkdir(parents=True)
    Chem.MolToPDBFile(embedded(Chem.MolFromSequence(sequence), DISTANCE), str(place / PROTEIN))
    _write_sdf(place / LIGANDS, [(name, embedded(Chem.MolFromSmiles(smiles))) for name, smiles in ligands.items()])
    if cofactor:
        _write_sdf(place / COFACTORS, [("cofactor", embedded(Chem.MolFromSmiles(cofactor), -DISTANCE))])
    about = {"inchikey": "KEY", "reference": "https://doi.org/x"}
    labels = {name: {"dg": {"magnitude": value, "unit": UNIT}, **about} for name, value in energies.items()}
    (place / LABELS).write_text(json.dumps(labels))
    return place


def _write_sdf(path: Path, molecules: list[tuple[str, Chem.Mol]]) -> None:
    with Chem.SDWriter(str(path)) as writer:
        for name, mol in molecules:
            mol.SetProp("_Name", name)
            writer.write(mol)


def write_two_systems(folder: Path) -> Path:
    """Write a system of three ligands, one without an affinity, and one of two with a cofactor."""
    write_system(
        folder, FIRST, {"a": "CCO", "b (x/y)": "CCCN", "blank": "CC"}, {"a": -6.82, "b (x/y)": -1.364, "gone": -9.0}
    )
    write_system(folder, SECOND, {"a": "CO", "c": "CCC"}, {"a": -8.0, "c": -9.5}, "AK", cofactor="CC(=O)[O-]")
    return folder
