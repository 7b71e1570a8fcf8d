"""What was solved once is found among other datapoints, in another order, and under another name."""

from __future__ import annotations

from dataclasses import replace

import gemmi
import numpy as np
import pytest
from crystals import write_ccp4

from deepchem_density.structures.structure import Structure
from deepchem_density.voxels import store
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.fingerprints import fingerprint
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.solved import Solver
from deepchem_density.voxels.solved_before import SolvedBefore
from deepchem_density.voxels.store import SolvedStore

RECIPE = Recipe("density", source="xtb", box_width=8.0, voxel_width=1.0)
UNREADABLE = "C("


def made(n):
    return [Structure([1, 9], [[0, 0, 0], [0, 0, 0.9 + 0.01 * i]], name=f"HF {i}") for i in range(n)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(store, "SHARD_SIZE", 4)


@pytest.fixture
def solves(monkeypatch):
    """Names of what is solved from now on."""
    asked: list[str] = []
    original = Solver.__call__

    def counted(solver, datapoint):
        asked.append(getattr(datapoint, "name", datapoint))
        return original(solver, datapoint)

    monkeypatch.setattr(Solver, "__call__", counted)
    return asked


def test_some_of_them_in_another_order_are_not_solved_again(tmp_path, solves):
    structures = made(10)
    whole = SolvedStore(tmp_path, RECIPE).solve(structures)
    assert len(solves) == 10
    places = [9, 0, 4, 7, 2, 5]
    solved = SolvedStore(tmp_path, RECIPE).solve([structures[place] for place in places])
    assert len(solves) == 10
    for place, one in zip(places, solved, strict=True):
        np.testing.assert_array_equal(RECIPE.voxels(one), RECIPE.voxels(whole[place]))
        assert one.orbitals[0].energy == whole[place].orbitals[0].energy
    np.testing.assert_array_equal(solved.numbers()["gap"], whole.numbers()["gap"][places])


def test_of_a_table_with_new_rows_only_those_are_solved(tmp_path, solves):
    structures = made(7)
    SolvedStore(tmp_path, RECIPE).solve(structures[2:6])
    solves.clear()
    solved = SolvedStore(tmp_path, RECIPE).solve(structures)
    assert solves == ["HF 0", "HF 1", "HF 6"]
    assert [one.whole.ligand.name for one in solved] == [one.name for one in structures]
    fresh = np.stack([RECIPE.voxels(one) for one in structures])
    np.testing.assert_allclose(np.stack([RECIPE.voxels(one) for one in solved]), fresh, atol=2e-6)


def test_it_has_the_name_that_it_is_asked_for_by(tmp_path, solves):
    first, second = made(2)
    SolvedStore(tmp_path, RECIPE).solve([first, second])
    renamed = replace(first, name="hydrogen fluoride")
    (solved,) = SolvedStore(tmp_path, RECIPE).solve([renamed])
    assert (solved.whole.ligand.name, len(solves)) == ("hydrogen fluoride", 2)
    ((_, reason),) = (
        SolvedStore(tmp_path, RECIPE).solve([renamed]).refused(replace(RECIPE, box_width=0.5, voxel_width=0.5))
    )
    assert "hydrogen fluoride" in reason


def test_what_failed_is_tried_again_among_others(tmp_path, solves):
    structures = made(2)
    assert SolvedStore(tmp_path, RECIPE).solve([*structures, UNREADABLE]).failures[0][0] == 2
    solves.clear()
    assert SolvedStore(tmp_path, RECIPE).solve([UNREADABLE, *structures]).failures[0][0] == 0
    assert solves == [UNREADABLE]


@pytest.mark.parametrize("damage", ["no fingerprints", "cut fingerprints", "cut positions", "of more datapoints"])
def test_shards_without_use_are_passed_over(tmp_path, solves, damage):
    structures = made(4)
    (shard,) = SolvedStore(tmp_path, RECIPE).solve(structures).shards
    fingerprints, positions = (shard.folder / f"{name}.npy" for name in ("fingerprints", "positions"))
    if damage == "no fingerprints":  # as an earlier release wrote them
        fingerprints.unlink()
    elif damage == "of more datapoints":
        np.save(fingerprints, np.concatenate([np.load(fingerprints)] * 2)[2:])
    else:
        path = fingerprints if damage == "cut fingerprints" else positions
        path.write_bytes(path.read_bytes()[:70])
    solves.clear()
    (solved,) = SolvedStore(tmp_path, RECIPE).solve(structures[1:2])
    assert solves == ["HF 1"]
    np.testing.assert_allclose(RECIPE.voxels(solved), RECIPE.voxels(structures[1]), atol=2e-6)


def test_a_map_is_looked_at_where_it_lies_now(tmp_path):
    maps = Recipe("density", box_width=8.0, voxel_width=1.0, map_values="file")
    first, later = tmp_path / "first.ccp4", tmp_path / "later.ccp4"
    write_ccp4(first, np.arange(8.0).reshape(2, 2, 2), gemmi.UnitCell(4, 4, 4, 90, 90, 90))
    ligands = made(2)
    SolvedStore(tmp_path / "solved", maps).solve([(ligand, None, str(first)) for ligand in ligands])
    first.rename(later)
    (solved,) = SolvedStore(tmp_path / "solved", maps).solve([(ligands[1], None, str(later))])
    assert solved.map_path == str(later)


def test_only_datapoints_that_are_the_same_in_all_are_found(tmp_path):
    structures = made(2)
    shards = SolvedStore(tmp_path, RECIPE).solve(structures).shards
    before = SolvedBefore(shards[0].folder.parent)
    assert len(before) == 2
    for structure in structures:
        found = before.get(fingerprint(structure), structure)
        np.testing.assert_array_equal(found.whole.ligand.positions, structure.positions)
    for other in (replace(structures[0], charge=1), replace(structures[0], unpaired=2), Complex(made(3)[2])):
        assert before.get(fingerprint(other), other) is None
