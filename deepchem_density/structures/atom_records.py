"""What a file of macromolecules says about each atom, whatever the format."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["NO_NUMBER", "AtomRecords", "numbered"]

NO_NUMBER = -1_000_000
"""Numbers of residues from here down were made up, where the file gives none."""


class AtomRecords(NamedTuple):
    """What the file says about each atom of a model, in arrays (n_atoms,) in the order of the file.

    Parameters
    ----------
    elements : np.ndarray
        Atomic numbers, 0 where not known.
    positions : np.ndarray
        (n_atoms, 3) in Å.
    names, residue_names, chains : np.ndarray
        Bytes in UTF-8.
    residue_numbers : np.ndarray
        As in the file; in a file without numbers each residue has one of its own, of `NO_NUMBER` or below.
    insertion_codes, altlocs : np.ndarray
        Codes of characters; for altlocs 0 stands for none, and the order is the alphabetical one.
    occupancy, b_iso : np.ndarray
        B in Å², NaN where not known.
    charges : np.ndarray
        Formal charges, 0 where not known.
    hetero : np.ndarray
        Whether the file marks the atom as a hetero atom.
    """

    elements: np.ndarray
    positions: np.ndarray
    names: np.ndarray
    residue_names: np.ndarray
    chains: np.ndarray
    residue_numbers: np.ndarray
    insertion_codes: np.ndarray
    altlocs: np.ndarray
    occupancy: np.ndarray
    b_iso: np.ndarray
    charges: np.ndarray
    hetero: np.ndarray

    def describe(self, i: int) -> str:
        """Say which atom this is."""
        chain = self.chains[i].decode().strip()
        shown = f"atom {self.names[i].decode()} of {self.residue_names[i].decode()} {self.residue_label(i)}".strip()
        return f"{shown} in chain {chain}" if chain else shown

    def residue_label(self, i: int) -> str:
        """Return number and insertion code of an atom's residue, empty where the file gives none."""
        number = int(self.residue_numbers[i])
        return "" if number <= NO_NUMBER else f"{number}{chr(self.insertion_codes[i])}".strip()

    def together(self) -> AtomRecords:
        """Return the records with the parts of each residue together, where the first one stands.

        Alternative locations may stand apart, at the end of a chain for instance: parts with the same chain, number and
        name are one residue unless an atom comes twice, or with and without a label.
        """
        new = np.ones(len(self.names), dtype=bool)
        new[1:] = (np.diff(self.places()) != 0) | (self.residue_names[1:] != self.residue_names[:-1])
        starts = np.flatnonzero(new)
        columns = (self.chains, self.residue_numbers, self.insertion_codes, self.residue_names)
        keys = list(zip(*(column[starts].tolist() for column in columns), strict=True))
        if len(set(keys)) == len(keys):
            return self
        first: dict[tuple[object, ...], int] = {}  # the last residue with a key
        labels: dict[tuple[object, ...], dict[bytes, set[int]]] = {}  # and those of each of its atoms
        home = np.arange(len(keys))
        for i, (key, run) in enumerate(zip(keys, np.split(np.arange(len(new)), starts[1:]), strict=True)):
            part = _labels_by_name(self.names[run].tolist(), self.altlocs[run].tolist())
            if key in first and _go_together(labels[key], part):
                home[i] = first[key]
                for name, found in part.items():
                    labels[key][name] = labels[key].get(name, set()) | found
            else:
                first[key], labels[key] = i, part
        order = np.argsort(home[new.cumsum() - 1], kind="stable")
        return AtomRecords(*(column[order] for column in self))

    def places(self) -> np.ndarray:
        """Return the running number of the place in the chain that each atom is at, ascending."""
        new = np.zeros(len(self.chains), dtype=bool)
        for label in (self.chains, self.residue_numbers, self.insertion_codes):
            new[1:] |= label[1:] != label[:-1]
        return new.cumsum()


def _labels_by_name(names: list[bytes], altlocs: list[int]) -> dict[bytes, set[int]]:
    labels: dict[bytes, set[int]] = {}
    for name, altloc in zip(names, altlocs, strict=True):
        labels.setdefault(name, set()).add(altloc)
    return labels


def _go_together(labels: dict[bytes, set[int]], part: dict[bytes, set[int]]) -> bool:
    """Tell whether no atom comes twice in two parts, other than as alternatives with labels."""
    shared = labels.keys() & part.keys()
    return all(labels[name].isdisjoint(part[name]) and 0 not in labels[name] | part[name] for name in shared)


def numbered(labels: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Return the running number, from 0 in order of appearance, of each label, or pair of labels."""
    new = np.ones(len(labels), dtype=bool)
    new[1:] = labels[1:] != labels[:-1]
    if others is not None:
        new[1:] |= others[1:] != others[:-1]
    labels = labels[new]  # neighbours mostly have the same
    if others is not None:
        names, place = np.unique(others[new], return_inverse=True)
        labels = labels * len(names) + place
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse][new.cumsum() - 1]
