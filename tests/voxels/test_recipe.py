from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch
from rdkit import Chem
from scipy.spatial.transform import Rotation

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import Complex
from deepchem_density.voxels.grid import VoxelGrid
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.representations import REPRESENTATIONS

SMALL = {"box_width": 8.0, "voxel_width": 1.0}


# ---- settings


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_defaults_are_accepted(representation):
    recipe = Recipe(representation)
    recipe.check()
    assert recipe.voxel_shape == (32, 32, 32, 11 if representation == "atom" else 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"representation": "potential"},
            "representation='potential' arrived; 'atom', 'density', 'gradient', 'occupancy', or several",
        ),
        ({"box_width": 16.2}, "box_width=16.2 is 32.4 voxels"),
        ({"voxel_width": 0.0}, "voxel_width=0.0 arrived; a positive number in Å is"),
        ({"dtype": "int8"}, "dtype='int8' arrived; 'float32', 'float16', 'float64', 'uint8' are"),
        (
            {"dtype": "uint8"},
            "dtype='uint8' arrived, which holds only 0 and 1; it is accepted for occupancy with oversampling=1",
        ),
        (
            {"representation": "occupancy", "dtype": "uint8", "oversampling": 2},
            "dtype='uint8' arrived, which holds only 0 and 1",
        ),
        ({"oversampling": 0}, "oversampling=0 arrived; a whole number from 1 up"),
        ({"oversampling": 10**6}, "oversampling=1000000 arrived; 1 .centres., 2, 3, ... 64 points"),
        ({"oversampling": 1.5}, "oversampling=1.5 arrived; a whole number from 1 up"),
        ({"conformer_seed": -1}, "conformer_seed=-1 arrived; a whole number from 0 to 2147483647"),
        ({"conformer_seed": 2**31}, "conformer_seed=2147483648 arrived; a whole number"),
        ({"conformer_seed": None}, "conformer_seed=None arrived; a whole number"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_no_datapoint_could_satisfy(settings, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**{"representation": "density", **settings}).check()


def test_channels_and_shape():
    assert Recipe("atom", **SMALL).channels == ("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "other")
    assert Recipe("atom", elements=("C", "N"), other=False, **SMALL).channels == ("C", "N")
    recipe = Recipe("atom", elements=("C", "N"), other=True, **SMALL)
    recipe.check()
    assert recipe.channels == ("C", "N", "other")
    assert (recipe.n_channels, recipe.voxels_per_edge, recipe.voxel_shape) == (3, 8, (8, 8, 8, 3))
    others = Recipe("atom", elements=(), other=True)
    others.check()
    assert others.channels == ("other",)
    for name in ("density", "gradient", "occupancy"):
        assert Recipe(name, elements=("C", "N")).channels == (name,)


def test_a_recipe_is_frozen_comparable_and_travels():
    recipe = Recipe("density", center=(0.0, 1.0, 2.0))
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert hash(recipe) == hash(dataclasses.replace(recipe))
    assert recipe != dataclasses.replace(recipe, oversampling=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.transform = "log"


# ---- numbers


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_type_is_what_was_asked_for(representation, dtype, molecules):
    voxels = Recipe(representation, dtype=dtype, **SMALL).voxels(molecules["water"])
    assert voxels.dtype == dtype
    assert voxels.shape[:3] == (8, 8, 8)
    double = Recipe(representation, dtype="float64", **SMALL).voxels(molecules["water"])
    tolerance = {"float16": 1e-3, "float32": 2e-6, "float64": 0.0}[dtype]
    np.testing.assert_allclose(voxels, double, rtol=tolerance, atol=tolerance * double.max())
    assert voxels.max() > 0


def test_occupancy_in_one_byte(molecules):
    byte = Recipe("occupancy", dtype="uint8", **SMALL).voxels(molecules["water"])
    assert byte.dtype == np.uint8
    assert set(np.unique(byte)) == {0, 1}
    np.testing.assert_array_equal(byte, Recipe("occupancy", **SMALL).voxels(molecules["water"]))


def test_atoms_fall_into_the_channel_of_their_element(molecules):
    recipe = Recipe("atom", elements=("O", "H", "N"), other=False, box_width=10.0, voxel_width=0.5)
    counts = recipe.voxels(molecules["water"]).sum(axis=(0, 1, 2)) * 0.5**3
    np.testing.assert_allclose(counts, [1, 2, 0], atol=1e-3)


def test_no_molecule_of_usual_chemistry_is_lost_by_default():
    recipe = Recipe("atom")
    for smiles in ("CS(C)=O", "ClCCl", "BrC", "CP(C)C", "IC", "CB(O)O", "C[Si](C)(C)C", "C[Se]C"):
        held = recipe.voxels(smiles).sum() * 0.5**3
        assert abs(held - Chem.AddHs(Chem.MolFromSmiles(smiles)).GetNumAtoms()) < 0.05


def test_other_elements_share_the_last_channel(molecules):
    recipe = Recipe("atom", elements=("F",), other=True, box_width=10.0, voxel_width=0.5)
    counts = recipe.voxels(molecules["sulfuryl fluoride"]).sum(axis=(0, 1, 2)) * 0.5**3
    np.testing.assert_allclose(counts, [2, 3], atol=1e-3)


def test_other_elements_are_refused_without_a_channel(molecules):
    with pytest.raises(
        FeaturizationError, match=r"'sulfuryl fluoride' holds O, S, for which there is no channel; pass elem"
    ):
        Recipe("atom", elements=("F",), other=False, box_width=10.0).voxels(molecules["sulfuryl fluoride"])


def test_gradient_and_occupancy_follow_the_density(molecules):
    settings = {"box_width": 6.0, "voxel_width": 0.5, "dtype": "float64"}
    density = Recipe("density", **settings).voxels(molecules["water"])
    occupied = Recipe("occupancy", shape="density", threshold=0.1, **settings).voxels(molecules["water"])
    np.testing.assert_array_equal(occupied, density > 0.1)
    step = 1e-3
    slopes = [
        (
            _shifted(density_at, settings, molecules["water"], step)
            - _shifted(density_at, settings, molecules["water"], -step)
        )
        / (2 * step)
        for density_at in np.eye(3)
    ]
    gradient = Recipe("gradient", **settings).voxels(molecules["water"])
    np.testing.assert_allclose(gradient, np.sqrt(sum(slope**2 for slope in slopes)), rtol=1e-3, atol=1e-3)


def _shifted(axis: np.ndarray, settings: dict, structure: Structure, step: float) -> np.ndarray:
    """Density on a grid whose centre is moved along an axis."""
    center = tuple(structure.positions.mean(axis=0) + step * axis)
    return Recipe("density", center=center, **settings).voxels(structure)


# ---- the box


@pytest.mark.parametrize(
    ("center", "expected"),
    [
        ("mean", [1.0, 0.0, 0.0]),
        ("charge", [2 * 8 / 9, 0.0, 0.0]),
        ("origin", [0.0, 0.0, 0.0]),
        ((0.5, -0.25, 1.0), [0.5, -0.25, 1.0]),
    ],
)
def test_centre_of_the_box(center, expected):
    hydroxyl = Structure([1, 8], [[0, 0, 0], [2.0, 0, 0]], unpaired=1)
    np.testing.assert_allclose(Recipe("atom", center=center).grid(hydroxyl).center, expected)


@pytest.mark.parametrize("rotation_seed", [None, 3])
@pytest.mark.parametrize("voxel_width", [0.5, 0.4, 1.0])
def test_an_atom_outside_the_box_names_the_width_that_is_needed(voxel_width, rotation_seed, molecules):
    benzene = molecules["benzene"]
    recipe = Recipe("occupancy", box_width=4.0, voxel_width=voxel_width, rotation_seed=rotation_seed)
    with pytest.raises(
        FeaturizationError, match=r"'benzene' does not fit the box: an atom lies 2\.\d\d Å .* reaches 2 Å"
    ) as info:
        recipe.grid(benzene)
    needed = float(str(info.value).split("box_width=")[1].split(" or more")[0])
    wide = dataclasses.replace(recipe, box_width=needed)
    wide.check()
    assert np.abs(wide.grid(benzene).to_local(benzene.positions)).max() <= needed / 2
    with pytest.raises(FeaturizationError):
        dataclasses.replace(recipe, box_width=needed - voxel_width).grid(benzene)


def test_centre_far_away_does_not_leave_zeros(molecules):
    with pytest.raises(FeaturizationError, match="'water' does not fit the box: an atom lies 100"):
        Recipe("occupancy", center=(100.0, 0.0, 0.0)).voxels(molecules["water"])


# ---- rotations


def test_no_seed_keeps_the_axes(molecules):
    np.testing.assert_array_equal(Recipe("atom").grid(molecules["water"]).rotation, np.eye(3))


def test_a_rotation_depends_on_the_seed_and_the_molecule_only(molecules):
    names = ["water", "methane", "benzene"]
    recipe = Recipe("atom", rotation_seed=0)
    turns = {name: recipe.grid(molecules[name]).rotation for name in names}
    again = {name: recipe.grid(molecules[name]).rotation for name in reversed(names)}
    for name in names:
        np.testing.assert_array_equal(turns[name], again[name])
        other = Recipe("density", rotation_seed=0, voxel_width=1.0, box_width=20.0)
        np.testing.assert_array_equal(turns[name], other.grid(molecules[name]).rotation)
        assert not np.allclose(turns[name], Recipe("atom", rotation_seed=1).grid(molecules[name]).rotation, atol=0.01)
        VoxelGrid(rotation=turns[name])
    assert not np.allclose(turns["water"], turns["methane"], atol=0.01)


def test_a_rotation_survives_positions_stored_in_single_precision(molecules):
    benzene = molecules["benzene"]
    stored = Structure(benzene.numbers, benzene.positions.astype(np.float32))
    recipe = Recipe("atom", rotation_seed=5)
    np.testing.assert_array_equal(recipe.grid(benzene).rotation, recipe.grid(stored).rotation)


def test_rotations_of_many_seeds_are_uniform(molecules):
    """Over all rotations each element has mean 0 and mean square 1/3; 2000 of them give ±0.05."""
    turns = np.stack([Recipe("atom", rotation_seed=seed).grid(molecules["water"]).rotation for seed in range(2000)])
    np.testing.assert_allclose(turns.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose((turns**2).mean(axis=0), 1 / 3, atol=0.04)
    assert (Rotation.from_matrix(turns).magnitude() > 0).all()


def test_a_turned_recipe_sees_the_turned_molecule(molecules):
    structure = molecules["methanesulfonamide"]
    recipe = Recipe("density", rotation_seed=2, oversampling=2, box_width=10.0, dtype="float64")
    grid = recipe.grid(structure)
    turned = Structure(structure.numbers, grid.to_local(structure.positions))
    upright = dataclasses.replace(recipe, rotation_seed=None, center="origin")
    np.testing.assert_allclose(recipe.voxels(structure), upright.voxels(turned), rtol=0, atol=5e-4)
    assert not np.allclose(
        recipe.voxels(structure), dataclasses.replace(recipe, rotation_seed=None).voxels(structure), atol=0.1
    )


def test_voxels_are_writable_numpy_arrays(molecules):
    voxels = Recipe("density", **SMALL).voxels(molecules["water"])
    assert isinstance(voxels, np.ndarray)
    assert voxels.flags.writeable
    assert voxels.flags.c_contiguous
    assert not torch.is_tensor(voxels)


@pytest.mark.parametrize("representation", [*REPRESENTATIONS, "density+gradient", "+".join(REPRESENTATIONS)])
@pytest.mark.parametrize(("dtype", "transform"), [("float32", "none"), ("float16", "none"), ("float64", "sqrt")])
def test_voxels_written_in_place_are_the_same(representation, dtype, transform):
    recipe = Recipe(representation, box_width=8.0, voxel_width=1.0, dtype=dtype, transform=transform, oversampling=2)
    out = np.zeros(recipe.voxel_shape, dtype=dtype)
    expected = recipe.voxels("O")
    assert recipe.voxels_into(("O", out)) is out
    np.testing.assert_array_equal(out, expected)
    assert out.any()


def test_voxels_that_are_all_zero_or_not_finite_are_refused():
    with pytest.raises(FeaturizationError, match=r"are all zero: .* a larger sigma"):
        Recipe("atom", sigma=1e-6).voxels("C")
    ligand = Structure([6, 8], [[0, 0, 0], [0, 0, 1.1]], name="CO")
    large = Complex(
        ligand, None, GriddedDensity(np.arange(64.0).reshape(4, 4, 4) * 1e5, np.zeros(3), np.eye(3), periodic=True)
    )
    recipe = Recipe("density", voxel_width=1.0, box_width=8.0, map_values="file")
    assert recipe.voxels(large).max() > 1e6
    with pytest.raises(FeaturizationError, match="of 'CO' are not all finite in float16"):
        dataclasses.replace(recipe, dtype="float16").voxels(large)
