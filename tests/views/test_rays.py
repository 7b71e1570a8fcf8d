from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from deepchem_density.structures.structure import vdw_radii
from deepchem_density.views.panels import INNER
from deepchem_density.views.rays import BACKGROUND, Rays, drawn, surfaces_of
from deepchem_density.views.scene import scene_of

SETTINGS = {"box_width": 12.0, "voxel_width": 1.0}


def covered(picture: np.ndarray) -> np.ndarray:
    return np.abs(picture - to_rgb(BACKGROUND)).max(axis=-1) > 0.02


@pytest.mark.parametrize(("representation", "sphere"), [("atom", None), ("occupancy", float(vdw_radii(np.array(1))))])
def test_a_surface_covers_what_it_should(molecules, representation, sphere):
    # the shadow of the two atoms of hydrogen along any direction has the area of two discs less what they share
    scene = scene_of(molecules["hydrogen"], representation, SETTINGS)
    rays = Rays.of(scene, np.array([3.2, 3.2]), 0.04)
    area = covered(drawn(scene, scene.panels[0], rays)).sum() * 0.04**2
    local = rays.local(molecules["hydrogen"].positions)
    x, y = np.meshgrid(rays.x, rays.y)
    if sphere is None:
        # of two Gaussians (2πσ²)^(-3/2) exp(-r²/2σ²) that overlap, where their sum along a ray is highest, found densely
        depth = np.linspace(-3, 3, 241)
        squares = [(x - a) ** 2 + (y - b) ** 2 for a, b, _ in local]
        peak = (2 * np.pi * 0.25) ** -1.5
        sums = [
            sum(np.exp(-(s + (d - c) ** 2) / 0.5) for s, (_, _, c) in zip(squares, local, strict=True)) for d in depth
        ]
        inside = peak * np.max(sums, axis=0) >= scene.panels[0].levels[0]
    else:
        inside = np.any([(x - a) ** 2 + (y - b) ** 2 < sphere**2 for a, b, _ in local], axis=0)
    assert area == pytest.approx(inside.sum() * 0.04**2, rel=0.04)


def test_atoms_stand_before_what_is_behind_them(molecules):
    scene = scene_of(molecules["nitric oxide"], "density", SETTINGS)
    rays = Rays.of(scene, np.array([3.0, 3.0]), 0.05)
    picture = drawn(scene, scene.panels[0], rays)
    nitrogen, oxygen = rays.local(molecules["nitric oxide"].positions)

    def color_at(place):
        i, j = np.abs(rays.x - place[0]).argmin(), np.abs(rays.y - place[1]).argmin()
        return picture[j, i]

    assert color_at(nitrogen).argmax() == 2  # blue, through the glass of two surfaces
    assert color_at(oxygen).argmax() == 0


def test_levels_have_colours_inner_ones_first(molecules):
    panel = scene_of(molecules["water"], "density", SETTINGS).panels[0]
    (first, warm), (second, cold) = surfaces_of(panel, panel.channels[0])
    assert first > second
    assert (warm, cold) == (INNER, panel.channels[0].color)
