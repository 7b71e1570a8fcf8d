"""Draw docs/density.png: the valence density of one QM9 molecule as surfaces, as a slice and as voxels.

    python docs/make_density_figure.py

The surfaces are seen along parallel rays: the density is looked at on axes that point along the view, each ray is followed
to its first crossing, and the analytic gradient there gives the normal that light falls on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from scipy.spatial.transform import Rotation

from deepchem_density import Structure, VoxelGrid, load_sample, voxelize, xtb_density
from deepchem_density.fields import OrbitalDensity
from deepchem_density.structures import symbol

QM9_ID = 25509  # N-(pyridin-2-yl)formamide, C6H6N2O, planar
OUTER, INNER = 0.0135, 1.6  # e/Å³; the outer one is 0.002 e/bohr³
COLOURS = {OUTER: "#9cc7f0", INNER: "#fec287"}
HALF_WIDTH, HALF_HEIGHT = 5.4, 4.4  # Å
PIXEL = 0.01  # Å, half a pixel of the finished picture
STEP = 0.05  # Å along a ray
RANGE = LogNorm(1e-3, 4.0)
TILT = Rotation.from_euler("zyx", [-8, 14, -30], degrees=True).as_matrix()
LIGHT = np.array([-0.45, 0.55, 0.70]) / np.linalg.norm([-0.45, 0.55, 0.70])
HALFWAY = (LIGHT + np.array([0, 0, 1])) / np.linalg.norm(LIGHT + np.array([0, 0, 1]))
STYLE = {"font.size": 12, "axes.titlesize": 13, "axes.titlepad": 9, "image.cmap": "magma"}


def plane(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of the atoms and a rotation (3, 3) whose columns are the long axis, the short one and the normal."""
    positions = structure.positions
    axes = np.linalg.svd(positions - positions.mean(axis=0))[2].T
    axes[:, 2] *= np.linalg.det(axes)
    local = positions @ axes
    return axes @ ((local.max(axis=0) + local.min(axis=0)) / 2), axes


def first_crossing(values: torch.Tensor, level: float, depth: torch.Tensor) -> torch.Tensor:
    """Return where rays along the last axis first meet a level; NaN where they never do."""
    beyond = values >= level
    index = beyond.to(torch.uint8).argmax(dim=-1).clamp(min=1)[..., None]
    before, after = (values.gather(-1, i)[..., 0].log() for i in (index - 1, index))
    share = (np.log(level) - before) / (after - before)
    found = depth[index[..., 0] - 1] + share * (depth[1] - depth[0])
    return torch.where(beyond.any(dim=-1), found, torch.nan)


def shade(normals: np.ndarray, colour: str) -> np.ndarray:
    """Return the colours (n, 3) of a matt surface with a soft highlight."""
    diffuse = (normals @ LIGHT).clip(0)[:, None]
    highlight = (normals @ HALFWAY).clip(0)[:, None] ** 40
    return (np.array(to_rgb(colour)) * (0.45 + 0.60 * diffuse) + 0.25 * highlight).clip(0, 1)


def render(density: OrbitalDensity, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Return a picture (nx, ny, 3) of a density seen down its z axis: the inner surface through the outer one."""
    depth = torch.arange(HALF_WIDTH, -HALF_WIDTH, -STEP)
    values = density.on_axes(x, y, depth)[..., 0]
    picture = np.full((len(x), len(y), 3), plt.get_cmap("magma")(0)[:3])
    for level in (INNER, OUTER):
        z = first_crossing(values, level, depth)
        hit = torch.isfinite(z)
        points = torch.stack([*torch.meshgrid(x, y, indexing="ij"), z], dim=-1)[hit]
        if len(points) == 0:
            continue
        gradient = density.gradient_at(points).numpy()
        normals = -gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        # glass: nearly clear where it faces us, denser towards its rim
        opacity = 1.0 if level == INNER else (0.24 + 0.72 * (1 - normals[:, 2:].clip(0, 1)) ** 1.3)
        picture[hit.numpy()] = opacity * shade(normals, COLOURS[level]) + (1 - opacity) * picture[hit.numpy()]
    return picture.clip(0, 1)


def draw_surfaces(axis: Axes, density: OrbitalDensity) -> None:
    """Draw both surfaces of a density that is given in the frame of the view."""
    x, y = _axes(PIXEL)
    picture = np.concatenate([render(density, part, y) for part in x.split(32)])
    _image(axis, picture.transpose(1, 0, 2))
    axis.set_title("surfaces of equal density")
    for level, height in ((OUTER, 0.065), (INNER, 0.135)):
        axis.text(0.04, height, "●", color=COLOURS[level], transform=axis.transAxes, va="center")
        axis.text(0.09, height, f"{level:g} e/Å³", color="0.85", transform=axis.transAxes, va="center", fontsize=11)


def draw_slice(axis: Axes, density: OrbitalDensity, positions: np.ndarray, symbols: list[str]) -> None:
    """Draw the plane z = 0 of a density, with the levels of both surfaces and the atoms."""
    x, y = _axes(2 * PIXEL)
    values = density.on_axes(x, y, torch.zeros(1))[:, :, 0, 0].numpy().T
    _image(axis, values, norm=RANGE)
    axis.contour(x, y, values, levels=[OUTER, INNER], colors=[COLOURS[OUTER], "white"], linewidths=[1.3, 1.0])
    for label, (u, v, _) in zip(symbols, positions, strict=True):
        axis.text(u, v, label, ha="center", va="center_baseline", fontsize=9, fontweight="bold", color="black")
    axis.set_title("slice through the plane of the atoms")


def draw_voxels(axis: Axes, density: OrbitalDensity) -> AxesImage:
    """Draw the layer of voxels that the plane z = 0 runs through the middle of."""
    grid = VoxelGrid(center=(0, 0, 0.25), box_width=16.0, voxel_width=0.5)
    layer = voxelize(density, grid)[:, :, grid.voxels_per_edge // 2 - 1, 0].numpy().T
    image = axis.imshow(layer, norm=RANGE, origin="lower", extent=(-8, 8, -8, 8), interpolation="nearest")
    axis.set(xlim=(-HALF_WIDTH, HALF_WIDTH), ylim=(-HALF_HEIGHT, HALF_HEIGHT))
    axis.set_title("the same slice in voxels of 0.5 Å")
    return image


def _axes(step: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(-HALF_WIDTH, HALF_WIDTH, step) + step / 2, torch.arange(
        -HALF_HEIGHT, HALF_HEIGHT, step
    ) + step / 2


def _image(axis: Axes, values: np.ndarray, **settings: object) -> None:
    axis.imshow(values, origin="lower", extent=(-HALF_WIDTH, HALF_WIDTH, -HALF_HEIGHT, HALF_HEIGHT), **settings)


def figure() -> Figure:
    """Draw the three panels."""
    sample = load_sample()
    structure = sample.structure(int(np.flatnonzero(sample.ids == QM9_ID)[0]))
    center, axes = plane(structure)
    density = xtb_density(structure).in_frame(center, axes)
    with mpl.rc_context(STYLE):
        drawing, panels = plt.subplots(1, 3, figsize=(12.8, 3.75), layout="constrained")
        draw_surfaces(panels[0], density.in_frame(np.zeros(3), TILT))
        symbols = [symbol(int(number)) for number in structure.numbers]
        draw_slice(panels[1], density, (structure.positions - center) @ axes, symbols)
        image = draw_voxels(panels[2], density)
        for panel in panels:
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        bar = drawing.colorbar(image, ax=panels, extend="both", pad=0.01, aspect=16, shrink=0.88)
        bar.set_label("valence electrons per Å³")
        bar.outline.set_visible(False)
    return drawing


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("density.png"))
    out = parser.parse_args().out
    with torch.no_grad():
        figure().savefig(out, dpi=130, pil_kwargs={"optimize": True})
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
