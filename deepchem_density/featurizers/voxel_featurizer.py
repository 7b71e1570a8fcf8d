"""What the four featurizers share: DeepChem's rules for datapoints, failures, names, and work in several processes."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rdkit import Chem

from deepchem_density.errors import FeaturizationError, reason_of
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.progress import progress_of
from deepchem_density.quiet import deepchem as dc
from deepchem_density.settings import check_settings, class_defaults
from deepchem_density.structures.structure import Structure
from deepchem_density.voxels.datapoints import Complex, Reading, is_complex, is_surrounding, located, read_complex
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe
from deepchem_density.voxels.representations.record import names_in
from deepchem_density.voxels.settings import (
    FileSettings,
    GridSettings,
    MoleculeSettings,
    NumberSettings,
    PartSettings,
    ProcessSettings,
)
from deepchem_density.workers import map_in_order, n_workers

__all__ = ["Failure", "VoxelFeaturizer", "failed_value"]

logger = logging.getLogger(__name__)

RUN_TIME_SETTINGS = names_in(ProcessSettings)
LONGEST_NAME = 120


class Failure(NamedTuple):
    """A datapoint that could not be featurized."""

    index: int  # type: ignore[assignment]
    id: str
    reason: str


@dataclass(eq=False, repr=False)
class VoxelFeaturizer(
    ProcessSettings,
    NumberSettings,
    FileSettings,
    PartSettings,
    MoleculeSettings,
    GridSettings,
    dc.feat.ComplexFeaturizer,
    dc.feat.MolecularFeaturizer,
):
    """What the featurizers share; use one of them.

    A datapoint is a molecule: an RDKit Mol, a SMILES, the path of an .sdf, .mol, .mol2, .xyz, .pdb or .cif file, or a
    `Structure`. A Mol with a conformer is taken as it comes, hydrogens and positions; a SMILES and a Mol without conformer get
    hydrogens, a seeded ETKDGv3 conformer and MMFF94. Or it is a complex: (ligand, protein), in this order or the other, or
    (ligand, protein, map), or (ligand, map); None stands for what there is not. Its box is centred on the ligand, and what
    reaches beyond the box is left out.

    Attributes
    ----------
    failures_ : list of Failure
        (index, id, reason) of each datapoint that the last call could not featurize.

    Raises
    ------
    ValueError
        A setting that no datapoint could satisfy.
    """

    representation = ""

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        check_settings(self)
        n_workers(self.n_jobs)
        self.recipe.check()

    @property
    def recipe(self) -> Recipe:
        """The settings that determine the voxels."""
        names = {field.name for field in dataclasses.fields(Recipe)}
        settings = {name: value for name, value in self._settings().items() if name in names}
        return Recipe.from_dict({**settings, "representation": self.representation})

    @property
    def n_channels(self) -> int:
        """Number of channels, the last axis of the voxels."""
        return self.recipe.n_channels

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return self.recipe.channels

    @property
    def voxel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the voxels of one datapoint, (x, y, z, channel)."""
        return self.recipe.voxel_shape

    def featurize(self, datapoints: Any, log_every_n: int = 1000, **kwargs: Any) -> np.ndarray:
        """Return the voxels of all datapoints.

        Parameters
        ----------
        datapoints
            One datapoint or any iterable of them.
        log_every_n : int
            Log progress every so many datapoints.
        **kwargs
            Accepted because DeepChem's SDFLoader passes the positions a second time; not used.

        Returns
        -------
        np.ndarray
            (n, x, y, z, channel) of ``dtype``. Where some molecules failed, an object array (n,) that holds an empty array
            for each of them, which DeepChem's loaders drop together with the label. Complexes that failed are rows of NaN
            (255 in uint8), since DeepChem's loaders of complexes drop nothing:
            `DropFailed` does.

        Raises
        ------
        FeaturizationError
            Every datapoint failed; the message holds the first reason.
        ValueError
            A setting that no datapoint could satisfy.
        ImportError
            The engine is not installed.
        """
        self._check()  # again, since attributes can be changed
        recipe = self.recipe
        items = _as_list(datapoints)
        recipe.check_alike(items)
        voxels = np.empty((len(items), *recipe.voxel_shape), dtype=recipe.dtype)
        self.failures_: list[Failure] = []
        in_place = self.n_jobs == 1 and self.timeout is None
        if in_place:  # in place: new memory costs as much as atom types do
            results = map_in_order(recipe.voxels_into, list(zip(items, voxels, strict=True)))
        else:
            sent = [_portable(recipe.reading, item) for item in items]
            results = map_in_order(recipe.voxels, sent, self.n_jobs, self.timeout)
        shown = progress_of(results, len(items), type(self).__name__, "datapoints", leave=False)
        for index, result in enumerate(shown):
            if index % log_every_n == 0:
                logger.info("Featurizing datapoint %d", index)
            if isinstance(result, Exception):
                self.failures_.append(Failure(index, _name(items[index]), reason_of(result)))
            elif not in_place:
                voxels[index] = result
        if not self.failures_:
            return voxels
        self._report(len(items))
        if any(is_complex(item) for item in items):
            voxels[[failure.index for failure in self.failures_]] = failed_value(voxels.dtype)
            return voxels
        return self._without_failures(voxels)

    def _featurize(self, datapoint: Any, **kwargs: Any) -> np.ndarray:
        """Return the voxels of one datapoint, (x, y, z, channel)."""
        self._check()
        return self.recipe.voxels(datapoint)

    def _report(self, n: int) -> None:
        """Say how many datapoints failed; raise where all did."""
        first = self.failures_[0]
        if len(self.failures_) == n:
            raise FeaturizationError(
                f"{type(self).__name__} could not featurize any of {n} datapoints. The first, {first.index} "
                f"({first.id}): {first.reason} (DeepChem has no place for a shard without datapoints: where only these "
                "fail, pass a larger shard_size; InMemoryLoader cannot drop one either: leave it out of the input.)"
            )
        logger.warning(
            "%s could not featurize %d of %d datapoints; see failures_. The first, %d (%s): %s",
            type(self).__name__,
            len(self.failures_),
            n,
            first.index,
            first.id,
            first.reason,
        )

    def _without_failures(self, voxels: np.ndarray) -> np.ndarray:
        """Return an object array with an empty array for each failure, filled one by one so that it stays one-dimensional."""
        rows = np.empty(len(voxels), dtype=object)
        for index, row in enumerate(voxels):
            rows[index] = row
        for failure in self.failures_:
            rows[failure.index] = np.empty(0, dtype=voxels.dtype)
        return rows

    def _settings(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __str__(self) -> str:
        """Return a file name: class, settings that are not the default, and a digest of all that determine the voxels."""
        settings = {name: value for name, value in self._settings().items() if name not in RUN_TIME_SETTINGS}
        defaults = class_defaults(self)
        digest = hashlib.sha256(repr((FEATURE_VERSION, sorted(settings.items()))).encode()).hexdigest()[:8]
        changed = [f"{name}_{_file_name(value)}" for name, value in settings.items() if value != defaults[name]]
        readable = "_".join([type(self).__name__, *changed])[: LONGEST_NAME - len(digest) - 1]
        return f"{readable}_{digest}"


def failed_value(dtype: np.dtype) -> float:
    """Return what fills the row of a complex that could not be featurized: NaN, or 255 in whole numbers."""
    return np.nan if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max


def _portable(reading: Reading, item: Any) -> Any:
    """Return what a worker gets: Mols with conformers are read here, since their pickles would round the positions."""
    item = located(item, reading)
    parts = item if isinstance(item, tuple) else (item,)
    if any(isinstance(part, Chem.Mol) and part.GetNumConformers() for part in parts):
        try:
            return read_complex(item, reading)
        except FeaturizationError:
            return item  # the worker meets the same error, where it is caught and counted
    return item


def _as_list(datapoints: Any) -> list[Any]:
    if isinstance(datapoints, (str, Path, Chem.Mol, Structure, Complex)) or _is_one_complex(datapoints):
        return [datapoints]
    if isinstance(datapoints, pd.DataFrame):  # as CSVLoader sends several columns
        rows = list(datapoints.itertuples(index=False, name=None))
        return [row[0] for row in rows] if datapoints.shape[1] == 1 else rows
    if not isinstance(datapoints, Iterable):
        raise TypeError(
            f"datapoints of type {type(datapoints).__name__} arrived; a datapoint or an iterable of datapoints is accepted."
        )
    return list(datapoints)


def _is_one_complex(datapoints: Any) -> bool:
    """Return whether a bare tuple is one complex, and not some molecules: a file of a protein or a map tells."""
    return isinstance(datapoints, tuple) and is_complex(datapoints) and any(map(is_surrounding, datapoints))


def _name(item: Any) -> str:
    """Return what to call a datapoint in a message."""
    if is_complex(item) and not isinstance(item, Complex):
        return ", ".join(_name(part) for part in item if part is not None)
    if isinstance(item, (Complex, GriddedDensity)):
        return item.label
    if isinstance(item, Structure):
        return item.name or item.formula
    if isinstance(item, Chem.Mol):
        return item.GetProp("_Name") if item.HasProp("_Name") and item.GetProp("_Name") else Chem.MolToSmiles(item)
    return str(item)


def _file_name(value: Any) -> str:
    text = "-".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    text = text.removesuffix(".0").replace(".", "p")
    return "".join(c if c.isalnum() or c == "-" else "-" for c in text)
