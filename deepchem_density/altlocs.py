"""Which of the alternative locations in a crystal structure are taken: one conformer of each residue."""

from __future__ import annotations

import numpy as np

__all__ = ["one_conformer"]


def one_conformer(
    places: np.ndarray, residue_names: np.ndarray, names: np.ndarray, altlocs: np.ndarray, occupancy: np.ndarray
) -> np.ndarray:
    """Return a mask (n_atoms,) of the atoms of one conformer of each residue.

    Conformers are taken from the highest mean occupancy down (blank, then alphabetical on a tie), each unless it shares an
    atom with one taken before. Where several residues are alternatives for one place in the chain (point mutations), the
    one of highest mean occupancy is taken, the first on a tie.

    Parameters
    ----------
    places : np.ndarray
        Ascending number of the place in the chain (residue number and insertion code) of each atom, (n_atoms,).
    residue_names, names : np.ndarray
        Names of each atom's residue and of the atom itself, (n_atoms,).
    altlocs : np.ndarray
        Character code of the alternative location, 0 for none, (n_atoms,).
    occupancy : np.ndarray
        (n_atoms,).
    """
    kept = np.ones(len(places), dtype=bool)
    for place in np.unique(places[altlocs != 0]):
        at = np.arange(*np.searchsorted(places, (place, place + 1)))
        by_residue = {name: at[residue_names[at] == name] for name in dict.fromkeys(residue_names[at])}
        if all(altlocs[residue].any() for residue in by_residue.values()):
            best = max(by_residue.values(), key=lambda residue: occupancy[residue].mean())
            kept[np.setdiff1d(at, best)] = False
            by_residue = {residue_names[best[0]]: best}
        for residue in by_residue.values():
            kept[residue] = _one_of_each(names[residue], altlocs[residue], occupancy[residue])
    return kept


def _one_of_each(names: np.ndarray, altlocs: np.ndarray, occupancy: np.ndarray) -> np.ndarray:
    """Return a mask of the atoms of one residue, without two alternatives of any."""
    contested = np.isin(names, names[altlocs != 0])
    conformers = [contested & (altlocs == label) for label in np.unique(altlocs[contested])]
    kept = ~contested
    taken: set[bytes] = set()
    for conformer in sorted(conformers, key=lambda conformer: -occupancy[conformer].mean()):
        if taken.isdisjoint(names[conformer]):
            taken.update(names[conformer])
            kept |= conformer
    return kept
