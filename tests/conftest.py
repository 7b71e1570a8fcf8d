"""Molecules, reference data and settings that several test files share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from file_server import Server, file_server
from hypothesis import settings

from deepchem_density.structures.readers import structure_from
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.store import SolvedStore

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=20, database=None)
settings.load_profile("repeatable")

REFERENCE_AXIS = (np.arange(28) - 13.5) * 0.5
"""Å along each axis from the centre of a reference density, see the data's own README."""

# Place of each p and d function, in this package's order, among those of tblite (m = -l ... l).
FROM_TBLITE = {0: [0], 1: [2, 0, 1], 2: [0, 1, 2, 3, 4]}


class Reference(NamedTuple):
    """GFN2-xTB density made by PySCF from tblite's density matrix."""

    structure: Structure
    density: np.ndarray
    gradient: np.ndarray
    density_matrix: np.ndarray
    electrons: float
    center: np.ndarray


@pytest.fixture(scope="session", autouse=True)
def what_libraries_leave_lies_in_the_folder_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """DeepChem's datasets leave a temporary folder each; pytest removes those of earlier runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
        patch.setattr(tempfile, "tempdir", None)  # it is asked for again
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread_from_the_start():  # also where fixtures of modules train
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread():
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data, which are too large for the repository or may not be redistributed."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("DEEPCHEM_DENSITY_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}; name their folder with DEEPCHEM_DENSITY_DATA")
    return folder


@pytest.fixture(scope="session")
def reference_densities(shared_data: Path) -> dict[str, Reference]:
    with np.load(shared_data / "reference" / "gfn2_density.npz") as data:
        return {name: _reference(data, name) for name in sorted({key.rsplit("/", 1)[0] for key in data.files})}


def _reference(data: np.lib.npyio.NpzFile, name: str) -> Reference:
    get = {key: data[f"{name}/{key}"] for key in ("numbers", "positions", "charge", "unpaired", "density", "gradient")}
    structure = Structure(get["numbers"], get["positions"], int(get["charge"]), int(get["unpaired"]), name)
    matrix, electrons, center = (data[f"{name}/{key}"] for key in ("density_matrix", "electrons", "centre"))
    return Reference(structure, get["density"], get["gradient"], matrix, float(electrons), center)


@pytest.fixture(scope="session")
def tblite_rows() -> Callable[[np.ndarray], np.ndarray]:
    """Rows of tblite's matrices in this package's order, from the angular momentum of each shell."""

    def rows(angular_momenta: np.ndarray) -> np.ndarray:
        first = np.cumsum(2 * angular_momenta + 1) - (2 * angular_momenta + 1)
        return np.concatenate([f + np.array(FROM_TBLITE[int(m)]) for f, m in zip(first, angular_momenta, strict=True)])

    return rows


@pytest.fixture(scope="session")
def molecules() -> dict[str, Structure]:
    """Small molecules, none of them placed symmetrically on the axes."""
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
    octahedron = np.concatenate([[np.zeros(3)], 1.60 * np.eye(3), -1.60 * np.eye(3)])
    tetrahedron = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / 3**0.5
    listed = {
        "hydrogen": _turned([1, 1], [[0, 0, 0], [0, 0, 0.74]]),
        "water": _turned([8, 1, 1], [[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]]),
        "methane": _turned([6, 1, 1, 1, 1], np.vstack([np.zeros(3), 1.09 * tetrahedron])),
        "benzene": _turned([6] * 6 + [1] * 6, np.vstack([1.39 * ring, 2.48 * ring])),
        "nitric oxide": _turned([7, 8], [[0, 0, 0], [0, 0, 1.15]], unpaired=1),
        "oxygen": _turned([8, 8], [[0, 0, 0], [0, 0, 1.21]], unpaired=2),
        "acetate": structure_from("CC(=O)[O-]", charge="formal"),
        "ammonium": _turned([7, 1, 1, 1, 1], np.vstack([np.zeros(3), 1.03 * tetrahedron]), charge=1),
        "hexafluorophosphate": _turned([15] + [9] * 6, octahedron, charge=-1),
        "sulfuryl fluoride": _turned([16, 8, 8, 9, 9], np.vstack([np.zeros(3), 1.45 * tetrahedron])),
        "phosphoric acid": structure_from("OP(=O)(O)O"),
        "methanesulfonamide": structure_from("CS(=O)(=O)N"),
        "iron carbonyl": _turned([26, 6, 8], [[0, 0, 0], [0, 0, 1.75], [0, 0, 2.90]], unpaired=4),
        "gold chloride": _turned([79, 17], [[0, 0, 0], [0, 0, 2.2]]),
    }
    return {name: Structure(s.numbers, s.positions, s.charge, s.unpaired, name) for name, s in listed.items()}


def _turned(numbers: list[int], positions: list | np.ndarray, charge: int = 0, unpaired: int = 0) -> Structure:
    """Return the atoms turned by a rotation without zeros and shifted, so that no error of sign or axis can hide."""
    rotation = np.array([[2, -1, 2], [2, 2, -1], [-1, 2, 2]]) / 3
    return Structure(np.array(numbers), np.asarray(positions) @ rotation.T + [0.3, -0.2, 0.1], charge, unpaired)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of files on this machine, asked without a proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with file_server() as serving:
        yield serving


@pytest.fixture
def featurized_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every molecule that is asked of a store from now on, each time it is."""
    shown: list[str] = []
    original = SolvedStore.solve

    def solve(self, datapoints, n_jobs=1, mapping=None):
        shown.extend(structure.name for structure in datapoints)
        return original(self, datapoints, n_jobs, mapping)

    monkeypatch.setattr(SolvedStore, "solve", solve)
    return shown
