"""A picture of atoms and surfaces along parallel rays.

The scene is looked at on axes that point along the view. Balls and sticks are opaque; a surface lies where a ray first meets its
level, light falls on it along the gradient there, and it lets through what is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.colors import to_rgb
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.sparse import csr_array
from scipy.spatial.transform import Rotation

from deepchem_density.fields import VdwOccupancy
from deepchem_density.structures.bonds import bonds_of
from deepchem_density.structures.structure import Structure
from deepchem_density.views.panels import INNER, LOWERS, Channel, Panel, element_color
from deepchem_density.views.scene import Scene

__all__ = ["BACKGROUND", "Rays", "drawn", "pixel_centers", "surfaces_of"]

BACKGROUND = "#0b0a12"
TILT = Rotation.from_euler("xy", [-24, 16], degrees=True).as_matrix()
LIGHT = np.array([-0.45, 0.55, 0.70]) / np.linalg.norm([-0.45, 0.55, 0.70])
HALFWAY = LIGHT + np.array([0, 0, 1])
HALFWAY /= np.linalg.norm(HALFWAY)

BALL, STICK, THIN_STICK = 0.28, 0.09, 0.05
"""Radii in Å, of the molecule, and of bonds of what is around it."""
SMALL_BALL = 0.19
"""Of hydrogen, and of what is bonded to nothing around the molecule."""
BALLS_PER_STICK = 30
CARVED = 2.2
"""Å around the ligand of a complex where surfaces are drawn; elsewhere they would hide it."""
FINEST, MOST_SAMPLES = 0.12, 1 << 20
"""Å between the points at which a field is looked at, and how many of them there are at most."""
SMOOTHED = 0.14
"""Å, of fields of 0 and 1, which have no slope."""


@dataclass(frozen=True, eq=False)
class Rays:
    """The frame of a picture.

    Parameters
    ----------
    center, axes : np.ndarray
        Middle (3,), and directions in columns (3, 3): to the right, up, towards the eye.
    x, y : np.ndarray
        Coordinates of the pixels along both edges, in Å.
    reach : float
        Half the length of a ray in Å.
    """

    center: np.ndarray
    axes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    reach: float

    @classmethod
    def of(cls, scene: Scene, half: np.ndarray, pixel: float) -> Rays:
        """Return rays that see a scene a little from the side; ``half`` are half the edges of the picture, (2,) in Å."""
        reach = float(np.abs(TILT.T @ np.diag(scene.half)).sum(axis=1)[2])
        x, y = (pixel_centers(edge, pixel) for edge in half)
        return cls(scene.center, scene.axes @ TILT, x, y, reach)

    def samples(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return coordinates at which fields are looked at, from left to right, from below and from the eye on, in Å."""
        volume = np.ptp(self.x) * np.ptp(self.y) * 2 * self.reach
        step = max(FINEST, float(np.cbrt(volume / MOST_SAMPLES)))
        x, y, z = (
            np.linspace(low, high, int((high - low) / step) + 2)
            for low, high in ((self.x[0], self.x[-1]), (self.y[0], self.y[-1]), (-self.reach, self.reach))
        )
        return x, y, z[::-1]

    def local(self, positions: np.ndarray) -> np.ndarray:
        """Return positions (n, 3) in this frame."""
        return (positions - self.center) @ self.axes


def pixel_centers(half: float, pixel: float) -> np.ndarray:
    """Return the middles of the pixels, of about that width, that fill a line from -half to half."""
    n = max(2, round(2 * half / pixel))
    return (np.arange(n) + 0.5) * (2 * half / n) - half


def drawn(scene: Scene, panel: Panel, rays: Rays) -> np.ndarray:
    """Return the picture of a panel, (ny, nx, 3)."""
    picture = np.full((len(rays.x), len(rays.y), 3), to_rgb(BACKGROUND))
    front = np.full(picture.shape[:2], -np.inf)
    for structure, thin in ((scene.around, True), (scene.ligand, False)):
        if structure is not None:
            _draw_atoms(picture, front, rays, structure, thin)
    axes = rays.samples()
    on_axes = [torch.from_numpy(axis.astype(np.float32)) for axis in axes]
    values = panel.field.in_frame(rays.center, rays.axes).on_axes(*on_axes).numpy()
    if scene.around is not None and scene.ligand is not None:
        near = VdwOccupancy(rays.local(scene.ligand.positions), np.full(len(scene.ligand.numbers), CARVED))
        values = values * near.on_axes(*on_axes).numpy()
    for channel in panel.channels:
        _draw_surfaces(picture, front, rays, panel, channel, values[..., channel.place], axes)
    return picture.transpose(1, 0, 2).clip(0, 1)


def _draw_surfaces(
    picture: np.ndarray,
    front: np.ndarray,
    rays: Rays,
    panel: Panel,
    channel: Channel,
    values: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Blend the surfaces of a channel into the picture; of nested ones the inner ones first."""
    steps = [abs(float(axis[1] - axis[0])) for axis in axes]
    if panel.unit == "1":
        values = gaussian_filter(values.astype(np.float32), [SMOOTHED / step for step in steps])
    slopes = list(np.gradient(values, *steps))
    slopes[2] = -slopes[2]  # the last axis runs away from the eye
    for level, color in surfaces_of(panel, channel):
        of_level = values if level > 0 else -values
        found = _crossing(of_level, abs(level), axes, rays)
        hit = np.isfinite(found) & (found > front)
        if not hit.any():
            continue
        places = _places(axes, rays, hit, found[hit])
        normals = -np.sign(level) * np.stack([map_coordinates(one, places, order=1) for one in slopes], axis=-1)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30)
        facing = normals[:, 2].clip(0, 1)[:, None]
        opacity = 0.30 + 0.65 * (1 - facing) ** 1.5  # glass: clear where it faces us, denser towards its rim
        picture[hit] = opacity * _shade(normals, color) + (1 - opacity) * picture[hit]


def surfaces_of(panel: Panel, channel: Channel) -> list[tuple[float, str]]:
    """Return the level and the colour of each surface of a channel, inner ones first."""
    levels = sorted(panel.levels, reverse=True)
    if panel.scale == "signed":
        return [(levels[0], channel.color), (-levels[0], LOWERS)]
    return [(level, INNER if len(levels) > 1 and level == levels[0] else channel.color) for level in levels]


def _crossing(
    values: np.ndarray, level: float, axes: tuple[np.ndarray, np.ndarray, np.ndarray], rays: Rays
) -> np.ndarray:
    """Return where each ray first meets a level, (nx, ny) in Å towards the eye; NaN where it never does."""
    weights = [_weights(pixels, axis) for pixels, axis in ((rays.x, axes[0]), (rays.y, axes[1]))]
    nx, ny, nz = values.shape
    depth = axes[2]
    found = np.full((len(rays.x), len(rays.y)), np.nan)
    lines = (weights[0] @ values.reshape(nx, ny * nz)).reshape(-1, ny, nz)
    for row, line in enumerate(lines):
        if line.max() < level:
            continue
        along = weights[1] @ line
        beyond = along >= level
        hit = np.flatnonzero(beyond.any(axis=1))
        index = beyond[hit].argmax(axis=1)
        before = np.maximum(index - 1, 0)
        low, high = along[hit, before], along[hit, index]
        share = np.where(high > low, (level - low) / np.where(high > low, high - low, 1.0), 1.0)
        found[row, hit] = depth[before] + share * (depth[1] - depth[0])
    return found


def _weights(pixels: np.ndarray, axis: np.ndarray) -> csr_array:
    """Return the weights (pixels, samples) with which Keys' cubic convolution takes samples to pixels."""
    places = (pixels - axis[0]) / (axis[1] - axis[0])
    first = np.clip(np.floor(places).astype(int), 0, len(axis) - 2)
    u = places - first
    v = 1 - u
    shares = [-0.5 * u * v * v, 1 + u * u * (1.5 * u - 2.5), 1 + v * v * (1.5 * v - 2.5), -0.5 * v * u * u]
    rows = np.arange(len(pixels))
    parts = [(share, (rows, np.clip(first + k - 1, 0, len(axis) - 1))) for k, share in enumerate(shares)]
    data = np.concatenate([share for share, _ in parts])
    ij = np.concatenate([np.stack(at) for _, at in parts], axis=1)
    return csr_array((data, (ij[0], ij[1])), shape=(len(pixels), len(axis)))


def _places(
    axes: tuple[np.ndarray, np.ndarray, np.ndarray], rays: Rays, hit: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Return the points of a surface in samples from the first one, (3, n)."""
    i, j = np.nonzero(hit)
    points = (rays.x[i], rays.y[j], depth)
    return np.stack([(point - axis[0]) / (axis[1] - axis[0]) for point, axis in zip(points, axes, strict=True)])


def _shade(normals: np.ndarray, color: str) -> np.ndarray:
    """Return the colours (n, 3) of a matt surface with a soft highlight."""
    diffuse = (normals @ LIGHT).clip(0)[:, None]
    highlight = (normals @ HALFWAY).clip(0)[:, None] ** 40
    return (np.array(to_rgb(color)) * (0.40 + 0.65 * diffuse) + 0.25 * highlight).clip(0, 1)


def _draw_atoms(picture: np.ndarray, front: np.ndarray, rays: Rays, structure: Structure, thin: bool) -> None:
    """Draw balls and sticks; what is around a molecule as sticks alone."""
    local = rays.local(structure.positions)
    colors = [element_color(int(number)) for number in structure.numbers]
    bonds = bonds_of(structure)
    lonely = ~np.isin(np.arange(len(local)), bonds)
    for atom, (position, number) in enumerate(zip(local, structure.numbers, strict=True)):
        if not thin or lonely[atom]:
            radius = SMALL_BALL if thin or number == 1 else BALL
            _draw_ball(picture, front, rays, position, radius, colors[atom])
    for pair in bonds:
        start, end = local[pair]
        for share in (np.arange(BALLS_PER_STICK) + 0.5) / BALLS_PER_STICK:
            color = colors[pair[0]] if share < 0.5 else colors[pair[1]]
            radius = THIN_STICK if thin else STICK
            _draw_ball(picture, front, rays, start + share * (end - start), radius, color)


def _draw_ball(
    picture: np.ndarray, front: np.ndarray, rays: Rays, position: np.ndarray, radius: float, color: str
) -> None:
    pixel = float(rays.x[1] - rays.x[0])
    i, j = (
        slice(*(np.array([p - radius - a[0], p + radius - a[0]]) / pixel + [0, 2]).astype(int).clip(0))
        for p, a in ((position[0], rays.x), (position[1], rays.y))
    )
    x, y = rays.x[i, None] - position[0], rays.y[None, j] - position[1]
    square = radius**2 - x**2 - y**2
    height = np.sqrt(square.clip(0))
    hit = (square > 0) & (position[2] + height > front[i, j])
    if not hit.any():
        return
    x, y = np.broadcast_arrays(x, y)
    normals = np.stack([x, y, height], axis=-1)[hit] / radius
    front[i, j][hit] = (position[2] + height)[hit]
    picture[i, j][hit] = _shade(normals, color)
