"""Labelled molecules and complexes: where they come from, how they are checked, split and loaded, and baselines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
