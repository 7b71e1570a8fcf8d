"""A panel is one field with all that is needed to draw it: its words, unit, colours and levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepchem_density.fields.field import Field
from deepchem_density.fields.maps import GriddedDensity
from deepchem_density.fields.point_grid import PointGrid
from deepchem_density.models.saliency import Saliency
from deepchem_density.structures.structure import atomic_number
from deepchem_density.views.seen_fields import VoxelField, Within
from deepchem_density.voxels.grid import VoxelGrid, voxelize
from deepchem_density.voxels.representations import Representation
from deepchem_density.voxels.subject import Subject, source_of

__all__ = [
    "ELEMENT_COLORS",
    "INNER",
    "LOWERS",
    "Channel",
    "Panel",
    "element_color",
    "panel_of",
    "saliency_panel",
    "unit_of",
]

ELEMENT_COLORS = {
    1: "#e8e8e8",
    6: "#909090",
    7: "#4060f0",
    8: "#f03020",
    9: "#70d050",
    15: "#f08030",
    16: "#e8d030",
    17: "#30c030",
    35: "#a03020",
    53: "#9020a0",
}
"""Atomic number -> colour, after Corey, Pauling and Koltun, and Jmol."""
OTHER_COLOR = "#e080b0"

RAISES, LOWERS = "#d1495b", "#3d7dca"
OUTER, INNER = "#74aef0", "#fdae5c"

TITLES = {
    "atom": "Atom types",
    "density": "Electron density",
    "gradient": "Gradient of the density",
    "occupancy": "Occupancy",
}

# Surfaces that are drawn, low to high, for molecules, and for what is dense everywhere.
LEVELS = {"e/Å³": (0.0135, 0.9), "e/Å⁴": (0.8,), "σ": (1.5,), "σ/Å": (3.0,), "1": (0.5,)}
LEVELS_IN_COMPLEX = LEVELS | {"e/Å³": (0.4,), "e/Å⁴": (1.5,)}
START = {"e/Å³": 0.3}
"""Where the slider of a page starts, where that is not the lowest of the surfaces."""
SHARE_OF_PEAK = 0.25
"""Level of atom types, and the highest one of contributions, as a part of the largest value."""
SHARE_ENCLOSED = 0.5
"""What surfaces of contributions hold at the least where the slider starts, of all that these add up to without their signs."""
LEAST_PEAK = 0.02
"""A channel whose highest value is below this part of the highest of all holds no atom of this box."""


@dataclass(frozen=True)
class Channel:
    """One channel of a panel's field: its name, its place in the field, and the colour of its surface."""

    name: str
    place: int
    color: str


@dataclass(frozen=True, eq=False)
class Panel:
    """One field.

    Parameters
    ----------
    title, words : str
        What it is, and where it comes from.
    unit : str
        Of its values.
    field : Field
        In the frame of the input.
    channels : tuple of Channel
        Those that are drawn.
    levels : tuple of float
        Of its surfaces, low to high.
    start : float
        Level at which a slider starts.
    scale : str
        "log", "linear", or "signed" for values of both signs, whose negative ones are drawn too.
    voxels : VoxelField
        What a network gets.
    voxel_width : float
        In Å.
    """

    title: str
    words: str
    unit: str
    field: Field
    channels: tuple[Channel, ...]
    levels: tuple[float, ...]
    start: float
    scale: str
    voxels: VoxelField
    voxel_width: float

    @property
    def quantity(self) -> str:
        """What colour bars say: the title in small letters and the unit."""
        unit = "" if self.unit == "1" else f" ({self.unit})" if self.unit else ""
        return f"{self.title[0].lower()}{self.title[1:]}{unit}"


def element_color(number: int) -> str:
    """Return the colour of an element."""
    return ELEMENT_COLORS.get(number, OTHER_COLOR)


def panel_of(record: Representation, subject: Subject, grid: VoxelGrid, part: str = "") -> Panel:
    """Return the panel of a representation.

    Parameters
    ----------
    record, subject
        What is looked at.
    grid : VoxelGrid
        Of the voxels.
    part : str
        Which part of a complex is looked at, where it is one of several.
    """
    recipe, whole = subject.recipe, subject.whole
    of_map, unit = _of_map(record, subject), unit_of(record, subject)
    field = record.field(subject)
    voxels = voxelize(field, grid, recipe.oversampling).numpy()
    seen = _within(field, whole.density_map) if of_map else field
    usual = LEVELS if whole.protein is None else LEVELS_IN_COMPLEX
    levels = usual.get(unit, (SHARE_OF_PEAK * float(voxels.max()),))
    of_part = f" of the {part}" if part else ""
    return Panel(
        title=TITLES.get(record.name, record.name) + of_part,
        words=_words(record, subject),
        unit=unit,
        field=seen,
        channels=_present(record.channels(recipe), voxels, OUTER if len(levels) > 1 or unit == "1" else INNER),
        levels=levels,
        start=START.get(unit, levels[0]) if whole.protein is None else levels[0],
        scale="log" if unit in ("e/Å³", "e/Å⁴") and not of_map else "linear",
        voxels=VoxelField(voxels, grid.point_grid),
        voxel_width=grid.voxel_width,
    )


def saliency_panel(found: Saliency) -> Panel:
    """Return the panel of what drove a prediction."""
    contributions = found.contributions[..., None]
    sizes = np.abs(contributions)
    level = min(_enclosing(sizes, SHARE_ENCLOSED), SHARE_OF_PEAK * float(sizes.max())) or 1.0
    unit = f" {found.unit}" if found.unit else ""
    return Panel(
        title=f"Contributions to {found.target}",
        words=f"predicted {found.prediction:.4g}{unit}",
        unit=found.unit,
        field=VoxelField(contributions, found.grid.point_grid, smooth=True),
        channels=(Channel(found.target, 0, RAISES),),
        levels=(level,),
        start=level,
        scale="signed",
        voxels=VoxelField(contributions, found.grid.point_grid),
        voxel_width=found.grid.voxel_width,
    )


def _enclosing(sizes: np.ndarray, share: float) -> float:
    """Return the level above which values of one sign add up to a share of their sum."""
    descending = np.sort(sizes, axis=None)[::-1]
    reached = np.cumsum(descending)
    return float(descending[np.searchsorted(reached, share * reached[-1])])


def unit_of(record: Representation, subject: Subject) -> str:
    """Return the unit of a representation's values."""
    in_sigma = _of_map(record, subject) and subject.recipe.map_values == "sigma"
    units = {"density": ("e/Å³", "σ"), "gradient": ("e/Å⁴", "σ/Å")}
    return units[record.name][in_sigma] if record.name in units else record.unit


def _source(subject: Subject) -> str:
    return source_of(subject.recipe, subject.whole.protein is not None, subject.whole.density_map is not None)


def _of_map(record: Representation, subject: Subject) -> bool:
    return record.needs_density(subject.recipe) and _source(subject) == "map"


def _words(record: Representation, subject: Subject) -> str:
    """Return where a field comes from."""
    recipe, source = subject.recipe, _source(subject)
    if record.name == "atom":
        return f"a Gaussian of width {recipe.sigma:g} Å for each atom"
    sources = {
        "xtb": f"valence electrons, {recipe.method}",
        "independent_atoms": "all electrons of independent atoms",
        "map": "experimental map",
    }
    if record.name == "occupancy":
        if recipe.shape == "vdw":
            return "inside van der Waals spheres"
        return f"where the density is above a threshold; {sources[source]}"
    return sources[source]


def _within(field: Field, density_map: object) -> Field:
    """Return a field of a map that may be looked at beyond the map's faces."""
    if isinstance(density_map, GriddedDensity) and not density_map.periodic:
        a, b, c = density_map.shape
        return Within(field, PointGrid(density_map.origin, density_map.steps, (a, b, c)))
    return field


def _present(names: tuple[str, ...], voxels: np.ndarray, color: str) -> tuple[Channel, ...]:
    """Return the channels that hold something; those named after elements have their colours."""
    if len(names) == 1:
        return (Channel(names[0], 0, color),)
    peaks = voxels.reshape(-1, len(names)).max(axis=0)
    return tuple(
        Channel(name, place, _color_of(name))
        for place, (name, peak) in enumerate(zip(names, peaks, strict=True))
        if peak > LEAST_PEAK * peaks.max()
    )


def _color_of(name: str) -> str:
    try:
        return element_color(atomic_number(name))
    except ValueError:
        return OTHER_COLOR
