"""The models that come with the package, by name."""

from __future__ import annotations

from pathlib import Path

from deepchem_density.models.ensemble_file import ENSEMBLE_FILE

__all__ = ["shipped_models"]

_FOLDER = Path(__file__).parents[1] / "data" / "models"


def shipped_models() -> dict[str, Path]:
    """Return the folder of each ensemble in the package by its name, such as "qm9-density"; docs/models.md is their card."""
    return {path.parent.name: path.parent for path in sorted(_FOLDER.glob(f"*/{ENSEMBLE_FILE}"))}
