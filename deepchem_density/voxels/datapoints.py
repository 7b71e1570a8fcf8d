"""A datapoint is a molecule, or a ligand with its protein and its density map: here one becomes a `Complex`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem
from scipy.spatial import cKDTree

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.field import Density
from deepchem_density.fields.map_readers import MAP_SUFFIXES, read_map
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.settings import Frozen, check_settings
from deepchem_density.structures.macromolecule import MACROMOLECULE_SUFFIXES, read_macromolecule
from deepchem_density.structures.readers import MOLECULE_SUFFIXES, structure_from
from deepchem_density.structures.structure import Structure
from deepchem_density.structures.text_files import format_suffix
from deepchem_density.voxels.settings import FileSettings, MapSettings, MoleculeSettings

__all__ = [
    "Complex",
    "Reading",
    "Row",
    "is_complex",
    "is_missing",
    "is_path",
    "is_surrounding",
    "lacks_positions",
    "located",
    "read_complex",
    "row_of",
    "surroundings",
]

FARTHEST_LIGAND = 8.0
"""Å; a protein without an atom this near to the ligand belongs to another complex, or stands in another frame."""

FILE_SUFFIXES = frozenset((*MOLECULE_SUFFIXES, *MACROMOLECULE_SUFFIXES, *MAP_SUFFIXES))

ORDER = "(ligand, protein), (ligand, protein, map) and (ligand, map) are accepted, with None for what there is not"


class Row(NamedTuple):
    """The sources of a datapoint in one order, paths absolute, None for what there is not."""

    ligand: Any
    protein: Any = None
    density_map: Any = None


@dataclass(unsafe_hash=True)
class Reading(Frozen, MapSettings, FileSettings, MoleculeSettings):
    """How a datapoint is read: from files, or made from SMILES; the arguments are those of the featurizers."""

    def check(self) -> None:
        """Refuse settings that no datapoint could satisfy.

        Raises
        ------
        ValueError
            Naming the argument, what arrived and what is accepted.
        """
        check_settings(self)
        if self.map_pattern:
            try:
                differ = self.map_pattern.format(id="a") != self.map_pattern.format(id="b")
            except (KeyError, IndexError, ValueError):
                differ = False
            if not differ:
                raise ValueError(
                    f"map_pattern={self.map_pattern!r} arrived; a path with {{id}} for the code of the ligand is accepted, for "
                    "instance 'maps/{id}.ccp4'."
                )

    def ligand(self, source: Any) -> Structure:
        """Read a molecule; the conformers made here are relaxed as far as `optimize` says."""
        made_here = isinstance(self.optimize, str) and lacks_positions(source)
        hydrogens = "keep" if made_here else self.hydrogens  # xTB needs them
        settings = (self.charge, self.unpaired, self.conformer_seed, bool(self.optimize), hydrogens)
        structure = structure_from(source, *settings, waters=self.waters, ions=self.ions)
        if not made_here:
            return structure
        from deepchem_density.fields.relaxation import relaxed  # ASE takes a third of a second to import

        structure = relaxed(structure, str(self.optimize))
        return structure.without_hydrogens() if self.hydrogens == "drop" else structure

    def protein(self, source: Any) -> Structure:
        """Read what surrounds a ligand; hydrogens are added to none.

        Raises
        ------
        FeaturizationError
            Waters or ions shall be left out of what is no file of a macromolecule.
        """
        hydrogens = "drop" if self.hydrogens == "drop" else "keep"
        if _suffix(source) in MACROMOLECULE_SUFFIXES:
            return read_macromolecule(source, waters=self.waters, ions=self.ions, hydrogens=hydrogens)
        structure = structure_from(source, hydrogens=hydrogens)
        if not (self.waters and self.ions):
            raise FeaturizationError(
                f"waters={self.waters} and ions={self.ions} arrived with {structure.label} as the protein, in which they cannot "
                f"be told; they are for files that end in {', '.join(MACROMOLECULE_SUFFIXES)}. Leave them out yourself, or "
                "pass the file."
            )
        return structure

    def density_map(self, source: Any) -> Density:
        """Read a map."""
        if isinstance(source, Density):
            return source
        return read_map(source, coefficients=self.map_coefficients, values=self.map_values, periodic=self.map_periodic)


@dataclass(frozen=True, eq=False)
class Complex:
    """A molecule, and what there is around it.

    Parameters
    ----------
    ligand : Structure
        The molecule on which boxes are centred.
    protein : Structure, optional
        What it is bound to.
    density_map : Density, optional
        The map in which both were seen.
    """

    ligand: Structure
    protein: Structure | None = None
    density_map: Density | None = field(default=None, repr=False)

    @property
    def label(self) -> str:
        """What error messages call it."""
        return self.ligand.label if self.protein is None else f"{self.ligand.label} in {self.protein.label}"


def is_complex(datapoint: Any) -> bool:
    """Return whether a datapoint is a ligand with something around it: a row of two or three."""
    return isinstance(datapoint, Complex) or (
        isinstance(datapoint, (tuple, list, np.ndarray)) and len(datapoint) in (2, 3)
    )


def is_surrounding(source: Any) -> bool:
    """Return whether something can only be a protein, a map, or the lack of one."""
    if isinstance(source, Structure):
        return source.residues is not None
    if isinstance(source, Chem.Mol):
        return source.GetNumAtoms() > 0 and source.GetAtomWithIdx(0).GetPDBResidueInfo() is not None
    return is_missing(source) or _is_map(source) or _suffix(source) in MACROMOLECULE_SUFFIXES


def row_of(datapoint: Any, reading: Reading) -> Row:
    """Bring a datapoint in order: which is the ligand, absolute paths, and the map that a pattern names.

    A row of two is (ligand, protein) in this order or the other, or (ligand, map) if the second ends like a map; a row of
    three has its map last. Which of two is the protein is told by the ending where both are files, .pdb, .ent, .cif or
    .mmcif, and where that does not tell, by the number of heavy atoms. None, "" and NaN stand for what there is not.

    Raises
    ------
    FeaturizationError
        No ligand, a map in the wrong place, or a ligand without a name where a pattern needs one.
    """
    if isinstance(datapoint, Complex):
        return Row(datapoint.ligand, datapoint.protein, datapoint.density_map)
    parts = list(datapoint) if is_complex(datapoint) else [datapoint]
    ligand, protein, source = ([None if is_missing(part) else _absolute(part) for part in parts] + [None, None])[:3]
    if len(parts) == 2 and _is_map(protein):
        protein, source = None, protein
    if _is_map(ligand) or _is_map(protein):
        raise FeaturizationError(
            f"The map {_shown(ligand if _is_map(ligand) else protein)} is in the wrong place; {ORDER}."
        )
    if ligand is None and not is_surrounding(protein):
        ligand, protein = protein, None
    if ligand is None:
        raise FeaturizationError(f"A datapoint without a ligand arrived; {ORDER}.")
    if protein is not None and _is_swapped(ligand, protein):
        ligand, protein = protein, ligand
    if source is None and reading.map_pattern:
        source = Path(reading.map_pattern.format(id=_code(ligand))).absolute()
    return Row(ligand, protein, source)


def located(datapoint: Any, reading: Reading) -> Any:
    """Return a datapoint that means the same in every process: absolute paths, and the map that a pattern names."""
    if isinstance(datapoint, Complex) or (isinstance(datapoint, Structure) and not reading.map_pattern):
        return datapoint
    try:
        row = row_of(datapoint, reading)
    except FeaturizationError:
        return datapoint  # whoever reads it meets the same error
    return row.ligand if row.protein is None and row.density_map is None else tuple(row)


def surroundings(datapoint: Any, reading: Reading) -> tuple[bool, bool]:
    """Return whether a datapoint has a protein and a map, without reading anything."""
    if isinstance(datapoint, Complex):
        return datapoint.protein is not None, datapoint.density_map is not None
    parts = list(datapoint) if is_complex(datapoint) else [datapoint]
    maps = [not is_missing(part) and (place == 2 or _is_map(part)) for place, part in enumerate(parts)]
    others = sum(not is_missing(part) for part in parts) - sum(maps)
    return others > 1, any(maps) or bool(reading.map_pattern)


def read_complex(datapoint: Any, reading: Reading) -> Complex:
    """Read a datapoint: a molecule, or a row as `row_of` takes it.

    Raises
    ------
    FeaturizationError
        With the reason and the remedy: also for a ligand without positions beside a protein or a map, and for a protein that
        has no atom within 8 Å of the ligand.
    """
    if isinstance(datapoint, Complex):
        return datapoint
    if isinstance(datapoint, Structure) and not reading.map_pattern:
        return Complex(reading.ligand(datapoint))
    row = row_of(datapoint, reading)
    if (row.protein is not None or row.density_map is not None) and lacks_positions(row.ligand):
        raise FeaturizationError(
            f"The ligand {_shown(row.ligand)} has no positions, so its place in the protein or map is not known; pass its pose: "
            "an SDF or mol2 file, or a Mol with a conformer."
        )
    ligand = reading.ligand(row.ligand)
    protein = None if row.protein is None else reading.protein(row.protein)
    if protein is not None:
        _check_near(ligand, protein)
    return Complex(ligand, protein, None if row.density_map is None else reading.density_map(row.density_map))


def is_missing(source: Any) -> bool:
    """Return whether there is nothing: None, an empty cell of a table, or NaN."""
    return (
        source is None
        or (isinstance(source, str) and not source.strip())
        or (isinstance(source, float) and source != source)
    )


def _suffix(source: Any) -> str:
    """Return the ending of a path in small letters, without .gz; nothing for what is no path."""
    return format_suffix(source) if isinstance(source, (str, Path)) else ""


def _is_map(source: Any) -> bool:
    return isinstance(source, Density) or _suffix(source) in MAP_SUFFIXES


def is_path(source: Any) -> bool:
    """Return whether something is meant as a path, and not as SMILES."""
    return isinstance(source, Path) or _suffix(source) in FILE_SUFFIXES


def _absolute(source: Any) -> Any:
    """Return a path as it is seen from everywhere: workers stay in the folder in which they were started."""
    return Path(source).absolute() if is_path(source) else source


def _is_swapped(first: Any, second: Any) -> bool:
    """Return whether the first of two is the protein."""
    files = [isinstance(part, Path) for part in (first, second)]
    macromolecules = [_suffix(part) in MACROMOLECULE_SUFFIXES for part in (first, second)]
    if all(files) and macromolecules[0] != macromolecules[1]:
        return macromolecules[0]
    if lacks_positions(first) or lacks_positions(second):
        return lacks_positions(second)
    heavy = [int((structure_from(part).numbers > 1).sum()) for part in (first, second)]
    return heavy[0] > heavy[1]


def lacks_positions(source: Any) -> bool:
    """Return whether a molecule comes without a conformer: a SMILES, or an RDKit Mol that has none."""
    return (isinstance(source, str) and not is_path(source)) or (
        isinstance(source, Chem.Mol) and not source.GetNumConformers()
    )


def _check_near(ligand: Structure, protein: Structure) -> None:
    if (np.linalg.norm(protein.positions - ligand.positions[0], axis=1) <= FARTHEST_LIGAND).any():
        return  # so it is with nearly all, and a tree takes ten times as long to say it
    distance = float(cKDTree(ligand.positions).query(protein.positions)[0].min())
    if distance > FARTHEST_LIGAND:
        raise FeaturizationError(
            f"The nearest atom of {protein.label} is {distance:.1f} Å away from {ligand.label}, at most {FARTHEST_LIGAND:g} Å "
            "are accepted; pass files of the same complex in the same frame."
        )


def _code(ligand: Any) -> str:
    """Return the code in a ligand's name, "4llx" for .../4llx/4llx_ligand.sdf."""
    name = ligand.name if isinstance(ligand, (Structure, Path)) else ""
    if isinstance(ligand, Chem.Mol) and ligand.HasProp("_Name"):
        name = ligand.GetProp("_Name")
    code = name.split(".")[0].split("_")[0]
    if not code:
        raise FeaturizationError(
            f"The ligand {_shown(ligand)} has no name, which map_pattern needs; pass its map, a file, or a Mol with the "
            "property _Name."
        )
    return code


def _shown(source: Any) -> str:
    """Return what error messages call a source."""
    if isinstance(source, Path):
        return f"'{source.name}'"
    if isinstance(source, (Structure, GriddedDensity)):
        return source.label
    return f"'{Chem.MolToSmiles(source)}'" if isinstance(source, Chem.Mol) else f"'{source}'"
