"""Solved datapoints as flat arrays in a folder: written whole or not at all, read by memory-mapping, never unpickled."""

from __future__ import annotations

import errno
import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deepchem_density.files import read_json, write_error
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.fingerprints import FINGERPRINT_BYTES
from deepchem_density.voxels.shard_checks import check_arrays
from deepchem_density.voxels.solved import Orbitals, Solved

__all__ = ["Shard", "write_shard"]

FORMAT = "deepchem_density solved datapoints, version 1"
OPTIONAL = {"b_iso": np.float64, "site_occupancy": np.float64, "formal_charges": np.int64, "residues": np.int64}
ON_DISK = "weighted"
NUMBERS = ("charge", "unpaired", "implicit_hydrogens")
FINGERPRINTS = "fingerprints"
"""Name of the array with the `fingerprint` of each datapoint, which shards of earlier releases lack."""


def write_shard(
    folder: Path, solved: Sequence[Solved | None], failures: Mapping[int, str], fingerprints: Sequence[bytes]
) -> None:
    """Write datapoints to a folder that does not exist yet; None stands for one that failed, with its reason by place."""
    structures = [
        part for one in solved if one is not None for part in (one.whole.ligand, one.whole.protein) if part is not None
    ]
    orbitals = [part for one in solved if one is not None for part in one.orbitals]
    maps = ["" if one is None else one.map_path for one in solved]
    arrays = _of_structures(structures) | _of_orbitals(orbitals)
    arrays["first_structure"] = _offsets([0 if one is None else 1 + (one.whole.protein is not None) for one in solved])
    arrays["first_orbitals"] = _offsets([0 if one is None else len(one.orbitals) for one in solved])
    arrays[FINGERPRINTS] = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(len(solved), FINGERPRINT_BYTES)
    about = {
        "format": FORMAT,
        "names": [structure.name for structure in structures],
        "maps": maps if any(maps) else [],
        "failures": {str(place): reason for place, reason in failures.items()},
    }
    temporary = folder.with_name(f".{uuid.uuid4().hex}.part")
    temporary.mkdir(parents=True)
    try:
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        (temporary / "about.json").write_text(json.dumps(about), encoding="utf-8")
        try:
            temporary.rename(folder)
        except OSError:
            if not (folder / "about.json").is_file():  # another process was first, and has written the same
                raise
    except OSError as error:
        told = write_error(folder, error, (temporary, *(temporary / f"{name}.npy" for name in arrays)))
        raise told or error from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _of_structures(structures: Sequence[Structure]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {
        "first_atom": _offsets([len(one.numbers) for one in structures]),
        "numbers": _joined([one.numbers for one in structures], np.uint8),
        "positions": _joined([one.positions for one in structures], np.float64, (3,)),
    }
    arrays |= {name: np.array([getattr(one, name) for one in structures], dtype=np.int32) for name in NUMBERS}
    for name, kind in OPTIONAL.items():
        values = [getattr(one, name) for one in structures]
        if any(value is not None for value in values):
            arrays[f"has_{name}"] = np.array([value is not None for value in values])
            filled = [np.zeros(len(one.numbers)) if v is None else v for v, one in zip(values, structures, strict=True)]
            arrays[name] = _joined(filled, kind)
    return arrays


def _of_orbitals(orbitals: Sequence[Orbitals]) -> dict[str, np.ndarray]:
    if not orbitals:
        return {}
    return {
        "shapes": np.array([one.weighted.shape for one in orbitals], dtype=np.int32),
        "weighted": _joined([one.weighted.ravel() for one in orbitals], np.float32),
        "orbital_energies": _joined([one.orbital_energies for one in orbitals], np.float32),
        "energy": np.array([one.energy for one in orbitals]),
        "n_occupied": np.array([one.n_occupied for one in orbitals], dtype=np.int32),
        "dipole": np.array([one.dipole for one in orbitals]),
        "atomic_charges": _joined([one.charges for one in orbitals], np.float32),
        "first_charge": _offsets([len(one.charges) for one in orbitals]),
    }


def _offsets(sizes: Any) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.asarray(sizes, dtype=np.int64))])


def _joined(parts: Sequence[np.ndarray], kind: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
    return np.concatenate([np.empty((0, *shape), kind), *parts]).astype(kind)


class Shard:
    """A folder that `write_shard` wrote.

    Parameters
    ----------
    folder : path
        The orbitals, which are nearly all of it, stay on disk; each array that stays there holds a file open.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It is damaged.
    OSError
        It cannot be read now: too many files are open.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            content = read_json(folder / "about.json")
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            self.names, self.maps = list(content["names"]), list(content["maps"])
            self.failures = {int(place): str(reason) for place, reason in content["failures"].items()}
            self._arrays = {
                path.stem: np.load(path, mmap_mode="r" if path.stem == ON_DISK else None, allow_pickle=False)
                for path in sorted(folder.glob("*.npy"))
            }
            self._n = len(self._arrays["first_structure"]) - 1
            check_arrays(self._arrays, self._n, self.names, self.maps, self.failures)
        except FileNotFoundError:
            raise
        except Exception as error:  # NumPy tells of damaged headers in many ways
            if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):  # the files may be sound
                raise OSError(
                    error.errno, "Too many files are open; raise the limit (ulimit -n)", str(folder)
                ) from error
            raise ValueError(
                f"'{folder}' holds no solved datapoints ({error!r}); delete it and solve again."
            ) from error

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, place: int) -> Solved:
        if place in self.failures:
            raise ValueError(f"Datapoint {place} of '{self.folder.name}' could not be solved: {self.failures[place]}")
        first, last = self._first_structure[place : place + 2]
        structures = [self._structure(i) for i in range(first, last)]
        orbitals = tuple(self._orbitals(i) for i in range(*self._first_orbitals[place : place + 2]))
        whole = Complex(structures[0], structures[1] if len(structures) > 1 else None)
        return Solved(whole, orbitals, self.maps[place] if self.maps else "")

    @property
    def fingerprints(self) -> np.ndarray:
        """The fingerprint of each datapoint, (n, 32) uint8; (0, 32) where an earlier release wrote none."""
        return self._arrays.get(FINGERPRINTS, np.empty((0, FINGERPRINT_BYTES), np.uint8))

    def numbers(self) -> dict[str, np.ndarray]:
        """Return the solver's numbers of each datapoint, (n,) each and (n, 3) for the dipole; NaN where there are none.

        They are those of the first part that was solved: energy, homo, lumo and gap in hartree, dipole in debye.
        """
        found = {name: np.full(len(self), np.nan) for name in ("energy", "homo", "lumo")}
        found["dipole"] = np.full((len(self), 3), np.nan)
        if "energy" in self._arrays:
            solved = np.flatnonzero(np.diff(self._first_orbitals) > 0)
            parts = self._first_orbitals[solved]
            found["energy"][solved] = self._arrays["energy"][parts]
            found["dipole"][solved] = self._arrays["dipole"][parts]
            lumo = self._first_energy[parts] + self._arrays["n_occupied"][parts]
            energies = self._arrays["orbital_energies"]
            found["homo"][solved] = energies[lumo - 1]
            inside = lumo < self._first_energy[parts + 1]
            found["lumo"][solved[inside]] = energies[lumo[inside]]
        return found | {"gap": found["lumo"] - found["homo"]}

    @cached_property
    def _first_structure(self) -> np.ndarray:
        return np.array(self._arrays["first_structure"])

    @cached_property
    def _first_orbitals(self) -> np.ndarray:
        return np.array(self._arrays["first_orbitals"])

    @cached_property
    def _first_atom(self) -> np.ndarray:
        return np.array(self._arrays["first_atom"])

    @cached_property
    def _shapes(self) -> np.ndarray:
        return np.array(self._arrays["shapes"])

    @cached_property
    def _first_weight(self) -> np.ndarray:
        return _offsets(self._shapes.astype(np.int64).prod(axis=1))

    @cached_property
    def _first_energy(self) -> np.ndarray:
        return _offsets(self._shapes[:, 0])

    def _structure(self, i: int) -> Structure:
        atoms = slice(*self._first_atom[i : i + 2])
        fields: dict[str, Any] = {
            "numbers": np.array(self._arrays["numbers"][atoms], dtype=np.int64),
            "positions": np.array(self._arrays["positions"][atoms]),
            "name": self.names[i],
            **{name: int(self._arrays[name][i]) for name in NUMBERS},
        }
        for name in OPTIONAL:
            if f"has_{name}" in self._arrays and self._arrays[f"has_{name}"][i]:
                fields[name] = np.array(self._arrays[name][atoms])
        return Structure.as_stored(**fields)

    def _orbitals(self, i: int) -> Orbitals:
        arrays = self._arrays
        weights = arrays["weighted"][slice(*self._first_weight[i : i + 2])]
        return Orbitals(
            np.array(weights).reshape(self._shapes[i]),
            float(arrays["energy"][i]),
            np.array(arrays["orbital_energies"][slice(*self._first_energy[i : i + 2])]),
            int(arrays["n_occupied"][i]),
            np.array(arrays["dipole"][i]),
            np.array(arrays["atomic_charges"][slice(*arrays["first_charge"][i : i + 2])]),
        )
