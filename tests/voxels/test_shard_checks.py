"""Stored arrays that do not belong together are refused where they are opened."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from deepchem_density.files import WriteError
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.shards import Shard, write_shard
from deepchem_density.voxels.store import SolvedStore

WATER = Structure([8, 1, 1], [[0, 0, 0.119], [0, 0.763, -0.477], [0, -0.763, -0.477]])


def shard(folder: Path, representation: str = "density") -> Path:
    solved = SolvedStore(folder, Recipe(representation, source="xtb", box_width=8.0, voxel_width=0.5)).solve(
        [WATER, WATER]
    )
    return solved.shards[0].folder


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("positions", lambda a: np.full_like(a, np.nan)),
        ("positions", lambda a: a[:-1]),
        ("numbers", lambda a: a * 0),
        ("first_atom", lambda a: a[::-1]),
        ("first_structure", lambda a: a * 2),
        ("weighted", lambda a: a[:-1]),
        ("weighted", lambda a: a * np.nan),
        ("shapes", lambda a: -a),
        ("charge", lambda a: a.astype(float)),
        ("first_charge", lambda a: a + 1),
    ],
)
def test_arrays_that_point_outside_another_are_refused(tmp_path, name, change):
    folder = shard(tmp_path)
    np.save(folder / f"{name}.npy", change(np.load(folder / f"{name}.npy")))
    with pytest.raises(ValueError, match="holds no solved datapoints"):
        Shard(folder)


@pytest.mark.parametrize("name", ["weighted", "positions", "first_orbitals"])
def test_arrays_that_are_missing_or_damaged_are_refused(tmp_path, name):
    folder = shard(tmp_path)
    path = folder / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match="holds no solved datapoints"):
        Shard(folder)
    path.unlink()
    with pytest.raises(ValueError, match="holds no solved datapoints"):
        Shard(folder)


def test_whole_ones_are_read(tmp_path):
    folder = shard(tmp_path)
    assert [one.whole.ligand.formula for one in map(Shard(folder).__getitem__, range(2))] == ["H2O", "H2O"]


def test_a_disk_that_takes_a_part_of_an_array_is_called_full(tmp_path, monkeypatch):
    def cut(path, array, allow_pickle):
        raise OSError("16344 requested and 2484 written")

    monkeypatch.setattr(np, "save", cut)
    with pytest.raises(WriteError, match=r"cannot be written: the disk is full; free some space"):
        write_shard(tmp_path / "a", [], {}, [])
    assert list(tmp_path.iterdir()) == []


def test_a_process_with_too_many_open_files_takes_no_shard_for_damaged(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    folder = shard(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(np, "load", refused)
        with pytest.raises(OSError, match=r"Too many files are open; raise the limit \(ulimit -n\)"):
            shard(tmp_path)
    assert len(Shard(folder)) == 2


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list open files")
def test_a_shard_holds_one_file_open(tmp_path):
    folder = shard(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    opened = [Shard(folder) for _ in range(8)]
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= len(opened)
