"""Electron density, its gradient, occupancy and atom types as voxel grids for DeepChem.

Public names are loaded when they are first used, so that ``deepchem-density --help``, grids and fields never wait for
DeepChem.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "AtomVoxel": "featurizers",
    "Complex": "complexes",
    "ConvergenceError": "errors",
    "DensityVoxel": "featurizers",
    "DropFailed": "drop_failed",
    "FeaturizationError": "errors",
    "GradientVoxel": "featurizers",
    "OccupancyVoxel": "featurizers",
    "Recipe": "representations",
    "Structure": "structure",
    "VoxelCNN": "network",
    "VoxelCNNModel": "cnn",
    "VoxelGrid": "grid",
    "fetch_pdb": "files.pdb_download",
    "independent_atoms": "fields.independent_atoms",
    "inverse_transform": "transforms",
    "load_complexes": "tables.labelled_complexes",
    "load_qm9": "tables.qm9",
    "load_sample": "tables.qm9",
    "read_macromolecule": "files.macromolecule",
    "read_map": "files.map_readers",
    "split_ligand": "files.pdb_ligands",
    "voxelize": "grid",
    "xtb_density": "fields.xtb",
}

__all__ = sorted(_HOMES)

if TYPE_CHECKING:
    from deepchem_density.errors import ConvergenceError as ConvergenceError
    from deepchem_density.errors import FeaturizationError as FeaturizationError
    from deepchem_density.featurizers.density import AtomVoxel as AtomVoxel
    from deepchem_density.featurizers.density import DensityVoxel as DensityVoxel
    from deepchem_density.featurizers.density import GradientVoxel as GradientVoxel
    from deepchem_density.featurizers.density import OccupancyVoxel as OccupancyVoxel
    from deepchem_density.featurizers.drop_failed import DropFailed as DropFailed
    from deepchem_density.fields.independent_atoms import independent_atoms as independent_atoms
    from deepchem_density.fields.map_readers import read_map as read_map
    from deepchem_density.fields.xtb import xtb_density as xtb_density
    from deepchem_density.models.deepchem_model import VoxelCNNModel as VoxelCNNModel
    from deepchem_density.models.voxel_cnn import VoxelCNN as VoxelCNN
    from deepchem_density.structures.macromolecule import read_macromolecule as read_macromolecule
    from deepchem_density.structures.pdb_download import fetch_pdb as fetch_pdb
    from deepchem_density.structures.pdb_ligands import split_ligand as split_ligand
    from deepchem_density.structures.structure import Structure as Structure
    from deepchem_density.tables.labelled_complexes import load_complexes as load_complexes
    from deepchem_density.tables.qm9 import load_qm9 as load_qm9
    from deepchem_density.tables.qm9 import load_sample as load_sample
    from deepchem_density.voxels.datapoints import Complex as Complex
    from deepchem_density.voxels.grid import VoxelGrid as VoxelGrid
    from deepchem_density.voxels.grid import voxelize as voxelize
    from deepchem_density.voxels.recipe import Recipe as Recipe
    from deepchem_density.voxels.transforms import inverse_transform as inverse_transform


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'deepchem_density' has no attribute {name!r}")
    return getattr(import_module(f"deepchem_density.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
