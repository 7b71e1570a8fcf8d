from __future__ import annotations

import numpy as np
import torch

from deepchem_density import xtb_density
from deepchem_density.views.picture import picture_of
from deepchem_density.views.scene import scene_of

SETTINGS = {"box_width": 12.0, "voxel_width": 1.0}


def test_each_row_has_surfaces_a_slice_voxels_and_a_bar_with_the_unit(molecules, monkeypatch):
    monkeypatch.setattr("deepchem_density.views.picture.PIXELS", 60)
    water = molecules["water"]
    scene = scene_of(water, "density+atom", SETTINGS)
    figure = picture_of(scene)
    assert len(figure.axes) == 8
    titles = [axis.get_title(loc) for axis in figure.axes for loc in ("left", "center") if axis.get_title(loc)]
    assert titles[:3] == [
        "Electron density: valence electrons, GFN2-xTB",
        "slice through the plane of the atoms",
        "the same slice in voxels of 1 Å",
    ]
    labels = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert labels == ["electron density (e/Å³)", "atom types (atoms/Å³)"]
    assert "water   |   H2O, 3 atoms" in figure.get_suptitle()
    symbols = [text.get_text() for text in figure.axes[1].texts]
    assert symbols == ["O", "H", "H"]


def test_slices_show_the_field_and_the_voxels_in_the_plane_of_the_atoms(molecules, monkeypatch):
    monkeypatch.setattr("deepchem_density.views.picture.PIXELS", 40)
    water = molecules["water"]
    scene = scene_of(water, "density", SETTINGS)
    figure = picture_of(scene)
    slice_, voxels = (axis.images[0] for axis in figure.axes[1:3])
    left, right, bottom, top = slice_.get_extent()
    values, cells = np.asarray(slice_.get_array()), np.asarray(voxels.get_array())
    i, j = 150, values.shape[0] // 3
    height, width = values.shape
    local = np.array([left + (i + 0.5) * (right - left) / width, bottom + (j + 0.5) * (top - bottom) / height, 0.0])
    position = scene.center + scene.axes @ local
    expected = float(xtb_density(water).at(torch.from_numpy(position[None])))
    assert abs(values[j, i] / expected - 1) < 1e-3
    panel = scene.panels[0]
    assert cells[j, i] == float(panel.voxels.at(torch.from_numpy(position[None])))
