"""A datapoint is a molecule, or a ligand with its protein and its density map: here one becomes a :class:`Complex`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields import Density
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.macromolecule import MACROMOLECULE_SUFFIXES, read_macromolecule
from deepchem_density.map_readers import MAP_SUFFIXES, read_map
from deepchem_density.readers import structure_from
from deepchem_density.structure import Structure

__all__ = ["Complex", "Reading", "fingerprint", "is_complex", "is_surrounding", "read_complex"]


@dataclass(frozen=True)
class Reading:
    """How a datapoint is read; the arguments are those of the featurizers, where they are documented."""

    charge: int | str = 0
    unpaired: int = 0
    conformer_seed: int = 0
    optimize: bool = True
    hydrogens: str = "keep"
    waters: bool = True
    ions: bool = True
    map_pattern: str = ""
    map_coefficients: tuple[str, str] | None = None
    map_values: str = "sigma"

    def check(self) -> None:
        """Refuse settings that no datapoint could satisfy."""
        for name, accepted in (("hydrogens", ("keep", "drop", "add")), ("map_values", ("sigma", "file"))):
            if getattr(self, name) not in accepted:
                choices = ", ".join(map(repr, accepted))
                raise ValueError(f"{name}={getattr(self, name)!r} arrived; {choices} are accepted.")

    def ligand(self, source: Any) -> Structure:
        """Read a molecule."""
        return structure_from(
            source, self.charge, self.unpaired, self.conformer_seed, self.optimize, hydrogens=self.hydrogens
        )

    def protein(self, source: Any) -> Structure:
        """Read a macromolecule; hydrogens are added to none."""
        if _suffix(source) in MACROMOLECULE_SUFFIXES:
            hydrogens = "drop" if self.hydrogens == "drop" else "keep"
            return read_macromolecule(source, waters=self.waters, ions=self.ions, hydrogens=hydrogens)
        return structure_from(source, hydrogens="drop" if self.hydrogens == "drop" else "keep")

    def density_map(self, source: Any) -> Density:
        """Read a map."""
        if isinstance(source, Density):
            return source
        return read_map(source, coefficients=self.map_coefficients, values=self.map_values)


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
    return source is None or _is_map(source) or _suffix(source) in MACROMOLECULE_SUFFIXES


def read_complex(datapoint: Any, reading: Reading) -> Complex:
    """Read a datapoint: a molecule, (ligand, protein), (protein, ligand), (ligand, protein, map) or (ligand, map).

    Which of two is the protein is told by the ending of the file, .pdb, .ent, .cif or .mmcif, and where that does not tell,
    by the number of atoms. The third of three is the map, and of two one whose ending is that of maps only; None stands for
    what there is not.

    Raises
    ------
    FeaturizationError
        With the reason and the remedy.
    """
    if isinstance(datapoint, Complex):
        return datapoint
    if not is_complex(datapoint):
        ligand, protein, source = datapoint, None, None
    elif len(datapoint) == 3:
        ligand, protein, source = datapoint
    elif _is_map(datapoint[1]):
        (ligand, source), protein = datapoint, None
    else:
        (ligand, protein), source = datapoint, None
    if ligand is None:
        raise FeaturizationError("A complex without a ligand arrived; (ligand, protein[, map]) is accepted.")
    if source is None and reading.map_pattern:
        source = reading.map_pattern.format(id=_id(ligand))
    first, second = _in_order(ligand, protein, reading)
    return Complex(first, second, None if source is None else reading.density_map(source))


def _in_order(ligand: Any, protein: Any, reading: Reading) -> tuple[Structure, Structure | None]:
    """Read both, the ligand first."""
    if protein is None:
        return reading.ligand(ligand), None
    if _suffix(ligand) in MACROMOLECULE_SUFFIXES and _suffix(protein) not in MACROMOLECULE_SUFFIXES:
        ligand, protein = protein, ligand
    elif (_suffix(ligand) in MACROMOLECULE_SUFFIXES) == (_suffix(protein) in MACROMOLECULE_SUFFIXES):
        atoms = [len(structure_from(part).numbers) for part in (ligand, protein)]
        if atoms[0] > atoms[1]:
            ligand, protein = protein, ligand
    return reading.ligand(ligand), reading.protein(protein)


def fingerprint(datapoint: Any) -> bytes:
    """Return a digest of all that a datapoint holds, the content of its files included."""
    if isinstance(datapoint, Complex):
        datapoint = (datapoint.ligand, datapoint.protein, datapoint.density_map)
    if isinstance(datapoint, (tuple, list, np.ndarray)):
        content = b"".join(fingerprint(part) for part in datapoint)
    elif isinstance(datapoint, (str, Path)):
        path = Path(datapoint)
        content = path.read_bytes() if path.is_file() else str(datapoint).encode()
    else:
        content = b"".join(np.ascontiguousarray(values).tobytes() for values in _content(datapoint))
    return hashlib.sha256(content).digest()


def _content(datapoint: Any) -> list[Any]:
    """Return the arrays that make up what was read already."""
    if datapoint is None:
        return []
    if isinstance(datapoint, Structure):
        arrays = [getattr(datapoint, name) for name in ("b_iso", "site_occupancy", "formal_charges", "residues")]
        about = [datapoint.charge, datapoint.unpaired, *(values is None for values in arrays)]
        return [about, datapoint.numbers, datapoint.positions, *(values for values in arrays if values is not None)]
    if isinstance(datapoint, GriddedDensity):
        return [datapoint.periodic, datapoint.values, datapoint.origin, datapoint.steps]
    if isinstance(datapoint, Chem.Mol):
        return [np.frombuffer(datapoint.ToBinary(Chem.PropertyPickleOptions.AllProps), dtype=np.uint8)]
    raise TypeError(f"a {type(datapoint).__name__} has no content that could be told from others")


def _suffix(source: Any) -> str:
    """Return the ending of a path in small letters, without .gz; nothing for what is no path."""
    if not isinstance(source, (str, Path)):
        return ""
    return Path(str(source).lower().removesuffix(".gz")).suffix


def _is_map(source: Any) -> bool:
    return isinstance(source, Density) or _suffix(source) in MAP_SUFFIXES


def _id(ligand: Any) -> str:
    """Return the code in a ligand's name, "4llx" for .../4llx/4llx_ligand.sdf."""
    name = ligand.GetProp("_Name") if isinstance(ligand, Chem.Mol) and ligand.HasProp("_Name") else ""
    if isinstance(ligand, Structure):
        name = ligand.name
    elif isinstance(ligand, (str, Path)):
        name = Path(ligand).name
    return name.split(".")[0].split("_")[0]
