"""Which versions of the packages that matter for results are installed."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["PACKAGES", "__version__", "installed_versions"]

__version__ = "0.1.0"

PACKAGES = ("deepchem-density", "deepchem", "torch", "numpy", "rdkit", "gemmi", "xtb")
"""What curves and stored models depend on."""


def installed_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return package -> version."""
    from importlib.metadata import version  # a tenth of what --help takes

    return {package: version(package) for package in packages}
