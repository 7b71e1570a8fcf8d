"""Electron density, its gradient, occupancy and atom types as voxel grids for DeepChem.

Public names are loaded when they are first used, so that ``deepchem-density --help``, grids and fields never wait for
DeepChem; ``__init__.pyi`` beside this file lists them.
"""

import lazy_loader

from deepchem_density.versions import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
