"""Where stored MLflow models of release 0.1 look for `VoxelCNNModel`; goes with the next release."""

from deepchem_density.models.deepchem_model import VoxelCNNModel

__all__ = ["VoxelCNNModel"]
