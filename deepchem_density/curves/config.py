"""The frozen description of a learning curve: what to learn, from which molecules, in which voxels, with which network."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepchem_density.voxels.recipe import REPRESENTATIONS, Recipe
from deepchem_density.voxels.settings import VoxelSettings

__all__ = ["COMPLEX_DEFAULTS", "DATASETS", "NETWORK", "SPLITS", "CurveConfig", "digest", "short_labels"]

MOLECULES = ("sample", "qm9", "sdf")
DATASETS = (*MOLECULES, "complexes", "pdbbind")
SPLITS = ("random", "group", "cluster", "core", "lists", "year")
TRAINING = ("steps", "epochs", "min_steps")
NETWORK = ("batch_size", "learning_rate", "widths", "depth", "stem_widths", "n_bins", "dropout", "pooling")

COMPLEX_DEFAULTS: dict[str, Any] = {
    "targets": ("pK",),
    "n_valid": 0,
    "n_test": 0,
    "split": "cluster",
    "steps": 600,
    "box_width": 24.0,
    "voxel_width": 1.0,
    # half of the files of usual sets hold hydrogens and half do not: with them a network learns where a file comes from
    "hydrogens": "drop",
    "elements": ("C", "N", "O", "S", "P", "F", "Cl", "Br", "I"),
    "other": True,
    "sigma": 0.7,
    # likewise B factors; with a common one all atoms of an element look alike
    "b_iso": 20.0,
    "charge": "formal",
}
"""What takes the place of the defaults of `CurveConfig` for protein-ligand complexes on the command line."""


@dataclass(frozen=True)
class CurveConfig(VoxelSettings):
    """Everything that determines a learning curve.

    Parameters
    ----------
    rep : str
        "atom", "density", "gradient" or "occupancy".
    dataset : str
        "sample" (2,000 molecules of QM9 inside the package), "qm9" (all of it, package qm9pack) or "sdf" (a folder
        ``data_dir`` with gdb9.sdf and gdb9.sdf.csv, or one other .sdf with a .csv of the same name); "complexes" (a csv
        file ``data_dir``, or a folder with complexes.csv) or "pdbbind" (a folder ``data_dir`` in PDBbind's layout).
    targets : tuple of str
        Label columns, learned together.
    n_train, n_valid, n_test : int
        Molecules in the pool for training (0: all that are left), watched during training, and for the final test (0: a
        fifth of all).
    split : str
        How the test set is drawn: "random" or "lists" (published lists of ids; QM9's are written 42 or gdb_42, from 1); for
        complexes also "group" (no value of a column in two sets), "cluster" (no cluster of similar sequences in two sets),
        "core" (the complexes of a list, others to train on) or "year" (what was released later).
    split_by : str
        What the split needs: columns ("group"; "target,pdb" for two); least sequence identity in a cluster, and columns
        that tell more ("cluster"; 0.4 where empty, "0.5,family"; PDB codes and the columns uniprot and cluster count by
        themselves); a file, a folder or files between commas, then column=, train=, valid=, test= where they have other
        names ("core", "lists"); or the last year to train on ("year").
    fractions : tuple of float
        Of the pool, each above 0 and at most 1.
    seeds : tuple of int
        Each draws its own training molecules and initial weights.
    split_seed : int
        Fixes the test set.
    steps : int
        Gradient steps of every cell; 0 leaves the length to ``epochs``.
    epochs : int
        Passes over the training molecules, where ``steps`` is 0.
    min_steps : int
        Gradient steps that ``epochs`` gives small training sets at the least.
    remove_composition : bool
        Train on what a line in the element counts leaves of the labels, fitted to the training molecules of each cell; the
        line is added to predictions.
    batch_size, learning_rate, widths, depth, stem_widths, n_bins, dropout, pooling
        Network and training, as in `VoxelCNNModel`.
    box_width, voxel_width, oversampling, center, rotation_seed, elements, other, sigma, transform, shape, threshold
        Voxels, as in the featurizers.
    charge, part, hydrogens, waters, ions, source, engine, method, pocket_radius, max_atoms, b_iso, d_min, blur, ionic, \
    map_pattern, map_coefficients, map_values
        Voxels of complexes and sources of density, as in the featurizers.
    """

    rep: str = "density"
    dataset: str = "sample"
    data_dir: str = ""
    targets: tuple[str, ...] = ("gap",)
    n_train: int = 0
    n_valid: int = 100
    n_test: int = 400
    fractions: tuple[float, ...] = (0.0625, 0.25, 1.0)
    seeds: tuple[int, ...] = (0, 1)
    split: str = "random"
    split_by: str = ""
    split_seed: int = 0
    steps: int = 240
    epochs: int = 0
    min_steps: int = 0
    remove_composition: bool = False
    batch_size: int = 32
    learning_rate: float = 3e-3
    widths: tuple[int, ...] = (16, 32, 64, 128)
    depth: int = 1
    stem_widths: tuple[int, ...] = ()
    n_bins: int | None = None
    dropout: float = 0.0
    pooling: str = "mean"
    box_width: float = 12.0
    voxel_width: float = 0.75
    oversampling: int = 2

    def check(self) -> None:
        """Refuse what cannot run, before anything is computed.

        Raises
        ------
        ValueError
            Naming the setting, what arrived and what is accepted.
        """
        _require(self.rep in REPRESENTATIONS, "rep", self.rep, ", ".join(REPRESENTATIONS))
        _require(self.dataset in DATASETS, "dataset", self.dataset, ", ".join(DATASETS))
        needs_files = self.dataset not in ("sample", "qm9")
        _require(
            not needs_files or bool(self.data_dir), "data_dir", self.data_dir, f"a path, for dataset={self.dataset}"
        )
        _require(self.split in SPLITS, "split", self.split, ", ".join(SPLITS))
        of_molecules = ("random", "lists")
        _require(self.of_complexes or self.split in of_molecules, "split", self.split, "random or lists, for molecules")
        needs_more = self.split in ("group", "core", "lists", "year")
        _require(not needs_more or bool(self.split_by), "split_by", self.split_by, f"not empty, for split={self.split}")
        _require(len(self.targets) > 0, "targets", self.targets, "one or more label columns")
        _require(
            all(0 < f <= 1 for f in self.fractions) and self.fractions != (), "fractions", self.fractions, "0 < f <= 1"
        )
        _require(len(set(self.seeds)) == len(self.seeds) > 0, "seeds", self.seeds, "different whole numbers")
        _require(
            self.steps >= 0 and self.epochs >= 0, "steps, epochs", (self.steps, self.epochs), "whole numbers from 0"
        )
        _require(
            (self.steps > 0) != (self.epochs > 0), "steps, epochs", (self.steps, self.epochs), "one of them above 0"
        )
        _require(
            self.min_steps == 0 or (self.min_steps > 0 and self.epochs > 0),
            "min_steps",
            self.min_steps,
            "0, or a whole number of steps with epochs above 0",
        )
        _require(
            not self.remove_composition or self.of_complexes or self.hydrogens == "keep",
            "hydrogens",
            self.hydrogens,
            "keep, with remove_composition: hydrogens are counted",
        )
        self.recipe.check()

    @property
    def of_complexes(self) -> bool:
        """Whether the datapoints are protein-ligand complexes."""
        return self.dataset not in MOLECULES

    def steps_for(self, n_train: int) -> int:
        """Return the gradient steps of a cell with so many training molecules."""
        return self.steps or max(self.min_steps, self.epochs * -(-n_train // self.batch_size))

    @property
    def metrics(self) -> tuple[str, ...]:
        """What tables show, the most important first: what is usual for affinities, and for properties of molecules."""
        return ("rmse", "mae", "pearson", "spearman") if self.of_complexes else ("mae",)

    @property
    def recipe(self) -> Recipe:
        """How molecules become voxels."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(VoxelSettings)}
        return Recipe(self.rep, dtype="float16", **settings)

    @property
    def study(self) -> str:
        """A digest of what curves must share to stand in one figure: data, split, training and network."""
        shared = ("dataset", "data_dir", "targets", "n_train", "n_valid", "n_test", "split", "split_by", "split_seed")
        settings = {name: getattr(self, name) for name in (*shared, *TRAINING, *NETWORK)}
        return digest(settings)

    @property
    def special(self) -> dict[str, Any]:
        """The settings of the voxels that matter for the representation and are not the default for such data."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        if self.of_complexes:
            defaults |= COMPLEX_DEFAULTS
        densities: tuple[str, ...] = (
            "transform",
            "source",
            "method",
            "charge",
            "pocket_radius",
            "b_iso",
            "d_min",
            "blur",
        )
        densities = (*densities, "ionic", "map_pattern", "map_coefficients", "map_values")
        knobs = {"atom": ("elements", "other", "sigma"), "occupancy": ("shape", "threshold")}.get(self.rep, densities)
        names = (*knobs, "part", "hydrogens", "waters", "ions")
        names = (*names, "remove_composition", "box_width", "voxel_width", "oversampling", "center", "rotation_seed")
        return {name: getattr(self, name) for name in names if getattr(self, name) != defaults[name]}

    @property
    def label(self) -> str:
        """The representation and what is special about it, as it is called in tables and figures."""
        return _label(self.rep, self.special)


def short_labels(configs: Sequence[CurveConfig]) -> list[str]:
    """Return what to call each of several curves: its representation, and what is special about it and not about all."""

    def shared(name: str) -> bool:
        return all(name in one.special and one.special[name] == configs[0].special[name] for one in configs)

    return [
        _label(config.rep, {name: value for name, value in config.special.items() if not shared(name)})
        for config in configs
    ]


def _label(rep: str, settings: Mapping[str, Any]) -> str:
    return f"{rep} ({', '.join(f'{name}={value}' for name, value in settings.items())})" if settings else rep


def _require(satisfied: bool, name: str, arrived: object, accepted: str) -> None:
    if not satisfied:
        raise ValueError(f"{name}={arrived!r} arrived; accepted: {accepted}.")


def digest(content: object) -> str:
    """Return ten letters that stand for something JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]
