"""Atomization energies of QM9: what is left of an energy when those of the free atoms are taken off.

Total energies are almost a sum over elements, so that a network that learns them learns to count atoms. The free-atom
energies are those published with QM9 (its file atomref.txt), B3LYP/6-31G(2df,p), in hartree.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deepchem_density.tables.molecule_table import MoleculeTable

__all__ = ["ATOMIZATION_TASKS", "FREE_ATOMS", "with_atomization_energies"]

FREE_ATOMS: dict[str, dict[int, float]] = {
    "u0": {1: -0.500273, 6: -37.846772, 7: -54.583861, 8: -75.064579, 9: -99.718730},
    "u298": {1: -0.498857, 6: -37.845355, 7: -54.582445, 8: -75.063163, 9: -99.717314},
    "h298": {1: -0.497912, 6: -37.844411, 7: -54.581501, 8: -75.062219, 9: -99.716370},
    "g298": {1: -0.510927, 6: -37.861317, 7: -54.598897, 8: -75.079532, 9: -99.733544},
}
"""Energy of the free atom of each atomic number, in hartree."""

ATOMIZATION_TASKS: tuple[str, ...] = tuple(f"{task}_atom" for task in FREE_ATOMS)


def with_atomization_energies(table: MoleculeTable) -> MoleculeTable:
    """Return a table of QM9 with the columns u0_atom, u298_atom, h298_atom and g298_atom, in hartree.

    They are negative for bound molecules, as MoleculeNet's columns of the same names are (there in kcal/mol).

    Raises
    ------
    ValueError
        A molecule holds other elements than H, C, N, O and F, or a label is missing.
    """
    elements = table.elements
    unknown = sorted(set(elements) - set(FREE_ATOMS["u0"]))
    if unknown:
        raise ValueError(f"free-atom energies are known for H, C, N, O and F; atomic numbers {unknown} arrived")
    counts = table.element_counts(elements)
    energies = np.array([[atoms[z] for z in elements] for atoms in FREE_ATOMS.values()])
    bound = table.columns(list(FREE_ATOMS)) - counts @ energies.T
    return replace(
        table,
        labels=np.hstack([table.labels, bound]),
        tasks=(*table.tasks, *ATOMIZATION_TASKS),
        units={**table.units, **dict.fromkeys(ATOMIZATION_TASKS, "hartree")},
    )
