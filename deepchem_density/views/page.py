"""A scene as one HTML page that needs no other file and no network: 3Dmol.js, the atoms and the fields are inside it.

Fields are in half precision: four digits. 3Dmol.js 2.5.5 (N. Rego and D. Koes, Bioinformatics 31, 1322 (2015),
doi:10.1093/bioinformatics/btu829) lies in ``threedmol`` beside this file with its licence.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from deepchem_density.fields.point_grid import PointGrid
from deepchem_density.structures.bonds import bonds_of
from deepchem_density.structures.structure import Structure, symbol
from deepchem_density.views.panels import LOWERS, Panel
from deepchem_density.views.rays import CARVED
from deepchem_density.views.scene import Scene, sampled_grid

__all__ = ["page_of"]

MOST_POINTS, FINEST = 60**3, 0.2
"""Points of a field in a page, and Å between them at least."""
LARGEST = 6.0e4
"""Half precision ends at 65,504; higher values, next to nuclei, are cut."""
LOWEST_OF_LOG = 1e-4
"""Of a slider with a logarithmic scale, as a part of the highest value."""
HIGHEST_SHARE = 0.9
"""End of a slider, as a part of the highest value."""


def page_of(scene: Scene) -> str:
    """Return the page."""
    data = json.dumps(_data(scene), ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    facts = "".join(f"<li>{escape(fact)}</li>" for fact in scene.facts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(scene.title)}</title>
<style>{_text("page.css")}</style>
</head>
<body>
<header><h1>{escape(scene.title)}</h1><ul>{facts}</ul></header>
<main id="panels"></main>
<p id="trouble" hidden></p>
<footer>Drag to turn, scroll to zoom; all views move together. Drawn by 3Dmol.js; made by deepchem_density.</footer>
<script type="application/json" id="scene">{data}</script>
<script>/*
{_licence()}
*/
{_text("threedmol/3Dmol-min.js")}</script>
<script>{_text("page.js")}</script>
</body>
</html>
"""


@lru_cache
def _text(name: str) -> str:
    return (files("deepchem_density.views") / name).read_text(encoding="utf-8")


def _licence() -> str:
    return _text("threedmol/LICENSE").replace("*/", "* /")


def _data(scene: Scene) -> dict[str, Any]:
    """Return what the page's script reads."""
    x, y, z, w = (float(part) for part in Rotation.from_matrix(scene.axes.T).as_quat())
    return {
        "atoms": [] if scene.ligand is None else _atoms(scene.ligand),
        "around": [] if scene.around is None else _atoms(scene.around),
        "center": [round(float(c), 4) for c in scene.center],
        "corners": [[round(float(c), 3) for c in corner] for corner in scene.region],
        "turn": [x, y, z, w],
        "carved": CARVED if scene.around is not None else None,
        "panels": [_panel(scene, panel) for panel in scene.panels],
    }


def _atoms(structure: Structure) -> list[dict[str, Any]]:
    """Return atoms as 3Dmol takes them: element, position in Å, and the atoms that each is bonded to."""
    bonded: list[list[int]] = [[] for _ in structure.numbers]
    for first, second in bonds_of(structure).tolist():
        bonded[first].append(second)
        bonded[second].append(first)
    return [
        {"elem": symbol(int(number)), "x": round(x, 4), "y": round(y, 4), "z": round(z, 4), "bonds": bonded[place]}
        for place, (number, (x, y, z)) in enumerate(zip(structure.numbers, structure.positions.tolist(), strict=True))
    ]


def _panel(scene: Scene, panel: Panel) -> dict[str, Any]:
    grid = sampled_grid(scene, MOST_POINTS, FINEST)
    values = _values(panel, grid)
    top = float(np.abs(values).max()) or 1.0
    log = panel.scale == "log"
    return {
        "title": panel.title,
        "words": panel.words,
        "unit": "" if panel.unit == "1" else panel.unit,
        "origin": grid.origin.tolist(),
        "steps": grid.steps.tolist(),
        "shape": list(grid.shape),
        "start": panel.start,
        "low": min(panel.levels[0], panel.start) / 3 if log else 0.01 * top,
        "high": max(HIGHEST_SHARE * top, 1.5 * panel.start) if panel.unit != "1" else 1.0,
        "log": log,
        "signed": panel.scale == "signed",
        "negative": LOWERS,
        "has_negative": bool(values.min() < -0.05 * top),
        "channels": [
            {"name": channel.name, "color": channel.color, "values": _encoded(values[..., place])}
            for place, channel in enumerate(panel.channels)
        ],
    }


def _values(panel: Panel, grid: PointGrid) -> np.ndarray:
    """Return the channels that are drawn at the points of a grid, (n1, n2, n3, channels)."""
    places = [channel.place for channel in panel.channels]
    with torch.no_grad():
        looked = [panel.field.at(torch.from_numpy(points).float())[:, places] for points in grid.positions()]
    return torch.cat(looked).numpy().reshape(*grid.shape, len(places)).clip(-LARGEST, LARGEST)


def _encoded(values: np.ndarray) -> str:
    """Return values as text: half precision, little-endian, the last axis fastest, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f2").tobytes()).decode("ascii")
