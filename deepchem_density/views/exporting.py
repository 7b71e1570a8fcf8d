"""``export``: what a representation is of a molecule, a complex or a map, in a file for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deepchem_density.fields.ccp4_writer import map_nodes, write_ccp4
from deepchem_density.fields.cube_writer import write_cube
from deepchem_density.fields.field import Field
from deepchem_density.fields.point_grid import look
from deepchem_density.fields.units import ATOMIC_UNITS
from deepchem_density.files import check_writable, save_npz
from deepchem_density.structures.structure import Structure, joined
from deepchem_density.views.panels import unit_of
from deepchem_density.views.scene import is_map, map_alone, map_grid, map_subject, recipe_for
from deepchem_density.voxels.grid import VoxelGrid, voxelize
from deepchem_density.voxels.recipe import Recipe
from deepchem_density.voxels.subject import Subject
from deepchem_density.voxels.transforms import TRANSFORMS

__all__ = ["export"]

CUBES, MAPS, ARRAYS = (".cube", ".cub"), (".ccp4", ".map", ".mrc"), (".npz",)


class _Part(NamedTuple):
    """One representation of what is exported."""

    name: str
    channels: tuple[str, ...]
    unit: str
    field: Field
    voxels: np.ndarray


def export(
    datapoint: Any, path: str | Path, representation: str = "density", settings: Mapping[str, Any] | None = None
) -> tuple[Path, ...]:
    """Write what a representation is of a datapoint.

    Parameters
    ----------
    datapoint
        What `read_complex` reads, or a map alone.
    path : path
        A cube (.cube, .cub) has the voxels, of one channel; where there are several, each has a file of its own, whose name ends
        in the channel's. A map (.ccp4, .map, .mrc) likewise has the field at the whole multiples of the voxels' width that cover
        their box. An archive (.npz) has everything.
    representation : str
        One, or several joined by +.
    settings : mapping
        Of voxels, by name.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    ValueError
        Another ending, settings that do not exist, or that make of a field what a map cannot hold.
    FeaturizationError
        What cannot be read or looked at.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (*CUBES, *MAPS, *ARRAYS):
        raise ValueError(
            f"'{path}' arrived to be written; a name that ends in {', '.join((*CUBES, *MAPS, *ARRAYS))} is accepted."
        )
    recipe, grid, atoms, parts = _looked_at(datapoint, representation, dict(settings or {}))
    if suffix in MAPS and (recipe.transform != "none" or recipe.oversampling > 1):
        raise ValueError(
            f"transform={recipe.transform!r} and oversampling={recipe.oversampling} arrived for '{path.name}', which has the "
            "field itself; write a .cube or .npz, or leave them out."
        )
    check_writable(path)
    if suffix in ARRAYS:
        _save(path, grid, atoms, parts)
        return (path,)
    units = {part.unit for part in parts} - set(ATOMIC_UNITS)
    if units or (recipe.transform != "none" and suffix in CUBES):
        raise ValueError(
            f"'{path.name}' cannot hold values of transform={recipe.transform!r} in {', '.join(sorted(units)) or 'no unit'}; "
            "write a .npz."
        )
    return _save_channels(path, grid, atoms, parts)


def _titled(unit: str, title: str) -> str:
    """Return a title that a reader of densities takes for one where it is one, and for none elsewhere."""
    words = {"e/Å⁴": "gradient: ", "atoms/Å³": "atoms per volume: ", "1": "occupancy: ", "σ": "rms deviation: "}
    return words.get(unit, "rms deviation: " if unit == "σ/Å" else "") + title


def _looked_at(
    datapoint: Any, representation: str, settings: dict[str, Any]
) -> tuple[Recipe, VoxelGrid, Structure | None, list[_Part]]:
    """Return the recipe, its grid, the atoms in its box, and what is looked at."""
    if is_map(datapoint):
        recipe = recipe_for(datapoint, representation, {"source": "map", "shape": "density", **settings})
        density_map = map_alone(datapoint, recipe)
        grid = map_grid(density_map, recipe, "box_width" in settings)
        subjects, atoms = [map_subject(recipe, density_map, grid)], None
    else:
        recipe = recipe_for(datapoint, representation, settings)
        whole, subjects = recipe.subjects(datapoint)
        grid = recipe.grid(whole.ligand)
        atoms = whole.ligand
        if whole.protein is not None and recipe.part != "ligand":
            inside = (np.abs(grid.to_local(whole.protein.positions)) <= grid.box_width / 2).all(axis=1)
            atoms = joined(atoms, whole.protein.subset(inside)) if inside.any() else atoms
    parts = []
    for place, subject in enumerate(subjects):
        of_part = f"{('ligand', 'protein')[place]} " if len(subjects) > 1 else ""
        parts += [_part(record, subject, grid, recipe, of_part) for record in recipe.records]
    return recipe, grid, atoms, parts


def _part(record: Any, subject: Subject, grid: VoxelGrid, recipe: Recipe, of_part: str) -> _Part:
    field = record.field(subject)
    voxels = voxelize(field, grid, recipe.oversampling)
    if record.transformed:
        voxels = TRANSFORMS[recipe.transform][0](voxels)
    channels = tuple(f"{of_part}{channel}" for channel in record.channels(recipe))
    return _Part(record.name, channels, unit_of(record, subject), field, voxels.numpy())


def _save_channels(path: Path, grid: VoxelGrid, atoms: Structure | None, parts: list[_Part]) -> tuple[Path, ...]:
    """Write a cube or map for each channel, under a name of its own where there are several."""
    several = sum(len(part.channels) for part in parts) > 1
    nodes = map_nodes(grid.point_grid)
    written = []
    for part in parts:
        on_nodes = look(part.field, nodes) if path.suffix.lower() in MAPS else None
        for place, channel in enumerate(part.channels):
            file = path.with_name(f"{path.stem}-{channel.replace(' ', '-')}{path.suffix}") if several else path
            title = f"{part.name} ({channel}) of {atoms.label}" if atoms is not None else f"{part.name} of a map"
            if on_nodes is None:
                written.append(write_cube(file, part.voxels, grid, atoms, part.unit, _titled(part.unit, title), place))
            else:
                written.append(write_ccp4(file, on_nodes, nodes, part.unit, title, place))
    return tuple(written)


def _save(path: Path, grid: VoxelGrid, atoms: Structure | None, parts: list[_Part]) -> None:
    points = grid.point_grid
    nothing = np.zeros((0, 3))
    arrays = {
        "voxels": np.concatenate([part.voxels for part in parts], axis=-1),
        "channels": np.array([channel for part in parts for channel in part.channels]),
        "units": np.array([part.unit for part in parts for _ in part.channels]),
        "origin": points.origin,
        "steps": points.steps,
        "numbers": np.zeros(0, dtype=np.int64) if atoms is None else atoms.numbers,
        "positions": nothing if atoms is None else atoms.positions,
    }
    save_npz(path, arrays, compressed=True)
