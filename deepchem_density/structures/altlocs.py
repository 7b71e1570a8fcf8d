"""Which of the alternative locations in a crystal structure are taken, and how much of an atom is there then."""

from __future__ import annotations

import numpy as np

__all__ = ["occupancy_with_alternatives", "one_conformer"]


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
        at = _at(places, place)
        by_residue = {name: at[residue_names[at] == name] for name in dict.fromkeys(residue_names[at])}
        if all(altlocs[residue].any() for residue in by_residue.values()):
            best = max(by_residue.values(), key=lambda residue: occupancy[residue].mean())
            kept[np.setdiff1d(at, best)] = False
            by_residue = {residue_names[best[0]]: best}
        for residue in by_residue.values():
            kept[residue] = _one_of_each(names[residue], altlocs[residue], occupancy[residue])
    return kept


def occupancy_with_alternatives(
    kept: np.ndarray,
    places: np.ndarray,
    residue_names: np.ndarray,
    names: np.ndarray,
    altlocs: np.ndarray,
    occupancy: np.ndarray,
) -> np.ndarray:
    """Return occupancies (n_atoms,) in which the atoms that are kept stand for those that are not.

    To the occupancy of an atom is added, from each conformer that was left out in favour of its own, that of the atom of the
    same name or, where there is none, the conformer's mean; the sum is at most 1. Atoms without a label that have no
    alternative by name keep their occupancy, and so do labelled ones in whose favour nothing was left out.

    Parameters
    ----------
    kept : np.ndarray
        Mask (n_atoms,) of the atoms that are kept, from `one_conformer`.
    places, residue_names, names, altlocs, occupancy : np.ndarray
        As there.
    """
    summed = occupancy.astype(np.float64)
    for place in np.unique(places[~kept]):
        at = _at(places, place)
        left_out = at[~kept[at]]
        for key in dict.fromkeys(zip(residue_names[left_out], altlocs[left_out], strict=True)):
            conformer = left_out[(residue_names[left_out] == key[0]) & (altlocs[left_out] == key[1])]
            _add(summed, conformer, at[kept[at]], residue_names, names, altlocs, occupancy)
    return np.maximum(occupancy, np.minimum(summed, 1.0))


def _add(
    summed: np.ndarray,
    conformer: np.ndarray,
    staying: np.ndarray,
    residue_names: np.ndarray,
    names: np.ndarray,
    altlocs: np.ndarray,
    occupancy: np.ndarray,
) -> None:
    """Add the occupancies of a conformer that was left out to those atoms at the same place that stay in its favour."""
    same_residue = residue_names[staying] == residue_names[conformer[0]]
    by_name = dict(zip(names[conformer], occupancy[conformer], strict=True))
    shared = np.isin(names[staying], names[conformer])
    # those that exclude this conformer: all of another residue, and those whose label shares an atom with it
    rivals = ~same_residue | np.isin(altlocs[staying], altlocs[staying[shared & same_residue]])
    for atom in staying[shared | (rivals & (altlocs[staying] != 0))]:
        summed[atom] += by_name.get(names[atom], occupancy[conformer].mean())


def _at(places: np.ndarray, place: int) -> np.ndarray:
    """Return the indices of the atoms at a place."""
    return np.arange(*np.searchsorted(places, (place, place + 1)))


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
