"""Whether arrays of solved datapoints belong together: they may come from anywhere, or from a disk that was damaged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from deepchem_density.structures.numbers import LARGEST_COORDINATE
from deepchem_density.voxels.fingerprints import FINGERPRINT_BYTES

__all__ = ["check_arrays"]

PER_STRUCTURE = ("charge", "unpaired", "implicit_hydrogens")
PER_ATOM = ("b_iso", "site_occupancy", "formal_charges", "residues")
PER_ORBITALS = {"energy": (), "n_occupied": (), "dipole": (3,), "shapes": (2,)}
HEAVIEST = 118


def check_arrays(
    arrays: Mapping[str, np.ndarray], n: int, names: Sequence[str], maps: Sequence[str], failures: Collection[int]
) -> None:
    """Refuse arrays of which one points outside another, or that hold what no molecule has.

    Parameters
    ----------
    arrays : mapping of str to np.ndarray
        Of a shard.
    n : int
        Number of datapoints, failed ones included.
    names : sequence of str
        Of the structures.
    maps : sequence of str
        Of the datapoints, or none.
    failures : collection of int
        Places of the datapoints that failed.

    Raises
    ------
    ValueError, KeyError
        Naming the array.
    """
    n_structures = _parts(arrays, "first_structure", n)
    n_orbitals = _parts(arrays, "first_orbitals", n)
    _check_atoms(arrays, n_structures)
    for name in PER_STRUCTURE:
        _shaped(arrays, name, (n_structures,), "iu")
    if "fingerprints" in arrays:
        _shaped(arrays, "fingerprints", (n, FINGERPRINT_BYTES), "u")
    solved = np.diff(arrays["first_structure"]) > 0
    failed = np.zeros(n, dtype=bool)
    if any(not 0 <= place < n for place in failures):
        raise ValueError("failures names a datapoint that is not there")
    failed[list(failures)] = True
    if not (solved ^ failed).all() or len(names) != n_structures or len(maps) not in (0, n):
        raise ValueError("names, maps and failures are those of other arrays")
    if n_orbitals:
        _check_orbitals(arrays, n_orbitals)


def _check_atoms(arrays: Mapping[str, np.ndarray], n: int) -> None:
    n_atoms = _parts(arrays, "first_atom", n)
    _shaped(arrays, "numbers", (n_atoms,), "iu")
    _shaped(arrays, "positions", (n_atoms, 3), "f")
    for name in PER_ATOM:
        if f"has_{name}" in arrays:
            _shaped(arrays, f"has_{name}", (n,), "b")
            _shaped(arrays, name, (n_atoms,), "iuf")
    numbers, positions = arrays["numbers"], arrays["positions"]
    if n_atoms and not (
        numbers.min() >= 1 and numbers.max() <= HEAVIEST and np.abs(positions).max() <= LARGEST_COORDINATE
    ):
        raise ValueError("numbers and positions hold what is no atom")


def _check_orbitals(arrays: Mapping[str, np.ndarray], n: int) -> None:
    for name, shape in PER_ORBITALS.items():
        _shaped(arrays, name, (n, *shape), "iuf")
    shapes = arrays["shapes"].astype(np.int64)
    if shapes.min() < 0:
        raise ValueError("shapes holds a negative number")
    _shaped(arrays, "weighted", (int(shapes.prod(axis=1).sum()),), "f")
    _shaped(arrays, "orbital_energies", (int(shapes[:, 0].sum()),), "f")
    _shaped(arrays, "atomic_charges", (_parts(arrays, "first_charge", n),), "f")
    if not np.isfinite(arrays["weighted"]).all():
        raise ValueError("weighted holds what is no finite number")


def _parts(arrays: Mapping[str, np.ndarray], name: str, n: int) -> int:
    """Return how many things n parts have together, from where each begins."""
    _shaped(arrays, name, (n + 1,), "iu")
    first = arrays[name].astype(np.int64)
    if first[0] != 0 or (np.diff(first) < 0).any():
        raise ValueError(f"{name} does not rise from 0")
    return int(first[-1])


def _shaped(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...], kinds: str) -> None:
    array = arrays[name]
    if array.shape != shape or array.dtype.kind not in kinds:
        raise ValueError(f"{name} has the shape {array.shape} and the type {array.dtype}, not {shape}")
