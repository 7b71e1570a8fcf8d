"""A scene as a PNG: for each field its surfaces with the atoms, a slice, and the same slice in voxels, with a colour bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.patheffects
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from deepchem_density.fields.field import Field
from deepchem_density.files import replacing
from deepchem_density.structures.structure import symbol
from deepchem_density.views.panels import Panel
from deepchem_density.views.rays import BACKGROUND, Rays, drawn, pixel_centers, surfaces_of
from deepchem_density.views.scene import Scene

__all__ = ["picture_of", "save_picture"]

STYLE = {"font.size": 10, "axes.titlesize": 10, "axes.titlepad": 6}
WIDTH, DPI = 4.0, 130
"""Inches of a part of a row, and pixels of an inch."""
PIXELS = 460
SLICE_PIXELS = 300
DECADES = 3.3
"""Of a logarithmic colour bar."""
NEAR_PLANE = 0.7
"""Å; atoms nearer to a slice are named in it."""
MOST_NAMES = 60
NAMES: dict[str, Any] = {"fontsize": 9, "fontweight": "bold"}
FLATTEST, STEEPEST = 0.55, 1.15
"""Height of a part over its width."""


def picture_of(scene: Scene) -> Figure:
    """Draw a row for each panel."""
    half = scene.half[:2].copy()
    half[1] = np.clip(half[1], FLATTEST * half[0], STEEPEST * half[0])
    half[0] = max(half[0], half[1] / STEEPEST)
    height = WIDTH * half[1] / half[0] + 0.45
    rows = len(scene.panels)
    with mpl.rc_context(STYLE), torch.no_grad():
        figure = Figure(figsize=(3 * WIDTH + 1.3, height * rows + 0.5), layout="constrained", facecolor="white")
        figure.suptitle("   |   ".join([scene.title, *scene.facts]), fontsize=11)
        axes = figure.subplots(rows, 3, squeeze=False)
        for row, panel in zip(axes, scene.panels, strict=True):
            _draw_row(figure, row, scene, panel, half)
    return figure


def save_picture(scene: Scene, path: Path) -> Path:
    """Write the picture as a PNG, completely or not at all."""
    figure = picture_of(scene)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png", pil_kwargs={"optimize": True})
    return path


def _draw_row(figure: Figure, row: np.ndarray, scene: Scene, panel: Panel, half: np.ndarray) -> None:
    surfaces, slice_, voxels = row
    rays = Rays.of(scene, half, 2 * half[0] / PIXELS)
    extent = (-half[0], half[0], -half[1], half[1])
    surfaces.imshow(drawn(scene, panel, rays), origin="lower", extent=extent, interpolation="bilinear")
    surfaces.set_title(f"{panel.title}: {panel.words}", loc="left")
    _name_surfaces(surfaces, panel)
    plane = _plane(scene, panel, panel.field, half)
    cells = _plane(scene, panel, panel.voxels, half)
    norm, colors = _scale(panel, plane, cells)
    image = slice_.imshow(plane, origin="lower", extent=extent, norm=norm, cmap=colors)
    signed = panel.scale == "signed"
    if plane.min() < max(panel.levels) < plane.max() or signed:
        levels = sorted({*panel.levels, *(-level for level in panel.levels if signed)})
        x, y = (pixel_centers(h, 2 * half[0] / SLICE_PIXELS) for h in half)
        slice_.contour(x, y, plane, levels=levels, colors="black" if signed else "white", linewidths=0.8)
    slice_.set_title("slice through the plane of the atoms" if scene.ligand is not None else "slice through the middle")
    voxels.imshow(cells, origin="lower", extent=extent, norm=norm, cmap=colors, interpolation="nearest")
    voxels.set_title(f"the same slice in voxels of {panel.voxel_width:g} Å")
    for axis in row:
        axis.set(xticks=[], yticks=[], facecolor=BACKGROUND, xlim=extent[:2], ylim=extent[2:])
        axis.spines[:].set_visible(False)
    for axis in row[1:]:
        _name_atoms(axis, scene, signed)
    bar = figure.colorbar(image, ax=list(row), pad=0.01, aspect=18, shrink=0.92, extend="neither")
    bar.set_label(panel.quantity)
    bar.outline.set_visible(False)
    _draw_length(surfaces, half)


def _plane(scene: Scene, panel: Panel, field: Field, half: np.ndarray) -> np.ndarray:
    """Return the values of a field in the plane of the atoms, (ny, nx), summed over the channels that are drawn."""
    pixel = 2 * half[0] / SLICE_PIXELS
    x, y = (torch.from_numpy(pixel_centers(h, pixel).astype(np.float32)) for h in half)
    values = field.in_frame(scene.center, scene.axes).on_axes(x, y, torch.zeros(1))[:, :, 0].numpy()
    return values[..., [channel.place for channel in panel.channels]].sum(axis=-1).T


def _scale(panel: Panel, plane: np.ndarray, cells: np.ndarray) -> tuple[Normalize, str]:
    """Return the range and the colours of slices; a few values next to nuclei may be beyond the range."""
    top = max(float(np.quantile(plane, 0.998)), float(cells.max()), *panel.levels)
    if panel.scale == "signed":
        top = max(float(np.abs(plane).max()), float(np.abs(cells).max())) or 1.0
        return Normalize(-top, top), "RdBu_r"
    if panel.scale == "log":
        return LogNorm(top / 10**DECADES, top, clip=True), "magma"
    return Normalize(min(0.0, float(np.quantile(plane, 0.01))), top, clip=True), "magma"


def _name_surfaces(axis: Axes, panel: Panel) -> None:
    """Write what surfaces stand for into the lower left corner: a line for each level, or the elements in one line."""
    unit = "" if panel.unit == "1" else f" {panel.unit}"
    if len(panel.channels) > 1:
        left = 0.03
        for channel in panel.channels:
            axis.text(left, 0.05, channel.name, color=channel.color, transform=axis.transAxes, **NAMES)
            left += 0.03 + 0.022 * len(channel.name)
        axis.text(left, 0.05, f"at {panel.levels[0]:.2g}{unit}", color="0.9", transform=axis.transAxes, fontsize=9)
        return
    for place, (level, color) in enumerate(reversed(surfaces_of(panel, panel.channels[0]))):
        sign = "+" if panel.scale == "signed" else ""
        axis.plot(0.04, 0.06 + 0.065 * place, "o", color=color, transform=axis.transAxes, markersize=6)
        text = f"{level:{sign}.3g}{unit}"
        axis.text(0.075, 0.06 + 0.065 * place, text, color="0.9", transform=axis.transAxes, va="center", fontsize=9)


def _name_atoms(axis: Axes, scene: Scene, signed: bool) -> None:
    """Write the symbols of atoms near the plane at their places."""
    for structure, size, strong in ((scene.around, 6, False), (scene.ligand, 8, True)):
        if structure is None:
            continue
        local = scene.local(structure.positions)
        near = np.flatnonzero(np.abs(local[:, 2]) < NEAR_PLANE)
        for atom in near[:MOST_NAMES]:
            text = axis.text(
                local[atom, 0],
                local[atom, 1],
                symbol(int(structure.numbers[atom])),
                ha="center",
                va="center_baseline",
                fontsize=size,
                fontweight="bold" if strong else "normal",
                color="black" if strong or signed else "0.75",
                clip_on=True,
            )
            if strong and not signed:
                text.set_path_effects([mpl.patheffects.withStroke(linewidth=1.6, foreground="1.0", alpha=0.75)])


def _draw_length(axis: Axes, half: np.ndarray) -> None:
    """Draw a bar of a round length in Å."""
    length = 2.0 if half[0] < 8 else 5.0
    x, y = half[0] * 0.94, -half[1] * 0.92
    axis.plot([x - length, x], [y, y], color="0.9", linewidth=2, solid_capstyle="butt")
    axis.text(x - length / 2, y + 0.03 * half[1], f"{length:g} Å", color="0.9", ha="center", va="bottom", fontsize=8)
