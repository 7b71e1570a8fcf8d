from __future__ import annotations

import pytest

from deepchem_density.curves.config import CurveConfig
from deepchem_density.settings import check_settings
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.settings import VoxelSettings

REFUSED = [
    ({"center": "nucleus"}, "center='nucleus' arrived; a tuple of 3 float or 'mean', 'charge', 'origin' is accepted"),
    ({"center": (0.0, 1.0)}, r"center=\(0.0, 1.0\) arrived; a tuple of 3 float or 'mean', 'charge', 'origin' is"),
    ({"charge": "neutral"}, "charge='neutral' arrived; a whole number or 'formal' or None is accepted"),
    ({"transform": "cube"}, "transform='cube' arrived; 'none', 'sqrt', 'log' are"),
    ({"shape": "box"}, "shape='box' arrived; 'vdw', 'density' are"),
    ({"engine": "dftb+"}, "engine='dftb.' arrived; 'xtb', 'tblite', 'auto' are"),
    ({"method": "GFN0-xTB"}, "method='GFN0-xTB' arrived; 'GFN2-xTB', 'GFN1-xTB' are"),
    ({"elements": ("C", "Xx")}, "'Xx' is no element symbol"),
    ({"elements": ("C", "C")}, r"elements=\('C', 'C'\) arrived; at least one symbol, each once"),
    ({"elements": (), "other": False}, r"elements=\(\) arrived; at least one symbol"),
    ({"sigma": 0.0}, "sigma=0.0 arrived; a positive number in Å"),
    ({"threshold": -1.0}, "threshold=-1.0 arrived; a positive number in e/Å³ or σ"),
    ({"rotation_seed": -1}, "rotation_seed=-1 arrived; a whole number from 0 to 2147483647"),
    ({"rotation_seed": 0.5}, "rotation_seed=0.5 arrived; a whole number"),
    ({"part": "pocket"}, "part='pocket' arrived; 'complex', 'ligand', 'protein', 'separate' are"),
    ({"source": "dft"}, "source='dft' arrived; 'auto', 'xtb', 'independent_atoms', 'map' are"),
    ({"source": "map", "part": "ligand"}, "part='ligand' arrived with source='map'; a map cannot be taken apart"),
    ({"blur": float("nan")}, "blur=nan arrived; a finite number in Å²"),
    ({"max_atoms": 0}, "max_atoms=0 arrived; a whole number from 1 up"),
    ({"b_iso": -1.0}, "b_iso=-1.0 arrived; a positive number in Å²"),
]


@pytest.mark.parametrize(
    ("settings", "message"), REFUSED, ids=lambda value: "-".join(value) if isinstance(value, dict) else ""
)
def test_settings_that_no_datapoint_could_satisfy(settings, message):
    for owner in (Recipe("density", **settings), CurveConfig(**settings)):
        with pytest.raises(ValueError, match=message):
            owner.check()


def test_a_curve_hands_all_of_them_to_its_recipe():
    settings = {
        "center": "charge",
        "elements": ("C",),
        "other": True,
        "blur": 1.5,
        "engine": "tblite",
        "part": "ligand",
    }
    recipe = CurveConfig(rep="atom", box_width=9.0, **settings).recipe
    assert recipe == Recipe("atom", dtype="float16", box_width=9.0, voxel_width=0.75, oversampling=2, **settings)


def test_defaults_are_accepted():
    check_settings(VoxelSettings())
