from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from complex_files import write_complex

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.fields.xtb import solve_xtb
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels import store
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.store import SolvedStore

RECIPE = Recipe("atom", other=False, box_width=6.0, voxel_width=1.0, dtype="float16")
COMPLEXES = Recipe("occupancy", box_width=16.0, voxel_width=2.0)
MAPS = Recipe("density", box_width=8.0, voxel_width=1.0, map_values="file")
TOO_LARGE = Structure([1, 1], [[0, 0, 0], [0, 0, 40.0]], name="too large")


def made(n):
    return [Structure([6, 8], [[0, 0, 0], [0, 0, 1.1 + 0.01 * i]], name=f"CO {i}") for i in range(n)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(store, "SHARD_SIZE", 4)


def looked(solved, recipe=RECIPE):
    return np.stack([recipe.voxels(one) for one in solved])


def test_voxels_of_stored_molecules_equal_fresh_ones(tmp_path):
    structures = made(10)
    solved = SolvedStore(tmp_path, RECIPE).solve(structures)
    expected = np.stack([RECIPE.voxels(structure) for structure in structures])
    np.testing.assert_array_equal(looked(solved), expected)
    assert (len(solved), solved.failures) == (10, [])
    np.testing.assert_array_equal(looked(SolvedStore(tmp_path, RECIPE).solve(structures)), expected)
    assert [one.whole.ligand.name for one in solved[2:4]] == ["CO 2", "CO 3"]


@pytest.mark.parametrize("engine", ["xtb", "tblite"])
def test_densities_are_solved_once_whatever_is_looked_at(tmp_path, molecules, engine, monkeypatch):
    structures = [molecules[name] for name in ("water", "acetate", "oxygen", "phosphoric acid")]
    joint = Recipe("density+gradient", box_width=14.0, voxel_width=1.0, engine=engine, oversampling=2)
    solved = SolvedStore(tmp_path, joint).solve(structures)
    expected = np.stack([joint.voxels(structure) for structure in structures])
    np.testing.assert_allclose(looked(solved, joint), expected, atol=2e-6)
    monkeypatch.setattr("deepchem_density.voxels.solved.solve_xtb", lambda *_: pytest.fail("it was solved again"))
    for recipe in (
        replace(joint, representation="gradient", voxel_width=0.5),
        replace(joint, representation="density"),
    ):
        looked(SolvedStore(tmp_path, recipe).solve(structures), recipe)


def test_the_solvers_own_numbers_are_kept(tmp_path, molecules):
    structures = [molecules[name] for name in ("water", "methane", "benzene")]
    recipe = Recipe("density", box_width=14.0, voxel_width=1.0)
    numbers = SolvedStore(tmp_path, recipe).solve([*structures, TOO_LARGE]).numbers()
    for place, structure in enumerate(structures):
        solution = solve_xtb(structure)
        assert numbers["energy"][place] == pytest.approx(solution.energy)
        homo, lumo = solution.orbital_energies[solution.n_occupied - 1 : solution.n_occupied + 1]
        assert (numbers["homo"][place], numbers["lumo"][place]) == pytest.approx((homo, lumo), abs=1e-6)
        assert numbers["gap"][place] == pytest.approx(lumo - homo, abs=1e-6)
        np.testing.assert_allclose(numbers["dipole"][place], solution.dipole)
    atoms = SolvedStore(tmp_path, RECIPE).solve(structures).numbers()
    assert np.isnan(atoms["energy"]).all()


def test_a_killed_run_goes_on_behind_the_last_finished_shard(tmp_path, monkeypatch):
    structures, seen = made(10), []

    def results(function, items, n_jobs):
        for item in items:
            if len(seen) == 9:
                raise KeyboardInterrupt
            seen.append(item.name)
            yield function(item)

    monkeypatch.setattr(store, "map_in_order", results)
    with pytest.raises(KeyboardInterrupt):
        SolvedStore(tmp_path, RECIPE).solve(structures)
    assert len(list(tmp_path.glob("*/*/about.json"))) == 2
    seen.clear()
    solved = SolvedStore(tmp_path, RECIPE).solve(structures)
    assert seen == ["CO 8", "CO 9"]
    np.testing.assert_array_equal(looked(solved), np.stack([RECIPE.voxels(structure) for structure in structures]))


def test_failures_are_named_and_remembered(tmp_path, caplog):
    structures = [*made(5), "C" * 300 + "("]
    with caplog.at_level(logging.WARNING):
        solved = SolvedStore(tmp_path, RECIPE).solve(structures)
    assert [index for index, _ in solved.failures] == [5]
    assert "cannot read" in solved.failures[0][1]
    assert "1 of 6 datapoints" in caplog.text
    assert SolvedStore(tmp_path, RECIPE).solve(structures).failures == solved.failures
    with pytest.raises(ValueError, match="could not be solved: RDKit cannot read"):
        solved[5]


def test_what_does_not_fit_the_box_is_refused_by_the_grid_and_not_by_the_store(tmp_path):
    solved = SolvedStore(tmp_path, RECIPE).solve([*made(2), TOO_LARGE])
    assert solved.failures == []
    for _ in range(2):  # found, and remembered
        ((place, reason),) = solved.refused(RECIPE)
        assert place == 2
        assert "does not fit the box" in reason
    assert solved.refused(replace(RECIPE, box_width=42.0)) == []
    diagonal = [Structure([6, 8], [[0, 0, 0], [3.0, 3.0, 3.0]], name="across")]
    across = SolvedStore(tmp_path, RECIPE).solve(diagonal)
    narrow = replace(RECIPE, box_width=4.0)
    assert across.refused(narrow) == []
    ((_, reason),) = across.refused(narrow, any_orientation=True)
    assert "does not fit the box in every orientation" in reason


def test_elements_without_a_channel_are_refused_before_anything_is_trained(tmp_path):
    solved = SolvedStore(tmp_path, RECIPE).solve([*made(1), Structure([14, 1], [[0, 0, 0], [0, 0, 1.34]])])
    ((place, reason),) = solved.refused(RECIPE)
    assert (place, "for which there is no channel" in reason) == (1, True)


def test_nothing_but_failures_stops_the_run(tmp_path):
    with pytest.raises(FeaturizationError, match=r"None of 2 datapoints.*cannot read"):
        SolvedStore(tmp_path, RECIPE).solve(["C(", "O("])


@pytest.mark.parametrize("damage", ["about.json", "positions.npy"])
def test_a_broken_shard_is_solved_again(tmp_path, caplog, damage):
    structures = made(4)
    expected = looked(SolvedStore(tmp_path, RECIPE).solve(structures))
    (file,) = tmp_path.glob(f"*/*/{damage}")
    file.write_bytes(file.read_bytes()[:60])
    np.testing.assert_array_equal(looked(SolvedStore(tmp_path, RECIPE).solve(structures)), expected)
    assert "solved again" in caplog.text


def test_only_what_the_solver_needs_to_know_tells_stores_apart(tmp_path):
    structures = made(4)
    density = Recipe("density", box_width=6.0, voxel_width=1.0)
    same = [replace(density, voxel_width=0.5, oversampling=2, transform="log", rotation_seed=3)]
    same += [replace(density, representation=name) for name in ("gradient", "density+occupancy")]
    other = [replace(density, engine="tblite"), replace(density, method="GFN1-xTB"), replace(density, hydrogens="drop")]
    other += [replace(density, representation="atom")]
    folder = SolvedStore(tmp_path, density).folder(structures)
    assert {SolvedStore(tmp_path, one).folder(structures) for one in same} == {folder}
    assert len({SolvedStore(tmp_path, one).folder(structures) for one in [density, *other]}) == 5


def test_a_file_that_changed_is_read_again(tmp_path):
    ligand, protein = write_complex(tmp_path, "1abc")
    files = SolvedStore(tmp_path / "solved", COMPLEXES)
    before = looked(files.solve([(ligand, protein)]), COMPLEXES)
    np.testing.assert_array_equal(before, [COMPLEXES.voxels((ligand, protein))])
    write_complex(tmp_path, "1abc", "CCCC")
    after = looked(files.solve([(ligand, protein)]), COMPLEXES)
    np.testing.assert_array_equal(after, [COMPLEXES.voxels((ligand, protein))])
    assert abs(after - before).max() > 0


def test_complexes_keep_what_their_files_say_of_each_atom(tmp_path):
    ligand, protein = write_complex(tmp_path, "1abc")
    recipe = Recipe("density", box_width=20.0, voxel_width=2.0, source="independent_atoms", part="separate")
    (solved,) = SolvedStore(tmp_path / "solved", recipe).solve([(ligand, protein)])
    read = recipe.read((ligand, protein))
    for kept, whole in ((solved.whole.ligand, read.ligand), (solved.whole.protein, read.protein)):
        assert (kept.name, kept.charge, kept.implicit_hydrogens) == (whole.name, whole.charge, whole.implicit_hydrogens)
        for name in ("numbers", "positions", "b_iso", "site_occupancy", "formal_charges", "residues"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(whole, name))
    np.testing.assert_allclose(recipe.voxels(solved), recipe.voxels((ligand, protein)), atol=1e-6)


def test_a_map_that_a_pattern_names_counts(tmp_path):
    ligand, _ = write_complex(tmp_path, "1abc")
    recipe = replace(MAPS, map_pattern=f"{tmp_path}/{{id}}.ccp4")
    maps = SolvedStore(tmp_path / "solved", recipe)
    with pytest.raises(FeaturizationError, match=r"1abc\.ccp4"):
        maps.solve([ligand])
    for level in (1.0, 2.0):
        write_map(tmp_path / "1abc.ccp4", level)
        solved = maps.solve([ligand])
        assert solved.refused(recipe) == []
        np.testing.assert_array_equal(looked(solved, recipe), [recipe.voxels(ligand)])
        assert looked(solved, recipe).max() > level / 2


@pytest.mark.parametrize("periodic", [None, True])
def test_a_map_of_no_named_crystal_repeats_where_the_setting_says_so(tmp_path, periodic):
    ligand, _ = write_complex(tmp_path, "1abc")
    write_map(tmp_path / "1abc.ccp4", 1.0, "P 1")
    recipe = replace(MAPS, map_pattern=f"{tmp_path}/{{id}}.ccp4", map_periodic=periodic)
    if periodic:
        assert recipe.voxels(ligand).max() > 0.5
    else:
        with pytest.raises(FeaturizationError, match=r"does not repeat.* map_periodic=True"):
            recipe.voxels(ligand)


def test_a_map_in_memory_cannot_be_kept(tmp_path):
    density_map = GriddedDensity(np.ones((4, 4, 4)), np.zeros(3), np.eye(3), periodic=True)
    with pytest.raises(
        FeaturizationError, match="came with a map in memory, which cannot be kept; pass the map's path"
    ):
        SolvedStore(tmp_path, MAPS).solve([Complex(made(1)[0], None, density_map)])


def test_reasons_that_lie_in_no_datapoint_are_not_remembered(tmp_path, monkeypatch):
    structures = made(3)
    original = Recipe.read

    def full(recipe, datapoint):
        if datapoint is structures[1]:
            raise OSError("no space left on device")
        return original(recipe, datapoint)

    with monkeypatch.context() as patch:
        patch.setattr(Recipe, "read", full)
        failures = SolvedStore(tmp_path, RECIPE).solve(structures).failures
    assert failures == [(1, "OSError: no space left on device")]
    solved = SolvedStore(tmp_path, RECIPE).solve(structures)
    assert solved.failures == []
    assert looked(solved)[1].any()


def write_map(path: Path, level: float, group: str = "P 21 21 21") -> None:
    """A wave of so many units in a cell of 20 Å."""
    density_map = gemmi.Ccp4Map()
    x = np.cos(2 * np.pi * np.arange(40) / 40, dtype=np.float32)
    values = np.broadcast_to(level * x[:, None, None], (40, 40, 40)).copy()
    density_map.grid = gemmi.FloatGrid(values, gemmi.UnitCell(20, 20, 20, 90, 90, 90), gemmi.SpaceGroup(group))
    density_map.update_ccp4_header()
    density_map.write_ccp4_map(str(path))
