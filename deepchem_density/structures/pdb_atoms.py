"""The atoms of PDB files, parsed by gemmi after their lines were checked."""

from __future__ import annotations

from typing import Any

import gemmi
import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.structures.atom_records import AtomRecords
from deepchem_density.structures.pdb_lines import checked_pdb
from deepchem_density.structures.text_files import guarded

__all__ = ["pdb_atoms"]

_DEUTERIUM = 119
"""gemmi's place for D, after the last element."""

_DECIMALS = 4
"""gemmi keeps B factors and occupancies in float32; this is what is exact in them."""


def pdb_atoms(text: str, name: str, model: int) -> AtomRecords:
    r"""Return the atoms of one model of a PDB file.

    Parameters
    ----------
    text : str
        The file, lines ended by ``\n``.
    name : str
        What error messages call it.
    model : int
        Counted from 0.

    Raises
    ------
    FeaturizationError
        A line that cannot be read, no atoms, no such model.
    """
    checked = checked_pdb(text, name)
    with guarded(name, "a PDB file"):
        structure = gemmi.read_pdb_string(checked)
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise FeaturizationError(f"'{name}' holds no atoms; it begins with {text.lstrip()[:40]!r}.")
    if not 0 <= model < len(structure):
        raise FeaturizationError(
            f"'{name}' has {len(structure)} models; model={model} arrived, 0 to {len(structure) - 1} are accepted."
        )
    for i in reversed([i for i in range(len(structure)) if i != model]):
        del structure[i]
    flat: Any = gemmi.FlatStructure(structure)
    in_file = np.argsort(flat.serials, kind="stable")
    elements = flat.elements[in_file].astype(np.int64)
    elements[elements == _DEUTERIUM] = 1
    return AtomRecords(
        elements,
        flat.pos[in_file],
        _words(flat.atom_names[in_file]),
        _words(flat.residue_names[in_file]),
        _words(flat.chain_ids[in_file]),
        flat.resnums[in_file],
        flat.icodes[in_file],
        flat.altlocs[in_file],
        flat.occ[in_file].astype(np.float64).round(_DECIMALS),
        flat.b_iso[in_file].astype(np.float64).round(_DECIMALS),
        flat.charge[in_file].astype(np.int64),
        flat.het_flags[in_file] == ord("H"),
    )


def _words(characters: np.ndarray) -> np.ndarray:
    """Return words (n,) from gemmi's characters (n, 8)."""
    return np.ascontiguousarray(characters).view("S8").ravel()
