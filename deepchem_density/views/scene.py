"""A scene is what a picture and a page show: atoms, some fields, and from where they are seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.map_readers import MAP_SUFFIXES, read_map
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.fields.point_grid import PointGrid
from deepchem_density.settings import settings_of, special_defaults
from deepchem_density.structures.structure import Structure
from deepchem_density.structures.text_files import format_suffix
from deepchem_density.views.panels import Panel, panel_of, saliency_panel
from deepchem_density.voxels.datapoints import Complex, surroundings
from deepchem_density.voxels.grid import NO_ROTATION, VoxelGrid
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.representations import canonical
from deepchem_density.voxels.subject import Subject

if TYPE_CHECKING:
    from deepchem_density.models.prediction import Predictor

__all__ = ["Scene", "is_map", "map_alone", "map_grid", "map_subject", "recipe_for", "sampled_grid", "scene_of"]

ALL = "density+gradient+occupancy+atom"
OF_MAP = "density+gradient"

MARGIN, MARGIN_IN_COMPLEX = 2.8, 3.5
"""Å around the atoms of a molecule or ligand that are looked at."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What is shown.

    Parameters
    ----------
    title : str
        What it is of.
    facts : tuple of str
        What else there is to say.
    panels : tuple of Panel
        Fields, one or more.
    center : np.ndarray
        Middle of what is shown, (3,) in Å.
    axes : np.ndarray
        Rotation (3, 3) whose columns are the directions of the picture: to the right, up, towards the eye.
    half : np.ndarray
        Half the widths of what is shown along those, (3,) in Å.
    ligand : Structure, optional
        The molecule; None for a map alone.
    around : Structure, optional
        Atoms of the protein that are near.
    """

    title: str
    facts: tuple[str, ...]
    panels: tuple[Panel, ...]
    center: np.ndarray
    axes: np.ndarray
    half: np.ndarray
    ligand: Structure | None = None
    around: Structure | None = None

    def local(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (n, 3) along the directions of the picture."""
        return (positions - self.center) @ self.axes

    @property
    def region(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest x, y and z of what is shown, each (3,) in Å."""
        reach = np.abs(self.axes) @ self.half
        return self.center - reach, self.center + reach


def is_map(source: Any) -> bool:
    """Return whether something is a map alone."""
    if isinstance(source, (str, Path)):
        return format_suffix(source) in MAP_SUFFIXES
    return isinstance(source, GriddedDensity)


def recipe_for(datapoint: Any, representation: str, settings: Mapping[str, Any]) -> Recipe:
    """Return the recipe with these settings, others at their defaults for a molecule or a complex.

    Raises
    ------
    ValueError
        There is no such setting, or one that no datapoint could satisfy.
    """
    known = settings_of(Recipe)
    for name in settings:
        if name not in known:
            raise ValueError(
                f"{name}={settings[name]!r} arrived; the settings of voxels are accepted: {', '.join(known)}."
            )
    recipe = Recipe(representation=representation, **settings)
    if not is_map(datapoint) and surroundings(datapoint, recipe.reading)[0]:
        defaults = special_defaults(Recipe, "complexes")
        recipe = Recipe(representation=representation, **{**defaults, **settings})
    recipe.check()
    return recipe


def scene_of(
    datapoint: Any,
    representation: str = "",
    settings: Mapping[str, Any] | None = None,
    predictors: Sequence[Predictor] = (),
    target: str = "",
) -> Scene:
    """Look at a molecule, a complex or a map.

    Parameters
    ----------
    datapoint
        What `read_complex` reads, or a map alone: its path or a `GriddedDensity`.
    representation : str
        What to show, several joined by +; by default all there are, or those of the model.
    settings : mapping
        Of voxels, by name.
    predictors : sequence of Predictor
        A stored model, or several of one recipe, which is then that of all voxels; the mean of their saliency is shown.
    target : str
        Which prediction; the model's first by default.

    Raises
    ------
    ValueError
        Settings beside a model, a map alone with one, a representation that it does not have.
    FeaturizationError
        What cannot be read or looked at.
    """
    settings = dict(settings or {})
    if is_map(datapoint):
        if predictors:
            raise ValueError(
                "A map alone arrived with a model, which predicts for molecules; pass the ligand, and the map with it."
            )
        return _of_map(datapoint, representation, settings)
    if not predictors:
        recipe = recipe_for(datapoint, ALL, settings)
    elif settings:
        raise ValueError(
            f"{', '.join(settings)} arrived with a model, which has its own settings of voxels; leave out the one or the other."
        )
    else:
        recipe = dataclasses.replace(predictors[0].about.recipe, representation=ALL)
        representation = representation or predictors[0].about.recipe.representation
    whole = recipe.read(datapoint)
    center, axes, half = _frame(whole)
    facts = _facts(whole, recipe)
    panels = _panels(representation or ALL, recipe, whole, axes)
    if predictors:
        from deepchem_density.models.saliency import saliency_of

        panels.append(saliency_panel(saliency_of(predictors, whole, target)))
        facts = (*facts, "contributions: gradient of the prediction times the value of a voxel")
    around = None if whole.protein is None or recipe.part == "ligand" else _near(whole.protein, center, axes, half)
    return Scene(_title(whole), facts, tuple(panels), center, axes, half, whole.ligand, around)


def _panels(representation: str, recipe: Recipe, whole: Complex, axes: np.ndarray) -> list[Panel]:
    """Return a panel for each representation, in the order in which they were asked for."""
    canonical(representation)
    panels = []
    for name in (part.strip() for part in representation.split("+")):
        one = dataclasses.replace(recipe, representation=name)
        _, subjects = one.subjects(whole)
        # a grid may be turned to any angle; one in a map stays where the map is known to hold it
        grid = one.turned_grid(whole.ligand, NO_ROTATION if whole.density_map is not None else axes)
        parts = ("ligand", "protein") if len(subjects) > 1 else ("",)
        panels += [panel_of(one.records[0], subject, grid, part) for subject, part in zip(subjects, parts, strict=True)]
    return panels


def _frame(whole: Complex) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, directions and half widths for a molecule that lies flat, seen from where less stands in front of it."""
    positions = whole.ligand.positions
    axes = np.linalg.svd(positions - positions.mean(axis=0))[2].T
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    local = positions @ axes
    low, high = local.min(axis=0), local.max(axis=0)
    center = axes @ ((low + high) / 2)
    half = (high - low) / 2 + (MARGIN if whole.protein is None else MARGIN_IN_COMPLEX)
    if whole.protein is not None:
        beside = (whole.protein.positions - center) @ axes
        near = beside[(np.abs(beside) < half + 2).all(axis=1), 2]
        if (near > 0).sum() > (near < 0).sum():
            axes[:, 1:] *= -1
    return center, axes, half


def _near(protein: Structure, center: np.ndarray, axes: np.ndarray, half: np.ndarray) -> Structure | None:
    inside = (np.abs((protein.positions - center) @ axes) <= half).all(axis=1)
    if not inside.any():
        return None
    if protein.residues is not None:  # whole ones: a bond that ends in nothing looks like a mistake
        inside = np.isin(protein.residues, protein.residues[inside])
    return protein.subset(inside)


def _title(whole: Complex) -> str:
    name = whole.ligand.name or whole.ligand.formula
    return name if whole.protein is None else f"{name} in {whole.protein.name or whole.protein.formula}"


def _facts(whole: Complex, recipe: Recipe) -> tuple[str, ...]:
    ligand = whole.ligand
    charge = f", charge {ligand.charge:+d}" if ligand.charge else ""
    left_out = f", {ligand.implicit_hydrogens} hydrogens left out" if ligand.implicit_hydrogens else ""
    facts = [f"{ligand.formula}, {len(ligand.numbers)} atoms{charge}{left_out}"]
    if whole.protein is not None:
        facts.append(f"{len(whole.protein.numbers)} atoms around it")
    return (*facts, f"voxels of {recipe.voxel_width:g} Å in a box of {recipe.box_width:g} Å")


def map_alone(source: Any, recipe: Recipe) -> GriddedDensity:
    """Read a map, or return it."""
    if isinstance(source, GriddedDensity):
        return source
    return read_map(source, recipe.map_coefficients, recipe.map_values, recipe.map_periodic)


def map_grid(density_map: GriddedDensity, recipe: Recipe, box_is_given: bool) -> VoxelGrid:
    """Return the grid in which a map alone is looked at.

    It lies about the point that ``center`` names, or the middle of the map; where no box was asked for, the box of one that
    does not repeat is the largest that the map holds.
    """
    middle = density_map.origin + density_map.steps @ ((np.array(density_map.shape) - 1) / 2)
    center = middle if isinstance(recipe.center, str) else np.asarray(recipe.center, dtype=np.float64)
    width = recipe.box_width
    if not box_is_given and not density_map.periodic:
        # the distance between opposite faces, of which the box takes no more than from its centre to the nearer one
        places = np.linalg.solve(density_map.steps, center - density_map.origin)
        heights = 1 / np.linalg.norm(np.linalg.inv(density_map.steps), axis=1)
        nearest = float((np.minimum(places, np.array(density_map.shape) - 1 - places) * heights).min())
        n = int(min(width, 2 * nearest) / recipe.voxel_width + 1e-6)
        if n < 1:
            raise FeaturizationError(
                f"{density_map.label} is smaller than a voxel, or does not hold the point {np.round(center, 2).tolist()}; pass "
                "center= within it, and a smaller voxel_width."
            )
        width = n * recipe.voxel_width
    return VoxelGrid(center, width, recipe.voxel_width)


def map_subject(recipe: Recipe, density_map: GriddedDensity, grid: VoxelGrid) -> Subject:
    """Return what is looked at of a map alone; an atom in the middle stands for the place.

    Raises
    ------
    ValueError
        A representation of atoms.
    """
    for record in recipe.records:
        if not record.needs_density(recipe):
            raise ValueError(
                f"representation={record.name!r} arrived for a map alone, which has no atoms; density, gradient and occupancy "
                "with shape='density' are accepted."
            )
    place = Structure(np.array([1]), grid.center[None], name=density_map.name)
    return Subject(recipe, place, Complex(place, None, density_map))


def _of_map(source: Any, representation: str, settings: dict[str, Any]) -> Scene:
    representation = representation or OF_MAP
    recipe = recipe_for(source, representation, {"source": "map", "shape": "density", **settings})
    density_map = map_alone(source, recipe)
    grid = map_grid(density_map, recipe, "box_width" in settings)
    subject = map_subject(recipe, density_map, grid)
    panels = tuple(panel_of(record, subject, grid) for record in recipe.records)
    half = np.full(3, grid.box_width / 2)
    unit = f"in σ, {'a crystal that repeats' if density_map.periodic else 'ends at its faces'}"
    step = density_map.steps
    spacing = " x ".join(f"{length:.2f}" for length in np.linalg.norm(step, axis=0))
    where = ", ".join(f"{x:.1f}" for x in grid.center)
    facts = (
        f"map {unit if recipe.map_values == 'sigma' else 'as it is in its file'}",
        f"nodes every {spacing} Å",
        f"{grid.box_width:g} Å about ({where})",
    )
    return Scene(density_map.name or "map", facts, panels, grid.center, np.eye(3), half)


def sampled_grid(scene: Scene, most_points: int, finest: float) -> PointGrid:
    """Return the points at which a page shows fields: unturned ones that cover the scene."""
    low, high = scene.region
    step = max(finest, float(np.cbrt(np.prod(high - low) / most_points)))
    return PointGrid.around(np.stack([low, high]), 0.0, step)
