"""The recipe.json that travels with a trained network: how its voxels are made, what it predicts, and by which release.

A network sees numbers only. Fed with voxels made in another way it would answer all the same, and wrongly; hence whatever
does not fit is refused.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rdkit import Chem

from deepchem_density.files import write_text
from deepchem_density.models.checkpoints import DAMAGE, read_small_json
from deepchem_density.models.domain import Domain
from deepchem_density.settings import one_of
from deepchem_density.structures.readers import mol_from
from deepchem_density.tables.composition import CompositionLine
from deepchem_density.tables.settings import TASKS
from deepchem_density.versions import __version__
from deepchem_density.voxels.datapoints import lacks_positions
from deepchem_density.voxels.recipe import ACCEPTED_VERSIONS, FEATURE_VERSION, Recipe
from deepchem_density.voxels.solver_line import SolverLine, solve_molecule

__all__ = ["RECIPE_FILE", "ModelRecipe"]

RECIPE_FILE = "recipe.json"


@dataclass(frozen=True)
class ModelRecipe:
    """What must be known of a network to use it.

    Parameters
    ----------
    recipe : Recipe
        Of its voxels.
    targets : tuple of str
        Name of each output.
    units : mapping of str to str
        Target -> unit, where it is known.
    line : CompositionLine or SolverLine, optional
        What is added to the network's outputs, where it was trained with a ``baseline``.
    task : {"regression", "classification"}
        Whether it predicts labels, or the probability that a label is 1.
    domain : Domain, optional
        Molecules that it predicts; others are refused.
    """

    recipe: Recipe
    targets: tuple[str, ...]
    units: Mapping[str, str] = field(default_factory=dict)
    line: CompositionLine | SolverLine | None = None
    task: str = "regression"
    domain: Domain | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What predictions are called: the targets, with the ending _probability where it predicts those."""
        return self.targets if self.task == "regression" else tuple(f"{name}_probability" for name in self.targets)

    def voxels_and_line(self, datapoint: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxels of a datapoint, and the (n_targets,) part of its labels that the network does not predict.

        Raises
        ------
        FeaturizationError
            It cannot be featurized, lies outside the domain, holds an element that the line does not know, or cannot be solved
            where the line needs it.
        """
        if self.domain is not None and lacks_positions(datapoint):
            bonds = mol_from(datapoint)
            self.domain.check_bonds(bonds, datapoint if isinstance(datapoint, str) else Chem.MolToSmiles(bonds))
        whole = self.recipe.read(datapoint)
        if self.domain is not None:
            self.domain.check(whole.ligand)
        if self.line is None:
            return self.recipe.voxels(whole), np.zeros(len(self.targets))
        if isinstance(self.line, SolverLine):
            solved = solve_molecule(self.recipe, whole)
            return self.recipe.voxels(solved), self.line.of_solved(solved)
        return self.recipe.voxels(whole), self.line.of_molecule(whole.ligand)

    def write(self, folder: Path) -> Path:
        """Write recipe.json, completely or not at all, and return its path."""
        path = folder / RECIPE_FILE
        about = {
            "feature_version": FEATURE_VERSION,
            "package_version": __version__,
            "recipe": dataclasses.asdict(self.recipe),
            "n_channels": self.recipe.n_channels,
            "targets": list(self.targets),
            "units": dict(self.units),
            "task": self.task,
            "composition": None if self.line is None else self.line.to_dict(),
        }
        if self.domain is not None:
            about["domain"] = self.domain.to_dict()
        write_text(path, json.dumps(about, indent=2) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> ModelRecipe:
        """Read what `write` wrote.

        Raises
        ------
        ValueError
            It is damaged, or was written by a release that made other voxels of the same settings.
        """
        about = read_small_json(path)
        if not isinstance(about, dict):
            raise ValueError(f"'{path}' cannot be read as a recipe: it holds no object; log or train the model again.")
        _check_version(path, about)
        try:
            recipe = Recipe.from_dict(dict(about["recipe"]))
            recipe.check()
            line = _line(about.get("composition"))
            task = about.get("task", TASKS[0])  # of releases without classification
            one_of("task", task, TASKS)
            domain = None if about.get("domain") is None else Domain.from_dict(about["domain"])
            found = cls(recipe, _names(about["targets"]), dict(about.get("units", {})), line, task, domain)
            if line is not None and len(line.intercept) != len(found.targets):
                raise ValueError(f"a line for {len(line.intercept)} targets, not {len(found.targets)}")
        except DAMAGE as error:
            raise ValueError(
                f"'{path}' does not describe voxels of this release ({error!r}); use the release that wrote it, "
                f"{about.get('package_version', 'of unknown version')}, or train the model again."
            ) from error
        found.check_channels(about.get("n_channels", recipe.n_channels), str(path))
        return found

    def check_channels(self, n_channels: int, whose: str) -> None:
        """Refuse a network that takes another number of channels than the voxels have.

        Raises
        ------
        ValueError
            Saying both numbers.
        """
        if n_channels != self.recipe.n_channels:
            raise ValueError(
                f"'{whose}' takes voxels with {n_channels} channels, its recipe gives {self.recipe.n_channels} "
                f"({', '.join(self.recipe.channels)}); the two do not belong together: log or train the model again."
            )


def _names(targets: Any) -> tuple[str, ...]:
    if not isinstance(targets, list) or not all(isinstance(name, str) and name for name in targets):
        raise ValueError(f"the targets {targets!r}, not a list of names")
    if not targets or len(set(targets)) != len(targets):
        raise ValueError(f"the targets {targets!r}, which are none or named twice")
    return tuple(targets)


def _line(stored: dict[str, Any] | None) -> CompositionLine | SolverLine | None:
    if stored is None:
        return None
    return SolverLine.from_dict(stored) if "numbers" in stored else CompositionLine.from_dict(stored)


def _check_version(path: Path, about: dict[str, Any]) -> None:
    version = about.get("feature_version")
    if version not in ACCEPTED_VERSIONS:
        written_by = about.get("package_version")
        raise ValueError(
            f"'{path}' was written for voxels of version {version}"
            + (f" by release {written_by}" if written_by else "")
            + f", this release, {__version__}, makes version {FEATURE_VERSION}; use the release that wrote it, or train again."
        )
